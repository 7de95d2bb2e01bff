"""Attacks on toy models: the most harmful small change of an input, and how much harm it does.

>>> from geomsup.attacks import vulnerability
>>> print(vulnerability([[1, -1]], [0, 0], [[0.5, 0.0], [0.0, 0.5]]))
one direction 2.00, each input its own 2.00, with ascent 2.00

`attack` holds three attackers, each with more freedom than the one before, and what none of them
can exceed; `vulnerability` puts their harm in units of what it costs a model without superposition.
"""

from __future__ import annotations

from geomsup.attacks.attack import (
    attack_bound,
    changed,
    gradient_attack,
    linear_attack,
    universal_attack,
)
from geomsup.attacks.target import Attack
from geomsup.attacks.vulnerability import Vulnerability, vulnerability

__all__ = [
    "Attack",
    "Vulnerability",
    "attack_bound",
    "changed",
    "gradient_attack",
    "linear_attack",
    "universal_attack",
    "vulnerability",
]
