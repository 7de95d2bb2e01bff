"""Features of falling importance, ever sparser: what a linear and a ReLU model store.

The linear model is principal component analysis: with independent features of equal variance the
covariance is a multiple of one, and what is stored is decided by importance alone.  So its best
loss is known: the m most important features are kept, and each other one loses I (p/3 − p²/4).

Batches hold hardly any of the rarest features.  So a ReLU model goes on by descent on the exact
loss, unless it is so large that this would take hours; what is said is said of where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import at_each, descended, exact_losses, span
from geomsup.theory.moments import open_terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Config", "Result", "check", "draw", "linear_loss", "run", "stored", "superposition"]

FloatArray = NDArray[np.float64]

# A feature is stored when |W_i|² is larger than half of what a feature by itself gets.
_STORED = 0.5
# The linear model "keeps the top m": its loss is within so much of the best linear one.
_REACHED = 0.02
# A stored feature shares its direction when others use so much of it, and the less important share
# first when this is the share of (dedicated, shared) pairs in which the dedicated matters more.
_SHARED, _IN_ORDER = 0.1, 0.9
_SPARSE, _DENSE = 0.03, 0.3
MODELS = ("linear", "relu")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Published values but for the training, of which the source says nothing."""

    n_features: int = 20
    n_hidden: int = 5
    decay: float = 0.7
    feature_probabilities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    n_restarts: int = 4
    n_steps: int = 12_000
    batch_size: int = 2048
    learning_rate: float = 1e-2
    descends: bool = True  # whether ReLU models go on by descent on the exact loss


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The best restart of both kinds of model at every probability."""

    feature_probabilities: FloatArray  # (n_p,)
    importance: FloatArray  # (n_features,)
    weights: FloatArray  # (2, n_p, n_hidden, n_features); linear, then ReLU
    biases: FloatArray  # (2, n_p, n_features)
    losses: FloatArray  # (2, n_p), exact
    trained_losses: FloatArray  # (n_p,), exact, of the ReLU models before the descent


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train both kinds of models and keep the lowest loss of each."""
    p = np.array(config.feature_probabilities)
    importance: FloatArray = np.power(config.decay, np.arange(config.n_features, dtype=np.float64))
    best = []
    for output in MODELS:
        models = model_config(
            config,
            feature_probability=p[:, None],
            importance=importance,
            output_activation=output,
            n_instances=len(p) * config.n_restarts,
            lr_schedule="cosine",
        )
        best.append(trainer.train(output, models, seed).best_of_each())
    weights = np.array([[model.W for model in models] for models in best])
    biases = np.array([[model.b for model in models] for models in best])
    trained_losses = losses = exact_losses(weights[1], biases[1], p[:, None], importance)
    if config.descends:
        ends = [
            descended(weights[1, [k]], biases[1, [k]], float(each), importance)
            for k, each in enumerate(p)
        ]
        weights[1], biases[1], losses = (np.concatenate(parts) for parts in zip(*ends, strict=True))
    return Result(
        feature_probabilities=p,
        importance=importance,
        weights=weights,
        biases=biases,
        losses=np.array([linear_losses(weights[0], biases[0], p, importance), losses]),
        trained_losses=trained_losses,
    )


def linear_loss(p: FloatArray, importance: FloatArray, n_hidden: int) -> FloatArray:
    """Loss of the best linear model, at each probability.

    Examples
    --------
    >>> linear_loss(np.array([1.0]), np.ones(3), 2).round(12).tolist() == [round(1 / 12, 12)]
    True
    """
    dropped = np.sort(importance)[: len(importance) - n_hidden].sum()
    return np.asarray(dropped * (p / 3.0 - p**2 / 4.0))


def linear_losses(
    weights: FloatArray, biases: FloatArray, p: FloatArray, importance: FloatArray
) -> FloatArray:
    """Expected losses of linear models x̂ = WᵀWx + b, each at its own probability.

    For weights of shape (n_p, n_hidden, n_features).  The residual is linear in x, so two moments
    of the data make the loss, without a sample and its error.
    """
    n = weights.shape[-1]
    return np.array(
        [
            open_terms(W.T @ W, b, np.arange(n), np.full((n, n), each)).loss @ importance
            for W, b, each in zip(weights, biases, p, strict=True)
        ]
    )


def stored(weights: FloatArray) -> NDArray[np.bool_]:
    """Which features are stored, for weights of shape (…, n_hidden, n_features)."""
    return np.asarray((weights**2).sum(axis=-2) > _STORED)


def superposition(weights: FloatArray) -> FloatArray:
    """Σ_{j≠i} (Ŵ_i·W_j)², how much of each feature's direction others use; the paper's colour."""
    norms = np.maximum(np.linalg.norm(weights, axis=-2, keepdims=True), 1e-12)
    along = np.swapaxes(weights / norms, -1, -2) @ weights
    return np.asarray((along**2).sum(axis=-1) - (weights**2).sum(axis=-2))


def in_order(weights: FloatArray) -> float:
    """In how many pairs of a dedicated and a shared feature the dedicated one comes first.

    ½ where features are as mixed as by chance, NaN where all stored features are of one kind.

    Examples
    --------
    >>> in_order(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -1.0]]))
    1.0
    """
    kept = stored(weights)
    shared = np.flatnonzero(kept & (superposition(weights) > _SHARED))
    dedicated = np.flatnonzero(kept & (superposition(weights) <= _SHARED))
    if not (shared.size and dedicated.size):
        return float("nan")
    return float((dedicated[:, None] < shared).mean())


