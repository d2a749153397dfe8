"""torchmetrics twins of the distances: between two sets of predictions, over batches and processes.

Each sums over samples and divides at the end, so that batches and processes of any size add up to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_infogeo.distances import (
    arc,
    arc_from_logits,
    bhattacharyya,
    bhattacharyya_from_logits,
    hellinger,
    hellinger_from_logits,
)

Given = Literal["logits", "probabilities"]


class _PredictionDistance(Metric):
    """The part that the distances share: a sum over samples, and their number."""

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0

    total: Tensor
    samples: Tensor

    def __init__(self, given: Given = "logits", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if given not in ("logits", "probabilities"):
            raise ValueError(f'`{type(self).__name__}(given={given!r})`: must be "logits" or "probabilities".')
        self.given = given
        self.add_state("total", default=torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("samples", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Adds a batch.

        Args:
            preds: one set of predictions, shape (N, C).
            target: the other, on the same samples, shape (N, C).

        Raises:
            ValueError: where shapes differ or are not (N, C).
        """
        if preds.dim() != 2 or preds.shape != target.shape:
            raise ValueError(
                f"`{type(self).__name__}.update`: both must have the same shape (N, C), got {tuple(preds.shape)} and "
                f"{tuple(target.shape)}."
            )
        self.total += self._sum(preds, target).to(self.total.dtype)
        self.samples += len(preds)

    def compute(self) -> Tensor:
        """Returns the distance over all batches so far; NaN before the first."""
        return (self.total / self.samples).float()

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Plots one or several values, as torchmetrics does."""
        return self._plot(val, ax)

    def _sum(self, preds: Tensor, target: Tensor) -> Tensor:
        raise NotImplementedError


class HellingerDistance(_PredictionDistance):
    """The mean squared Hellinger distance, ½ ‖√p − √q‖², range [0, 1].

    Functional twin: ``hellinger`` (of amplitudes) and ``hellinger_from_logits``.

    Args:
        given: whether predictions are "logits" or "probabilities".
        kwargs: of ``torchmetrics.Metric``.

    Raises:
        ValueError: where ``given`` is unknown.

    Example:
        >>> metric = HellingerDistance(given="probabilities")
        >>> metric(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.36, 0.64]]))
        tensor(0.4000)
    """

    plot_upper_bound = 1.0

    def _sum(self, preds: Tensor, target: Tensor) -> Tensor:
        if self.given == "logits":
            return hellinger_from_logits(preds, target, "sum")
        return hellinger(preds.sqrt(), target.sqrt(), "sum")


class BhattacharyyaDistance(_PredictionDistance):
    """The mean Bhattacharyya distance, −ln Σ √(p q), in nats per sample.

    From logits it is not clipped, and ∞ where predictions have no class in common; from probabilities it is clipped at
    87.34 nats (``OVERLAP_FLOOR``). Functional twin: ``bhattacharyya`` (of amplitudes) and
    ``bhattacharyya_from_logits``.

    Args:
        given: whether predictions are "logits" or "probabilities".
        kwargs: of ``torchmetrics.Metric``.

    Raises:
        ValueError: where ``given`` is unknown.

    Example:
        >>> metric = BhattacharyyaDistance(given="probabilities")
        >>> metric(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.full((1, 4), 0.25))
        tensor(0.6931)
    """

    def _sum(self, preds: Tensor, target: Tensor) -> Tensor:
        if self.given == "logits":
            return bhattacharyya_from_logits(preds, target, "sum")
        return bhattacharyya(preds.sqrt(), target.sqrt(), "sum")


class FisherRaoDistance(_PredictionDistance):
    """The Fisher–Rao distance per square root of the number of samples, 2 √(mean θ²), radians, range [0, π].

    Functional twin: ``fisher_rao`` (of amplitudes) and ``fisher_rao_from_logits``.

    Args:
        given: whether predictions are "logits" or "probabilities".
        kwargs: of ``torchmetrics.Metric``.

    Raises:
        ValueError: where ``given`` is unknown.

    Example:
        >>> metric = FisherRaoDistance(given="probabilities")
        >>> metric(torch.eye(2), torch.eye(2).flip(0))
        tensor(3.1416)
    """

    plot_upper_bound = 3.15

    def compute(self) -> Tensor:
        """Returns the distance over all batches so far; NaN before the first."""
        return (2 * (self.total / self.samples).sqrt()).float()

    def _sum(self, preds: Tensor, target: Tensor) -> Tensor:
        if self.given == "logits":
            return arc_from_logits(preds, target, "none").square().sum()
        return arc(preds.sqrt(), target.sqrt(), "none").square().sum()
