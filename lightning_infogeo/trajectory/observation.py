"""What a record needs to know of every sample of one prediction, apart from where it was before."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distributions import entropies, log_probabilities, minus_half_logs, precise
from lightning_infogeo.distributions.chunks import pieces
from lightning_infogeo.geodesics import Plane, ignorance, truth


class Observation(NamedTuple):
    """One number a sample of each, whatever the number of classes.

    Attributes:
        finite: whether logits are a prediction, shape (N,), bool: no NaN, no +∞, and not −∞ for every class.
        entropies: nats, shape (N,).
        distances: −½ ln p_n(y_n), nats, shape (N,), +∞ where the label's logit is −∞; None without labels.
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
    parts = list(pieces(logits.shape[0], logits.shape[1]))
    if len(parts) == 1:
        return of_piece(logits, labels)
    seen = blank(logits, labels is not None)
    for rows in parts:
        fill(seen, rows, of_piece(logits[rows], None if labels is None else labels[rows]))
    return seen


def blank(like: Tensor, labelled: bool) -> Observation:
    """Returns an observation to be filled piece by piece, of as many samples as ``like``, shape (N, C), has.

    Made at once: small results that outlive large temporaries would leave holes in a CPU's memory, too small for the
    next ones, and a record of a large vocabulary would take gigabytes.
    """
    numbers = torch.zeros(6, len(like), dtype=precise(like[:0]).dtype, device=like.device)
    finite = torch.zeros(len(like), dtype=torch.bool, device=like.device)
    if not labelled:
        return Observation(finite, numbers[0], None, None)
    return Observation(finite, numbers[0], numbers[1], Plane(*numbers[2:]))


def fill(seen: Observation, rows: slice, part: Observation) -> None:
    """Writes what is known of some samples to where they stand among all."""
    seen.finite[rows] = part.finite
    seen.entropies[rows] = part.entropies
    if seen.distances is not None and part.distances is not None:
        seen.distances[rows] = part.distances
    if seen.plane is not None and part.plane is not None:
        for whole, values in zip(seen.plane, part.plane, strict=True):
            whole[rows] = values


def of_piece(logits: Tensor, labels: Tensor | None) -> Observation:
    """Returns ``observe`` of so few samples that all is done at once."""
    log_p = log_probabilities(logits)
    entropy = entropies(log_p)
    finite = entropy == entropy  # the log-softmax of what is no prediction is NaN in every class
    if labels is None:
        return Observation(finite, entropy, None, None)
    a = torch.exp(log_p / 2)
    return Observation(finite, entropy, minus_half_logs(log_p, labels), Plane.of(a, ignorance(a), truth(labels, a)))
