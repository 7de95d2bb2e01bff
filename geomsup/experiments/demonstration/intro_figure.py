"""Five features in two dimensions: a row of pictures for each importance, sparser to the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geomsup.experiments.demonstration.intro import Result
from geomsup.experiments.frame.model_figures import draw_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(results: Sequence[Result]) -> Figure:
    """Draw the best model of all seeds at every setting."""
    import matplotlib.pyplot as plt

    first = results[0]
    shape = first.losses.shape[:2]
    losses = np.concatenate([result.losses for result in results], axis=2)
    weights = np.concatenate([result.weights for result in results], axis=2)
    best = losses.argmin(2)
    limit = 1.35 * float(np.linalg.norm(weights, axis=3).max())
    figure = plt.figure(figsize=(3.1 * shape[1], 3.4 * shape[0]), layout="constrained")
    for (d, s), ax in np.ndenumerate(figure.subplots(*shape, squeeze=False)):
        names = [name for result in results for name in result.names[d][s]]
        k = int(best[d, s])
        decay = float(first.decays[d])
        importance = "equal importance" if decay == 1.0 else f"importance {decay:g}$^i$"
        draw_model(
            weights[d, s, k],
            ax,
            f"{importance}, sparsity {first.sparsities[s]:g}\n"
            f"{names[k]}\nloss {losses[d, s, k]:.4f}, best known {first.best_losses[d, s]:.4f}",
            limit=limit,
        )
    return figure
