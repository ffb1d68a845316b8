"""The sentences about which extraction attack is best, and whether a strategy beats random queries."""

from collections.abc import Sequence

from privattack.findings.subjects import joined
from privattack.results.contests import Contest
from privattack.results.figures import beyond, share
from privattack.results.naming import count


def winners(found: Sequence[Contest]) -> list[str]:
    """Return for each contest which attack is best, where it stands out most from all others."""
    return [placed(contest.title, _winner(contest), several=len(found) > 1) for contest in found]


def _winner(contest: Contest) -> str:
    leads = {budget: contest.lead(budget) for budget in contest.budgets}
    clear = [budget for budget in contest.budgets if leads[budget] > 0]
    if not clear:
        largest = contest.budgets[-1]
        (first, measured), *_ = contest.standing(largest)
        return (
            f"at no budget does one of {len(contest.contestants)} attacks beat all others beyond the intervals; "
            f"at {count(largest)} queries {first.name} leads with {share(measured)} fidelity."
        )
    widest = max(clear, key=lambda budget: leads[budget])
    (first, measured), (second, next_best), *_ = contest.standing(widest)
    sentence = (
        f"at {count(widest)} queries {first.name} is the best attack: {share(measured)} fidelity, "
        f"{100 * leads[widest]:.1f} points beyond the intervals of all others "
        f"(next: {second.name}, {share(next_best)})"
    )
    also: dict[str, list[int]] = {}
    for budget in clear:
        if budget != widest:
            also.setdefault(contest.standing(budget)[0][0].name, []).append(budget)
    for name, budgets in also.items():
        sentence += f"; {'so it is' if name == first.name else f'{name} is'} at {_listed(budgets)}"
    if rest := [budget for budget in contest.budgets if budget not in clear]:
        sentence += f"; at {_listed(rest)} none beats all others"
    return f"{sentence}."


def against_random(found: Sequence[Contest]) -> list[str]:
    """Return for each strategy whether it beats random queries, and at which budgets, over all contests."""
    compared = [contest for contest in found if contest.random is not None]
    names = dict.fromkeys(one.name for contest in compared for one in contest.contestants.values() if not one.is_random)
    return [_strategy(name, [contest for contest in compared if name in contest.contestants]) for name in names]


def _strategy(name: str, compared: Sequence[Contest]) -> str:
    won, lost, most = {}, {}, 0.0
    for contest in compared:
        gaps = _gaps(contest, name)
        won[contest.title] = [budget for budget, (ahead, _) in gaps.items() if ahead > 0]
        lost[contest.title] = [budget for budget, (_, behind) in gaps.items() if behind > 0]
        most = max([most, *(ahead for ahead, _ in gaps.values())])
    beaten = f"; mea beats it {_where(lost)}" if any(lost.values()) else ""
    if not any(won.values()):
        return f"{name} beats mea (random queries) beyond the intervals at no budget{beaten}."
    never = [title for title, budgets in won.items() if not budgets]
    nowhere = f"; at no budget on {', '.join(never)}" if never else ""
    return (
        f"{name} beats mea (random queries) beyond the intervals {_where(won)}, by {100 * most:.1f} points at most"
        f"{nowhere}{beaten}."
    )


def _gaps(contest: Contest, name: str) -> dict[int, tuple[float, float]]:
    """Return by budget how far a strategy lies beyond random queries, and how far they beyond it."""
    gaps, random = {}, contest.random
    for budget, point in contest.contestants[name].points.items():
        if random is None or budget not in random.points:
            continue
        ours, theirs = point.figure("fidelity"), random.points[budget].figure("fidelity")
        if ours.given and theirs.given:
            gaps[budget] = beyond(ours, theirs), beyond(theirs, ours)
    return dict(sorted(gaps.items()))


def _where(budgets: dict[str, list[int]]) -> str:
    if len(budgets) == 1:
        return f"at {_listed(next(iter(budgets.values())))} queries"
    return " and ".join(f"on {title} at {_listed(some)} queries" for title, some in budgets.items() if some)


def _listed(budgets: Sequence[int]) -> str:
    return joined([count(budget) for budget in budgets])


def placed(title: str, sentence: str, *, several: bool) -> str:
    """Return a sentence after what it is said of, where it is said of several."""
    return f"{title}: {sentence}" if several else sentence[0].upper() + sentence[1:]
