"""Reports: what they print and how they travel."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import networkx as nx
import numpy as np
import pytest
from planted import planted, planted_sum

from geomsup import GeometryReport, GeomsupError, classify_geometry


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


def test_table_is_aligned(report: GeometryReport) -> None:
    lines = str(report).splitlines()
    head = next(k for k, line in enumerate(lines) if line.startswith("name"))
    rule = lines[head + 1]
    starts = [k for k in range(len(rule)) if rule[k] == "─" and (k == 0 or rule[k - 1] == " ")]
    for row in lines[head + 2 : head + 2 + len(report.components)]:
        assert all(k == 0 or k >= len(row) or row[k - 1] == " " for k in starts)
    assert max(len(line) for line in lines[head:-3]) <= 130


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
