"""Model extraction: make a copy of the target by asking it."""
