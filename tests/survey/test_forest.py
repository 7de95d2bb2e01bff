from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from planted import planted, random_directions

from geomsup import get_shape
from geomsup.nulls import IsotropicNull, benjamini_hochberg
from geomsup.nulls.directions import fit_directions
from geomsup.survey import forest as module
from geomsup.survey.component import Component
from geomsup.survey.density import AngularGaussian
from geomsup.survey.forest import components_of
from geomsup.survey.weighing import Ground

Edges = tuple[np.ndarray, np.ndarray, np.ndarray]


def significant(units: np.ndarray, q: float = 0.05) -> Edges:
    i, j = np.triu_indices(len(units), 1)
    cosines = (units @ units.T)[i, j]
    log_p = IsotropicNull(units.shape[1]).log_tail(np.minimum(np.abs(cosines), 1.0), sign=1)
    mask = benjamini_hochberg(log_p, 2 * len(i), q)[1]
    return i[mask], j[mask], cosines[mask]


def found(units: np.ndarray, edges: Edges | None = None) -> tuple[Component, ...]:
    return components_of(
        lambda which: units[which], edges or significant(units), n_features=len(units)
    )


def among_others(
    blocks: Sequence[np.ndarray], n_others: int, rng: np.random.Generator
) -> np.ndarray:
    """Rows of the blocks, in order, then independent ones."""
    others = random_directions(n_others, blocks[0].shape[1], rng).T
    return np.concatenate([*blocks, others])


