"""How far the prediction on each sample moved between two records."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from infogeo_tensorboard.answers import moved as distances_moved
from lightning_infogeo.samples.reading import PART, FiniteRecords
from lightning_infogeo.trajectory import Trajectory


class Movement(NamedTuple):
    """How far each sample moved from one record to the next.

    Attributes:
        distances: Fisher–Rao distance 2 arccos Σ_c sqrt(p q) of each sample, shape (N,), float64, rad, in [0, π].
        step: of the record.
        before: step of the record before.
    """

    distances: Tensor
    step: int
    before: int


def moved(trajectory: Trajectory, step: int | None = None) -> Movement:
    """Returns how far the prediction on each sample moved since the record before; it needs no labels.

    ``moved(trajectory).distances.argsort(descending=True)`` lists the samples, those that moved most first. The root
    of their mean square is the Fisher–Rao distance between the two records, which adds to ``length``.

    Args:
        trajectory: opened from an archive.
        step: optimizer step of the later of the two: the record with finite logits nearest to it, the earlier of two
            equally near; None for the last.

    Raises:
        RuntimeError: where the trajectory was not opened from an archive.
        ValueError: where that is the first record, before which there is none.
    """
    amplitudes = FiniteRecords.of(trajectory)
    steps = trajectory.steps[amplitudes.which]
    record = len(steps) - 1 if step is None else int((steps - step).abs().argmin())
    if record == 0:
        raise ValueError(
            f"`moved(trajectory, step={step})`: the record at {int(steps[0])} is the first; none is before."
        )
    _, samples, classes = amplitudes.shape
    size = max(1, PART // (16 * classes))
    parts = []
    for start in range(0, samples, size):
        before, after = amplitudes[record - 1 : record + 1, slice(start, start + size)].numpy()
        parts.append(torch.from_numpy(distances_moved(before, after)))
    return Movement(torch.cat(parts), int(steps[record]), int(steps[record - 1]))
