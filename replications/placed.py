"""Runs placed on axes that were fitted on other runs, and how much of their distances that explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo import Embedding, Trajectory, inpca, pairwise_bhattacharyya
from lightning_infogeo.comparison import shuffled_within_classes
from replications.redrawn import Moments, drawn, moments

DIMENSIONS = 10


class Placed(NamedTuple):
    """Linear models and networks on maps of each other.

    Attributes:
        joint: embedding of all records, those of linear models first.
        linear: embedding of the records of linear models.
        others: coordinates of the networks' records on the axes of ``linear``.
        member: run of each record, shape (M,).
        is_linear: whether each run is a linear model, shape (R,).
        names: of the runs.
        steps: of the records, shape (M,).
        joint_curve: stress of all records by the number of dimensions, shape (DIMENSIONS,).
        own_curve: of the networks' records on their own map.
        placed_curve: of the networks' records on the map of the linear models.
        null_curve: the same, the linear models' samples being shuffled within classes, each run's in another way.
        likeness: of the networks' first two coordinates on the map of the linear models, and on the null's, to those on
            their own map: R² of the best linear map.
        intervals: 95 %, of stresses in two dimensions, kinds of runs being drawn with replacement: "joint"; "own", that
            of the networks' own map less it; "placed"; and "gain", by which "placed" is above the null.
        kinds: number of kinds of linear models, and of networks.
    """

    joint: Embedding
    linear: Embedding
    others: Tensor
    member: Tensor
    is_linear: Tensor
    names: tuple[str, ...]
    steps: Tensor
    joint_curve: Tensor
    own_curve: Tensor
    placed_curve: Tensor
    null_curve: Tensor
    likeness: tuple[float, float]
    intervals: dict[str, tuple[float, float]]
    kinds: tuple[int, int]


def placed(linear: Mapping[Path, str], others: Mapping[Path, str], probe: str, draws: int = 500) -> Placed:
    """Reads archives of linear models and of networks, and places the second on a map of the first.

    Args:
        linear: kind of each linear model, by its archive.
        others: kind of each network, by its archive.
        probe: which of those that all were recorded on.
        draws: of kinds, for the intervals.

    Raises:
        ValueError: where they were not recorded on the same samples.
    """
    runs = [Trajectory.open(path, probe) for path in (*linear, *others)]
    if len({run.fingerprint for run in runs}) != 1:
        raise ValueError(f"{probe}: the linear models and the networks were recorded on different samples.")
    amplitudes = [torch.as_tensor(run.amplitudes[:]) for run in runs]
    member = torch.arange(len(runs)).repeat_interleave(torch.tensor([len(each) for each in amplitudes]))
    first = torch.cat(amplitudes[: len(linear)])
    second = torch.cat(amplitudes[len(linear) :])
    here = len(first)
    distances = pairwise_bhattacharyya(torch.cat([first, second])).double()
    within, across, beyond = distances[:here, :here], distances[here:, :here], distances[here:, here:]
    joint, own, axes = (inpca(table, DIMENSIONS) for table in (distances, beyond, within))
    coordinates = axes.transform(across)
    labels = runs[0].labels
    assert labels is not None
    mixed = [each[:, shuffled_within_classes(labels, k)] for k, each in enumerate(amplitudes[: len(linear)])]
    elsewhere = torch.cat(mixed)
    null_within, null_across = (pairwise_bhattacharyya(each, elsewhere).double() for each in (elsewhere, second))
    null = inpca(null_within, DIMENSIONS)
    null_coordinates = null.transform(null_across)
    kinds = [sorted(set(some.values())) for some in (linear, others)]
    numbers = [kinds[0].index(kind) for kind in linear.values()]
    numbers += [len(kinds[0]) + kinds[1].index(kind) for kind in others.values()]
    of_records = torch.tensor(numbers)[member]
    both = torch.cat([torch.cat([null_within, null_across]), torch.cat([null_across.T, beyond])], 1)
    return Placed(
        joint,
        axes,
        coordinates,
        member,
        torch.arange(len(runs)) < len(linear),
        tuple(path.stem for path in (*linear, *others)),
        torch.cat([run.steps for run in runs]),
        stresses(joint.coordinates, joint.eigenvalues, distances),
        stresses(own.coordinates, own.eigenvalues, beyond),
        stresses(coordinates, axes.eigenvalues, beyond),
        stresses(null_coordinates, null.eigenvalues, beyond),
        (
            likeness(coordinates[:, :2], own.coordinates[:, :2]),
            likeness(null_coordinates[:, :2], own.coordinates[:, :2]),
        ),
        _intervals(moments(distances, of_records), moments(both, of_records), len(kinds[0]), draws),
        (len(kinds[0]), len(kinds[1])),
    )


def stresses(coordinates: Tensor, eigenvalues: Tensor, distances: Tensor) -> Tensor:
    """Returns the explained stress of points in their first dimensions, shape (k,), wherever the axes come from.

    1 − ‖W − Ŵ‖ ÷ ‖W‖, W = −½ J D J of their distances and Ŵ = J X sign(Λ) Xᵀ J of their coordinates. On axes fitted on
    the points themselves that is 1 − √(1 − Σ_{i ≤ k} Λ_i² ÷ Σ Λ_i²), on others at most that; negative where they are
    better described by no axes at all.

    Args:
        coordinates: shape (M, k).
        eigenvalues: of the axes, shape (k,), negative for time-like ones.
        distances: between the points, shape (M, M).
    """
    means = distances.mean(0)
    rest = -0.5 * (distances - means - means[:, None] + means.mean())
    whole, found = rest.norm(), []
    for axis, sign in zip((coordinates - coordinates.mean(0)).T, eigenvalues.sign(), strict=True):
        rest = rest - sign * torch.outer(axis, axis)
        found.append(1 - rest.norm() / whole)
    return torch.stack(found)


def likeness(coordinates: Tensor, reference: Tensor) -> float:
    """Returns the share of the reference's variance that the best linear map of the coordinates explains.

    1 where one picture is the other, stretched, turned or sheared; a picture can be like another though distances on it
    are wrong.

    Args:
        coordinates: shape (M, k).
        reference: shape (M, l), of the same points.
    """
    x, y = (each.double() - each.double().mean(0) for each in (coordinates, reference))
    rest = y - x @ torch.linalg.lstsq(x, y).solution
    return float(1 - rest.square().sum() / y.square().sum())


def _intervals(runs: Moments, null: Moments, linear: int, draws: int) -> dict[str, tuple[float, float]]:
    """Returns ``Placed.intervals``.

    Args:
        runs: moments of all records, kinds of linear models first.
        null: of the same, the linear models' samples being shuffled.
        linear: number of kinds of linear models.
        draws: of kinds.
    """
    generator = torch.Generator().manual_seed(0)
    kinds, found = len(runs.counts), []
    for _ in range(draws):
        here, there = torch.zeros(kinds, dtype=torch.float64), torch.zeros(kinds, dtype=torch.float64)
        here[:linear], there[linear:] = drawn(linear, generator), drawn(kinds - linear, generator)
        joint, placed_ = runs.stress(here + there), runs.placed_stress(here, there)
        found.append([joint, runs.stress(there) - joint, placed_, placed_ - null.placed_stress(here, there)])
    low, high = torch.tensor(found).quantile(torch.tensor([0.025, 0.975]), dim=0).tolist()
    return {name: (low[k], high[k]) for k, name in enumerate(("joint", "own", "placed", "gain"))}
