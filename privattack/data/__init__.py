"""Images: where they come from, and who owns which."""
