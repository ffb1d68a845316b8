"""Findings: sentences computed from the intervals of a result, the weightiest first."""

from typing import Any

DATA_SET_DIFFERENCE = 0.55


def findings(attackers: list[dict[str, Any]]) -> list[str]:
    """Return what a result says, one sentence each.

    Args:
        attackers: the `attackers` of a `result.json`.
    """
    sentences = []
    for attacker in attackers:
        auc = attacker["metrics"].get("auc", {})
        if attacker["knowledge"] == "blind" and (auc.get("low") or 0.0) > DATA_SET_DIFFERENCE:
            sentences.append(
                f"A blind attacker, who never queries, reaches AUC {auc['value']:.2f} "
                f"[{auc['low']:.2f}, {auc['high']:.2f}]: this measures a difference between data sets, "
                "not membership."
            )
    return sentences
