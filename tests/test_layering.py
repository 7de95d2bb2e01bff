"""Hold the imports of every module against one table of who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import geomsup

PACKAGE = Path(geomsup.__file__).parent


def _floors(package: str, names: list[str], may: set[str]) -> dict[str, set[str]]:
    """Modules of a package in one direction: each may import those named before it, and `may`."""
    return {
        f"{package}.{name}": may | {f"{package}.{earlier}" for earlier in names[:k]}
        for k, name in enumerate(names)
    }


_WEIGHTS = [
    "labels",
    "entries",
    "zip_records",
    "inert_pickles",
    "torch_files",
    "formats",
    "files",
    "matrix",
    "layouts",
    "orientation",
    "layout_files",
    "layout_choice",
    "opened",
    "contents",
]
_MATCHING = [
    "evidence",
    "background",
    "alignment",
    "placement",
    "fitting",
    "candidates",
    "deviation",
    "spaces",
    "posterior",
    "bounds",
    "match",
]
# The search on the sphere knows nothing of matching; the comparison with optima needs both.
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
_TRAINING = [
    "functions",
    "streams",
    "settings",
    "config",
    "distributions",
    "data",
    "inputs",
    "dataset",
    "model",
    "optim",
    "environment",
    "evaluation",
    "records",
    "checkpoints",
    "fit",
    "run",
    "diverged",
    "learner",
    "exact",
    "loop",
]
_THEMES = [
    "demonstration",
    "phase_diagrams",
    "uniform",
    "nonuniform",
    "sets",
    "learning",
    "neurons",
    "adversarial",
    "mixtures",
    "dictionaries",
]
# Module or package -> the entries that it may import from. A package stands for everything in it,
# and its modules may import each other; a module of a package can have a line of its own.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "validation": {"errors"},
    "progress": {"errors"},
    "restoring": {"errors"},
    "writing": set(),
    "storage": {"errors"},
    "compiling": set(),
    # What a result that has a page inherits; it knows of pages only while it makes one.
    "showing": set(),
    **_floors("weights", _WEIGHTS, {"errors"}),
    "weights": {f"weights.{name}" for name in _WEIGHTS},
    # A matrix is measured, and its features are compared with each other …
    "geometry": set(),
    "geometry.gram": {"errors", "weights"},
    "geometry.directions": {"errors", "geometry.gram"},
    "geometry.interference": {"errors", "weights", "geometry.gram"},
    "geometry.crowd": {"geometry.interference"},
    "nulls": {"errors", "weights"},
    # What a large matrix holds beyond chance.
    "survey.tree": set(),
    "survey.rings": set(),
    "survey.component": {"matching", "restoring"},
    "survey.bundles": {"matching.evidence", "survey.tree"},
    "survey.density": {"errors", "matching.evidence"},
    "survey.weighing": {
        "geometry.weighing",
        "matching",
        "matching.bounds",
        "matching.evidence",
        "survey.bundles",
        "survey.density",
    },
    "survey.naming": {
        "geometry.interference",
        "matching",
        "survey.component",
        "survey.rings",
        "survey.weighing",
    },
    "survey.forest": {
        "geometry.crowd",
        "matching.bounds",
        "survey.bundles",
        "survey.component",
        "survey.density",
        "survey.naming",
        "survey.tree",
        "survey.weighing",
    },
    "best_known": {"errors"},
    "shapes": {"errors", "best_known"},
    **_floors("matching", _MATCHING, {"errors", "weights", "shapes", "geometry.directions"}),
    "matching": {f"matching.{name}" for name in _MATCHING},
    **_floors("sphere", _SPHERE, {"errors", "progress", "shapes", "best_known"}),
    "sphere.compare": {
        "errors",
        "weights",
        "geometry.directions",
        "geometry.gram",
        "shapes",
        "best_known",
        "matching.placement",
        *(f"sphere.{name}" for name in _SPHERE),
    },
    "sphere.card": {"best_known", "sphere.compare"},
    "sphere": {"best_known", "sphere.compare", *(f"sphere.{name}" for name in _SPHERE)},
    # … and what they form is named: the one climb back on a matrix's way to its report.
    "geometry.orthogonality": {"matching.evidence"},
    "geometry.weighing": {"matching", "matching.evidence", "geometry.orthogonality", "shapes"},
    "geometry.partition": {
        "shapes",
        "matching",
        "matching.evidence",
        "geometry.interference",
        "geometry.crowd",
        "geometry.weighing",
    },
    "geometry.report_tables": {"errors"},
    "geometry.report_text": {"sphere.compare"},
    "geometry.report_checks": {"errors", "shapes"},
    "geometry.report": {
        "errors",
        "shapes",
        "geometry.interference",
        "matching",
        "sphere.compare",
        "restoring",
        "geometry.report_tables",
        "geometry.report_text",
        "geometry.report_checks",
    },
}
# Matrices too large for a report are counted in tiles, a null beside every number.
_SURVEY = [
    "source",
    "spectrum",
    "tails",
    "compiled",
    "tiles",
    "on_device",
    "pairs",
    "rowwise",
    "background",
    "structures",
    "significant",
    "resuming",
    "record",
    "partners",
    "census",
]
_CLAIMS = [
    "statistics",
    "record",
    "evidence",
    "words",
    "groups",
    "controls",
    "case",
    "verdict",
    "weigh",
]
_COUNTED = {
    "compiling",
    "errors",
    "progress",
    "restoring",
    "storage",
    "weights.labels",
    "weights.matrix",
    "weights.opened",
    "nulls",
    "geometry.gram",
    "geometry.report_tables",
}
_FORMED = {"survey.component", "survey.density", "survey.forest"}
MAY_IMPORT.update(_floors("survey", _SURVEY, _COUNTED | _FORMED))
MAY_IMPORT["survey"] = {f"survey.{name}" for name in _SURVEY}
# Two such matrices are put beside each other.
_COMPARING = ["assignment", "neighbours", "matching", "chance", "record", "compare"]
_BESIDE = {
    "compiling",
    "errors",
    "progress",
    "nulls",
    "geometry.report_tables",
    "survey.background",
    "survey.pairs",
    "survey.record",
    "survey.source",
    "weights.labels",
}
MAY_IMPORT.update(_floors("comparison", _COMPARING, _BESIDE))
MAY_IMPORT["comparison"] = {f"comparison.{name}" for name in _COMPARING}
# A claim about a group is held against other groups of its matrix, and against its rivals.
_CLAIMED = {
    "errors",
    "matching",
    "matching.evidence",
    "shapes",
    "survey.bundles",
    "survey.source",
    "weights.labels",
}
MAY_IMPORT.update(_floors("claims", _CLAIMS, _CLAIMED))
MAY_IMPORT["claims"] = {f"claims.{name}" for name in _CLAIMS}
ANALYSIS = set(MAY_IMPORT)
MAY_IMPORT["geometry.classify"] = set(ANALYSIS)
# Change points are found in curves, whatever they are; the timeline of a training names geometry.
MAY_IMPORT["dynamics.change_points"] = set()
MAY_IMPORT["dynamics.recording"] = {"errors", "weights"}
MAY_IMPORT["dynamics.timeline"] = {
    "dynamics.recording",
    "dynamics.change_points",
    "errors",
    "weights",
    "geometry.gram",
    "geometry.report",
    "geometry.classify",
}
MAY_IMPORT["dynamics"] = {"dynamics.recording", "dynamics.timeline"}
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
    "geometry.gram",
    "geometry.interference",
    "geometry.report",
    "geometry.classify",
    "restoring",
    "storage",
    "theory.feature_model",
    *(f"training.{name}" for name in _TRAINING),
}
# So do mixtures of experts, which start where toy models start.
MAY_IMPORT["experts"] = {
    "errors",
    "geometry.report",
    "geometry.classify",
    *(f"training.{name}" for name in _TRAINING),
}
# Sweeps know functions by their names alone; those that have a name of their own stand higher up.
MAY_IMPORT["sweeps"] = {"errors", "progress", "storage"}
MAY_IMPORT["sweeps.trainings"] = {
    "errors",
    "geometry.gram",
    "sweeps",
    *(f"training.{name}" for name in _TRAINING),
}
MAY_IMPORT["sweeps.optima"] = {"errors", "sweeps", "theory"}
# What recurs in many models, whoever trained them.
_DISCOVERING = ["grouping", "chance", "algebra", "representative", "record", "collecting"]
_MODELS = {
    "errors",
    "progress",
    "shapes",
    "weights",
    "matching.alignment",
    "geometry.report",
    "geometry.report_text",
    "geometry.classify",
    "sweeps",
}
MAY_IMPORT.update(_floors("discovery", [*_DISCOVERING, "discover"], _MODELS))
MAY_IMPORT["discovery"] = {f"discovery.{name}" for name in [*_DISCOVERING, "discover"]}
# What the features are: the exact losses and the trainer's samples come from one description.
MAY_IMPORT["theory.feature_model"] = {"errors"}
# Theory names the optima that it finds, so it stands behind the classifier.
MAY_IMPORT["theory"] = {
    "theory.feature_model",
    "best_known",
    "compiling",
    "errors",
    "progress",
    "sweeps",
    "weights",
    "shapes",
    "geometry.report",
    "geometry.classify",
}
# The trainer knows nothing of the analysis, but for one objective: the exact loss.
MAY_IMPORT.update(_floors("training", _TRAINING, {"errors", "storage", "theory.feature_model"}))
MAY_IMPORT["training.environment"] |= {"progress"}
MAY_IMPORT["training.exact"] |= {"theory"}
MAY_IMPORT["training.ranking"] = {"theory.feature_model", "training.run"}
MAY_IMPORT["training"] = {f"training.{name}" for name in _TRAINING}
# Plotting reads finished results: their types, and nothing that computes.
MAY_IMPORT["plotting"] = {
    "errors",
    "best_known",
    "shapes",
    "geometry.gram",
    "geometry.interference",
    "geometry.report",
    "matching",
    "sphere",
    "theory",
    "dynamics",
    "attacks",
    "comparison.record",
    "dictionary",
    "discovery.record",
    "neurons",
    "survey",
    "survey.component",
    "survey.record",
    "sweeps",
    "survey.tree",
    "claims.record",
    "weights",
}
# Pages read them too, and hand them to a browser.
MAY_IMPORT["report_page"] = {
    "best_known",
    "errors",
    "weights",
    "weights.labels",
    "matching",
    "geometry.gram",
    "geometry.interference",
    "geometry.report",
    "geometry.report_tables",
    "geometry.report_text",
    "claims.record",
    "dynamics",
    "survey.component",
    "survey.record",
    "sweeps",
    "theory",
    "plotting",
}
# Experiments put training and analysis side by side; nothing but the command line reads them.
# Inside: what all of them are made of, then the themes, then what runs and lists them.
_COMPARED = {
    "errors",
    "geometry.gram",
    "geometry.interference",
    "geometry.report",
    "geometry.classify",
    "theory",
    "dynamics",
    "sphere",
    "training",
    "training.settings",
    "training.streams",
    "training.environment",
    "dictionary",
    "attacks",
    "experts",
    "neurons",
    "sweeps",
}
MAY_IMPORT["experiments.frame"] = set(_COMPARED)
MAY_IMPORT.update(_floors("experiments", _THEMES, _COMPARED | {"experiments.frame"}))
MAY_IMPORT["experiments"] = _COMPARED | {"experiments.frame"}
# The package itself, which hands out the public names.
MAY_IMPORT[""] = ANALYSIS | {"geometry.classify", "sweeps", "discovery.discover"}
# The command line is the one leaf that may reach everything.
MAY_IMPORT["cli"] = set(MAY_IMPORT)
MAY_IMPORT["__main__"] = {"cli"}
# Everybody checks arguments, keeps and writes results and says that they can be shown, each in one
# place.
for name in set(MAY_IMPORT) - {"errors", "validation", "restoring", "showing", "writing"}:
    MAY_IMPORT[name] |= {"validation", "restoring", "showing", "writing"}
# Results are drawn inside a function: experiments in `draw`, what has a page in methods of `Shown`.
_LATE: dict[str, tuple[set[str], str]] = {
    "experiments": ({"draw"}, "plotting"),
    "showing": ({"to_html", "show"}, "report_page"),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def _dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _entry(dotted: str) -> str:
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


def _draws(dotted: str) -> bool:
    """Whether a module holds figures of experiments, which only `draw` imports."""
    return dotted.startswith("experiments.") and dotted.endswith(("_figure", "_figures"))


def _drawn(dotted: str, source: str) -> tuple[str, str]:
    """The source of a module without what draws an experiment or a page, and what draws it."""
    if _draws(dotted):
        return "", source
    tree = ast.parse(source)
    drawing: list[ast.stmt] = []
    names, _ = _LATE.get(dotted.split(".")[0], (set(), ""))
    for body in [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]:
        late = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in names]
        drawing += late
        body[:] = [node for node in body if node not in late] or [ast.Pass()]
    return ast.unparse(tree), "\n".join(map(ast.unparse, drawing))


def _forbidden(dotted: str, source: str) -> set[str]:
    entry = _entry(dotted)
    allowed = MAY_IMPORT[entry] | {entry}
    quiet, drawing = _drawn(dotted, source)
    late = {_LATE.get(dotted.split(".")[0], (set(), "plotting"))[1]}
    return {name for name in _imported(quiet) if _entry(name) not in allowed} | {
        name for name in _imported(drawing) if _entry(name) not in allowed | late
    }


@pytest.mark.parametrize("path", MODULES, ids=_dotted)
def test_imports_follow_the_table(path: Path) -> None:
    assert _entry(_dotted(path)) in MAY_IMPORT, "a new module needs a line in the table"
    assert not _forbidden(_dotted(path), path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=_dotted)
def test_only_draw_imports_a_figure(path: Path) -> None:
    quiet, _ = _drawn(_dotted(path), path.read_text())
    assert not any(map(_draws, _imported(quiet)))


def test_the_table_names_only_what_exists() -> None:
    entries = {_entry(_dotted(path)) for path in MODULES}
    assert set(MAY_IMPORT) - entries == set()
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT)


def test_the_table_has_no_cycle() -> None:
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {entry for entry in MAY_IMPORT if MAY_IMPORT[entry] <= placed} - placed
        assert ready, f"a cycle among {set(MAY_IMPORT) - placed}"
        placed |= ready


@pytest.mark.parametrize(
    "source",
    [
        "import geomsup.training",
        "from geomsup.training.loop import train",
        "from geomsup.geometry import classify",
        "def f():\n    from geomsup.plotting import draw",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from geomsup.cli import X",
        "from geomsup import classify_geometry",
    ],
)
def test_a_forbidden_import_is_found(source: str) -> None:
    assert _forbidden("geometry.gram", source)


def test_a_row_draws_in_draw_alone() -> None:
    def inside(name: str) -> str:
        return f"def {name}(results):\n    from geomsup.plotting.style import INK"

    assert not _forbidden("experiments.sets.correlated", inside("draw"))
    assert _forbidden("experiments.sets.correlated", inside("check"))
    assert _forbidden("theory.loss", inside("draw"))


def test_only_the_methods_of_a_page_know_of_pages() -> None:
    def inside(name: str) -> str:
        return (
            f"class Shown:\n    def {name}(self):\n        from geomsup.report_page import page_of"
        )

    assert not _forbidden("showing", inside("to_html"))
    assert _forbidden("showing", inside("other"))
    assert _forbidden("geometry.report", inside("to_html"))
