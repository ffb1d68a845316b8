"""Defences: one file each. A defence is all that stands between the target and the response."""
