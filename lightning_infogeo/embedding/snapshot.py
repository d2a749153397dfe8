"""The data of an embedding that leave the device: one matrix for each trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from lightning_infogeo.trajectory.history import HistoryState, table

MILESTONES = 11
"""Points of the geodesic from ignorance to truth that are embedded."""

_BASE = 2**20


class Snapshot(NamedTuple):
    """What a picture of the trajectories of some probes is made of.

    Attributes:
        probes: their names.
        matrix: see ``snapshot``, or ``References.snapshot``.
        referred: whether they are drawn on the axes of finished runs.
    """

    probes: tuple[str, ...]
    matrix: Tensor
    referred: bool


def snapshot(
    histories: Sequence[HistoryState], labels: Tensor | None, used: int, sketch: Sketch | None = None
) -> Tensor:
    """Returns the data of an embedding as one matrix with a row for each slot; reads nothing back from the device.

    Columns: distances to the slots of all histories; weight; step, as two digits to the base 2²⁰, each exact in
    float32; and distances to ignorance, or with labels to eleven points of the geodesic from ignorance to truth.

    Args:
        histories: of the same capacity K, samples and classes.
        labels: of the samples, shape (N,), or None.
        used: the most slots in use.
        sketch: by which the histories' amplitudes are sketched; None where they are not.
    """
    like = histories[0].amplitudes[0]
    positions = torch.linspace(0, 1, MILESTONES, device=like.device)
    if sketch is not None:
        milestones = sketch.geodesic(labels, positions)
    elif labels is not None:
        milestones = geodesic(ignorance(like), truth(labels, like), positions)
    else:
        milestones = ignorance(like)[None]
    floor = OVERLAP_FLOOR if sketch is None else sketch.floor
    return torch.cat([_rows(history, histories, milestones, used, floor) for history in histories])


def _rows(
    history: HistoryState, histories: Sequence[HistoryState], milestones: Tensor, used: int, floor: float
) -> Tensor:
    columns = [table(history, used, floor, None if other is history else other) for other in histories]
    to_milestones = history.gaps.new_zeros(len(history.steps), len(milestones))
    to_milestones[:used] = pairwise_bhattacharyya(history.amplitudes[:used], milestones, floor=floor).to(to_milestones)
    return torch.cat([*columns, history.weights[:, None], digits(history.steps), to_milestones], dim=1)


def digits(steps: Tensor) -> Tensor:
    """Returns steps as two digits to the base 2²⁰, each exact in float32, shape (K, 2)."""
    return torch.stack([steps // _BASE, steps % _BASE], dim=1).float()


def steps_of(digits: Tensor) -> Tensor:
    """Returns the steps of ``digits``, shape (K,), int64."""
    return (digits[:, 0] * _BASE + digits[:, 1]).long()
