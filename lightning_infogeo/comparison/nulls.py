"""A scale for distances: how far apart two runs are that share their loss curve and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_infogeo.comparison.jobs import Work, fingerprint_of, sum_over_ranks
from lightning_infogeo.comparison.reindexed import ReindexedRun
from lightning_infogeo.distances import bhattacharyya, fisher_rao


def shuffled_within_classes(labels: Tensor, seed: int) -> Tensor:
    """Returns a permutation of the samples that keeps every label in its place, shape (N,).

    Example:
        >>> labels = torch.tensor([0, 1, 0, 1, 2])
        >>> order = shuffled_within_classes(labels, seed=1)
        >>> bool((labels[order] == labels).all()), int(order[4])
        (True, 4)
    """
    random = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    order = torch.empty_like(random)
    order[labels.argsort(stable=True)] = random[labels[random].argsort(stable=True)]
    return order


def shuffle_null(
    runs: Sequence[ReindexedRun], labels: Tensor, n: int, draws: int, seed: int, work: Work, content: str = ""
) -> tuple[Tensor, Tensor]:
    """Returns each run's distance to itself with samples shuffled, shape (R, draws), and its re-indexed length, (R,).

    The samples of the probe are permuted within their classes, the same way at every record: the copy has the same loss
    and the same progress at every step, but learned other samples first. Runs that are closer to each other than this
    agree on more than the loss. A class with one sample stays as it is. Distances are over the progress that the run
    reaches. The re-indexed length is the information length over the n values of progress; unlike the length over
    records it does not depend on the recording schedule.

    The published comparison is of run A with another run B shuffled: ``at_equal_progress(shuffle=)``.
    """
    orders = [shuffled_within_classes(labels, seed + draw) for draw in range(draws)]
    samples, classes = runs[0].run.amplitudes.shape[1:]
    grid = max(1, min(n, work.memory // (8 * samples * classes * 10)))

    def compute(k: int) -> Tensor:
        result = torch.zeros(draws + 1, dtype=torch.float64)
        previous = None
        for start in range(0, n, grid):
            part = runs[k].read(slice(start, start + grid)).to(work.device)
            for draw, order in enumerate(orders):
                reached = part[: max(0, runs[k].reach - start)]
                result[draw] += float(bhattacharyya(reached, reached[:, order]).double().sum()) / runs[k].reach
            path = part if previous is None else torch.cat([previous, part])
            result[draws] += float(fisher_rao(path[:-1], path[1:]).double().sum())
            previous = part[-1:]
        return result

    values = torch.zeros(len(runs), draws + 1, dtype=torch.float64)
    fingerprint = fingerprint_of(content, labels.tolist(), n, draws, seed, grid, [run.reach for run in runs])
    for k, result in work.results("null", len(runs), compute, fingerprint):
        values[k] = result
    values = sum_over_ranks(values)
    return values[:, :draws], values[:, draws]
