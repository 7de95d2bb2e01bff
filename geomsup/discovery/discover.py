"""Shapes that nobody has named: the unnamed components that recur in many models."""

from __future__ import annotations

import os
from collections.abc import Iterable
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from geomsup.discovery.chance import Chance, chance_of
from geomsup.discovery.collecting import Unnamed, collected
from geomsup.discovery.grouping import Group, grouped
from geomsup.discovery.record import Discovery, FoundShape, Size
from geomsup.discovery.representative import representative
from geomsup.progress import bar
from geomsup.shapes import Shape
from geomsup.shapes.own import known_figure, own_shapes
from geomsup.validation import number_within, random_generator, whole_number

__all__ = ["discover"]

Array = NDArray[np.float64]


def discover(
    runs: object,
    *,
    noise: float = 0.05,
    shapes: Iterable[Shape | str | os.PathLike[str]] | str | os.PathLike[str] | None = None,
    n_frames: int = 100,
    feature_axis: int = -1,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> Discovery:
    """Find the shapes without a name that many models have in common.

    Parameters
    ----------
    runs : list, or one of its items, or path
        Reports of :func:`geomsup.classify_geometry`, weight matrices or stacks of them, weight
        files, trainings; or the folder, `Store` or result of a sweep.  Every model is a run.
    noise : float, default 0.05
        The most angular noise per tangent axis, in radians, that copies of one shape may have.
    shapes : list of Shape, or path, optional
        Shapes that have names already, beside those of the catalogue.
    n_frames : int, default 100
        Random tight frames that the recurrences of each size are held against.
    feature_axis : int, default -1
        The axis of a matrix that counts features.
    seed : int, Generator or None, default 0
    progress : bool, optional
        Whether to show a bar. None shows it in a terminal or a notebook.

    Returns
    -------
    Discovery
        ``print`` it; `Discovery.save` puts its shapes into a catalogue of your own.

    Raises
    ------
    GeomsupError
        If there are no runs, one is nothing of the kind, or no component is irregular and has more
        directions than dimensions.

    Notes
    -----
    Copies have as many vertices and the same rank; a copy that noise has given another rank is
    missed.  A null of random tight frames says how often what has no common cause would recur; it
    knows nothing of what repulsion prefers.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import discover
    >>> rng = np.random.default_rng(0)
    >>> shape = rng.normal(size=(4, 9))                    # nine directions in four dimensions
    >>> runs = [np.linalg.qr(rng.normal(size=(4, 4)))[0] @ shape for _ in range(3)]
    >>> runs += [rng.normal(size=(4, 9)) for _ in range(3)]
    >>> found = discover(runs, progress=False)
    >>> [(one.name, one.runs) for one in found.shapes]
    [('9-in-4 a', (0, 1, 2))]
    """
    tolerance = number_within("noise", noise, 1e-6, 0.25)
    most = whole_number("n_frames", n_frames, 10, 10_000)
    rng = random_generator(seed)
    given = collected(runs, own_shapes(shapes), progress, feature_axis)
    by_size: dict[tuple[int, int], list[Unnamed]] = {}
    for one in given.unnamed:
        by_size.setdefault(one.points.shape, []).append(one)
    found: list[FoundShape] = []
    sizes = []
    with bar(len(by_size), "comparing", "size", progress) as done:
        for number, ((n, dim), alike) in enumerate(sorted(by_size.items())):
            groups = grouped(np.array([one.points for one in alike]), tolerance, rng)
            # What does not recur needs no null, and drawing it takes longer than all the rest.
            n_drawn = most if groups else 0
            chance = chance_of(n, dim, tolerance, n_drawn, rng)
            sizes.append(_size(alike, chance))
            found += [
                _found(f"{n}-in-{dim} {_letters(k)}", group, alike, chance)
                for k, group in enumerate(groups)
            ]
            done(number + 1)
    return Discovery(
        shapes=tuple(sorted(found, key=lambda one: (-len(one.runs), one.p_value))),
        sizes=tuple(sorted(sizes, key=lambda one: -one.n_components)),
        sources=given.sources,
        n_components=given.n_components,
        n_unnamed=len(given.unnamed),
        noise=tolerance,
        settings={"n_frames": most, "seed": seed if isinstance(seed, int) else None},
    )


def _size(alike: list[Unnamed], chance: Chance) -> Size:
    n, dim = alike[0].points.shape
    return Size(
        n_vertices=n,
        dim=dim,
        n_components=len(alike),
        n_runs=len({one.run for one in alike}),
        n_frames=chance.n_frames,
        n_agreeing=chance.n_agreeing,
        expected_pairs=chance.expected(len(alike)) if chance.n_frames else None,
        most_pairs=chance.most(len(alike)) if chance.n_frames else None,
    )


def _found(name: str, group: Group, alike: list[Unnamed], chance: Chance) -> FoundShape:
    members = [alike[k] for k in group.members]
    mean = representative(group)
    vertices = mean.vertices
    n, dim = vertices.shape
    squares = ((vertices @ vertices.T) ** 2).sum(axis=1)
    return FoundShape(
        name=name,
        n_vertices=n,
        dim=dim,
        runs=tuple(sorted({one.run for one in members})),
        members=tuple(one.features for one in members),
        member_runs=tuple(one.run for one in members),
        n_components=len(alike),
        noise=group.noise,
        vertices=vertices,
        orbits=mean.symmetries.orbits,
        symmetry_order=mean.symmetries.order,
        chiral=mean.symmetries.chiral,
        slack=mean.slack,
        cosines=mean.cosines,
        tightness=float((1 / squares).sum()) / dim,
        p_value=chance.p_value(len(members), len(alike)),
        known_as=known_figure(vertices, mean.slack) or "",
    )


def _letters(number: int) -> str:
    """A, b, …, z, aa, ab, … in lower case."""
    text = ""
    number += 1
    while number:
        number, last = divmod(number - 1, 26)
        text = ascii_lowercase[last] + text
    return text
