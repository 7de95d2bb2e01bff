"""From uniform numbers to samples: who is present together, how often, and with what values.

What is rare is looked at through uniform numbers that were prepared: many of them are drawn evenly
in their logarithm, and weighted, so that an event of probability 1e-9 is seen thousands of times.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geomsup.theory import FeatureModel, FeatureSet
from geomsup.training import ToyModelConfig, sample_inputs
from geomsup.training.data import RawUniforms, Sampler, TorchUniforms, UniformSource, make_sampler
from geomsup.training.distributions import FeatureDistribution, Grid, plan_of
from geomsup.training.streams import Stream, stream_seed

_UNIT = Grid(upper=1.0, bits=24, digits=24)
_GRIDS = {
    "cpu, float32": (RawUniforms.grid(torch.float32), torch.float32),
    "cpu, float64": (RawUniforms.grid(torch.float64), torch.float64),
    "gpu, float32": (TorchUniforms.grid(torch.float32), torch.float32),
    "gpu, float64": (TorchUniforms.grid(torch.float64), torch.float64),
}


def _models(probabilities: NDArray[np.float64], **options: Any) -> tuple[FeatureModel, ...]:
    """The features of each row of probabilities."""
    config = ToyModelConfig(
        n_features=probabilities.shape[1],
        n_instances=len(probabilities),
        feature_probability=probabilities,
        **options,
    )
    return config.feature_models


def _sampler(
    kind: type[RawUniforms] | type[TorchUniforms],
    models: tuple[FeatureModel, ...],
    batch: int,
    signed: bool = False,
) -> Sampler:
    """A sampler of models of one plan."""
    seeds = [stream_seed(3, Stream.SAMPLES, k) for k in range(len(models))]
    distribution = FeatureDistribution(models, kind.grid(torch.float32), signed=signed)
    source = kind(seeds, distribution.n_rows, batch)
    return Sampler([(source, distribution, len(models))])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", [RawUniforms, TorchUniforms])
def test_samples_have_the_stated_distribution(
    kind: type[RawUniforms] | type[TorchUniforms], signed: bool
) -> None:
    probabilities = np.array([[0.0, 0.01, 0.3, 1.0], [1.0, 0.5, 0.5, 0.05]])
    batch, n_draws = 4097, 60
    sampler = _sampler(kind, _models(probabilities), batch, signed)
    x = _drawn(sampler, (2, 4, batch), n_draws)
    n = x.shape[2]
    assert x.min() >= (-1.0 if signed else 0.0)
    assert x.max() <= 1.0
    if signed:
        signs = np.sign(x[1, 1][x[1, 1] != 0])
        assert abs(signs.mean()) < 4.5 / np.sqrt(signs.size)
    for k, row in enumerate(probabilities):
        for i, p in enumerate(row):
            active = np.abs(x[k, i][x[k, i] != 0])
            tolerance = 4.5 * np.sqrt(p * (1 - p) / n) + 1e-6
            assert abs(active.size / n - p) <= tolerance
            if p > 1e-3:
                _assert_uniform(active)
    # No two features, nor two instances, move together; nor successive samples.
    flat = np.concatenate([x[0, 1:], x[1, 1:]])
    correlations = np.corrcoef(np.concatenate([flat[:, 1:], flat[:, :-1]]))
    assert np.abs(correlations - np.eye(12)).max() < 5 / np.sqrt(n)


def _drawn(sampler: Sampler, shape: tuple[int, ...], n_draws: int) -> NDArray[np.float64]:
    out, draws = torch.empty(shape), []
    for _ in range(n_draws):
        sampler.draw(out)
        draws.append(out.clone())
    return torch.cat(draws, dim=2).double().numpy()


def _assert_uniform(values: NDArray[np.float64]) -> None:
    """Five moments of U(0, 1), each within 4.5 standard errors."""
    for power in range(1, 6):
        variance = 1 / (2 * power + 1) - 1 / (power + 1) ** 2
        error = abs((values**power).mean() - 1 / (power + 1))
        assert error < 4.5 * np.sqrt(variance / values.size)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", [RawUniforms, TorchUniforms])
def test_correlated_sets_come_together(
    kind: type[RawUniforms] | type[TorchUniforms], signed: bool
) -> None:
    p = np.array([[0.2, 0.2, 0.2, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.7, 0.7, 0.7]])
    models = _models(p, correlation="correlated", set_size=3)
    sampler = _sampler(kind, models, 5001, signed)
    x = _drawn(sampler, (1, 12, 5001), 30)[0]
    present = x != 0
    in_sets = present.reshape(4, 3, -1)
    assert (in_sets == in_sets[:, :1]).all()
    shares = in_sets[:, 0].mean(axis=1)
    n = x.shape[1]
    assert (np.abs(shares - p[0, ::3]) <= 4.5 * np.sqrt(p[0, ::3] * (1 - p[0, ::3]) / n)).all()
    # Sets are independent of each other, and values within a set too.
    assert abs(np.corrcoef(in_sets[0, 0], in_sets[3, 0])[0, 1]) < 5 / np.sqrt(n)
    values = x[9:, present[9]]
    assert np.abs(np.corrcoef(values) - np.eye(3)).max() < 5 / np.sqrt(values.shape[1])
    _assert_uniform(np.abs(values[0]))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", [RawUniforms, TorchUniforms])
def test_anticorrelated_sets_send_one_at_a_time(
    kind: type[RawUniforms] | type[TorchUniforms], signed: bool
) -> None:
    p = np.array([[0.3, 0.0, 0.5, 1.0, 0.0, 0.0, 0.05, 0.15, 0.1]])
    models = _models(p, correlation="anticorrelated", set_size=3)
    sampler = _sampler(kind, models, 5001, signed)
    x = _drawn(sampler, (1, 9, 5001), 30)[0]
    n = x.shape[1]
    present = x != 0
    assert present.reshape(3, 3, n).sum(axis=1).max() == 1
    tolerance = 4.5 * np.sqrt(p[0] * (1 - p[0]) / n) + 1e-6
    assert (np.abs(present.mean(axis=1) - p[0]) <= tolerance).all()
    for row in (0, 2, 3, 7):
        _assert_uniform(np.abs(x[row, present[row]]))
    if signed:
        assert abs(np.sign(x[3]).mean()) < 4.5 / np.sqrt(n)


def test_members_of_equal_probability_keep_their_order() -> None:
    four = FeatureSet(size=4, probability=0.25, presence="exclusive")
    distribution = FeatureDistribution([FeatureModel((four,))], _UNIT)
    out = torch.empty(1, 4, 4)
    distribution.apply(torch.tensor([[[0.1, 0.3, 0.6, 0.9]]]), out)
    np.testing.assert_array_equal(out[0].numpy() > 0, np.eye(4) > 0)


@pytest.mark.parametrize("kind", [RawUniforms, TorchUniforms])
def test_uniform_sources_go_on_from_a_state(
    kind: type[RawUniforms] | type[TorchUniforms],
) -> None:
    seeds = [stream_seed(0, Stream.SAMPLES, k) for k in range(2)]
    # A stretch of the torch source is 5 draws here; stop within one and between two.
    shape = (3, (1 << 19) // 15)

    def make() -> UniformSource:
        return kind(seeds, *shape)

    for n_before in (0, 3, 5, 6):
        source = make()
        for _ in range(n_before):
            source.draw()
        kept = json.loads(json.dumps(source.state()))
        expected = [source.draw().clone() for _ in range(7)]
        again = make()
        again.restore(kept)
        for one in expected:
            assert torch.equal(again.draw(), one)


def test_odd_batches_fill_every_entry() -> None:
    sampler = _sampler(RawUniforms, _models(np.ones((2, 3))), 7)
    out = torch.full((2, 3, 7), -1.0)
    sampler.draw(out)
    assert bool((out > 0).all())


@pytest.mark.parametrize("correlation", ["independent", "correlated", "anticorrelated"])
@pytest.mark.parametrize("uniform", [0.0, 0.5, 1.0])
def test_what_is_never_there_is_there_for_no_uniform_number(
    correlation: str, uniform: float
) -> None:
    size = None if correlation == "independent" else 2
    models = _models(np.array([[0.0, 0.0]]), correlation=correlation, set_size=size)
    made = FeatureDistribution(models, _UNIT)
    samples = torch.full((1, 2, 3), torch.nan)
    made.apply(torch.full((1, made.n_rows, 3), uniform), samples)
    assert not samples.any()


@pytest.mark.parametrize("uniform", [0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0])
def test_of_exclusive_features_no_two_are_there_on_the_border_either(uniform: float) -> None:
    # A quarter of the numbers belongs to the first, the next one to the second.  A feature with a
    # sign is -1 where its stretch begins.
    two = FeatureSet(size=2, probability=0.25, presence="exclusive")
    made = FeatureDistribution([FeatureModel((two,))], _UNIT, signed=True)
    samples = torch.full((1, 2, 1), torch.nan)
    made.apply(torch.full((1, 1, 1), uniform), samples)
    expected = [0.0, 0.0]
    if uniform < 0.5:
        expected[int(uniform // 0.25)] = 8.0 * (uniform % 0.25) - 1.0
    assert samples.flatten().tolist() == expected


# ---------------------------------------------------------------- what is rare


def _prepared(
    grid: Grid,
    n_base: int,
    refined: int,
    n_samples: int,
    rng: np.random.Generator,
    around_the_middle: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Uniform numbers as the generator would make them, and the weights of the samples.

    Of those of a row a third are drawn evenly, a third evenly in the logarithm, and a third so that
    their distance from one is.  Rows are (n_base, and again for each
    refinement), whole numbers of the grid.
    """
    least = 1e-14
    evenly = rng.random((n_base, n_samples))
    stretched = least ** rng.random((n_base, n_samples))
    which = rng.integers(3, size=(n_base, n_samples))
    u = np.choose(which, [evenly, stretched, 1.0 - stretched])
    by_logarithm = [(v >= least) / (np.maximum(v, least) * -np.log(least)) for v in (u, 1.0 - u)]
    density = (1.0 + sum(by_logarithm)) / 3.0
    if around_the_middle:
        u = 0.5 + np.where(rng.random(u.shape) < 0.5, u, -u) / 2
    levels = []
    for _ in range(refined + 1):
        numbers = np.floor(u * 2.0**grid.bits)
        levels.append(numbers * 2.0**-grid.bits * grid.upper)
        below = numbers < grid.near_zero * 2.0**grid.bits
        # What is not refined has any number whatever behind it.
        u = np.where(below, u / grid.near_zero, rng.random(u.shape))
    return np.concatenate(levels), 1.0 / density.prod(axis=0)


