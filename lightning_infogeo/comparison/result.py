"""The result of a comparison, with its two tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.comparison.course import Course
from lightning_infogeo.comparison.effects import Effect, effects
from lightning_infogeo.comparison.group_pairs import GroupPair, against_shuffled, group_pairs, shuffle_p_value
from lightning_infogeo.comparison.grouping import Grouping, grouping
from lightning_infogeo.comparison.joint import JointEmbedding
from lightning_infogeo.comparison.reindexed import Tube

Row = dict[str, Any]

OF_FACTORS = ("distance within groups", "distance between groups", "distance by this factor alone", "p by permutation")
"""The ends of the names of a summary's rows about a factor, after its key."""


class Comparison(NamedTuple):
    """What R runs have in common, and how they differ.

    Attributes:
        names: of the runs, unique.
        embedding: of all their checkpoints, with ignorance, truth and the geodesic.
        distances: between trajectories, d_B at equal progress averaged over the progress that both runs reach, shape
            (R, R), nats per sample.
        whole_range: the same over (0, 1], the last record of a run that stops early repeated, shape (R, R).
        tree: SciPy's linkage matrix of ``distances`` by complete linkage, shape (R − 1, 4).
        null: distance of each run to itself with the probe's samples shuffled within classes, shape (R, draws).
        shuffled: distance of run i from run j with the samples shuffled within classes, shape (R, R), not symmetric,
            its diagonal the first column of ``null``; (0, 0) without draws.
        permuted: distances at every tenth value of progress, with the samples as they are and with each of D further
            shuffles of one of the runs, shape (1 + D, R, R); NaN for pairs that reach none; (0, 0, 0) without.
        courses: of each run: progress, lengths, displacement and distance to truth at its records.
        reindexed_lengths: Fisher–Rao length over the n values of progress, shape (R,), rad; it can be compared between
            recording schedules.
        geodesic_length: Fisher–Rao distance from ignorance to truth, 2 arccos(C^−½), rad.
        progress_values: shape (V,).
        speed: optimizer steps to reach each of these, shape (R, V), NaN where a run never does.
        tubes: distances of runs from their mean trajectory, for "all" and, for each given key, "key=value".
        groups: by key of the metadata.
        metadata: of each run.
        notes: sentences on what limits the numbers.
    """

    names: tuple[str, ...]
    embedding: JointEmbedding
    distances: Tensor
    whole_range: Tensor
    tree: np.ndarray
    null: Tensor
    shuffled: Tensor
    permuted: Tensor
    courses: tuple[Course, ...]
    reindexed_lengths: Tensor
    geodesic_length: float
    progress_values: Tensor
    speed: Tensor
    tubes: Mapping[str, Tube]
    groups: Mapping[str, Grouping]
    metadata: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    @property
    def shuffled_mean(self) -> float:
        """Mean distance of a run from another one with samples shuffled within classes; NaN for one run or no draws."""
        return against_shuffled(self.distances, self.shuffled, _upper_triangle(len(self.names)))[2]

    def group_by(self, key: str) -> Grouping:
        """Returns the runs grouped by any key of their metadata, dotted where nested.

        Raises:
            ValueError: where no run has it.
        """
        return self.groups[key] if key in self.groups else grouping(self.distances, key, self.metadata)

    def group_speed(self, key: str) -> Tensor:
        """Returns the steps to reach each progress value, the geometric mean over the runs of a group, shape (G, V).

        Over the runs that reach it; NaN where none does.
        """
        groups = self.group_by(key)
        rows = [(self.speed[groups.member == g] + 1).log().nanmean(0).exp() - 1 for g in range(len(groups.values))]
        return torch.stack(rows)

    def group_pairs(self, key: str) -> list[GroupPair]:
        """Returns how far apart the runs of every two groups of a key are, and those within each.

        Raises:
            ValueError: where no run has it.
        """
        return list(group_pairs(self.group_by(key), self.distances, self.whole_range, self.shuffled, self.permuted))

    def effects(self) -> list[Effect]:
        """Returns the factors of ``groups``, keys of the same one merged, first the one that sets runs apart most."""
        return effects(self.groups)

    def summary(self) -> list[Row]:
        """Returns a table of all runs together: rows of "quantity", "value" (a number) and "unit" (may be empty)."""
        embedding, above = self.embedding, _upper_triangle(len(self.names))
        pairs, whole_range = self.distances[above], self.whole_range[above]
        rows = [
            _row("runs", len(self.names)),
            _row("checkpoints", len(embedding.steps)),
            *(
                _row(f"explained stress, {k} dimension{'s' * (k > 1)}", embedding.stress(k))
                for k in range(1, len(embedding.eigenvalues) + 1)
            ),
        ]
        if embedding.landmarks is not None:
            rows.append(_row("landmarks", len(embedding.landmarks)))
        where = "held-out pairs" if embedding.landmarks is not None else "all pairs"
        rows.append(_row(f"error of embedded distances, {where}", embedding.error))
        if len(pairs):
            rows.append(_row("distance between trajectories, mean", float(pairs.mean()), "nats"))
            rows.append(_row("distance between trajectories, largest", float(pairs.max()), "nats"))
            rows.append(_row("distance over the whole range, mean", float(whole_range.mean()), "nats"))
        if self.null.numel():
            rows.append(_row("distance under the within-class shuffle", float(self.null.mean()), "nats"))
        if self.shuffled.numel() and len(pairs):
            closer, ratio, beside = against_shuffled(self.distances, self.shuffled, above)
            rows.append(_row("distance of A from shuffled B, mean", beside, "nats"))
            rows.append(_row(f"pairs closer than A is to shuffled B, of {len(pairs)}", closer))
            rows.append(_row("distance ÷ that of A from shuffled B, median", ratio))
            if len(self.permuted):
                rows.append(_row("p of being as close as A and shuffled B", shuffle_p_value(self.permuted, above)))
        for key, groups in self.groups.items():
            values = (groups.within, groups.between, groups.alone, groups.p_value)
            units = ("nats", "nats", "nats", "")
            rows += [_row(f"{key}: {name}", v, u) for name, v, u in zip(OF_FACTORS, values, units, strict=True)]
        for name, tube in self.tubes.items():
            rows.append(_row(f"tube width, {name}", float(tube.mean.mean()), "nats"))
        rows.append(_row("progress at the last record, mean", _mean([float(c.progress[-1]) for c in self.courses])))
        rows.append(_row("straightness, mean", _mean([course.straightness for course in self.courses])))
        rows.append(_row("re-indexed length, mean", float(self.reindexed_lengths.mean()), "rad"))
        rows.append(_row("geodesic from ignorance to truth", self.geodesic_length, "rad"))
        return rows

    def run_table(self) -> list[Row]:
        """Returns a table of the runs: one row for each, all with the same keys."""
        rows = []
        for k, (name, course) in enumerate(zip(self.names, self.courses, strict=True)):
            reached = {
                f"steps to {float(value):g}": float(steps)
                for value, steps in zip(self.progress_values, self.speed[k], strict=True)
            }
            row: Row = {
                "run": name,
                "records": len(course.steps),
                "last step": int(course.steps[-1]),
                "progress": float(course.progress[-1]),
                "distance to truth": float(course.distance_to_truth[-1]),
                "Fisher–Rao length": float(course.fisher_rao[-1]),
                "Riemann length": float(course.riemann[-1]),
                "re-indexed length": float(self.reindexed_lengths[k]),
                "straightness": course.straightness,
                **reached,
                "null": float(self.null[k].mean()) if self.null.numel() else math.nan,
            }
            rows.append(row)
        return rows


def _row(quantity: str, value: float, unit: str = "") -> Row:
    return {"quantity": quantity, "value": value, "unit": unit}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _upper_triangle(count: int) -> Tensor:
    return torch.ones(count, count, dtype=torch.bool).triu(1)
