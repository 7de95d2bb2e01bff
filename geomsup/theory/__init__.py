"""Exact expected losses of toy models, and verdicts on their optima."""

from geomsup.theory.loss import ExpectedLoss, expected_loss

__all__ = ["ExpectedLoss", "expected_loss"]
