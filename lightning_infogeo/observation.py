"""What a record needs to know of every sample of one prediction, apart from where it was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distributions import entropies, log_probabilities, minus_half_logs
from lightning_infogeo.geodesics import Plane, ignorance, truth
from lightning_infogeo.pieces import pieces


class Observation(NamedTuple):
    """One number a sample of each, whatever the number of classes.

    Attributes:
        finite: whether all logits are, shape (N,), bool.
        entropies: nats, shape (N,).
        distances: −½ ln p_n(y_n), nats, shape (N,); None without labels.
        plane: where the prediction lies relative to the geodesic from ignorance to truth; None without labels.
    """

    finite: Tensor
    entropies: Tensor
    distances: Tensor | None
    plane: Plane | None


def observe(logits: Tensor, labels: Tensor | None = None) -> Observation:
    """Returns what there is to know, a few samples at a time; reads nothing back from the device.

    Args:
        logits: shape (N, C).
        labels: shape (N,), int64 class indices.
    """
    parts = [
        _piece(logits[rows], None if labels is None else labels[rows])
        for rows in pieces(logits.shape[0], logits.shape[1])
    ]
    return joined(parts)


def joined(parts: Sequence[Observation]) -> Observation:
    """Returns one observation of the samples of several, in order."""
    if len(parts) == 1:
        return parts[0]
    planes = [part.plane for part in parts if part.plane is not None]
    distances = [part.distances for part in parts if part.distances is not None]
    return Observation(
        torch.cat([part.finite for part in parts]),
        torch.cat([part.entropies for part in parts]),
        torch.cat(distances) if distances else None,
        Plane(*(torch.cat(column) for column in zip(*planes, strict=True))) if planes else None,
    )


def _piece(logits: Tensor, labels: Tensor | None) -> Observation:
    log_p = log_probabilities(logits)
    finite, entropy = logits.isfinite().all(-1), entropies(log_p)
    if labels is None:
        return Observation(finite, entropy, None, None)
    a = torch.exp(log_p / 2)
    return Observation(finite, entropy, minus_half_logs(log_p, labels), Plane.of(a, ignorance(a), truth(labels, a)))
