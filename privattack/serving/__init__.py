"""A target and its defence as a real HTTP service: needs the extra `serve`."""
