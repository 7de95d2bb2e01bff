"""The picture of a comparison against the numbers that it is drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from geomsup import compare_dictionaries
from geomsup.errors import GeomsupError
from geomsup.plotting import plot_dictionary_comparison


@pytest.mark.parametrize("n_draws", [0, 3])
def test_a_comparison_is_drawn_from_its_numbers(n_draws: int, rng: np.random.Generator) -> None:
    A, B = rng.normal(size=(2, 80, 12))
    B[:30] = A[:30]
    found = compare_dictionaries(A, B, feature_axis=0, n_draws=n_draws)
    ax = plot_dictionary_comparison(found, ax=Figure().add_subplot())
    drawn: dict[str, Any] = {
        str(patch.get_label()): patch.get_data()  # type: ignore[attr-defined]  # stairs
        for patch in ax.patches
    }
    assert drawn["matched pairs"].values.sum() == 80
    shared = int((found.cosines >= 0.98).sum())
    assert drawn["matched pairs"].values[-1] == shared > 20
    assert ("matched null, 3 draws" in drawn) == bool(n_draws)
    if n_draws:
        band = drawn["matched null, 3 draws"]
        assert np.all(band.baseline <= band.values)
        assert band.baseline.sum() < 80 < band.values.sum()
    means = [line.get_xdata()[0] for line in ax.lines]  # type: ignore[index]  # of numbers
    assert means[0] == pytest.approx(found.cosines.mean())
    assert len(means) == 2 + bool(n_draws)


def test_another_result_is_refused() -> None:
    with pytest.raises(GeomsupError, match="compare_dictionaries"):
        plot_dictionary_comparison({})  # type: ignore[arg-type]  # on purpose
