"""What the runs on one data set are measured to be: maps, distances, and those of their shuffled copies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_infogeo import Trajectory, bhattacharyya, progress, reindex
from lightning_infogeo.comparison import (
    Comparison,
    JointEmbedding,
    Recording,
    compare,
    joint_embedding,
    shuffled_within_classes,
)
from lightning_infogeo.geodesics import ignorance, truth
from replications.manifold_runs import Run

VALUES = 100


class Found(NamedTuple):
    """The runs on one data set and probe.

    Attributes:
        data: name of the data set.
        probe: "train" or "val".
        runs: on true labels.
        comparison: of these.
        null: the map of the same runs, in each of which samples are shuffled within classes in another way.
        controls: largest progress of each run on shuffled labels, shape (K,).
        apart: distance of each of these from each run on true labels, over the whole range of progress, shape (K, R).
        pool: distance of runs that began with wrong labels from those that did not, at each value of progress, shape
            (VALUES,): means over the pairs that both reach it, NaN where there are none.
        kin: the same from runs of the same architecture and optimizer alone.
        alike: distance between these runs, which differ in their seed alone.
    """

    data: str
    probe: str
    runs: tuple[Run, ...]
    comparison: Comparison
    null: JointEmbedding
    controls: Tensor
    apart: Tensor
    pool: Tensor
    kin: Tensor
    alike: Tensor

    def where(self, **values: str | Sequence[str]) -> NDArray[np.bool_]:
        """Returns which runs have these values, shape (R,): ``where(optimizer="adam")``."""
        chosen = [
            all(getattr(run, key) in ([value] if isinstance(value, str) else value) for key, value in values.items())
            for run in self.runs
        ]
        return np.array(chosen)

    @property
    def pairs(self) -> NDArray[np.float64]:
        """Distances between trajectories over the progress that both reach, shape (R, R)."""
        return self.comparison.distances.numpy()


def measure(data: str, probe: str, runs: Sequence[Run], archives: Sequence[Path]) -> Found:
    """Reads the archives of the runs on a data set and compares them on one of their probes."""
    opened = {run: Trajectory.open(path, probe) for run, path in zip(runs, archives, strict=True)}
    true = [run for run in runs if run.labels == "true"]
    learnt = [opened[run] for run in true]
    controls = [trajectory for run, trajectory in opened.items() if run.labels == "shuffled"]
    together = compare([*controls, *learnt], draws=0, n=VALUES)
    return Found(
        data,
        probe,
        tuple(true),
        compare(learnt, n=VALUES),
        joint_embedding([_shuffled(trajectory, seed) for seed, trajectory in enumerate(learnt)]),
        torch.tensor([float(course.progress.max()) for course in together.courses[: len(controls)]]),
        together.whole_range[: len(controls), len(controls) :],
        *_coming_together(true, learnt),
    )


def _shuffled(run: Trajectory, seed: int) -> Recording:
    """Returns a run whose samples trade places within their classes: its loss is the same at every record."""
    assert run.labels is not None
    order = shuffled_within_classes(run.labels, seed)
    return Recording(run.name, run.steps, torch.as_tensor(run.amplitudes[:])[:, order], run.labels, run.fingerprint)


def _coming_together(runs: Sequence[Run], learnt: Sequence[Trajectory]) -> tuple[Tensor, Tensor, Tensor]:
    """Returns ``pool``, ``kin`` and ``alike``: means of d_B over the pairs that both reach a value of progress."""
    grids = dict(zip(runs, map(_at_equal_progress, learnt), strict=True))
    kinds = {run: run._replace(seed=0, beginning="") for run in runs}
    misled = [run for run in runs if run.beginning == "wrong labels"]
    others = [run for run in runs if run.beginning == "random"]
    of_them = {kinds[run] for run in misled}
    pairs = (
        list(product(misled, others)),
        [(a, b) for a, b in product(misled, others) if kinds[a] == kinds[b]],
        [(a, b) for a, b in combinations(others, 2) if kinds[a] == kinds[b] and kinds[a] in of_them],
    )
    pool, kin, alike = (_mean_distances([(grids[a], grids[b]) for a, b in some]) for some in pairs)
    return pool, kin, alike


def _mean_distances(pairs: Sequence[tuple[tuple[Tensor, int], tuple[Tensor, int]]]) -> Tensor:
    sums, counts = torch.zeros(VALUES, dtype=torch.float64), torch.zeros(VALUES)
    for (a, a_reach), (b, b_reach) in pairs:
        reached = torch.arange(VALUES) < min(a_reach, b_reach)
        sums += torch.where(reached, bhattacharyya(a, b).double(), 0)
        counts += reached
    return sums / counts


def _at_equal_progress(run: Trajectory) -> tuple[Tensor, int]:
    """Returns a run at VALUES values of progress, and how many of them it reaches."""
    assert run.labels is not None
    amplitudes = torch.as_tensor(run.amplitudes[:])
    way = progress(amplitudes, ignorance(amplitudes[0]), truth(run.labels, amplitudes[0]))
    return reindex(amplitudes, way, VALUES), int(VALUES * (float(way.max()) + 1e-6))
