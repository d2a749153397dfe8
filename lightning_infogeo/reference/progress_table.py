"""Comparing a running training with finished runs: its distance from their paths, and its lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import bhattacharyya
from lightning_infogeo.geodesics import geodesic, ignorance, progress, reindex, truth
from lightning_infogeo.quantities import REFERENCE_QUANTITIES, names
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = names(REFERENCE_QUANTITIES)
"""What a record adds for a probe with a reference, in the order of the vector that ``against`` returns."""

_BLOCK = 2**26
"""Bytes of amplitudes read at a time."""


class Reference(NamedTuple):
    """Finished runs by progress.

    Attributes:
        tables: predictions at G equally spaced values of progress in (0, 1], shape (R, G, N, C), float32.
        steps: step at which each run first reaches these, linear between records, shape (R, G); NaN where it never
            does.
    """

    tables: Tensor
    steps: Tensor


def reference(trajectories: Sequence[Trajectory], values: int = 100) -> Reference:
    """Returns the tables of finished runs for ``against``; reads the archives a few records at a time.

    Args:
        trajectories: opened from archives, of the same probe with labels.
        values: number of equally spaced values of progress, up to 1.

    Raises:
        ValueError: where a trajectory has no labels or no finite record.
    """
    tables, steps = [], []
    for trajectory in trajectories:
        labels = trajectory.labels
        finite = trajectory.length.isfinite().nonzero()[:, 0]
        if labels is None or not len(finite):
            raise ValueError(f"`reference(trajectories=...)`: {trajectory.name!r} has no labels or no finite record.")
        reached = torch.cat([_progress(part, labels) for part in amplitude_blocks(trajectory, finite)])
        before, after = _bracketing(reached, values)
        needed = torch.unique(torch.cat([before, after]))
        position = torch.zeros(len(finite), dtype=torch.int64)
        position[needed] = torch.arange(len(needed))
        amplitudes = torch.cat(list(amplitude_blocks(trajectory, finite[needed])))
        tables.append(reindex(amplitudes, reached[needed], values))
        steps.append(_steps(trajectory.steps[finite].double(), reached.double(), before, after, values))
    return Reference(torch.stack(tables), torch.stack(steps))


def against(reference: Reference, step: int, amplitudes: Tensor, progress: Tensor) -> Tensor:
    """Returns ``QUANTITIES`` of a running training; reads nothing back from the device.

    - distance_to_reference: d_B to the nearest reference at equal progress, nats per sample;
    - lead: how many optimizer steps later that reference reached this progress: positive ahead of it, negative behind,
      NaN where it never did.

    Args:
        reference: on the device of the predictions.
        step: optimizer steps taken.
        amplitudes: shape (N, C).
        progress: of these amplitudes, scalar, range [0, 1]; NaN gives NaN.

    Returns:
        Shape (2,), of the type of ``progress``.
    """
    values = reference.tables.shape[1]
    position = (progress.nan_to_num(0) * values - 1).clamp(0, values - 1)
    low = position.floor().long().clamp_max(max(values - 2, 0))
    high = (low + 1).clamp_max(values - 1)
    fraction = position - low
    left, right = (reference.tables.index_select(1, index[None])[:, 0] for index in (low, high))
    on_reference = torch.stack([geodesic(a, b, fraction.to(a.dtype)) for a, b in zip(left, right, strict=True)])
    distances = bhattacharyya(on_reference, amplitudes.to(on_reference.dtype))
    nearest = distances.argmin()
    reached = reference.steps.index_select(0, nearest[None])[0]
    ahead = torch.lerp(reached.index_select(0, low[None])[0], reached.index_select(0, high[None])[0], fraction.double())
    measured = {"distance_to_reference": distances.index_select(0, nearest[None])[0], "lead": ahead - step}
    record = torch.stack([measured[name].to(progress) for name in QUANTITIES])
    return torch.where(progress.isfinite(), record, torch.nan)


def amplitude_blocks(trajectory: Trajectory, records: Tensor) -> Iterator[Tensor]:
    """Yields the predictions of some records of an archive, a few at a time."""
    amplitudes = trajectory.amplitudes
    size = max(1, _BLOCK // (4 * amplitudes.shape[1] * amplitudes.shape[2]))
    return (amplitudes[part].float() for part in torch.split(records, size))


def _progress(amplitudes: Tensor, labels: Tensor) -> Tensor:
    return progress(amplitudes, ignorance(amplitudes[0]), truth(labels, amplitudes[0]))


def _bracketing(reached: Tensor, values: int) -> tuple[Tensor, Tensor]:
    """Returns for each value of progress the first record past it, after the one before that: (before, after)."""
    grid = torch.arange(1, values + 1, dtype=reached.dtype) / values
    after = torch.searchsorted(reached.cummax(0).values, grid).clamp_max(len(reached) - 1)
    return (after - 1).clamp_min(0), after


def _steps(steps: Tensor, reached: Tensor, before: Tensor, after: Tensor, values: int) -> Tensor:
    grid = torch.arange(1, values + 1, dtype=torch.float64) / values
    rise = reached[after] - reached[before]
    fraction = torch.where(rise > 0, (grid - reached[before]) / rise, 1.0).clamp(0, 1)
    passed = torch.lerp(steps[before], steps[after], fraction)
    return torch.where(reached.max() >= grid, passed, torch.nan)
