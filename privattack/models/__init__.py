"""Networks, their training, and the store of what has been trained."""
