"""The original study's figures, each of a single run, to stand beside ours."""

# (attack, defence) -> the metric that the study calls success, and what it published.
PUBLISHED: dict[tuple[str, str], tuple[str, float]] = {
    ("mea", "none"): ("fidelity", 0.8966),
    ("mea", "label_only"): ("fidelity", 0.6744),
    ("mia", "none"): ("accuracy", 0.6927),
    ("mia", "flatten"): ("accuracy", 0.4953),
}


def headline(metrics: dict) -> str:
    """Return the name of the metric that stands for an attacker's success."""
    return "fidelity" if "fidelity" in metrics else "accuracy"
