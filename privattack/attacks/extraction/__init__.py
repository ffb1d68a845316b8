"""Model extraction: train a surrogate of the target by asking it."""
