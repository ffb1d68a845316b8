"""Audits: an attack, what it needs and how it is judged; one per kind of attack."""
