"""Results: written and read in one place, and what they are called."""
