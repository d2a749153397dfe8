"""The quantities of every sample of one prediction that do not depend on earlier records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distributions import entropies, log_probabilities, precise
from lightning_infogeo.distributions.chunks import sample_chunks
from lightning_infogeo.geodesics import Plane


class Observation(NamedTuple):
    """Quantities of one prediction: one number of each for every sample.

    A further one is a field before ``distances``, and its value in ``observe_chunk``.

    Attributes:
        finite: whether the logits are valid, shape (N,), bool: no NaN, no +∞, and not −∞ for every class.
        entropies: nats, shape (N,).
        predicted: the likeliest class, shape (N,), whole numbers of a floating type.
        rivals: ln p of the likeliest class other than the label, nats, shape (N,); without labels of the likeliest.
        distances: −½ ln p_n(y_n), nats, shape (N,), +∞ where the label's logit is −∞; None without labels.
        plane: where the prediction lies relative to the geodesic from ignorance to truth; None without labels.
    """

    finite: Tensor
    entropies: Tensor
    predicted: Tensor
    rivals: Tensor
    distances: Tensor | None
    plane: Plane | None

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """All numbers of a sample, shape (N,) each: the fields in order, those of labels last and only with labels."""
        of_labels = () if self.distances is None or self.plane is None else (self.distances, *self.plane)
        return (*self[:-2], *of_labels)

    @classmethod
    def width(cls, labelled: bool) -> int:
        """Returns the number of ``columns``."""
        return len(cls._fields) - 2 + (1 + len(Plane._fields) if labelled else 0)

    @classmethod
    def of(cls, columns: Sequence[Tensor]) -> Observation:
        """Returns the observation that has these ``columns``, of any type."""
        finite, *others = columns
        plain, of_labels = others[: len(cls._fields) - 3], others[len(cls._fields) - 3 :]
        labelled = (of_labels[0], Plane(*of_labels[1:])) if of_labels else (None, None)
        return cls._make((finite == 1, *plain, *labelled))


class SampleMeasurements(NamedTuple):
    """What a record says of one probe's samples, before anything is averaged.

    Attributes:
        observation: of n samples.
        arcs: from the last record, the first, and, where there is a third row, one a lag ago, shape (2 or 3, n).
        sums: over samples, divided by the size of the whole probe: whatever the history and its picture need.
    """

    observation: Observation
    arcs: Tensor
    sums: Tensor


def observe(logits: Tensor, labels: Tensor | None = None, points: Tensor | None = None) -> Observation:
    """Returns the observation of a prediction, computed in chunks; reads nothing back from the device.

    Args:
        logits: shape (N, C).
        labels: shape (N,), int64 class indices.
        points: amplitudes of these logits, where they are known.
    """
    parts = list(sample_chunks(logits.shape[0], logits.shape[1]))
    if len(parts) == 1:
        return observe_chunk(logits, labels, points)
    observation = empty_observation(logits, labels is not None)
    for rows in parts:
        fill(observation, rows, observe_chunk(logits[rows], None if labels is None else labels[rows]))
    return observation


def empty_observation(like: Tensor, labelled: bool) -> Observation:
    """Returns an observation to be filled chunk by chunk, with as many samples as ``like``, shape (N, C).

    It is allocated at once: small results between large temporaries would fragment the CPU's memory, and a record of a
    large vocabulary would take gigabytes.
    """
    numbers = torch.zeros(Observation.width(labelled), len(like), dtype=precise(like[:0]).dtype, device=like.device)
    return Observation.of(numbers.unbind())


def fill(observation: Observation, rows: slice, part: Observation) -> None:
    """Writes the observation of some samples to their rows among all."""
    for whole, values in zip(observation.columns, part.columns, strict=True):
        whole[rows] = values


def observe_chunk(logits: Tensor, labels: Tensor | None, points: Tensor | None = None) -> Observation:
    """Returns ``observe`` of one chunk of samples."""
    log_p = log_probabilities(logits)
    entropy = entropies(log_p)
    plain = entropy == entropy, entropy  # the log-softmax of invalid logits is NaN in every class
    largest, likeliest = log_p.max(-1)
    predicted = likeliest.to(entropy)
    if labels is None:
        return Observation(*plain, predicted, largest, None, None)
    column = labels[:, None]
    rivals = log_p.scatter(-1, column, -torch.inf).amax(-1)
    plane = Plane.to_truth(torch.exp(log_p / 2) if points is None else points, column)
    distances = log_p.gather(-1, column)[:, 0].abs() / 2  # as ``minus_half_logs``
    return Observation(*plain, predicted, rivals, distances, plane)
