"""The sentences about which extraction attack is best, and whether a strategy beats random queries."""

from collections.abc import Sequence

from privattack.findings.subjects import aloud, joined
from privattack.measurement import Measurement
from privattack.results.contests import Contest
from privattack.results.differences import is_clear
from privattack.results.figures import apart, share
from privattack.results.naming import count


def winners(found: Sequence[Contest]) -> list[str]:
    """Return for each contest which attack is best, where it stands out most from all others."""
    return [placed(contest.title, _winner(contest), several=len(found) > 1) for contest in found]


def _winner(contest: Contest) -> str:
    leads = {budget: contest.lead(budget) for budget in contest.budgets}
    clear = [budget for budget in contest.budgets if is_clear(leads[budget])]
    if not clear:
        largest = contest.budgets[-1]
        (first, measured), *_ = contest.standing(largest)
        return (
            f"at no budget is one of {len(contest.contestants)} attacks ahead of all others beyond chance; "
            f"at {count(largest)} queries {first.name} leads with {share(measured)} fidelity."
        )
    widest = max(clear, key=lambda budget: leads[budget].known.low)
    (first, measured), (second, next_best), *_ = contest.standing(widest)
    sentence = (
        f"at {count(widest)} queries {first.name} is the best attack: {share(measured)} fidelity, "
        f"{100 * leads[widest].known.low:.1f} points or more ahead of each other attack "
        f"(next: {second.name}, {share(next_best)})"
    )
    also: dict[str, list[int]] = {}
    for budget in clear:
        if budget != widest:
            also.setdefault(contest.standing(budget)[0][0].name, []).append(budget)
    for name, budgets in also.items():
        sentence += f"; {'so it is' if name == first.name else f'{name} is'} at {_listed(budgets)}"
    if rest := [budget for budget in contest.budgets if budget not in clear]:
        sentence += f"; at {_listed(rest)} none is ahead of all others beyond chance"
    return f"{sentence}."


def against_random(found: Sequence[Contest]) -> list[str]:
    """Return for each strategy whether it beats random queries, and at which budgets, over all contests."""
    compared = [contest for contest in found if contest.random is not None]
    names = dict.fromkeys(one.name for contest in compared for one in contest.contestants.values() if not one.is_random)
    return [_strategy(name, [contest for contest in compared if name in contest.contestants]) for name in names]


def _strategy(name: str, compared: Sequence[Contest]) -> str:
    won: dict[str, list[int]] = {}
    lost: dict[str, list[int]] = {}
    surest: Measurement | None = None
    for contest in compared:
        gaps = _gaps(contest, name)
        won[contest.title] = [budget for budget, gap in gaps.items() if is_clear(gap)]
        lost[contest.title] = [budget for budget, gap in gaps.items() if gap.known.high < 0]
        surest = max([*gaps.values(), *([surest] if surest else [])], key=lambda gap: gap.known.low, default=None)
    beaten = f"; mea beats it {_where(lost)}" if any(lost.values()) else ""
    if surest is None or not any(won.values()):
        return f"{name} beats mea (random queries) beyond chance at no budget{beaten}."
    never = [title for title, budgets in won.items() if not budgets]
    nowhere = f"; at no budget {joined([f'with {aloud(title)}' for title in never])}" if never else ""
    return f"{name} beats mea (random queries) {_where(won)}, by {apart(surest)} where it is surest{nowhere}{beaten}."


def _gaps(contest: Contest, name: str) -> dict[int, Measurement]:
    """Return by budget how far a strategy is ahead of random queries, all budgets compared at once."""
    ours, random = contest.contestants[name], contest.random
    shared = sorted(ours.points.keys() & random.points.keys()) if random else []
    gaps = {budget: contest.difference(ours, random, budget, comparisons=len(shared)) for budget in shared if random}
    return {budget: gap for budget, gap in gaps.items() if gap.given}


def _where(budgets: dict[str, list[int]]) -> str:
    if len(budgets) == 1:
        return f"at {_listed(next(iter(budgets.values())))} queries"
    alike: dict[str, list[str]] = {}
    for title, some in budgets.items():
        if some:
            alike.setdefault(_listed(some), []).append(f"with {aloud(title)}")
    return " and ".join(f"{joined(titles)} at {some} queries" for some, titles in alike.items())


def _listed(budgets: Sequence[int]) -> str:
    return joined([count(budget) for budget in budgets])


def placed(title: str, sentence: str, *, several: bool) -> str:
    """Return a sentence after what it is said of, where it is said of several."""
    return f"{aloud(title)}: {sentence}" if several else sentence[0].upper() + sentence[1:]