def check(results: Sequence[Result]) -> Outcome:
    """Compare the linear models with PCA, and count what the ReLU models store."""
    p = results[0].feature_probabilities
    m = results[0].weights.shape[2]
    top = np.arange(results[0].weights.shape[3]) < m
    linear = np.array([stored(one.weights[0]) for one in results])  # (seed, p, feature)
    relu = np.array([stored(one.weights[1]).sum(axis=-1) for one in results])
    losses = np.array([one.losses for one in results])  # (seed, model, p)
    ratios = losses[:, 0] / np.array([linear_loss(p, one.importance, m) for one in results])
    gains = losses[:, 1] / losses[:, 0]
    short = np.array([one.trained_losses for one in results]) / losses[:, 1] - 1.0
    order = np.array([[in_order(W) for W in one.weights[1]] for one in results])
    mixed = ~np.isnan(order)
    both = mixed.any(axis=0)
    shares = at_each([span(column, ".0%") for column in order.T[both]], p[both], at="at ")
    keeps = (linear == top).all(axis=-1) & (ratios <= 1.0 + _REACHED)
    sparse, dense = p <= _SPARSE, p >= _DENSE
    counts = at_each([span(column, "d") for column in relu.T], p, at="at ")
    return Outcome(
        claims=(
            Claim(
                says=f"the linear model keeps the {m} most important features at every sparsity",
                found=f"exactly these in {keeps.mean():.0%} of the models; losses "
                f"{span(ratios.ravel(), '.3f')} times the best linear one",
                by_seed=tuple(keeps.ravel()),
            ),
            Claim(
                says="the ReLU model stores more features the sparser they are",
                found=f"stored at 1−S: {counts}{_stopped(short, p)}",
                by_seed=tuple(
                    row[sparse].min() > row[dense].max() and row[-1] >= row[0] for row in relu
                ),
            ),
            Claim(
                says=f"and has features in superposition, more than {m} of them",
                found=f"{span(relu[:, sparse].ravel(), 'd')} at 1−S ≤ {_SPARSE:g}; its loss there "
                f"is {span(gains[:, sparse].ravel(), '.2f')} times that of the linear model",
                by_seed=tuple((relu[:, sparse] > m).all(axis=1)),
            ),
            Claim(
                says="the less important features are the first in superposition",
                found="pairs in which a feature with a direction of its own matters more than one "
                f"that shares, where there are both: {shares or 'nowhere'}",
                by_seed=tuple(
                    bool(row.any()) and order[k, row].mean() >= _IN_ORDER
                    for k, row in enumerate(mixed)
                ),
            ),
        ),
        numbers={
            "feature_probability": p,
            "stored_relu": relu,
            "stored_linear": linear.sum(axis=-1),
            "loss_linear_over_pca": ratios,
            "loss_relu_over_linear": gains,
            "trained_above_minimum": short,
            "in_order": order,
        },
    )


def _stopped(short: FloatArray, p: FloatArray) -> str:
    """By how much training stopped above the ends of the descents, where there were some."""
    if not short.any():
        return ""
    at = p[short.max(axis=0).argmax()]
    return f"; training stopped up to {short.max():.1%} above the exact minimum, at {at:g}"


def draw(results: Sequence[Result]) -> Figure:
    """WᵀW with the biases, and norms coloured by superposition, of the first seed's models.

    One linear model, because all are alike, then the ReLU models by sparsity.
    """
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    from geomsup.plotting.style import DIVERGING, INK, SEQUENTIAL

    one = results[0]
    chosen = [("linear", 0, 0), *(("ReLU", 1, k) for k in range(len(one.feature_probabilities)))]
    figure, axes = plt.subplots(
        2,
        len(chosen),
        figsize=(1.55 * len(chosen) + 0.8, 4.9),
        height_ratios=[1.0, 1.25],
        layout="constrained",
    )
    n = one.weights.shape[-1]
    amount = Normalize(0.0, 1.0)
    colors = plt.get_cmap(SEQUENTIAL)
    widest = 1.05 * float(np.linalg.norm(one.weights, axis=2).max())
    for (kind, row, k), (above, below) in zip(chosen, axes.T, strict=True):
        W, b = one.weights[row, k], one.biases[row, k]
        # The bias is one more column, apart from the matrix.
        table = np.column_stack([W.T @ W, np.full(n, np.nan), b])
        image = above.imshow(table, cmap=DIVERGING, vmin=-1.2, vmax=1.2, aspect="auto")
        above.set(xticks=[], yticks=[])
        p = one.feature_probabilities[k]
        above.set_title(f"{kind}\n1−S = {p:g}" if kind == "ReLU" else "linear", fontsize=9)
        below.barh(
            np.arange(n),
            np.linalg.norm(W, axis=0),
            height=1.0,
            color=colors(amount(superposition(W))),
        )
        below.set(ylim=(n - 0.5, -0.5), xlim=(0, widest), yticks=[])
        below.spines[["top", "right"]].set_visible(False)
        below.set_xlabel("|W_i|", fontsize=8)
        below.tick_params(labelsize=7)
    axes[0, 0].set_ylabel("WᵀW, and b", color=INK)
    axes[1, 0].set_ylabel("features, most important first", color=INK)
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.9, pad=0.01)
    figure.colorbar(
        ScalarMappable(amount, colors), ax=axes[1].tolist(), shrink=0.9, pad=0.01, extend="max"
    ).set_label("superposition Σ (Ŵ_i·W_j)²", fontsize=8)
    return figure