def ring(n: int, radius: float, noise: float, dim: int, rng: np.random.Generator) -> np.ndarray:
    axes = np.linalg.qr(rng.standard_normal((dim, 3)))[0]
    angles = 2 * np.pi * np.arange(n) / n
    points = np.column_stack([np.ones(n), radius * np.cos(angles), radius * np.sin(angles)])
    rows = points @ axes.T + noise * radius / np.sqrt(dim) * rng.standard_normal((n, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def bundle(n: int, noise: float, dim: int, rng: np.random.Generator) -> np.ndarray:
    rows = random_directions(1, dim, rng).T + noise / np.sqrt(dim) * rng.standard_normal((n, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize(
    "name", ["digon", "triangle", "pentagon", "tetrahedron", "octahedron", "cube"]
)
def test_a_shape_is_found_among_others(name: str) -> None:
    rng, dim = np.random.default_rng(0), 48
    shape = planted(name, dim, 0.1 / np.sqrt(dim), rng).T
    units = among_others([shape], 100, rng)
    components = found(units)
    if name == "octahedron":  # orthogonal digons stand each by itself
        assert [c.name for c in components] == ["digon"] * 3
        return
    (component,) = components
    assert (component.name, component.kind, component.about) == (name, "shape", "origin")
    assert component.features == tuple(range(len(shape)))
    assert component.rank == get_shape(name).dim
    assert component.match is not None
    assert component.match.shape == name
    assert component.log_evidence > 20


def test_bundles_rings_and_shapes_stand_side_by_side() -> None:
    rng = np.random.default_rng(1)
    dim = 64
    blocks = [
        bundle(6, 0.3, dim, rng),
        ring(7, 0.6, 0.1, dim, rng),
        ring(12, 0.9, 0.1, dim, rng),
        planted("pentagon", dim, 0.01, rng).T,
    ]
    components = found(among_others(blocks, 200, rng))
    names = {c.features[0]: (c.name, c.kind, c.about, len(c.features)) for c in components}
    assert names == {
        0: ("bundle", "bundle", "origin", 6),
        6: ("heptagon", "shape", "centroid", 7),
        13: ("12-gon", "shape", "centroid", 12),
        25: ("pentagon", "shape", "origin", 5),
    }
    by_first = {c.features[0]: c for c in components}
    assert by_first[0].spread == pytest.approx(0.3, rel=0.25)
    assert by_first[6].p_value == pytest.approx(0.0, abs=0.01)


def test_a_ring_with_uneven_steps_is_no_polygon() -> None:
    rng = np.random.default_rng(2)
    dim = 64
    axes = np.linalg.qr(rng.standard_normal((dim, 3)))[0]
    angles = 2 * np.pi * np.delete(np.arange(16), [3, 10]) / 16
    points = np.column_stack([np.ones(14), 0.7 * np.cos(angles), 0.7 * np.sin(angles)])
    rows = points @ axes.T
    units = among_others([rows / np.linalg.norm(rows, axis=1, keepdims=True)], 200, rng)
    (component,) = found(units)
    assert (component.name, component.kind, component.about) == ("ring", "ring", "centroid")


@pytest.mark.parametrize("seed", range(4))
def test_any_four_features_near_one_direction_are_a_bundle_and_no_tetrahedron(seed: int) -> None:
    # About their own centroid they are one, as any four vectors are.
    rng = np.random.default_rng(seed)
    units = among_others([bundle(4, 0.6, 64, rng)], 200, rng)
    assert [(c.name, c.about) for c in found(units)] == [("bundle", "origin")]


def test_features_at_both_ends_of_a_line_are_a_digon_with_multiplicities() -> None:
    rng = np.random.default_rng(3)
    units = among_others([bundle(5, 0.2, 64, rng)], 200, rng)
    units[:2] *= -1
    (component,) = found(units)
    assert (component.name, component.multiplicities) == ("digon", (3, 2))
    assert component.features == (0, 1, 2, 3, 4)


def test_rings_are_found_whose_pairs_cannot_be_believed() -> None:
    rng = np.random.default_rng(2)
    rings = [ring(7, radius, 0.1, 16, rng) for radius in (0.7, 0.85, 1.0)]
    units = among_others(rings, 379, rng)
    i, j, _ = significant(units)
    # Not even neighbours are believed in the widest.
    assert not np.any((i >= 14) & (j < 21))
    components = found(units)
    assert {c.features: c.about for c in components} == {
        tuple(range(k, k + 7)): "centroid" for k in (0, 7, 14)
    }


@pytest.mark.parametrize(("n", "dim"), [(40, 2), (200, 3), (200, 5), (200, 16), (300, 64)])
def test_independent_directions_have_no_components(n: int, dim: int) -> None:
    # Beyond those that would be significant: every pair whose |cosine| is among the largest.
    units = random_directions(n, dim, np.random.default_rng(n + dim)).T
    i, j = np.triu_indices(n, 1)
    cosines = (units @ units.T)[i, j]
    top = np.argsort(-np.abs(cosines))[:200]
    assert found(units, (i[top], j[top], cosines[top])) == ()


def test_a_stray_that_leans_on_one_vertex_is_left_out() -> None:
    rng = np.random.default_rng(5)
    dim = 64
    shape = planted("tetrahedron", dim, 0.005, rng).T
    stray = shape[0] + 0.9 * random_directions(1, dim, rng)[:, 0]
    units = among_others([shape, stray[None] / np.linalg.norm(stray)], 200, rng)
    assert units[4] @ units[0] > 0.5  # it is joined before the vertices are, at 1/3
    assert [(c.name, c.features) for c in found(units)] == [("tetrahedron", (0, 1, 2, 3))]


def test_structures_that_the_background_explains_are_none() -> None:
    # All features lean on one axis: pairs near it are common, and pairs across it are not.
    rng = np.random.default_rng(6)
    scale = np.ones(40)
    scale[0] = 20.0
    rows = rng.standard_normal((200, 40)) * scale
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    units[-2:] = bundle(1, 0.0, 40, rng)
    units[-1] *= -1
    edges = significant(units)
    law = AngularGaussian(*fit_directions(lambda: [units], 40), n=len(units))
    components = components_of(
        lambda which: units[which], edges, n_features=len(units), background=law
    )
    assert [(c.name, c.features) for c in components] == [("digon", (198, 199))]
    assert len(found(units, edges)[0].features) > 50  # held against uniform directions


@pytest.mark.parametrize("dense", [8192, 0])
def test_small_and_large_matrices_go_two_ways(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENSE", dense)
    rng = np.random.default_rng(7)
    dim = 128
    names = ["digon", "pentagon", "triangle"]
    blocks = [planted(name, dim, 0.005, rng).T for name in names]
    blocks += [bundle(9, 0.2, dim, rng), ring(12, 0.6, 0.1, dim, rng)]
    components = found(among_others(blocks, 150, rng))
    assert sorted(c.name for c in components) == sorted([*names, "bundle", "12-gon"])


def test_a_giant_component_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # Forty bundles that all lean on one direction: one connected component at |cosine| > .3.
    monkeypatch.setattr(module, "DENSE", 0)
    monkeypatch.setattr(module, "BLOCK", 32)
    rng = np.random.default_rng(8)
    dim = 128
    common = random_directions(1, dim, rng)[:, 0]
    centres = 0.75 * common + random_directions(40, dim, rng).T
    rows = np.repeat(centres, 15, axis=0) + 0.4 / np.sqrt(dim) * rng.standard_normal((600, dim))
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    i, j = np.triu_indices(600, 1)
    cosines = (units @ units.T)[i, j]
    kept = np.abs(cosines) > 0.3
    components = found(units, (i[kept], j[kept], cosines[kept]))
    assert {c.features for c in components} == {
        tuple(range(15 * k, 15 * k + 15)) for k in range(40)
    }
    assert all(c.leakage > 0.3 for c in components)


def test_rows_are_fetched_in_bounded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENSE", 0)
    monkeypatch.setattr(module, "_MOST_NUMBERS", 64 * 70)
    rng = np.random.default_rng(9)
    blocks = [bundle(6, 0.2, 64, rng) for _ in range(50)]
    units = among_others(blocks, 10, rng)
    asked: list[int] = []

    def rows(which: np.ndarray) -> np.ndarray:
        asked.append(len(which))
        return np.asarray(units[which])

    components = components_of(rows, significant(units), n_features=len(units))
    assert len(components) == 50
    assert max(asked) <= 70


def test_leakage_and_height_are_those_of_the_pairs() -> None:
    rng = np.random.default_rng(10)
    units = among_others([bundle(3, 0.2, 64, rng)], 100, rng)
    i, j, cosines = significant(units)
    # One more pair that leaves the bundle.
    edges = (np.append(i, 2), np.append(j, 50), np.append(cosines, units[2] @ units[50]))
    (component,) = found(units, edges)
    inside = float(((units[:3] @ units[:3].T) ** 2).sum())
    outside = float((units[2] @ units[50]) ** 2)
    assert component.leakage == pytest.approx(outside / (inside + outside))
    products = np.sort((units[:3] @ units[:3].T)[np.triu_indices(3, 1)])
    assert component.height == pytest.approx(products[1])  # a tree takes the two strongest


def test_no_pairs_no_components() -> None:
    empty = np.empty(0, dtype=np.intp)
    assert components_of(lambda _: np.eye(3), (empty, empty, np.empty(0)), n_features=3) == ()


def test_exact_antipodes_are_digons_whether_their_pairs_are_believed_or_not() -> None:
    rng = np.random.default_rng(0)
    units = random_directions(300, 32, rng).T
    units[20:25] = -units[:5]
    empty = np.empty(0, dtype=np.intp)
    components = found(units, (empty, empty, np.empty(0)))
    assert {(c.name, c.features) for c in components} == {("digon", (k, 20 + k)) for k in range(5)}


@pytest.mark.parametrize(("angle", "name"), [(19.0, "digon"), (21.0, "irregular")])
@pytest.mark.parametrize("n", [2, 6])
def test_a_digon_ends_at_twenty_degrees(n: int, angle: float, name: str) -> None:
    rng = np.random.default_rng(0)
    dim = 384
    axis, *across = np.linalg.qr(rng.standard_normal((dim, n + 1)))[0].T
    # Displacements that sum to zero, so that the common line stays where it is.
    steps = np.eye(n) @ np.array(across) - np.mean(across, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    rows = np.cos(np.radians(angle)) * axis + np.sin(np.radians(angle)) * steps
    rows[: n // 2] *= -1
    (component,) = found(among_others([rows], 300, rng))
    assert component.features == tuple(range(n))
    assert component.spread == pytest.approx(np.radians(angle), abs=1e-6)
    assert component.name == name
    assert ("21° away" in component.why) == (name == "irregular")


def test_a_permutation_of_the_features_permutes_the_components() -> None:
    rng = np.random.default_rng(11)
    dim = 64
    blocks = [planted("pentagon", dim, 0.01, rng).T, bundle(5, 0.3, dim, rng)]
    units = among_others([*blocks, ring(8, 0.7, 0.1, dim, rng)], 150, rng)
    order = rng.permutation(len(units))
    place = np.argsort(order)
    before = {(c.name, frozenset(place[list(c.features)].tolist())) for c in found(units)}
    after = {(c.name, frozenset(c.features)) for c in found(units[order])}
    assert before == after


def test_components_are_json() -> None:
    rng = np.random.default_rng(12)
    units = among_others([planted("triangle", 48, 0.01, rng).T], 100, rng)
    (component,) = found(units)
    data = json.loads(json.dumps(component.to_dict()))
    assert data["name"] == "triangle"
    assert data["features"] == [0, 1, 2]
    assert data["match"]["shape"] == "triangle"


@pytest.mark.parametrize(
    ("size", "seed"),
    [
        *(((300, 100), seed) for seed in (0, 1)),
        *(pytest.param((600, 200), seed, marks=pytest.mark.slow) for seed in range(4)),
    ],
)
@pytest.mark.parametrize("rank", [2, 3])
def test_features_that_only_keep_to_few_dimensions_have_no_name(
    rank: int, size: tuple[int, int], seed: int
) -> None:
    """Low rank is a structure; which shape of the catalogue is nearest is none by itself."""
    rng = np.random.default_rng(seed)
    units = rng.standard_normal(size)
    members = np.arange(9)
    units[members, rank:] *= 0.02
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    components = found(units)
    assert components
    for component in components:
        assert set(component.features) <= set(members.tolist())
        assert component.kind == "irregular" or component.name in ("digon", "bundle")


def test_sets_that_are_too_large_for_a_shape_are_not_asked_for_their_rank(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With a background too narrow for the matrix the forest is a chain of hundreds of large
    # subtrees, and the spectrum of each of them took minutes.
    rng = np.random.default_rng(0)
    units = rng.standard_normal((120, 128)) * np.exp(0.9 * rng.standard_normal(128))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    i, j = np.triu_indices(120, 1)
    cosines = np.einsum("pm,pm->p", units[i], units[j])
    believed = np.abs(cosines) > 0.45
    edges = (i[believed], j[believed], cosines[believed])
    sizes, eigvalsh = [], np.linalg.eigvalsh

    def counted(matrix: np.ndarray) -> np.ndarray:
        sizes.append(len(matrix))
        return np.asarray(eigvalsh(matrix))

    monkeypatch.setattr(np.linalg, "eigvalsh", counted)
    components_of(lambda k: units[k], edges, n_features=120)
    assert sizes
    assert max(sizes) <= 64


@pytest.mark.parametrize(
    ("shape", "names"), [("blob", {"bundle"}), ("arc", {"bundle"}), ("ring", {"ring", "octagon"})]
)
def test_groups_in_a_plane_are_rings_only_where_they_go_round(shape: str, names: set[str]) -> None:
    rng = np.random.default_rng(21)
    blocks = []
    for _ in range(5):
        angles = np.pi * (2 * np.arange(8) / 8 if shape == "ring" else np.sort(rng.random(8)))
        points = 0.7 * np.column_stack([np.cos(angles), np.sin(angles)])
        if shape == "blob":
            points = 0.5 * rng.standard_normal((8, 2))
        axes = np.linalg.qr(rng.standard_normal((12, 3)))[0]
        rows = np.column_stack([np.ones(8), points]) @ axes.T
        blocks.append(rows + 0.05 / np.sqrt(12) * rng.standard_normal((8, 12)))
    units = among_others(blocks, 50, rng)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    given = {component.name for component in found(units)}
    assert given
    assert given <= names


def test_sets_that_the_background_explains_are_not_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Rows near a subspace keep to it by the law of their own background.  Every set of them was
    # fitted with dozens of shapes, because a shape pays less to that law than no shape does.
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((48, 5)) @ rng.standard_normal((5, 10))
    rows += 0.1 * rng.standard_normal(rows.shape)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    law = AngularGaussian(*fit_directions(lambda: iter([rows]), 10), n=len(rows))
    bounded, weighed = [], []
    bound, weigh = Ground.most_gains, Ground.structure

    def most_gains(ground: Ground, sets: np.ndarray, excess: np.ndarray) -> object:
        bounded.append(len(sets))
        return bound(ground, sets, excess)

    def structure(ground: Ground, members: np.ndarray, *rest: object) -> object:
        weighed.append(len(members))
        return weigh(ground, members, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Ground, "most_gains", most_gains)
    monkeypatch.setattr(Ground, "structure", structure)
    edges = significant(units)
    components_of(lambda which: units[which], edges, n_features=len(units), background=law)
    assert sum(bounded) > 100
    assert len(weighed) <= 0.1 * sum(bounded)


def test_tetrahedra_are_found_among_hundreds_in_few_dimensions() -> None:
    # The plane of two vertices has a third of the other two, and of many strangers more.
    rng, dim = np.random.default_rng(0), 16
    blocks = []
    for _ in range(6):
        axes = np.linalg.qr(rng.standard_normal((dim, 3)))[0]
        rows = get_shape("tetrahedron").vertices @ axes.T
        rows = rows + 0.05 / np.sqrt(dim) * rng.standard_normal(rows.shape)
        blocks.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    components = found(among_others(blocks, 276, rng))
    wanted = {tuple(range(k, k + 4)) for k in range(0, 24, 4)}
    assert {one.features for one in components if one.name == "tetrahedron"} == wanted
    assert len(components) == len(wanted)
