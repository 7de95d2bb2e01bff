"""What became of a claim: a verdict with its reasons, on one screen."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomsup.restoring import Plain
from geomsup.showing import ShownAlone

__all__ = ["Claim", "Verdict"]

FloatArray = NDArray[np.float64]
Verdict = Literal["supported", "contradicted", "undecided"]

_WIDTH = 88
# Members that are printed.
_N_MEMBERS = 30


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Claim(Plain, ShownAlone):
    """A claim about a group of features, weighed.

    Attributes
    ----------
    shape : str
        What is claimed.
    features : tuple of int
        The group, as it was given.
    labels : tuple of str or None
        Their names.
    about : {"centroid", "origin", "mean"}
        The centre: of the group, of the space, or of the whole matrix.
    elsewhere : mapping of str to str
        What is to be said of the claim about another centre that it was weighed about too.
    curve : {"closed", "open", "straight"} or None
        What the members follow each other along.
    is_ordered : bool
        Whether an order was claimed too.
    verdict : {"supported", "contradicted", "undecided"}
    why : str
        The reasons, in words.
    evidence : mapping of str to float
        Log Bayes factors of the claim against each rival, in nats: above 0 where the claim explains
        the group better.
    statistic : float
        What the claim measures, small where it holds; ``statistic_name`` says what that is.
    statistic_name : str
    p_value : float
        Share of control groups whose statistic is as small, (1 + k)/(1 + n).
    p_cloud : float or None
        The same share of Gaussian clouds that have just the spectrum of the group.
    p_order : float or None
        The same share of orders of this very group, where one is claimed.
    p_together : float or None
        Of a simplex: share of *random* groups that are as far from the mean of the matrix, for
        their spread.
    order : tuple of int
        The features along the ring, arc or line; as given for any other claim.
    angles : ndarray of shape (n,) or None
        Positions of ``order`` along the ring or arc, in radians from the first.
    share : float
        Share of the squared distances from the centre that lies in the plane of the claim.
    closure : float
        Step from the last of ``order`` to the first over the mean step, in all dimensions.
    noise_dim : float
        Dimensions that the noise is taken to have: those in which independent directions have the
        cosines of this matrix; for a simplex, those in which independent rows are as far from
        equidistant as the controls are.
    mean_cosine, control_mean_cosine : float
        Of all pairs of the group, and of the control groups on average.
    coordinates : ndarray of shape (n, 2)
        ``features`` in the plane of the claim, about the centre, in units of their rms distance
        from it in all dimensions.
    span : ndarray of shape (n, n_axes)
        ``features`` about the centre on the strongest principal axes of the group, up to eight, in
        the same units; the first two are ``coordinates``.
    control_statistics : ndarray of shape (n_controls,)
    control_coordinates : ndarray of shape (n_shown, n, 2)
        Some of the controls, each in its own plane, in the same units.
    settings : mapping
        Arguments, as they were understood.
    """

    _left_out = ("span", "control_statistics", "control_coordinates")
    _derived = ("n_controls",)

    shape: str
    features: tuple[int, ...]
    labels: tuple[str, ...] | None
    about: str
    elsewhere: Mapping[str, str]
    curve: Literal["closed", "open", "straight"] | None
    is_ordered: bool
    verdict: Verdict
    why: str
    evidence: Mapping[str, float]
    statistic: float
    statistic_name: str
    p_value: float
    p_cloud: float | None
    p_order: float | None
    p_together: float | None
    order: tuple[int, ...]
    angles: FloatArray | None
    share: float
    closure: float
    noise_dim: float
    mean_cosine: float
    control_mean_cosine: float
    coordinates: FloatArray
    span: FloatArray
    control_statistics: FloatArray
    control_coordinates: FloatArray
    settings: Mapping[str, Any]

    @property
    def n_controls(self) -> int:
        """Number of control groups."""
        return int(self.control_statistics.size)

    def label(self, feature: int) -> str:
        """Name of a feature of the group; its number where there are no labels."""
        if self.labels is None:
            return str(feature)
        return self.labels[self.features.index(feature)]

    def __str__(self) -> str:
        members = [self.label(feature) for feature in self.order]
        shown = ", ".join(members[:_N_MEMBERS])
        if len(members) > _N_MEMBERS:
            shown += f" and {len(members) - _N_MEMBERS} more"
        width = max(14, *map(len, self.evidence))
        said = f"{self.shape} of {len(self.features)} about the {self.about}: {self.verdict}"
        return "\n".join(
            [
                said,
                *_wrapped(self.why),
                *(
                    line
                    for centre, said in self.elsewhere.items()
                    for line in _wrapped(f"about the {centre}: {said}")
                ),
                "",
                *_wrapped(f"{'in order' if self.curve else 'members'}: {shown}"),
                *_wrapped(self._measured()),
                "",
                *self._tests(),
                "",
                "evidence of the claim against its rivals, in nats",
                *(f"  {name:{width}s} {_nats(value)}" for name, value in self.evidence.items()),
            ]
        )

    __repr__ = __str__

    def _measured(self) -> str:
        text = (
            f"{self.statistic_name} {self.statistic:.3f} (controls {_spread(self)}), "
            f"{100 * self.share:.0f} % of the squared distances in a plane"
        )
        if self.curve:
            text += f", step from last to first {self.closure:.2f} mean steps"
        return text + (
            f"; mean cosine {self.mean_cosine:.2f} (controls {self.control_mean_cosine:.2f}), "
            f"noise in {self.noise_dim:.0f} dimensions"
        )

    def tests(self) -> dict[str, float]:
        """Share of each kind of groups that does as well, of those that were looked at."""
        tests = {
            f"{self.n_controls:,} control groups": self.p_value,
            "clouds of the same spectrum": self.p_cloud,
            "orders of this group": self.p_order,
            "random groups, as to nearness": self.p_together,
        }
        return {name: value for name, value in tests.items() if value is not None}

    def _tests(self) -> list[str]:
        lines = [f"  {name:30s} p {value:.4f}" for name, value in self.tests().items()]
        return ["share that does as well", *lines]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _nats(value: float) -> str:
    return f"{value:+10.1f}" if abs(value) < 1e5 else ("  certain" if value > 0 else "  hopeless")


def _spread(claim: Claim) -> str:
    low, middle, high = np.quantile(claim.control_statistics, [0.05, 0.5, 0.95])
    return f"{middle:.3f}, {low:.3f} to {high:.3f}"
