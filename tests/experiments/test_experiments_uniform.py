"""The experiments that read uniform models, and the one that watches them learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup import get_shape
from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.learning import energy_levels, memorisation
from geomsup.experiments.uniform import dimensionality, uniform
from geomsup.experiments.uniform.census import census_of, component_counts, feature_shares
from geomsup.geometry.gram import feature_dimensionality

FloatArray = NDArray[np.float64]


def _sum(*names: str, n_features: int = 12, n_hidden: int = 8) -> FloatArray:
    """Shapes in orthogonal subspaces, and zero columns behind them."""
    W = np.zeros((n_hidden, n_features))
    row = column = 0
    for name in names:
        vertices = get_shape(name).vertices.T
        W[row : row + len(vertices), column : column + vertices.shape[1]] = vertices
        row, column = row + vertices.shape[0], column + vertices.shape[1]
    return W


def _result(models: list[FloatArray], inverse_densities: list[float]) -> uniform.Result:
    weights = np.array(models)
    k, _, n = weights.shape
    sweep = uniform.Sweep(
        feature_probabilities=1.0 / np.array(inverse_densities),
        weights=weights,
        biases=np.zeros((k, n)),
        losses=np.ones(k),
        exact_losses=np.ones(k),
        digon_losses=np.ones(k),
        census=census_of(weights),
    )
    return uniform.Result(sweeps=(sweep,))


def test_the_census_counts_components() -> None:
    W = _sum("triangle", "digon", "digon")
    census = census_of(W[None])
    assert component_counts(census.names, census.components) == {"triangle": 1, "digon": 2}
    assert feature_shares(census.names[0]) == pytest.approx({"digon": 4 / 7, "triangle": 3 / 7})


@pytest.mark.parametrize(
    ("names", "level"),
    [
        (["monosemantic"] * 8, 1.0),
        (["digon"] * 4, 0.5),
        (["pentagon"], 0.4),
        (["tetrahedron", "tetrahedron"], 0.75),
    ],
)
def test_names_and_dimensionalities_are_of_one_matrix(names: list[str], level: float) -> None:
    """A fog of many weak features has no part in a shape, nor in the D_i of its features."""
    rng = np.random.default_rng(0)
    W = _sum(*names, n_features=100)
    stored = np.flatnonzero(np.linalg.norm(W, axis=0))
    fog = rng.normal(size=(len(W), 100 - len(stored)))
    W[:, len(stored) :] = 0.3 * fog / np.linalg.norm(fog, axis=0)
    assert feature_dimensionality(W)[stored].max() < 0.8 * level  # what the whole matrix says
    result = _result([W], [3.0])
    (sweep,) = result.sweeps
    (report,) = dimensionality.stored_reports(sweep)
    assert {component.name for component in report.components} == set(names)
    assert np.flatnonzero(report.represented).tolist() == stored.tolist()
    assert report.dimensionalities[stored] == pytest.approx(level)
    assert dimensionality.stored_dimensionalities(sweep) == pytest.approx(level)
    # The census goes by the norms that the classifier keeps; names and D_i are of the same ones.
    census = census_of(W[None])
    kept = census.names[0] != ""
    assert census.dimensionalities[0, kept] == pytest.approx(feature_dimensionality(W[:, kept]))
    assert not census.dimensionalities[0, ~kept].any()


def test_stickiness_is_longer_than_on_a_straight_line() -> None:
    identity = np.concatenate([np.eye(8), np.zeros((8, 8))], axis=1)
    digons = np.repeat(np.eye(8), 2, axis=1) * np.tile([1.0, -1.0], 8)
    models = [identity, identity, digons, digons, 1.2 * digons, 1.5 * digons]
    result = _result(models, [1.0, 1.5, 2.0, 4.0, 10.0, 20.0])
    (sweep,) = result.sweeps
    assert sweep.dimensions[:4] == pytest.approx([1, 1, 0.5, 0.5])
    assert uniform.dwell(sweep, 0.5) > uniform.dwell(sweep, 0.5, straight=True)
    outcome = uniform.check([result])
    assert outcome.verdict == "pass"
    dimensions = np.linspace(1.0, 0.2, 12)
    sliding = _result(
        [identity / np.sqrt(d) for d in dimensions], list(np.geomspace(1.0, 10.0, 12))
    )
    assert not uniform.check([sliding]).claims[1].holds


def test_dimensionality_sees_shapes_and_levels() -> None:
    models = [
        _sum("triangle", "tetrahedron", "digon"),
        _sum("digon", "digon", "digon"),
        _sum("pentagon"),
    ]
    result = _result(models, [1.5, 3.0, 4.0])
    found = {
        claim.says.split(" (")[0]: claim.holds for claim in dimensionality.check([result]).claims
    }
    assert found["triangles"]
    assert found["tetrahedra"]
    assert found["pentagons"]
    assert found["digons"]
    assert not found["square antiprisms"]
    assert not found["triangular bipyramids"]
    assert found["D_i cluster at 3/4, 2/3, 1/2, 2/5 and 3/8"]


def test_concentration_compares_with_the_density_around() -> None:
    rng = np.random.default_rng(0)
    flat = rng.uniform(0.2, 0.9, 20_000)
    assert dimensionality.concentration(flat, 0.5) == pytest.approx(1.0, abs=0.1)
    peaked = np.concatenate([flat, rng.normal(0.5, 0.003, 4000)])
    assert dimensionality.concentration(peaked, 0.5) > 5
    assert dimensionality.concentration(peaked, 2 / 3) == pytest.approx(1.0, abs=0.2)
    assert np.isnan(dimensionality.concentration(np.array([0.9]), 0.4))


def _learning(together: bool) -> energy_levels.Result:
    """Four features of two digons that arrive by themselves, or all at once."""
    n = 120
    time = np.arange(n)
    places = [60, 60, 60, 60] if together else [40, 55, 70, 85]
    arrived = 1 / (1 + np.exp(-(time[:, None] - np.array(places)) / 1.0))
    W = np.array([[1.0, -1.0, 0, 0], [0, 0, 1.0, -1.0]])
    weights = W * np.sqrt(arrived)[:, None]
    losses = np.exp(-0.6 * arrived.sum(axis=1))
    return energy_levels.Result(
        steps=time,
        weights=weights[:, None].astype(np.float32),
        losses=losses[:, None],
        feature_probabilities=np.array([0.3]),
        shapes=("2 × digon",),
    )


def test_energy_levels_tells_one_at_a_time_from_all_at_once() -> None:
    assert energy_levels.check([_learning(together=False)]).verdict == "pass"
    outcome = energy_levels.check([_learning(together=True)])
    assert [claim.holds for claim in outcome.claims] == [True, True, False]


def _trained_on(
    size: int, hidden: NDArray[np.float64], weights: NDArray[np.float64], loss: float, name: str
) -> memorisation.Trained:
    return memorisation.Trained(
        dataset_size=size,
        weights=weights[None],
        biases=np.zeros((1, weights.shape[1])),
        training_losses=np.zeros(1),
        losses=np.array([loss]),
        hidden=hidden[None],
        sample_dimensionalities=feature_dimensionality(hidden.T)[None],
        names=(name,),
    )


def _memory(bump: float, last: NDArray[np.float64], names: tuple[str, str]) -> memorisation.Result:
    """Polygons of three and five samples, something in between, and whatever comes last."""
    rng = np.random.default_rng(0)
    few = [rng.normal(size=(2, 60)) for _ in range(2)]
    polygons = [np.column_stack([np.cos(a), np.sin(a)]) for a in map(_turns, (3, 5))]
    middle = 3 * rng.normal(size=(2, 60))
    return memorisation.Result(
        sizes=(
            _trained_on(3, polygons[0], few[0] / 10, 1.0, names[0]),
            _trained_on(5, polygons[1], few[1] / 10, 1.0, names[1]),
            _trained_on(100, rng.normal(size=(100, 2)), middle, bump, ""),
            _trained_on(3000, rng.normal(size=(300, 2)), last, 0.97, ""),
        ),
        few=10,
    )


def _turns(n: int) -> NDArray[np.float64]:
    return 2 * np.pi * np.arange(n) / n


def test_memorisation_tells_samples_from_features() -> None:
    pentagon = np.zeros((2, 60))
    pentagon[:, :5] = [np.cos(_turns(5)), np.sin(_turns(5))]
    good = memorisation.check([_memory(1.5, pentagon, ("triangle", "pentagon"))])
    assert good.verdict == "pass", str(good)
    # No bump, two features only, and shapes without a name.
    digon = np.zeros((2, 60))
    digon[:, :2] = np.eye(2)
    bad = memorisation.check([_memory(0.99, digon, ("irregular", "irregular"))])
    assert [claim.holds for claim in bad.claims] == [False, True, True, False, False, True]


def test_memorisation_of_few_samples_runs(tmp_path: Path) -> None:
    from matplotlib import pyplot as plt

    config = dataclasses.replace(
        memorisation.EXPERIMENT.smoke, dataset_sizes=(5, 40), n_features=100, n_steps=600
    )
    result = memorisation.run(config, 0, Trainer())
    first, second = result.sizes
    assert first.training_losses[0] < 0.2 < second.training_losses[0]
    assert first.hidden.shape == (1, 5, 2)
    assert len(first.names) == 1
    assert first.names[0]
    assert second.names == ("",)
    figure = get_experiment("memorisation").draw([result])
    figure.savefig(tmp_path / "picture.png", dpi=50)
    plt.close(figure)


@pytest.mark.usefixtures("short_evaluations")
def test_small_runs_can_be_checked_and_drawn() -> None:
    from matplotlib import pyplot as plt

    sweep = dataclasses.replace(
        uniform.EXPERIMENT.smoke,
        sizes=((30, 3),),
        inverse_densities=(1.0, 3.0, 10.0),
        n_steps=300,
    )
    result = uniform.run(sweep, 0, Trainer())
    for name, check in (("uniform", uniform.check), ("dimensionality", dimensionality.check)):
        assert check([result]).claims
        plt.close(get_experiment(name).draw([result]))
    config = dataclasses.replace(
        energy_levels.EXPERIMENT.smoke, n_features=20, n_hidden=3, n_steps=300, n_records=40
    )
    watched = energy_levels.run(config, 0, Trainer())
    assert energy_levels.check([watched]).claims
    plt.close(get_experiment("energy-levels").draw([watched]))
