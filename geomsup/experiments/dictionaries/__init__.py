"""Sparse autoencoders on toy models whose features are known."""
