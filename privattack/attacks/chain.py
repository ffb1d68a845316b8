"""Extraction, then membership inference on the surrogate: does it betray the members of its target?"""

from privattack.attacks.extraction.base import ExtractionAttack
from privattack.attacks.membership.base import MembershipAttack
from privattack.checks import Count, checked


@checked
class ExtractThenInfer:
    """Extracts a surrogate within the budget, infers membership by asking it, and by asking the target for comparison.

    Args:
        extraction: makes the surrogates; the first of its attackers' is asked.
        inference: asks about every candidate once; a surrogate answers as often as one likes.
        candidates: how many images the inference asks about, half of them members.
    """

    def __init__(self, *, extraction: ExtractionAttack, inference: MembershipAttack, candidates: Count) -> None:
        self.extraction = extraction
        self.inference = inference
        self.candidates = candidates
