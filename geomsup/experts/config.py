"""Which mixtures of experts to train: the toy model of each expert, and how inputs are routed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from geomsup.errors import GeomsupError
from geomsup.training.config import ToyModelConfig
from geomsup.validation import number_from_zero, one_of, positive_integer, positive_number

__all__ = ["GATES", "MixtureConfig"]

GATES = ("weighted", "straight-through")


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """A mixture of toy models with a router that sends each input to one of them.

    The router computes probabilities π = softmax(Rx), and the expert e with the largest answers:
    x̂ = π_e · ReLU(W_eᵀW_e x + b_e), as in the Switch Transformer (Fedus et al. 2021, equation 2).

    Parameters
    ----------
    toy : ToyModelConfig
        An expert, its ``n_hidden`` being the dimensions that are at work for one input; and data,
        batches, steps and learning rate of the training.  ``n_instances`` mixtures are trained.
    n_experts : int, default 4
        With one expert this is the toy model itself.
    gate : {"weighted", "straight-through"}, default "weighted"
        Multiply the answer with π_e; or let it be, and use the gradient for π_e all the same
        (Bengio et al. 2013), so that routing does not make answers shorter.
    balance : float, default 0.01
        α of the loss that keeps experts equally busy, α · n_experts · Σ_e f_e P_e, where f_e is
        the share of inputs that expert e gets and P_e the mean of π_e (equations 4 to 6).
    capacity_factor : float, default 1.25
        An expert takes at most ``capacity_factor`` times its equal share of a batch; what comes
        after that in the batch is answered by zero (section 2.2).  In training only.

    Raises
    ------
    GeomsupError
        If a value cannot be meant, or the experts are not tied ReLU-output models.

    Examples
    --------
    >>> from geomsup.experts import MixtureConfig
    >>> from geomsup.training import ToyModelConfig
    >>> config = MixtureConfig(toy=ToyModelConfig(n_features=40, n_hidden=5), n_experts=4)
    >>> config.capacity  # inputs of a batch of 1024
    320
    """

    toy: ToyModelConfig
    n_experts: int = 4
    gate: str = field(default="weighted", metadata={"choices": GATES})
    balance: float = 0.01
    capacity_factor: float = 1.25

    def __post_init__(self) -> None:
        toy = self.toy
        if not isinstance(toy, ToyModelConfig):
            raise GeomsupError(f"toy must be a ToyModelConfig, got {type(toy).__name__}")
        if unlike := toy.unlike_plain("n_records", "dataset_size"):
            name, usual, own = unlike
            raise GeomsupError(
                f"experts are tied ReLU-output models, with {name}={usual!r}, got {own!r}"
            )
        if toy.weight_decay and not toy.decoupled_decay:
            raise GeomsupError(
                f"experts know weight_decay of optimizer='adamw' only, got {toy.weight_decay:g} "
                f"with {toy.optimizer!r}"
            )
        one_of("gate", self.gate, GATES)
        object.__setattr__(self, "n_experts", positive_integer("n_experts", self.n_experts))
        factor = positive_number("capacity_factor", self.capacity_factor)
        object.__setattr__(self, "capacity_factor", factor)
        object.__setattr__(self, "balance", number_from_zero("balance", self.balance))

    @property
    def capacity(self) -> int:
        """The most inputs of a batch that an expert takes in training."""
        size = self.toy.batch_size
        share = self.capacity_factor * size / self.n_experts
        # Rounded up, but not for the last bits of a product.
        return min(size, int(-(-round(share, 9) // 1)))

    def to_dict(self) -> dict[str, Any]:
        """All settings as numbers, strings and nested lists, ready for JSON."""
        return {**vars(self), "toy": self.toy.to_dict()}
