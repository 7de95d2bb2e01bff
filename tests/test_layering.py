"""Hold the imports of every module against one table of who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import geomsup

PACKAGE = Path(geomsup.__file__).parent
LONGEST = 450

# The rooms of the sphere, each of which may import those before it.
_SPHERE = [
    "kernels",
    "energies",
    "newton",
    "descent",
    "rotations",
    "search",
    "minimize",
    "symmetry",
    "exact",
    "optimum",
    "rebuild",
]
# And those of the trainer.
_TRAINING = [
    "settings",
    "config",
    "distributions",
    "data",
    "inputs",
    "model",
    "optim",
    "environment",
    "evaluation",
    "records",
    "storage",
    "checkpoints",
    "run",
    "diverged",
    "state",
    "exact",
    "loop",
]
# Module or package -> the rooms that it may import from. A package stands for everything in it,
# and its modules may import each other; a module of a package can have a line of its own.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "validation": {"errors"},
    "progress": {"errors"},
    "entries": {"errors"},
    "zip_records": {"errors"},
    "inert_pickles": {"errors"},
    "torch_files": {"errors", "entries", "zip_records", "inert_pickles"},
    "file_formats": {"errors", "entries", "zip_records", "torch_files"},
    "weight_files": {"errors", "entries", "file_formats"},
    "weights": {"errors", "entries", "weight_files"},
    # The layouts of published files describe; what is opened is a matrix like any other.
    "layouts": set(),
    "layout_files": {"errors", "entries", "weight_files", "layouts"},
    "orientation": {"errors", "entries", "layouts"},
    "layout_choice": {
        "errors",
        "entries",
        "weight_files",
        "layouts",
        "layout_files",
        "orientation",
    },
    "opened": {
        "errors",
        "entries",
        "weight_files",
        "weights",
        "layouts",
        "layout_files",
        "layout_choice",
        "orientation",
    },
    "gram": {"errors", "weights"},
    "directions": {"errors", "weights", "gram"},
    "interference": {"errors", "weights", "gram"},
    "crowd": {"interference"},
    "quadratic_forms": set(),
    "nulls": {"errors", "weights", "quadratic_forms"},
    "best_known": {"errors"},
    "shapes": {"errors", "best_known"},
    "matching": {
        "matching.match",
        "matching.alignment",
        "matching.background",
        "matching.posterior",
    },
    # Inside the matching room too there is one direction.
    "matching.evidence": set(),
    "matching.background": {"matching.evidence"},
    "matching.alignment": set(),
    "matching.placement": {"matching.alignment"},
    "matching.fitting": {"shapes", "matching.evidence", "matching.alignment"},
    "matching.candidates": {
        "shapes",
        "matching.evidence",
        "matching.alignment",
        "matching.fitting",
    },
    "matching.deviation": {"matching.alignment", "matching.fitting"},
    "matching.spaces": {
        "matching.evidence",
        "matching.background",
        "matching.alignment",
        "matching.fitting",
        "matching.candidates",
    },
    "matching.posterior": {
        "matching.evidence",
        "matching.background",
        "matching.alignment",
        "matching.fitting",
        "matching.candidates",
        "matching.deviation",
        "matching.spaces",
    },
    "matching.match": {
        "errors",
        "directions",
        "shapes",
        "matching.evidence",
        "matching.background",
        "matching.alignment",
        "matching.fitting",
        "matching.posterior",
    },
    # The search on the sphere knows nothing of matching; the comparison with optima needs both.
    "sphere": {"best_known", *(f"sphere.{name}" for name in _SPHERE), "sphere.compare"},
    **{
        f"sphere.{name}": {"errors", "progress", "shapes", "best_known"}
        | {f"sphere.{other}" for other in _SPHERE[:k]}
        for k, name in enumerate(_SPHERE)
    },
    "sphere.compare": {
        "errors",
        "directions",
        "gram",
        "shapes",
        "best_known",
        "matching.placement",
        "sphere.energies",
        "sphere.kernels",
        "sphere.newton",
        "sphere.optimum",
    },
    "orthogonality": {"matching.evidence"},
    "weighing": {"matching", "matching.evidence", "orthogonality"},
    "partition": {"interference", "crowd", "matching", "matching.evidence", "weighing"},
    "restoring": {"errors"},
    "report_tables": {"errors"},
    "report_text": {"sphere.compare"},
    "report_checks": {"errors", "shapes"},
    "report": {
        "errors",
        "shapes",
        "interference",
        "matching",
        "sphere.compare",
        "restoring",
        "report_tables",
        "report_text",
        "report_checks",
    },
}
ANALYSIS = set(MAY_IMPORT)
MAY_IMPORT["classify"] = set(ANALYSIS)
# Change points are found in curves, whatever they are; the timeline of a training names geometry.
MAY_IMPORT["change_points"] = set()
MAY_IMPORT["recording"] = {"errors", "weights"}
MAY_IMPORT["dynamics"] = {
    "recording",
    "errors",
    "weights",
    "gram",
    "interference",
    "report",
    "classify",
    "change_points",
}
# Neurons are read from weights.
MAY_IMPORT["neurons"] = {"errors", "weights"}
# An attack reads weights; who trained them does not matter.
MAY_IMPORT["attacks"] = {"errors", "weights"}
# Dictionaries are trained like toy models (their streams, their optimiser, their care for memory)
# and judged like weights (is the geometry seen the geometry that is there?), so they stand behind
# both sides.
MAY_IMPORT["dictionary"] = {
    "errors",
    "weights",
    "gram",
    "interference",
    "report",
    "classify",
    "training.settings",
    "training.distributions",
    "training.data",
    "training.model",
    "training.optim",
    "training.environment",
    "restoring",
    "training.storage",
    "training.checkpoints",
}
# So do mixtures of experts, which start where toy models start.
MAY_IMPORT["experts"] = {
    "errors",
    "report",
    "classify",
    "training.config",
    "training.settings",
    "training.distributions",
    "training.data",
    "training.model",
    "training.optim",
    "training.environment",
    "training.state",
}
# Theory names the optima that it finds, so it stands behind the classifier.
MAY_IMPORT["theory"] = {"errors", "progress", "weights", "shapes", "report", "classify"}
# The trainer knows nothing of the analysis, but for one objective: the exact loss.
for k, name in enumerate(_TRAINING):
    earlier = {f"training.{other}" for other in _TRAINING[:k]}
    MAY_IMPORT[f"training.{name}"] = {"errors"} | earlier
MAY_IMPORT["training.environment"] |= {"progress"}
MAY_IMPORT["training.exact"] |= {"theory"}
MAY_IMPORT["training"] = {f"training.{name}" for name in _TRAINING}
# Experiments put training and analysis side by side; nothing but the command line, and the pictures
# of their results, reads them.
MAY_IMPORT["experiments"] = {
    "errors",
    "gram",
    "interference",
    "report",
    "classify",
    "theory",
    "dynamics",
    "sphere",
    "training",
    "training.settings",
    "training.environment",
    "dictionary",
    "attacks",
    "experts",
    "neurons",
}
# Plotting reads finished results: their types, and nothing that computes.
MAY_IMPORT["plotting"] = {
    "errors",
    "best_known",
    "shapes",
    "interference",
    "matching",
    "report",
    "sphere",
    "theory",
    "dynamics",
    "attacks",
    "dictionary",
    "experiments",
    "neurons",
    "weights",
}
# The package itself, which hands out the public names.
MAY_IMPORT[""] = ANALYSIS | {"classify"}
# The command line is the one leaf that may reach everything.
MAY_IMPORT["cli"] = ANALYSIS | {
    "classify",
    "theory",
    "dynamics",
    "training",
    "experiments",
    "neurons",
    "dictionary",
    "attacks",
    "plotting",
    "",
}
MAY_IMPORT["__main__"] = {"cli"}
# Everybody checks arguments, and in one place.
for room in set(MAY_IMPORT) - {"errors", "validation"}:
    MAY_IMPORT[room] |= {"validation"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def _dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _room(dotted: str) -> str:
    """The longest entry of the table that covers a module, or the module itself."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in MAY_IMPORT:
            return ".".join(parts[:length])
    return dotted


