"""How geometry comes about while a model learns."""
