"""Runs grouped by what they were trained with, and how distances depend on each such factor."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.permutation import permutation_p_value

NO_VALUE = "—"
"""The value of runs that lack a key."""


class Grouping(NamedTuple):
    """The distances between trajectories, by one factor.

    Means are over pairs of different runs; NaN where there are none.

    Attributes:
        key: of the metadata, dotted where nested.
        values: the G values of the key, as text.
        member: index among these of each run's value, shape (R,).
        within: mean distance between runs of the same value.
        between: mean distance between runs of different values.
        alone: mean distance between runs that differ in this factor and in no other: the effect of this factor. Other
            factors that are constant in every group cannot be separated from it and do not count.
        pairs: number of pairs behind each of these three.
        table: mean distance between runs of either value, shape (G, G).
        p_value: that runs assigned to the groups at random would be as far apart by group (``permutation_p_value``).
    """

    key: str
    values: tuple[str, ...]
    member: Tensor
    within: float
    between: float
    alone: float
    pairs: tuple[int, int, int]
    table: Tensor
    p_value: float = math.nan


def grouping(distances: Tensor, key: str, metadata: Sequence[Mapping[str, Any]]) -> Grouping:
    """Returns runs grouped by a key of their metadata.

    Args:
        distances: between the runs, shape (R, R).
        key: dotted where nested, as in "optimizer.lr". Runs that lack it form a group of their own, "—".
        metadata: of each run.

    Raises:
        ValueError: where no run has the key.
    """
    labels = [_value(metadata_of_run, key) for metadata_of_run in metadata]
    if all(label is None for label in labels):
        known = ", ".join(sorted({name for metadata_of_run in metadata for name in flat(metadata_of_run)})) or "none"
        raise ValueError(f"`group_by={key!r}`: no run has this key in its metadata; there are: {known}.")
    texts = [NO_VALUE if label is None else label for label in labels]
    values, member = _numbered(texts)
    same = member[:, None] == member
    pairs_above = torch.ones_like(same).triu(1)
    others = torch.ones_like(same)
    for name in factors(metadata):
        column = _numbered([_value(metadata_of_run, name) or NO_VALUE for metadata_of_run in metadata])[1]
        fixed = all(len(torch.unique(column[member == g])) == 1 for g in range(len(values)))
        if not fixed:
            others &= column[:, None] == column
    groups = torch.nn.functional.one_hot(member, len(values)).to(distances.dtype)
    counts = groups.mT @ (pairs_above | pairs_above.mT).to(distances.dtype) @ groups
    table = groups.mT @ distances @ groups / counts  # NaN, 0/0, for a group of one with itself
    kinds_of_pairs = [pairs_above & same, pairs_above & ~same, pairs_above & ~same & others]
    within, between, alone = (_mean(distances, metadata_of_run) for metadata_of_run in kinds_of_pairs)
    counts_of_pairs = tuple(int(metadata_of_run.sum()) for metadata_of_run in kinds_of_pairs)
    counts_of = (counts_of_pairs[0], counts_of_pairs[1], counts_of_pairs[2])
    p_value = permutation_p_value(distances, member) if distances.any() else math.nan
    return Grouping(key, values, member, within, between, alone, counts_of, table, p_value)


def factors(metadata: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys whose values differ between runs, and of which at least two runs share one.

    Example:
        >>> factors([{"lr": 0.1, "id": 1, "n": 5}, {"lr": 0.1, "id": 2, "n": 5}, {"lr": 0.2, "id": 3, "n": 5}])
        ['lr']
    """
    names = sorted({name for run in metadata for name in flat(run)})
    counts = {name: len({_value(run, name) for run in metadata}) for name in names}
    return [name for name in names if 1 < counts[name] < len(metadata)]


def flat(metadata: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested metadata with dotted keys.

    Example:
        >>> flat({"optimizer": {"lr": 0.1, "name": "sgd"}, "seed": 3})
        {'optimizer.lr': 0.1, 'optimizer.name': 'sgd', 'seed': 3}
    """
    flattened: dict[str, Any] = {}
    for name, value in metadata.items():
        if isinstance(value, Mapping) and value:
            flattened.update(flat(value, f"{prefix}{name}."))
        else:
            flattened[f"{prefix}{name}"] = value
    return flattened


def _value(metadata: Mapping[str, Any], key: str) -> str | None:
    """Returns a value as text; None where there is none. For the key of a nested mapping that is the whole mapping."""
    leaves = flat(metadata)
    if key in leaves:
        value = leaves[key]
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    below = {name: value for name, value in leaves.items() if name.startswith(f"{key}.")}
    return json.dumps(below, sort_keys=True, default=str) if below else None


def _numbered(texts: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    def order(text: str) -> tuple[int, float, str]:
        try:
            return 0, float(text), text
        except ValueError:
            return 1, 0.0, text

    values = sorted(set(texts), key=order)
    return tuple(values), torch.tensor([values.index(text) for text in texts])


def _mean(distances: Tensor, pairs: Tensor) -> float:
    return float(distances[pairs].mean()) if pairs.any() else math.nan
