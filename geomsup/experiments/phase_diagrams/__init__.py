"""Which phase a small model is in, against sparsity and importance."""
