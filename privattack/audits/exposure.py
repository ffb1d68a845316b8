"""Which members the attacks find: what they find together, and who is exposed the most."""

import base64
import io
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from privattack import metrics
from privattack.attacks.knowledge import Knowledge
from privattack.attacks.membership.base import Inference
from privattack.audits.judges import Average, combine
from privattack.data.images import LabelledImages
from privattack.metrics import Measurement
from privattack.results.result import Exposed, Found, Pair

MOST = 12  # pictures


def judge_overlap(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " n"]],
    *,
    average: Average = metrics.over_repetitions,
    fpr: float = 0.01,
) -> Found | None:
    """Say which members each querying attacker finds at a false positive rate, and what they find together.

    Args:
        inferences: by repetition, then by attacker.
        memberships: the truth, by repetition.

    Returns:
        What they find; None where fewer than two attackers query, or where there are too few
        non-members for the rate.
    """
    names = _querying(inferences[0])
    if len(names) < 2 or not _enough(memberships, fpr):
        return None
    shares: list[dict[str, Measurement]] = []
    overlaps: dict[tuple[str, str], list[float]] = {pair: [] for pair in itertools.combinations(names, 2)}
    for attackers, membership in zip(inferences, memberships, strict=True):
        accused, missed, spared = {}, np.ones(len(membership)), np.ones(len(membership))
        for one in attackers:
            if one.name in names:
                accused[one.name] = metrics.accused(one.scores, membership, fpr)
                missed *= 1 - accused[one.name]
                spared *= 1 - np.where(_on_threshold(one.scores, membership, accused[one.name]), 1, accused[one.name])
        alone = {name: accused[name][membership] for name in names}
        together = {"any": 1 - missed[membership], "any_fpr": 1 - spared[~membership]}
        shares.append({name: metrics.proportion(hits) for name, hits in (alone | together).items()})
        for (first, second), found in overlaps.items():
            both, either = accused[first] * accused[second], accused[first] + accused[second]
            if either[membership].any():
                found.append(both[membership].sum() / (either - both)[membership].sum())
    combined = combine(shares, average)
    return Found(
        fpr=fpr,
        attackers={name: combined[name] for name in names},
        any=combined["any"],
        any_fpr=combined["any_fpr"],
        pairs=[
            Pair(first=first, second=second, jaccard=float(np.mean(found)) if found else None)
            for (first, second), found in overlaps.items()
        ],
    )


def most_exposed(
    inferences: Sequence[Sequence[Inference]],
    memberships: Sequence[Bool[np.ndarray, " n"]],
    images: Sequence[LabelledImages],
    *,
    fpr: float = 0.01,
) -> list[Exposed]:
    """Return the members that the attacks find most often at a false positive rate, the most exposed first.

    Args:
        inferences: by repetition or target, then by attacker.
        memberships: the truth, by repetition or target.
        images: who was asked about, by repetition or target.

    Returns:
        Twelve at most; none where there are too few non-members for the rate, or nobody is found.
    """
    if not _enough(memberships, fpr):
        return []
    names, first, person = np.unique(
        np.concatenate([asked.names for asked in images]), return_index=True, return_inverse=True
    )
    everyone = np.concatenate(memberships)
    times = np.bincount(person, everyone, len(names))
    found = {}
    for place, attacker in enumerate(inferences[0]):
        if attacker.name in _querying(inferences[0]):
            accused = [
                metrics.accused(attackers[place].scores, membership, fpr) == 1  # a coin exposes nobody
                for attackers, membership in zip(inferences, memberships, strict=True)
            ]
            found[attacker.name] = np.bincount(person, np.concatenate(accused) & everyone, len(names))
    total = np.sum(list(found.values()), axis=0)
    order = np.argsort(-total, kind="stable")[:MOST]
    every = [(asked, place) for asked in images for place in range(len(asked))]
    return [
        Exposed(
            image=str(names[one]),
            label=int(asked.labels[place]),
            targets=int(times[one]),
            found={name: float(counts[one] / times[one]) for name, counts in found.items() if counts[one]},
            picture=_png(asked, place),
        )
        for one in order.tolist()
        if total[one]
        for asked, place in [every[first[one]]]
    ]


def _on_threshold(
    scores: Float[np.ndarray, " n"], membership: Bool[np.ndarray, " n"], accused: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Mark the non-member whom the threshold spares by a hair, where it is one alone: another would be accused."""
    spared = ~membership & (accused < 1)
    on_it = spared & (scores == scores[spared].max(initial=-np.inf))
    return on_it if np.count_nonzero(on_it) == 1 else np.zeros(len(scores), dtype=bool)


def _querying(attackers: Sequence[Inference]) -> list[str]:
    return [attacker.name for attacker in attackers if attacker.knowledge is not Knowledge.BLIND]


def _enough(memberships: Sequence[Bool[np.ndarray, " n"]], fpr: float) -> bool:
    """Say whether each repetition has the non-members that the rate needs."""
    return min(int(np.count_nonzero(~membership)) for membership in memberships) * fpr >= 10


def _png(images: LabelledImages, place: int) -> str | None:
    """Return an image as PNG in base64; None where it is neither grey nor of three colours."""
    image = images.images[place]
    if len(image) not in (1, 3):
        return None
    content = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy()).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()
