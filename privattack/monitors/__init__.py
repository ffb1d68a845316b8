"""Monitors: one file each. A monitor watches what one client asks, and says when it looks like an attack."""
