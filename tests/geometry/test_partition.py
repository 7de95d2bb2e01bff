"""What a partition is weighed by: priors, overlap, orthogonality, spans, who stands alone."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from planted import noisy, random_directions, random_orthogonal
from scipy.linalg import subspace_angles

from geomsup import classify_geometry, get_shape
from geomsup.geometry.crowd import (
    balancing_sets,
    candidate_sets,
    grown_sets,
    neighbour_pairs,
)
from geomsup.geometry.interference import MergeTree
from geomsup.geometry.orthogonality import largest_overlap, orthogonal_within, pairs_log_evidence
from geomsup.geometry.partition import _evenness, best_partition
from geomsup.geometry.weighing import Weigher, log_prior, weighed_partition
from geomsup.matching.evidence import NOISE_GRID


def ways_to_split(sizes: list[int]) -> int:
    """How many set partitions have parts of these sizes, by listing them."""
    found = set()
    for order in permutations(range(sum(sizes))):
        places = np.split(np.array(order), np.cumsum(sizes)[:-1])
        found.add(frozenset(frozenset(part.tolist()) for part in places))
    return len(found)


@pytest.mark.parametrize(
    ("sizes", "cost"),
    [
        ([2, 3], 1.1),
        ([2, 2], 1.1),
        ([3, 1], 1.1),
        ([2, 2, 2], 1.1),
        ([2, 2, 1], 1.1),
        ([2, 2, 1, 1], 5.1),
        ([3, 1, 1], 5.1),
        ([2, 1, 1, 1], 5.1),
        ([1, 1, 1], 1.1),
    ],
)
def test_partitions_of_a_kind_share_their_prior(sizes: list[int], cost: float) -> None:
    # 1.1 nats for more than one part; 4 more beside as many strangers (docs/how_it_works.md).
    assert log_prior(sizes) == pytest.approx(-math.log(ways_to_split(sizes)) - cost)


def test_one_structure_has_no_price() -> None:
    assert log_prior([7]) == 0.0


def leaning_digons(cosine: float) -> np.ndarray:
    """Two digons whose axes have this cosine, in four dimensions."""
    first = np.array([1.0, 0.0, 0.0, 0.0])
    second = np.array([cosine, np.sqrt(1 - cosine**2), 0.0, 0.0])
    return np.column_stack([first, -first, second, -second])


@pytest.mark.parametrize("cosine", [0.6, 0.69, 0.71, 0.8])
@pytest.mark.parametrize("overlapping", [False, True])
def test_parts_that_share_a_direction_are_no_partition(cosine: float, overlapping: bool) -> None:
    weigher = Weigher(leaning_digons(cosine), NOISE_GRID)
    option = weighed_partition(
        weigher,
        (np.array([0, 1]), np.array([2, 3])),
        threshold=0.9,
        leakage=0.0,
        log_prior=-2.5,
        overlapping=overlapping,
    )
    assert (option is not None) == (overlapping or cosine < 0.7)
    if option is not None:
        assert option.total_rank == 2


def test_the_overlap_of_parts_is_the_cosine_of_their_smallest_angle() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        spans = [np.linalg.qr(rng.normal(size=(9, rank)))[0] for rank in (1, 2, 3)]
        axes = np.hstack(spans)
        owner = np.repeat([0, 1, 2], [1, 2, 3])
        expected = max(np.cos(subspace_angles(a, b)).max() for a, b in combinations(spans, 2))
        assert largest_overlap(axes.T @ axes, owner, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize(("cosine", "rank"), [(0.65, 2), (0.75, 1), (-0.65, 2), (-0.75, 1)])
def test_a_weak_axis_is_noise(cosine: float, rank: int) -> None:
    # The weaker axis of two directions has energy 1 - |cos|.
    units = np.array([[1.0, cosine], [0.0, np.sqrt(1 - cosine**2)]])
    assert Weigher(units, NOISE_GRID).rank(np.array([0, 1])) == rank


@pytest.mark.parametrize(("cosine", "rank"), [(0.9, 2), (0.995, 2), (0.999, 1)])
def test_a_thousandth_of_the_strongest_axis_is_no_span(cosine: float, rank: int) -> None:
    # The two axes of two directions have energies 1 ± cos.
    units = np.eye(3)
    units[:2, 1] = cosine, np.sqrt(1 - cosine**2)
    option = weighed_partition(
        Weigher(units, NOISE_GRID),
        (np.array([0, 1]), np.array([2])),
        threshold=0.5,
        leakage=0.0,
        log_prior=0.0,
        overlapping=True,
    )
    assert option is not None
    assert option.total_rank == rank + 1


@pytest.mark.parametrize(("n", "counts"), [(20, True), (24, True), (27, False), (40, False)])
def test_most_of_all_directions_are_the_background(n: int, counts: bool) -> None:
    # All in three dimensions of eight, that is a low rank, without a shape.
    rng = np.random.default_rng(0)
    inside = np.pad(random_directions(n, 3, rng), ((0, 5), (0, 0)))
    weigher = Weigher(np.hstack([inside, random_directions(12, 8, rng)]), NOISE_GRID)
    assert (weigher.gain(np.arange(n)) > 10) == counts


@pytest.mark.parametrize("freedom", [6.0, 40.0, np.inf])
def test_orthogonal_parts_pass_in_99_of_100(freedom: float) -> None:
    # Noise of σ on each tangent axis tilts the axis of a digon by σ/√2, of a square by σ/√2 too.
    rng = np.random.default_rng(0)
    sigma, trials, refused = 0.02, 1500, 0
    digon, square = get_shape("digon").vertices.T, get_shape("square").vertices.T
    whole = np.zeros((3, 6))
    whole[0, :2], whole[1:, 2:] = digon, square
    for _ in range(trials):
        units = noisy(whole, sigma, rng)
        known = np.isinf(freedom)
        noise = sigma if known else sigma * np.sqrt(rng.chisquare(freedom) / freedom)
        parts = [units[:, :2], units[:, 2:]]
        refused += not orthogonal_within(parts, [1, 2], noise=noise, freedom=freedom)
    # Three standard deviations are .0077.
    assert refused / trials == pytest.approx(0.01, abs=0.0078)


def test_pairs_are_judged_at_the_noise_that_both_show() -> None:
    # One noise: ½ log(f/v) - c²/2 (1/v - 1/f) for a pair, v = σ²(1/λ + 1/λ′) and f = 1/m, mixed
    # with prior shares of orthogonal pairs.
    sigma, dim = np.array([0.1]), 9
    cosines = np.eye(3)
    cosines[0, 1] = cosines[1, 0] = 0.1
    cosines[0, 2] = cosines[2, 0] = 0.6
    cosines[1, 2] = cosines[2, 1] = 0.0
    energies = np.array([2.0, 1.5, 1.5])
    shares = np.array([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
    variance = sigma[0] ** 2 * (1 / energies[0] + 1 / energies[1:])
    free = 1 / dim
    factors = 0.5 * np.log(free / variance)
    factors -= 0.5 * cosines[0, 1:] ** 2 * (1 / variance - 1 / free)
    expected = math.log(np.mean(1 - shares + shares * math.exp(factors.sum())))
    found = pairs_log_evidence(cosines, energies, np.array([0, 1, 1]), np.zeros((2, 1)), dim, sigma)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("shown", [0, 1])
def test_the_noise_of_a_pair_is_what_agrees_with_both(shown: int) -> None:
    # The first part has no preference, or the second has none; the other knows its noise.
    sigma, dim = np.array([0.02, 0.2]), 50
    for known in (0, 1):
        each = np.zeros((2, 2))
        each[known, 1 - shown] = -1e3
        energies, owner = np.array([2.0, 1.0, 1.0]), np.array([0, 1, 1])
        cosines = np.array([[1.0, 0.05, 0.0], [0.05, 1.0, 0.0], [0.0, 0.0, 1.0]])
        found = pairs_log_evidence(cosines, energies, owner, each, dim, sigma)
        alone = pairs_log_evidence(cosines, energies, owner, np.zeros((2, 1)), dim, sigma[[shown]])
        assert found == pytest.approx(alone)


@pytest.mark.parametrize("sigma", [np.array([0.02]), np.array([0.1]), NOISE_GRID])
def test_single_directions_share_one_noise(sigma: np.ndarray) -> None:
    # Each axis has energy 1: v = 2σ².  The mean over the noise is taken once, for all three pairs.
    dim, values = 30, (0.01, 0.02, 0.03)
    cosines = np.eye(3)
    for (i, j), value in zip(combinations(range(3), 2), values, strict=True):
        cosines[i, j] = cosines[j, i] = value
    shares = np.array([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
    variance = 2 * sigma**2
    factors = np.array(
        [
            0.5 * np.log(1 / dim / variance) - 0.5 * value**2 * (1 / variance - dim)
            for value in values
        ]
    )
    mixed = 1 - shares[:, None, None] + shares[:, None, None] * np.exp(factors)
    expected = math.log(mixed.prod(axis=1).mean())
    found = pairs_log_evidence(
        cosines, np.ones(3), np.arange(3), np.zeros((3, len(sigma))), dim, sigma
    )
    # Cosines are rounded to bins of .00025.
    assert found == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("dim", [3, 20])
def test_evenness_counts_standard_deviations(dim: int) -> None:
    rng = np.random.default_rng(0)
    values = [
        _evenness(Weigher(random_directions(30, dim, rng), NOISE_GRID), np.arange(30), dim)
        for _ in range(200)
    ]
    assert np.mean(values) == pytest.approx(0.0, abs=0.2)
    assert np.std(values) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("cosine", "alone"), [(0.3, True), (0.49, True), (0.51, False), (0.6, False)]
)
def test_a_direction_with_four_fifths_of_a_dimension_stands_alone(
    cosine: float, alone: bool
) -> None:
    # Of two directions each has 1 / (1 + cos²) of a dimension to itself.
    units = np.array([[1.0, cosine], [0.0, np.sqrt(1 - cosine**2)]])
    parts = best_partition(units).parts
    assert [len(part.members) for part in parts] == ([1, 1] if alone else [2])


@pytest.mark.parametrize(("share", "inside"), [(0.66, False), (0.74, True), (0.95, True)])
def test_a_span_takes_in_what_lies_in_it(share: float, inside: bool) -> None:
    # Two directions at 60° in eighteen dimensions, and others of which such a share is in their
    # plane.
    rng = np.random.default_rng(1)
    dim = 18
    turn = random_orthogonal(dim, rng)
    plane = turn[:, :2] @ np.array([[1.0, 0.5, -1.0], [0.0, np.sqrt(0.75), 0.3]])
    plane /= np.linalg.norm(plane, axis=0)
    third = np.sqrt(share) * plane[:, 2] + np.sqrt(1 - share) * turn[:, 5]
    units = np.column_stack([plane[:, :2], third, turn[:, 8:12]])
    sets = [found.tolist() for found in grown_sets(units.T @ units, np.array([[0, 1]]), dim)]
    assert ([0, 1, 2] in sets) == inside


@pytest.mark.parametrize(("next_height", "stands"), [(0.59, False), (0.57, True), (0.3, True)])
def test_a_component_stands_alone_over_a_fiftieth_of_the_cosine(
    next_height: float, stands: bool
) -> None:
    # In three dimensions no span is grown.
    tree = MergeTree(
        n_vertices=4,
        heights=np.array([0.7, 0.6, next_height]),
        edges=np.array([[0, 1], [1, 2], [2, 3]]),
    )
    sets = [found.tolist() for found in candidate_sets(np.eye(4), tree, 3)]
    assert sets == [[0, 1], *([[0, 1, 2]] if stands else []), [0, 1, 2, 3]]


def test_starts_are_pairs_of_whom_chance_has_three() -> None:
    rng = np.random.default_rng(0)
    n, dim = 300, 24
    units = random_directions(n, dim, rng)
    cosines = units.T @ units
    pairs = neighbour_pairs(cosines.copy(), dim)
    weakest = np.abs(cosines[pairs[:, 0], pairs[:, 1]]).min()
    # How many neighbours a direction has above that, among others than these.
    others = random_directions(4000, dim, rng)
    above = (np.abs(others[:, :1000].T @ others[:, 1000:]) >= weakest).mean()
    assert above * (n - 1) == pytest.approx(3.0, rel=0.1)
    assert (pairs[:, 0] < pairs[:, 1]).all()


@pytest.mark.parametrize(
    ("cosine", "n_parts"), [(0.2, 2), (0.45, 2), (0.69, 2), (0.75, 1), (0.9, 1)]
)
def test_two_digons_are_two_until_they_lean(cosine: float, n_parts: int) -> None:
    # They share c²/(1 + c²) of their interference, a third at .7, where they share a direction.
    units = noisy(leaning_digons(cosine), 0.01, np.random.default_rng(0))[:2]
    assert len(classify_geometry(units).components) == n_parts


@pytest.mark.parametrize(
    ("name", "least_dim"), [("triangle", 6), ("pentagon", 6), ("tetrahedron", 9), ("cube", 9)]
)
def test_spans_grow_to_a_third_of_the_dimensions(name: str, least_dim: int) -> None:
    # Beyond that, strangers lie in them by chance.
    vertices = get_shape(name).vertices
    cosines = vertices @ vertices.T
    start = np.array([[0, 1]])
    for dim in range(3, 14):
        sizes = {len(found) for found in grown_sets(cosines, start, dim)}
        assert (len(vertices) in sizes) == (dim >= least_dim)


@pytest.mark.parametrize("name", ["tetrahedron", "4-simplex"])
def test_directions_that_cancel_are_found_among_strangers(name: str) -> None:
    rng, dim = np.random.default_rng(0), 16
    vertices = get_shape(name).vertices
    figure = random_orthogonal(dim, rng)[:, : vertices.shape[1]] @ vertices.T
    units = noisy(np.column_stack([figure, random_directions(200, dim, rng)]), 0.02, rng)
    sets = balancing_sets(units.T @ units, np.array([[1, 2]]), 8)
    found = {tuple(sorted(each.tolist())) for each in sets}
    assert tuple(range(len(vertices))) in found
    # Two digons that lean on each other cancel too.
    lines = noisy(leaning_digons(0.4), 0.02, rng)
    starts = np.argwhere(np.triu(lines.T @ lines < 0, 1))
    assert not list(balancing_sets(lines.T @ lines, starts, 4))
    for each in found:
        assert (units[:, list(each)].sum(axis=1) ** 2).sum() <= 0.25


def spread_evenly(units: np.ndarray, wanted: float) -> np.ndarray:
    """Move directions towards a tight frame, so that evenness is as wanted."""
    low, high = 0.0, 1.0
    left, singular, _ = np.linalg.svd(units, full_matrices=False)
    for _ in range(50):
        share = 0.5 * (low + high)
        moved = left @ np.diag(singular**-share) @ left.T @ units
        moved /= np.linalg.norm(moved, axis=0)
        weigher = Weigher(moved, NOISE_GRID)
        reached = _evenness(weigher, np.arange(moved.shape[1]), len(moved))
        low, high = (share, high) if reached < wanted else (low, share)
    return np.asarray(moved)


@pytest.mark.parametrize(("evenness", "together"), [(4.8, False), (5.2, True)])
def test_many_directions_are_one_component_if_they_are_even(
    evenness: float, together: bool
) -> None:
    units = spread_evenly(random_directions(60, 12, np.random.default_rng(0)), evenness)
    partition = best_partition(units)
    sizes = sorted(len(part.members) for part in partition.parts)
    assert (sizes, len(partition.rest)) == (([60], 0) if together else ([], 60))


@pytest.mark.parametrize(("n_leaning", "kept"), [(0, 1.0), (1, 0.75), (2, 0.5555555555555556)])
def test_axes_that_depend_on_others_prove_no_orthogonality(n_leaning: int, kept: float) -> None:
    # Seven orthogonal digons, and such as lean on the first two: of n axes k are in excess, and
    # 2k/n of the evidence for orthogonality is taken back.
    lean = [[0.6, 0.8], [0.5, -np.sqrt(0.75)]][:n_leaning]
    axes = np.eye(7, 7 + n_leaning)
    for k, (first, second) in enumerate(lean):
        axes[:2, 7 + k] = first, second
    n = axes.shape[1]
    units = noisy(np.hstack([axes, -axes]), 0.005, np.random.default_rng(0))
    weigher = Weigher(units, NOISE_GRID)
    members = tuple(np.array([k, n + k]) for k in range(n))
    option = weighed_partition(
        weigher, members, threshold=0.9, leakage=0.0, log_prior=0.0, overlapping=True
    )
    assert option is not None
    parts = [weigher.weigh(part) for part in members]
    principal = np.concatenate([part.axes for part in parts], axis=1)
    orthogonality = pairs_log_evidence(
        principal.T @ principal,
        np.concatenate([part.energies for part in parts]),
        np.arange(n),
        np.array([part.log_evidence for part in parts]),
        weigher.background.dim,
        NOISE_GRID,
    )
    assert orthogonality > 20
    gains = sum(weigher.gain(part) for part in members)
    assert option.log_evidence - gains == pytest.approx(kept * orthogonality)
