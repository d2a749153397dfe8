"""What the runs on one data set are measured to be: maps, distances, and those of their shuffled copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightning_infogeo import Trajectory
from lightning_infogeo.comparison import (
    Comparison,
    JointEmbedding,
    Recording,
    compare,
    joint_embedding,
    shuffled_within_classes,
)
from replications import beginnings
from replications.beginnings import VALUES, Beginnings
from replications.claims import Verdict
from replications.manifold_runs import Run

NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10", "digits": "digits"}


class Measured(NamedTuple):
    """A figure on one data set.

    Attributes:
        figure: as text.
        interval: as text, "" without one.
        verdict: on this data set.
    """

    figure: str
    interval: str
    verdict: Verdict


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
        beginnings: distances of runs that were taught wrong labels first, by progress.
    """

    data: str
    probe: str
    runs: tuple[Run, ...]
    comparison: Comparison
    null: JointEmbedding
    controls: Tensor
    apart: Tensor
    beginnings: Beginnings

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
        beginnings.measure(true, learnt),
    )


def _shuffled(run: Trajectory, seed: int) -> Recording:
    """Returns a run whose samples trade places within their classes: its loss is the same at every record."""
    assert run.labels is not None
    order = shuffled_within_classes(run.labels, seed)
    return Recording(run.name, run.steps, torch.as_tensor(run.amplitudes[:])[:, order], run.labels, run.fingerprint)
