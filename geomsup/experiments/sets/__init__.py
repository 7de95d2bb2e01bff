"""Correlated and anticorrelated sets of features."""
