"""The course of a run: its progress and the length of its path at every record."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import BlockSize, Checkpoints, read
from lightning_infogeo.comparison.jobs import Work, fingerprint_of, sum_over_ranks
from lightning_infogeo.comparison.run import RecordedRun
from lightning_infogeo.distances import bhattacharyya, fisher_rao
from lightning_infogeo.geodesics import Objective, ignorance, progress, truth


class Course(NamedTuple):
    """The quantities of a run at each of its records.

    Attributes:
        steps: shape (T,).
        progress: the t of the nearest point on the geodesic from ignorance to truth, shape (T,), range [0, 1].
        fisher_rao: information length, the sum of d_FR over consecutive records so far, shape (T,), rad.
        riemann: Riemann length of arXiv 2210.17011, the sum of 2 √d_B; it is ``fisher_rao`` ÷ √2 for short steps.
        displacement: d_FR from the first record, shape (T,), rad.
        distance_to_truth: d_B to the labels, ½ cross-entropy unless clipped, shape (T,), nats per sample.
    """

    steps: Tensor
    progress: Tensor
    fisher_rao: Tensor
    riemann: Tensor
    displacement: Tensor
    distance_to_truth: Tensor

    @property
    def straightness(self) -> float:
        """Displacement ÷ information length at the last record, range (0, 1]; 1 where the run does not move."""
        length = float(self.fisher_rao[-1])
        return float(self.displacement[-1]) / length if length else 1.0


def courses(points: Checkpoints, labels: Tensor, objective: Objective, work: Work, content: str) -> list[Course]:
    """Returns the course of every run; runs are distributed over the ranks, and each is read once, block by block."""
    table = torch.zeros(5, len(points), dtype=torch.float64)
    fingerprint = fingerprint_of(content, labels.tolist(), objective)
    starts = points.starts.tolist()

    def compute(k: int) -> Tensor:
        return _quantities_of(points.runs[k], labels, objective, BlockSize.of(points, work.memory), work)

    for k, result in work.results("courses", len(points.runs), compute, fingerprint):
        table[:, starts[k] : starts[k + 1]] = result
    table = sum_over_ranks(table)
    return [
        Course(run.steps.cpu(), values[0], values[1].cumsum(0), values[2].cumsum(0), values[3], values[4])
        for run, values in zip(points.runs, torch.split(table, points.starts.diff().tolist(), dim=1), strict=True)
    ]


def _quantities_of(run: RecordedRun, labels: Tensor, objective: Objective, block_size: BlockSize, work: Work) -> Tensor:
    """Returns progress, the two lengths of each hop, displacement, and distance to truth, shape (5, T), float64."""
    first = read(run, torch.tensor([0])).to(work.device)
    start, end = ignorance(first[0]), truth(labels.to(work.device), first[0])
    # Progress compares a record with 32 points of the geodesic at a time.
    size = first[0].numel() * first.element_size() * 6 + 32 * 6 * first.shape[1] * first.element_size()
    rows, previous = [], first
    count = max(1, min(block_size.records, work.memory // size))
    for which in torch.split(torch.arange(len(run.steps)), count):
        block = read(run, which).to(work.device)
        before = torch.cat([previous, block[:-1]])
        values = [
            progress(block, start, end, objective),
            fisher_rao(before, block),
            2 * bhattacharyya(before, block).sqrt(),
            fisher_rao(first, block),
            bhattacharyya(block, end),
        ]
        rows.append(torch.stack([value.double() for value in values]).cpu())
        previous = block[-1:]
    return torch.cat(rows, dim=1)
