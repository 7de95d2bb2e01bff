"""The best configurations known."""
