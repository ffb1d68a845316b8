"""Membership inference: tell which images the target was trained on."""
