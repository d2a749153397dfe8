"""Runs that were taught wrong labels first, beside those that were not: do they come to the path of the others?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_infogeo import Trajectory, bhattacharyya, progress, reindex
from lightning_infogeo.geodesics import ignorance, truth
from replications.manifold_runs import Run

VALUES = 100
"""Of progress, at which runs are compared."""
_EARLY, _LATE = 10, 90
"""Per cent of progress between which they are expected to come together."""
Pair = tuple[int, int]


class Pairs(NamedTuple):
    """Pairs of runs, the same ones at every value of progress.

    Attributes:
        runs: of each pair.
        distances: d_B at equal progress, shape (P, reached).
    """

    runs: tuple[Pair, ...]
    distances: Tensor

    def mean(self, times: NDArray[np.int_] | None = None) -> Tensor:
        """Returns the mean over the pairs at each value of progress, shape (reached,).

        Args:
            times: how often each run was drawn; a pair counts as often as both of its runs together.
        """
        if times is None:
            return self.distances.mean(0)
        weights = torch.tensor([float(times[a] * times[b]) for a, b in self.runs], dtype=torch.float64)
        return weights @ self.distances / weights.sum()


class Beginnings(NamedTuple):
    """Distances by progress, up to the last value, 0.9 at most, that every run taught wrong labels and its kin reach.

    Attributes:
        kin: of runs that were taught wrong labels from runs of the same architecture and optimizer that were not.
        alike: between these, which differ in their seed alone.
        others: of runs that were taught wrong labels from all others that reach as far.
        cells: runs of the same kind and beginning, among those in ``kin``.
    """

    kin: Pairs
    alike: Pairs
    others: Pairs
    cells: tuple[tuple[int, ...], ...]

    @property
    def late(self) -> int:
        """Number of values of progress."""
        return self.kin.distances.shape[1]

    def excess(self, times: NDArray[np.int_] | None = None) -> tuple[float, float]:
        """Returns by how much kin are farther apart than seeds, early and late.

        Args:
            times: how often each run was drawn; None for once each.
        """
        beyond = self.kin.mean(times) - self.alike.mean(times)
        return float(beyond[_EARLY - 1]), float(beyond[-1])

    def interval(self, draws: int = 999, seed: int = 0) -> tuple[float, float]:
        """Returns the 95 % interval of late ÷ early excess, seeds being drawn with replacement within their cells.

        Infinite at both ends where a draw in forty has no excess early, so that there is nothing to come together.
        """
        random = np.random.default_rng(seed)
        found: list[tuple[float, float]] = []
        while len(found) < draws:
            times = np.zeros(1 + max(max(cell) for cell in self.cells), dtype=int)
            for cell in self.cells:
                np.add.at(times, random.choice(cell, len(cell)), 1)
            if any(times[a] * times[b] for a, b in self.alike.runs):
                found.append(self.excess(times))
        early, late = np.array(found).T
        if np.quantile(early, 0.025) <= 0:
            return -np.inf, np.inf
        low, high = np.quantile(late / early, (0.025, 0.975))
        return float(low), float(high)


def measure(runs: Sequence[Run], learnt: Sequence[Trajectory]) -> Beginnings:
    """Compares the runs on true labels of one data set and probe, at equal progress.

    Args:
        runs: all on true labels.
        learnt: what was recorded of each.
    """
    kinds = [run._replace(seed=0, beginning="") for run in runs]
    wrong = [k for k, run in enumerate(runs) if run.beginning == "wrong labels"]
    plain = [k for k, run in enumerate(runs) if run.beginning == "random"]
    of_them = list(dict.fromkeys(kinds[k] for k in wrong))
    kin = [k for k in plain if kinds[k] in of_them]
    grids, reach = zip(*map(_at_equal_progress, learnt), strict=True)
    late = min(_LATE, *(reach[k] for k in (*wrong, *kin)))
    cells = [tuple(k for k in some if kinds[k] == kind) for kind, some in product(of_them, (wrong, plain))]

    def pairs(chosen: Sequence[Pair]) -> Pairs:
        table = [bhattacharyya(grids[a][:late], grids[b][:late]).double() for a, b in chosen]
        return Pairs(tuple(chosen), torch.stack(table))

    def same(a: int, b: int) -> bool:
        return kinds[a] == kinds[b]

    return Beginnings(
        pairs([pair for pair in product(wrong, kin) if same(*pair)]),
        pairs([pair for pair in combinations(kin, 2) if same(*pair)]),
        pairs([pair for pair in product(wrong, plain) if reach[pair[1]] >= late]),
        tuple(cells),
    )


def _at_equal_progress(run: Trajectory) -> tuple[Tensor, int]:
    """Returns a run at VALUES values of progress, and how many of them it reaches."""
    assert run.labels is not None
    amplitudes = torch.as_tensor(run.amplitudes[:])
    way = progress(amplitudes, ignorance(amplitudes[0]), truth(run.labels, amplitudes[0]))
    return reindex(amplitudes, way, VALUES), int(VALUES * (float(way.max()) + 1e-6))
