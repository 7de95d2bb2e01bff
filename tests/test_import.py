"""Importing the package is cheap: the heavy libraries wait until something needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import geomsup


def _loaded_after(statement: str, module: str) -> bool:
    code = f"{statement}\nimport sys\nprint({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


@pytest.mark.parametrize("module", ["torch", "matplotlib"])
def test_import_loads_no_heavy_library(module: str) -> None:
    assert not _loaded_after("import geomsup", module)


@pytest.mark.parametrize("package", ["plotting", "neurons", "attacks", "dynamics", "survey.census"])
def test_the_analysis_side_loads_no_torch(package: str) -> None:
    assert not _loaded_after(f"import geomsup.{package}", "torch")


@pytest.mark.parametrize("module", ["torch", "scipy", "matplotlib", "networkx", "safetensors"])
def test_the_door_for_weights_loads_numpy_alone(module: str) -> None:
    assert not _loaded_after("import geomsup.weights.contents", module)


def test_a_census_loads_no_compiler() -> None:
    assert not _loaded_after("import geomsup.survey.census", "numba")


def test_pictures_do_not_load_what_makes_results() -> None:
    for module in ("geomsup.dynamics", "scipy.signal", "matplotlib"):
        assert not _loaded_after("import geomsup.plotting", module)


def test_a_loaded_library_would_be_seen() -> None:
    assert _loaded_after("import geomsup, numpy", "numpy")


def test_every_public_name_can_be_loaded() -> None:
    for name in geomsup.__all__:
        assert getattr(geomsup, name) is not None
    assert set(geomsup.__all__) <= set(dir(geomsup))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        geomsup.nonsense  # noqa: B018  # the access itself is under test
