"""Computation in superposition, and hidden layers with a ReLU."""
