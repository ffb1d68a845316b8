"""All attackers on the same target and defence, side by side, whichever runs they are from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from privattack.measurement import Measurement
from privattack.report.cells import Cell, Line, Table, number, percent
from privattack.report.dots import of_attackers, of_defences
from privattack.report.drawing import Panel
from privattack.results.collect import Finished
from privattack.results.figures import FEW, LOW_RATE, WORDS, ranked, ranking_metric
from privattack.results.naming import below, label, varying
from privattack.results.result import Attacker

# What attackers must share to be ranked together, and the rest tells their runs apart.
SAME = ("defence", "data", "nonmembers", "as_stored", "target", "seed")
COLUMNS = {
    LOW_RATE: "TPR at 1 % FPR", "tpr_at_fpr_0.1": "TPR at 10 % FPR", "tpr_at_fpr_0.001": "TPR at 0.1 % FPR",
    "auc": "AUC", "balanced_accuracy": "Balanced accuracy",
}  # fmt: skip
OPEN = 4  # rankings that are seen at once


@dataclass(frozen=True)
class Ranking:
    """Attackers on one target and defence, the best first, each with the words that tell its run from the others.

    `elsewhere` is what tells rankings apart that are of the same defence.
    """

    defence: str
    elsewhere: str
    target: str
    metric: str
    attackers: list[tuple[Attacker, str]]

    @property
    def title(self) -> str:
        """What tells it from other rankings."""
        return f"defence {', '.join(filter(None, (self.defence, self.elsewhere)))}"

    @property
    def queries(self) -> int:
        """How many of the attackers ask the service."""
        return sum(attacker.knowledge != "blind" for attacker, _ in self.attackers)


def rankings(runs: Sequence[Finished]) -> list[Ranking]:
    """Return the attackers of membership inference by target and defence, those of the most attackers first."""
    inferring = [run for run in runs if not run.result.is_extraction]
    varied = varying(run.result.run for run in inferring)
    defence = ["defence", *(name for name in varied if below(name, ("defence",)))]
    others = [name for name in varied if below(name, SAME) and name not in defence]
    apart = [name for name in varied if not below(name, (*SAME, "targets"))]
    groups: dict[tuple[str, str, str], list[tuple[Attacker, str]]] = {}
    for run in inferring:
        told, fingerprint = run.result.run, str(run.result.target.fingerprint)
        targets = f"{told.targets} targets" if told.targets else ""
        elsewhere = ", ".join(filter(None, (label(told, others), targets)))
        group = groups.setdefault((label(told, defence), elsewhere, fingerprint), [])
        group += [(attacker, label(told, apart)) for attacker in run.result.attackers]
    found = []
    for (title, elsewhere, fingerprint), members in groups.items():
        metric = ranking_metric([attacker for attacker, _ in members])
        places = {id(one): place for place, one in enumerate(ranked([attacker for attacker, _ in members], metric))}
        ordered = sorted(members, key=lambda member: places[id(member[0])])
        found.append(Ranking(title, elsewhere, fingerprint, metric, ordered))
    return sorted(found, key=lambda one: -one.queries)


def tables(found: Sequence[Ranking]) -> list[Table]:
    """Return a table per ranking, the long ones open."""
    return [
        _table(ranking, unfolded=place < OPEN and (ranking.queries > FEW or len(found) == 1))
        for place, ranking in enumerate(found)
    ]


def _table(ranking: Ranking, *, unfolded: bool) -> Table:
    several = len({words for _, words in ranking.attackers}) > 1
    rows: list[list[Cell]] = []
    reasons: dict[str, None] = {}
    for place, (attacker, words) in enumerate(ranking.attackers, 1):
        rates = {metric: attacker.figure(metric) for metric in COLUMNS}
        reasons |= dict.fromkeys(f"-: {rate.why}" for rate in rates.values() if not rate.given)
        reasons |= dict.fromkeys(f"{attacker.name}: {rate.note}" for rate in rates.values() if rate.note)
        cells = [_rate(metric, rate) for metric, rate in rates.items()]
        rows.append([f"{place}. {attacker.name}", *cells, *([words] if several else [])])
    caption = f"Ranked by {WORDS.get(ranking.metric, ranking.metric)}. Rates in %. Target {ranking.target[:8]}."
    caption += "".join(f" {reason}." for reason in reasons)
    titles = ["Attacker", *COLUMNS.values(), *(["Run"] if several else [])]
    return Table(ranking.title, caption, titles, rows, unfolded=unfolded)


def _rate(metric: str, measured: Measurement) -> Line:
    if not measured.given:
        return Line("-", tip=str(measured.why))
    return replace(number(measured) if metric == "auc" else percent(measured), tip=measured.note or "")


def plots(found: Sequence[Ranking]) -> list[Panel]:
    """Return what attackers reach as dots: a panel for each ranking, or for all that differ in the defence alone."""
    groups: dict[str, list[Ranking]] = {}
    for one in found:
        groups.setdefault(one.elsewhere, []).append(one)
    panels = []
    for title, group in groups.items():
        metric = ranking_metric([attacker for one in group for attacker, _ in one.attackers])
        if len(group) == 1:
            panels.append(of_attackers(group[0].title, metric, _named(group[0])))
        else:
            behind: dict[str, list[Attacker]] = {}
            for one in group:
                behind.setdefault(one.defence, []).extend(attacker for attacker, _ in one.attackers)
            panels.append(of_defences(title or "defences", metric, behind))
    return panels


def _named(ranking: Ranking) -> list[tuple[str, Attacker]]:
    times = Counter(one.name for one, _ in ranking.attackers)
    return [(f"{one.name} ({run})" if times[one.name] > 1 else one.name, one) for one, run in ranking.attackers]