def _imported(source: str) -> set[str]:
    """Modules of the package that a source imports, at any depth; "" is the package itself."""
    names = {_dotted(path) for path in MODULES}
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            base = str(node.module)
            # "from geomsup import gram" may name a module or a public name of the package.
            targets = [f"{base}.{alias.name}" for alias in node.names]
            targets = [t if t.removeprefix("geomsup.") in names else base for t in targets]
        else:
            continue
        for target in targets:
            if target == "geomsup" or target.startswith("geomsup."):
                found.add(target.removeprefix("geomsup").removeprefix("."))
    return found


def _forbidden(dotted: str, source: str) -> set[str]:
    room = _room(dotted)
    allowed = MAY_IMPORT[room] | {room}
    return {name for name in _imported(source) if _room(name) not in allowed}


@pytest.mark.parametrize("path", MODULES, ids=_dotted)
def test_imports_follow_the_table(path: Path) -> None:
    assert _room(_dotted(path)) in MAY_IMPORT, "a new module needs a line in the table"
    assert not _forbidden(_dotted(path), path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=_dotted)
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_table_names_only_what_exists() -> None:
    rooms = {_room(_dotted(path)) for path in MODULES}
    assert set(MAY_IMPORT) - rooms == set()
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT)


def test_the_table_has_no_cycle() -> None:
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {room for room in MAY_IMPORT if MAY_IMPORT[room] <= placed} - placed
        assert ready, f"a cycle among {set(MAY_IMPORT) - placed}"
        placed |= ready


@pytest.mark.parametrize(
    "source",
    [
        "import geomsup.training",
        "from geomsup.training.loop import train",
        "from geomsup import classify",
        "def f():\n    from geomsup.plotting import draw",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from geomsup.report import X",
        "from geomsup import classify_geometry",
    ],
)
def test_a_forbidden_import_is_found(source: str) -> None:
    assert _forbidden("gram", source)
