"""One self-contained page over a set of results: `report.html`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from privattack.atomic_write import write_whole
from privattack.findings.findings import findings
from privattack.findings.pools import pools
from privattack.findings.sanity import intervals_told, targets_told
from privattack.findings.verdict import verdict
from privattack.report import claims, contest_views, frontier, privacy, rankings, surrogates
from privattack.report.cells import Table
from privattack.report.draw import svg, variable
from privattack.report.drawing import Panel
from privattack.report.exposed import Gallery, galleries
from privattack.report.looks import DARK
from privattack.report.overview import overview
from privattack.report.plots import against_budget
from privattack.report.scores import histograms, rocs
from privattack.report.together import together
from privattack.results.collect import Collection
from privattack.results.contests import contests
from privattack.results.frontier import frontiers
from privattack.results.naming import flat, label, varying
from privattack.results.result import Job

TEMPLATES = Environment(
    loader=PackageLoader("privattack.report"),
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A section: its title, words below it, findings, plots, pictures, then tables. One without any is left out."""

    title: str
    note: str = ""
    paragraphs: Sequence[str] = ()
    findings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    panels: Sequence[Panel] = ()
    galleries: Sequence[Gallery] = ()


def sections(collection: Collection, found: Sequence[str] = ()) -> list[Section]:
    """Return the page's sections, in their order, pictures first; to add a table or a plot is to add it here."""
    runs = collection.runs
    results = [run.result for run in runs]
    ranked, compared, fronts = rankings.rankings(runs), contests(results), frontiers(results)
    extracted = surrogates.extractions(runs)
    every = [
        Section("Claims", tables=claims.tables(runs)),
        Section("What the attackers reach", panels=[*surrogates.panels(runs), *rankings.plots(ranked)]),
        Section(
            "Success against budget",
            "Bands are 95 % intervals. What was queried is left out of the accuracy.",
            panels=against_budget(runs),
        ),
        Section("Findings", findings=found),
        Section(
            "ROC",
            "Mean over repetitions. What matters is the left: the TPR at a low FPR. "
            "Attackers in grey are named where the pointer rests on them.",
            panels=rocs(runs),
        ),
        Section(
            "The most exposed members",
            "At a false positive rate of 1 %. An average over all members hides these: an attack that finds few "
            "members may find the same ones in every model that learns them.",
            galleries=galleries(runs),
        ),
        Section(
            "Privacy against utility",
            "For each defence the strongest attacker over all its runs, against what honest users get. "
            "Lower is more private; bars are 95 % intervals. Points without a name are named where the pointer rests "
            "on them.",
            tables=frontier.tables(fronts),
            panels=frontier.plots(fronts),
        ),
        Section(
            "Privacy claimed, and proved from outside",
            "Canaries are images that the target learnt by a coin's decision. What attackers prove of epsilon holds at "
            "95 % confidence for all of them at once; 0 is no proof of privacy. Bars are 95 % intervals.",
            tables=privacy.tables(results),
            panels=privacy.plots(results),
        ),
        Section(
            "Attacks and defences",
            paragraphs=[*targets_told(results), *intervals_told(results)] if results else (),
            tables=overview(collection),
        ),
        Section("Attackers, ranked", tables=rankings.tables(ranked)),
        Section("What the attacks find together", tables=together(runs)),
        Section(
            "Extraction attacks compared", tables=contest_views.tables(compared), panels=contest_views.panels(compared)
        ),
        Section(
            "Surrogates and what they cost",
            paragraphs=pools([result for result, _ in extracted]),
            tables=surrogates.tables(extracted),
        ),
        Section("Membership scores", "Of all repetitions together.", panels=histograms(runs)),
    ]
    return [one for one in every if one.findings or one.tables or one.panels or one.galleries]


def write_page(path: Path, collection: Collection) -> list[str]:
    """Write the page, whole or not at all, and return its findings."""
    found = findings([run.result for run in collection.runs])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page(collection, found).encode())
    return found


def page(collection: Collection, found: Sequence[str]) -> str:
    """Return the page's HTML, in which all text is escaped."""
    attacks = dict.fromkeys(run.result.run.attack for run in collection.runs)
    versions = dict.fromkeys(", ".join(map(" ".join, run.result.versions.items())) for run in collection.runs)
    return TEMPLATES.get_template("page.html").render(
        title=" - ".join(["privattack", ", ".join(attacks) or "failed jobs"]),
        runs=len(collection.runs),
        failures=len(collection.failures),
        versions="; ".join(versions),
        verdict=verdict([run.result for run in collection.runs]) if collection.runs else None,
        sections=sections(collection, found),
        settings=settings(collection),
        draw=svg,
        colours={variable(colour): (colour, dark) for colour, dark in DARK.items()},
    )


def settings(collection: Collection) -> list[tuple[str, str]]:
    """Return every run's settings, a title and lines: first those that all share, then for each run the others."""
    entries: list[tuple[Path, Job]] = [(run.folder, run.result.run) for run in collection.runs]
    entries += [(job.folder, job.run) for job in collection.failures]
    every, several = [flat(run.config) for _, run in entries], len(entries) > 1
    first, *others = every
    shared = {
        name: value
        for name, value in first.items()
        if several and all(name in one and one[name] == value for one in others)
    }
    names = ["attack", "defence", *varying(run for _, run in entries)]
    blocks = [("Shared by all", shared)] if several else []
    for (folder, run), own in zip(entries, every, strict=True):
        differing = {name: value for name, value in own.items() if name not in shared}
        blocks.append((f"{label(run, names)} ({folder.name})", {"folder": folder, **differing}))
    return [(title, "\n".join(f"{name} = {value}" for name, value in lines.items())) for title, lines in blocks]
