"""Attacks: one file each, in the folder of what they are after."""