def _weighed(
    model: FeatureModel, name: str, signed: bool, n_samples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Samples of a model of one set, of shape (n_features, n_samples), and their weights."""
    grid, dtype = _GRIDS[name]
    distribution = FeatureDistribution([model], grid, signed=signed, dtype=dtype)
    (kind,) = plan_of(model, grid, signed).kinds
    n_base = distribution.n_rows // (1 + kind.refined)
    middle = signed and kind.name == "single"
    uniforms, weights = _prepared(grid, n_base, kind.refined, n_samples, rng, middle)
    out = torch.empty((1, model.n_features, n_samples), dtype=dtype)
    distribution.apply(torch.from_numpy(uniforms)[None].to(dtype), out)
    return out[0].double().numpy(), weights


def _assert_mean(values: NDArray[np.float64], expected: NDArray[np.float64] | float) -> None:
    """Within 4.5 standard errors, and a part in 2000: numbers are read from 4096 at least."""
    n = values.shape[-1]
    error = values.std(axis=-1) / np.sqrt(n)
    allowed = 4.5 * error + 5e-4 * np.abs(expected) + 1e-18
    assert (np.abs(values.mean(axis=-1) - expected) <= allowed).all()


def _rare_sets() -> list[FeatureSet]:
    """Every kind of set, with members that are hardly ever there, or hardly ever away."""
    tiny = (1e-9, 1e-7, 3e-6, 1e-5, 1 - 1e-5)
    alone = [FeatureSet(size=1, probability=p, presence="independent") for p in tiny]
    together = [
        FeatureSet(size=2, probability=p, together=c)
        for p, c in itertools.product(tiny, (1.0, 0.5, 1e-4))
    ]
    equal = [
        FeatureSet(size=2, probability=p, together=c, equal_values=r)
        for p, c, r in ((1e-9, 1.0, 0.3), (1e-7, 0.5, 1e-3), (0.3, 0.5, 1.0), (0.5, 0.0, 0.999))
    ]
    exclusive = [
        FeatureSet(size=len(p), probability=p, presence="exclusive")
        for p in (
            (1e-9, 0.3),
            (0.3, 1e-9),
            (1e-9, 1e-9, 1e-7),
            (0.6, 1e-6, 0.3, 1e-5),
            (1e-6,) * 10,
            (0.4, 0.6 - 1e-7),  # hardly ever nobody
        )
    ]
    return alone + together + equal + exclusive


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", _GRIDS)
@pytest.mark.parametrize("one", _rare_sets(), ids=str)
def test_what_is_rare_is_as_rare_as_the_model_says(
    one: FeatureSet, name: str, signed: bool, rng: np.random.Generator
) -> None:
    model = FeatureModel((one,))
    x, weights = _weighed(model, name, signed, 60_000, rng)
    present = x != 0.0
    _assert_mean(weights * present, model.feature_probability)
    both = present[:, None] & present[None]
    _assert_mean(weights * both, one.both_present())
    if signed:
        _assert_mean(weights * x, 0.0)
        _assert_mean(weights * x**2, model.feature_probability / 3)
    else:
        _assert_mean(weights * x, model.mean)
        _assert_mean(weights * x[:, None] * x[None], model.second_moments)
    # Nobody is there as often as nobody is.
    nobody = 1.0 - one.probabilities[0]
    if one.presence == "exclusive":
        nobody = 1.0 - sum(one.probabilities)
    elif one.size == 2:
        nobody = nobody * (one.gate + (1.0 - one.gate) * nobody)
    _assert_mean(weights * ~present.any(axis=0), nobody)


@pytest.mark.parametrize("name", _GRIDS)
def test_a_rare_pair_is_seen_by_the_number_of_its_uniforms(name: str) -> None:
    """Exactly: every number below 2⁻³⁰, or what refines it, belongs to one of both or to nobody."""
    grid, dtype = _GRIDS[name]
    p = (3e-10, 5e-10)
    model = FeatureModel((FeatureSet(size=2, probability=p, presence="exclusive"),))
    distribution = FeatureDistribution([model], grid, dtype=dtype)
    n_levels = distribution.n_rows
    # A ladder down to 2⁻³⁰ of one, in even steps: the row that holds it, and zeros before.
    u = np.arange(1 << 14) / 2.0**44
    rows = np.zeros((n_levels, len(u)))
    for level in range(n_levels):
        rows[level] = np.floor(u * 2.0**grid.bits) * 2.0**-grid.bits * grid.upper
        u = u / grid.near_zero
    out = torch.empty((1, 2, rows.shape[1]), dtype=dtype)
    distribution.apply(torch.from_numpy(rows)[None].to(dtype), out)
    counts = (out[0] > 0).sum(dim=1).numpy()
    np.testing.assert_allclose(counts, np.array(p) * 2.0**44, atol=4)


def test_plain_features_are_read_from_single_numbers() -> None:
    """What was drawn of a seed before there were feature models is drawn today."""
    seed = stream_seed(5, Stream.SAMPLES, 0)
    words = np.random.SFC64(seed).random_raw(6 * 4).view(np.uint32) & 0x7FFFFFFF
    u = torch.from_numpy(words.astype(np.int64)).to(torch.float32)
    upper = 2.0**31

    def drawn(model: FeatureModel, n_features: int) -> torch.Tensor:
        out = torch.empty((1, n_features, 8))
        make_sampler([model], [seed], 8).draw(out)
        return out[0]

    slope = torch.tensor(-1.0 / (0.3 * upper), dtype=torch.float32)
    alone = torch.relu(u.reshape(6, 8) * slope + 1.0)
    assert torch.equal(drawn(FeatureModel.independent(6, 0.3), 6), alone)
    # Values first, then gates.
    numbers = u[:48].reshape(6, 8)
    values = torch.relu(numbers[:4] * torch.tensor(-1.0 / upper) + 1.0)
    gates = (numbers[4:] <= 0.3 * upper).repeat_interleave(2, dim=0)
    assert torch.equal(drawn(FeatureModel.pairs(2, 0.3), 4), values * gates)
    # One number a set.
    numbers = u[:16].reshape(2, 8)
    first = numbers * torch.tensor(1.0 / (0.25 * upper))
    second = (numbers - 0.25 * upper) * torch.tensor(1.0 / (0.25 * upper))
    expected = torch.stack([first * (first < 1), second * (second >= 0) * (second < 1)], dim=1)
    pairs = FeatureModel.pairs(2, 0.25, presence="exclusive")
    assert torch.equal(drawn(pairs, 4), expected.flatten(0, 1))


# ---------------------------------------------------------------- all kinds together


_ZOO = FeatureModel(
    (
        FeatureSet(size=1, probability=0.3, presence="independent"),
        FeatureSet(size=3, probability=0.4),
        FeatureSet(size=2, probability=0.5, together=0.3),
        FeatureSet(size=2, probability=(0.2, 0.6), presence="independent", equal_values=0.5),
        FeatureSet(size=2, probability=0.5, together=0.6, equal_values=0.4),
        FeatureSet(size=3, probability=(0.2, 0.3, 0.4), presence="exclusive"),
        FeatureSet(size=2, probability=0.7, equal_values=1.0),
    )
)


@pytest.mark.parametrize("values", ["uniform", "fixed"])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_moments_are_those_of_the_model(kind: str, values: str) -> None:
    model = _ZOO
    if values == "fixed":
        sets = [
            FeatureSet(
                size=one.size, probability=one.probability, presence=one.presence, together=one.gate
            )
            if one.presence == "together"
            else FeatureSet(size=one.size, probability=one.probability, presence=one.presence)
            for one in _ZOO.sets
        ]
        model = FeatureModel(tuple(sets), values="fixed", magnitude=0.7)
    sampler = _sampler(RawUniforms if kind == "cpu" else TorchUniforms, (model,), 20_000)
    x = _drawn(sampler, (1, model.n_features, 20_000), 10)[0]
    _assert_mean(x, model.mean)
    _assert_mean(x[:, None] * x[None], model.second_moments)
    if values == "fixed":
        assert set(np.unique(x).tolist()) == {0.0, float(np.float32(0.7))}


def test_patterns_are_as_frequent_as_the_model_says() -> None:
    """Who is present with whom, all of them at once."""
    model = FeatureModel(_ZOO.sets[2:5])
    n = model.n_features
    x = _drawn(_sampler(RawUniforms, (model,), 50_000), (1, n, 50_000), 6)[0]
    seen = np.bincount((x > 0).T @ (1 << np.arange(n)), minlength=1 << n)
    patterns = model.patterns()
    there = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    p = patterns.p[:, None]
    expected = patterns.weights @ np.where(there, p, 1.0 - p).prod(axis=2)
    error = np.sqrt(expected * (1.0 - expected) / x.shape[1])
    assert (np.abs(seen / x.shape[1] - expected) <= 4.5 * error).all()
    assert expected.sum() == pytest.approx(1.0)


def test_equal_values_are_equal() -> None:
    model = FeatureModel((FeatureSet(size=3, probability=0.5, together=0.5, equal_values=0.4),))
    x = _drawn(_sampler(RawUniforms, (model,), 50_000), (1, 3, 50_000), 1)[0]
    both = x[:2, (x[:2] > 0).all(axis=0)]
    share = (both[0] == both[1]).mean()
    assert abs(share - 0.4) < 4.5 * np.sqrt(0.24 / both.shape[1])
    apart = both[:, both[0] != both[1]]
    assert abs(np.corrcoef(apart)[0, 1]) < 4.5 / np.sqrt(apart.shape[1])
    _assert_uniform(both[0])


def test_signed_features_of_every_kind_are_mirrored() -> None:
    x = _drawn(_sampler(RawUniforms, (_ZOO,), 20_000, True), (1, _ZOO.n_features, 20_000), 10)[0]
    _assert_mean(x, 0.0)
    _assert_mean((x != 0).astype(float), _ZOO.feature_probability)
    _assert_mean(x**2, _ZOO.feature_probability / 3)
    fixed = FeatureModel.equal_sets(2, 2, 0.5, together=0.5, values="fixed", magnitude=2.0)
    x = _drawn(_sampler(RawUniforms, (fixed,), 20_000, True), (1, 4, 20_000), 5)[0]
    assert set(np.unique(x).tolist()) == {-2.0, 0.0, 2.0}
    _assert_mean(x, 0.0)


def test_instances_of_several_plans_are_those_they_are_alone() -> None:
    models = [_ZOO, FeatureModel.independent(15, 0.3), FeatureModel.independent(15, 1e-8), _ZOO]
    seeds = [stream_seed(3, Stream.SAMPLES, k) for k in range(4)]
    together = make_sampler(models, seeds, 33)
    kept = json.loads(json.dumps(together.source.state()))
    drawn = torch.empty((4, 15, 33))
    together.draw(drawn)
    alone = torch.empty((1, 15, 33))
    for k in range(4):
        make_sampler(models[k : k + 1], seeds[k : k + 1], 33).draw(alone)
        assert torch.equal(drawn[k], alone[0])
    again = make_sampler(models, seeds, 33)
    again.draw(torch.empty((4, 15, 33)))
    again.source.restore(kept)
    second = torch.empty((4, 15, 33))
    again.draw(second)
    assert torch.equal(second, drawn)


def test_samples_of_unit_norm() -> None:
    config = ToyModelConfig(feature_model=_ZOO, unit_norm=True, n_instances=1)
    x = sample_inputs(config, 500)
    plain = sample_inputs(ToyModelConfig(feature_model=_ZOO, n_instances=1), 500)
    norms = np.linalg.norm(plain, axis=1, keepdims=True)
    np.testing.assert_allclose(x, plain / np.where(norms, norms, 1.0), rtol=1e-12)
    assert not norms.all()  # and what is empty stays so
