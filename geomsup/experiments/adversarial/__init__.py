"""Attacks that superposition makes possible."""
