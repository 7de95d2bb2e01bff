"""Reports: what they print and how they travel."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from planted import planted, planted_sum

from geomsup import GeometryReport, GeomsupError, classify_geometry, get_shape
from geomsup.errors import MissingExtraError
from geomsup.geometry.report_text import HEADER, row_of


@pytest.fixture(scope="module")
def report() -> GeometryReport:
    return classify_geometry(planted_sum(np.random.default_rng(5))[0])


def test_json_round_trip(report: GeometryReport) -> None:
    back = GeometryReport.from_json(report.to_json())
    assert str(back) == str(report)
    assert back.to_json() == report.to_json()
    assert nx.utils.graphs_equal(back.graph, report.graph)
    assert back.components[0].near_tie == report.components[0].near_tie


def test_json_is_plain_and_strict(report: GeometryReport) -> None:
    data = json.loads(report.to_json(indent=2), parse_constant=pytest.fail)
    assert data["counts"] == report.counts()
    assert data["components"][0]["name"] == report.components[0].name


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"components": 3}', "null", '"x"', None, 5, "[" * 100_000]
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(GeomsupError, match="this is not"):
        GeometryReport.from_json(text)


def _planted_reports() -> list[GeometryReport]:
    rng = np.random.default_rng(3)
    return [
        classify_geometry(planted_sum(rng)[0]),
        classify_geometry(planted("cube", 3, 0.1, rng)),
        classify_geometry(planted("octahedron", 5, 0.0, rng)),
        classify_geometry(rng.standard_normal((6, 17)), noise=0.2),
        classify_geometry(np.eye(4)),
        classify_geometry(np.zeros((2, 3))),
    ]


def test_reports_are_equal_after_json() -> None:
    reports = _planted_reports()
    for one in reports:
        back = GeometryReport.from_json(one.to_json())
        assert back == one
        assert hash(back) == hash(one)
        assert back.components == one.components
        assert list(map(hash, back.components)) == list(map(hash, one.components))
        assert back.edges.shape == one.edges.shape
        assert not back.norms.flags.writeable
        assert GeometryReport.from_dict(one.to_dict()) == one
    assert len(set(reports)) == len(reports)
    assert all((a == b) == (a is b) for a in reports for b in reports)
    changed = reports[0].to_dict()
    changed["components"][-1]["leakage"] += 1e-12
    assert GeometryReport.from_dict(changed) != reports[0]
    assert reports[0] != "a report"
    assert reports[0].components[0] != reports[0]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of nested lists and dicts stands, of a long list its first two items."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], (*path, key))
    elif isinstance(value, list):
        for place in range(min(len(value), 2)):
            yield from _places(value[place], (*path, place))


# Entries that are derived from others, and not read.
_DERIVED = {"counts", "multiplicities", "near_tie", "excess"}
_NONSENSE: list[Any] = [10**400, -(2**70), 1e999, "x", None, True, {}, [[1], [2, 3]], [None], -3.5]


def test_nonsense_in_any_place_is_refused_or_read(report: GeometryReport) -> None:
    """One error for all, and what is read prints itself and goes to JSON again."""
    text = report.to_json()
    refused = 0
    places = [path for path in _places(json.loads(text)) if path and not _DERIVED & set(path)]
    rng = np.random.default_rng(0)
    for number in rng.choice(len(places), size=100, replace=False):
        data = json.loads(text)
        target = data
        *way, last = places[number]
        for step in way:
            target = target[step]
        target[last] = _NONSENSE[rng.integers(len(_NONSENSE))]
        try:
            back = GeometryReport.from_json(json.dumps(data))
        except GeomsupError:
            refused += 1
            continue
        assert str(back)
        assert back.graph.number_of_nodes() <= back.n_features
        assert GeometryReport.from_json(back.to_json()) == back
    assert refused > 80


def test_a_missing_entry_is_named(report: GeometryReport) -> None:
    for name in ("norms", "components", "rank", "noise", "interference_reason"):
        data = report.to_dict()
        del data[name]
        with pytest.raises(GeomsupError, match=f"not a geometry report: the report lacks '{name}'"):
            GeometryReport.from_dict(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(n_features=10**30), "its norms must have shape"),
        (lambda d: d.update(rank=-1), "cannot have rank -1"),
        (lambda d: d.update(rank=min(d["n_features"], d["n_hidden"]) + 1), "cannot have rank"),
        (lambda d: d.update(rank=2.0), "rank of the report must be an integer, got 2.0"),
        (lambda d: d.update(n_hidden=True), "n_hidden of the report must be an integer, got True"),
        (lambda d: d["norms"].pop(), "its norms must have shape"),
        (lambda d: d["norms"].__setitem__(0, float("nan")), "norms .* must be finite numbers"),
        (lambda d: d["norms"].__setitem__(0, -1.0), "no norm below 0"),
        (lambda d: d["edges"].__setitem__(0, [0, 2**70]), "edges .* must be an array of integers"),
        (lambda d: d["edges"].__setitem__(0, [0, 999]), "its edges must join features"),
        (lambda d: d["edges"].__setitem__(0, [0.5, 1]), "edges .* must be an array of integers"),
        (lambda d: d["cosines"].__setitem__(0, 1.5), "its cosines must lie in"),
        (lambda d: d["represented"].__setitem__(0, 1), "represented .* array of true and false"),
        (lambda d: d["components"].append(d["components"][0]), "stand in two components"),
        (lambda d: d["components"][0].update(name="pentagram"), "pentagram"),
        (lambda d: d["components"][0].update(name=5), "name of an item .* must be text, got 5"),
        (lambda d: d["components"][0].update(features=[0, 999]), "features of 0 …"),
        (lambda d: d["components"][0].update(irregular_probability=1.5), "lie in \\[0, 1\\]"),
        (lambda d: d["components"][0].update(vertices=[[0]]), "must share out its features"),
        (lambda d: d["components"][0].update(match=3), "match .* must be a mapping, got 3"),
        (lambda d: d["components"][0]["candidates"][0].update(rotation="x"), "rotation .* array"),
        (lambda d: d["components"][0]["candidates"][0].pop("noise"), "lacks 'noise'"),
    ],
)
def test_what_cannot_be_is_refused(
    change: Callable[[dict[str, Any]], Any], words: str, report: GeometryReport
) -> None:
    data = report.to_dict()
    change(data)
    with pytest.raises(GeomsupError, match=f"this is not a geometry report: .*{words}"):
        GeometryReport.from_dict(data)


def test_csv_has_a_row_for_each_component_and_each_feature(
    report: GeometryReport, tmp_path: Path
) -> None:
    path = tmp_path / "report.csv"
    text = report.to_csv(path)
    assert path.read_text(encoding="utf-8") == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == [one.name for one in report.components]
    for row, component in zip(rows, report.components, strict=True):
        assert tuple(map(int, row["features"].split())) == component.features
        assert float(row["leakage"]) == component.leakage
        expected = "" if component.match is None else str(component.match.rms_angle)
        assert row["rms_angle"] == expected
    features = list(csv.DictReader(io.StringIO(report.to_csv(rows="features"))))
    assert [float(row["norm"]) for row in features] == report.norms.tolist()
    for number, component in enumerate(report.components):
        assert {features[i]["component"] for i in component.features} == {str(number)}
    with pytest.raises(GeomsupError, match="rows must be 'components' or 'features', got 'all'"):
        report.to_csv(rows="all")
    with pytest.raises(GeomsupError, match="cannot be written"):
        report.to_csv(tmp_path / "no" / "report.csv")
    assert classify_geometry(np.zeros((2, 3))).to_csv().startswith("name,n_features,")


def test_data_frames(report: GeometryReport) -> None:
    pd = pytest.importorskip("pandas")
    frame = report.to_dataframe()
    assert isinstance(frame, pd.DataFrame)
    assert frame["name"].tolist() == [one.name for one in report.components]
    assert frame["features"].tolist() == [one.features for one in report.components]
    assert report.to_dataframe(rows="features")["norm"].tolist() == report.norms.tolist()


def test_without_pandas_the_error_names_the_extra(
    report: GeometryReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'geomsup\[pandas\]', or use to_csv"):
        report.to_dataframe()


def test_table_is_aligned(report: GeometryReport) -> None:
    lines = str(report).splitlines()
    head = next(k for k, line in enumerate(lines) if line.startswith("name"))
    rule = lines[head + 1]
    starts = [k for k in range(len(rule)) if rule[k] == "─" and (k == 0 or rule[k - 1] == " ")]
    for row in lines[head + 2 : head + 2 + len(report.components)]:
        assert all(k == 0 or k >= len(row) or row[k - 1] == " " for k in starts)
    assert max(len(line) for line in lines[head:-3]) <= 130


def test_a_cell_has_one_number_where_all_are_alike() -> None:
    lines = str(classify_geometry([[1.0, -2.0, 0, 0], [0, 0, 1.0, -1.0]])).splitlines()
    first, second = (line for line in lines if line.startswith("digon"))
    assert "1.000–2.000" in first
    assert second.split()[5:7] == ["0.500", "1.000"]


def test_html_escapes_and_lists_every_component(report: GeometryReport) -> None:
    text = report._repr_html_()
    assert text.count("<tr>") == len(report.components) + 1
    assert "norm >" not in text


def test_components_print_their_evidence() -> None:
    component = classify_geometry(planted("cube", 3, 0.1, np.random.default_rng(0))).components[0]
    text = str(component)
    assert "8 features on 8 vertices, rank 3" in text
    assert text.count("candidate") >= 2
    assert "irregular" in text


def test_reports_are_frozen(report: GeometryReport) -> None:
    with pytest.raises(FrozenInstanceError):
        report.rank = 3  # type: ignore[misc]  # on purpose


def test_long_reports_are_cut_short() -> None:
    text = str(classify_geometry(np.kron(np.eye(50), [[1.0, -1.0]])))
    assert "… and 10 more components" in text
    assert "50 × digon = 50-orthoplex" in text


@pytest.mark.parametrize(
    ("W", "most", "text"),
    [
        ([[1.0, -1, 0, 0, 0], [0, 0, 1, -1, 0]], None, "2 × digon = square, 1 dropped"),
        ([[1.0, -1, 0, 0, 0], [0, 0, 1, -1, 0]], 1, "2 × digon = square, 1 dropped"),
        ([[1.0, -1, 0], [0, 0, 1]], None, "1 × digon, 1 × monosemantic"),
        ([[1.0, -1, 0], [0, 0, 1]], 1, "1 × digon, …"),
        ([[0.0, 0, 0]], None, "nothing, 3 dropped"),
    ],
)
def test_a_summary_counts_names_and_dropped_features(
    W: list[list[float]], most: int | None, text: str
) -> None:
    report = classify_geometry(W)
    assert report.summary(most=most) == text
    assert report.n_dropped == sum(not any(column) for column in zip(*W, strict=True))
    assert repr(report) == f"<GeometryReport: {report.summary()}>"
    for shown in (str(report), report._repr_html_()):
        assert (f"found: {report.summary()}" in shown) == bool(report.components)


@pytest.mark.parametrize(
    ("shares", "n_close"),
    [
        ((0.6, 0.21, 0.1), 2),
        ((0.6, 0.19, 0.1), 0),
        ((0.3, 0.29, 0.11), 3),
        ((0.06, 0.05), 2),
        ((0.04, 0.03), 0),
    ],
)
def test_names_within_a_factor_of_three_are_near_ties(
    shares: tuple[float, ...], n_close: int
) -> None:
    (component,) = classify_geometry(planted("cube", 3, 0.1, np.random.default_rng(3))).components
    candidates = tuple(
        replace(match, probability=share)
        for match, share in zip(component.candidates, shares, strict=False)
    )
    changed = replace(component, candidates=candidates)
    assert changed.near_tie == tuple(match.shape for match in candidates[:n_close])
    lines = str(changed).splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("  candidate")] == [
        str(match) for match in candidates
    ]
    assert sum(line.startswith("  near tie") for line in lines) == (n_close > 1)


def test_a_name_that_is_withheld_is_not_said_to_be_improbable() -> None:
    (component,) = classify_geometry(get_shape("tetrahedron").vertices.T).components
    left = replace(component, name="irregular", match=None)  # as what is left between structures
    row = row_of(left)
    assert row[HEADER.index("P")] == "–"
    assert row[HEADER.index("runner-up")] == "tetrahedron 1.00"
    unsure = replace(left, candidates=(), irregular_probability=0.8)
    assert row_of(unsure)[HEADER.index("P")] == "0.800"


def test_no_evidence_is_not_less_than_none() -> None:
    report = classify_geometry(np.random.default_rng(118).normal(size=(3, 4)))
    assert any(-0.5 < part.log_evidence < 0.0 for part in report.components)
    assert " -0 " not in str(report)
