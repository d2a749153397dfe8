"""How far apart the runs of two groups are: over the progress both reach, over all of it, and beside shuffled runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.comparison.grouping import Grouping
from lightning_infogeo.comparison.permutation import permutation_p_value


class GroupPair(NamedTuple):
    """The distances between the runs of two groups, or within one.

    Attributes:
        first: value of one group.
        second: of the other; the same for a group within itself.
        pairs: number of pairs of runs.
        distance: their mean distance over the range of progress that both reach, nats per sample.
        whole_range: over (0, 1], the last record of a run that stops early repeated.
        shuffled: from a run of the other group with the probe's samples shuffled within classes, mean over pairs both
            ways; NaN without a shuffle.
        closer: number of pairs that are closer than that.
        ratio: median over pairs of distance ÷ shuffled.
        p_value: that the two groups would be as far apart by chance, by ``permutation_p_value``; NaN within a group.
        shuffle_p_value: that runs which agree on nothing but loss and progress would be as close, by
            ``shuffle_p_value``; NaN without permutations.
    """

    first: str
    second: str
    pairs: int
    distance: float
    whole_range: float
    shuffled: float
    closer: int
    ratio: float
    p_value: float
    shuffle_p_value: float


def group_pairs(
    groups: Grouping, distances: Tensor, whole_range: Tensor, shuffled: Tensor, permuted: Tensor
) -> Iterator[GroupPair]:
    """Yields a row for every group that has two runs, and for every two groups.

    Args:
        groups: of the runs.
        distances: over the range of progress that both reach, shape (R, R).
        whole_range: over (0, 1], shape (R, R).
        shuffled: from shuffled runs, shape (R, R), or (0, 0).
        permuted: with further shuffles, shape (1 + D, R, R), or (0, 0, 0).
    """
    above = torch.ones_like(distances, dtype=torch.bool).triu(1)
    for i, first in enumerate(groups.values):
        for j, second in enumerate(groups.values[i:], i):
            one, other = groups.member == i, groups.member == j
            chosen = above & (one[:, None] & other | other[:, None] & one)
            if not chosen.any():
                continue
            closer, ratio, beside = against_shuffled(distances, shuffled, chosen)
            p_value = math.nan
            if i != j:
                own = (one | other).nonzero().flatten()
                p_value = permutation_p_value(distances[own][:, own], other[own].long())
            apart = float(distances[chosen].mean()), float(whole_range[chosen].mean())
            shuffle_p = shuffle_p_value(permuted, chosen)
            yield GroupPair(first, second, int(chosen.sum()), *apart, beside, closer, ratio, p_value, shuffle_p)


def against_shuffled(distances: Tensor, shuffled: Tensor, pairs: Tensor) -> tuple[int, float, float]:
    """Returns how many pairs are closer than A to shuffled B, the median ratio, and the mean distance to shuffled B.

    Args:
        distances: shape (R, R).
        shuffled: of run i from run j shuffled, shape (R, R); the two ways of a pair are averaged.
        pairs: which pairs, shape (R, R), bool.

    Returns:
        The ratio is NaN where a distance to shuffled B is 0 or cannot be had; all but the count are NaN without a
        shuffle. The median of an even number is midway between the two in the middle.
    """
    if not shuffled.numel():
        return 0, math.nan, math.nan
    apart, beside = distances[pairs], ((shuffled + shuffled.mT) / 2)[pairs]
    # numpy's: torch's median takes the lower of two in the middle, and its quantile at most 2^24 values.
    ratio = float(np.median((apart / beside).cpu().numpy())) if len(apart) and (beside > 0).all() else math.nan
    return int((apart < beside).sum()), ratio, float(beside.mean())


def shuffle_p_value(permuted: Tensor, pairs: Tensor) -> float:
    """Returns the p-value of pairs being as close as they are, were it of no matter which samples of a class are which.

    One-sided, by permutation of the samples within classes: p = (1 + shuffles for which the mean distance over the
    pairs is as small) ÷ (1 + shuffles).

    Args:
        permuted: distances with the samples as they are, and with each of D shuffles, shape (1 + D, R, R); NaN for
            pairs that cannot be compared.
        pairs: which pairs, shape (R, R), bool.

    Returns:
        Range (0, 1]; NaN without shuffles, or where no pair can be compared.
    """
    if len(permuted) < 2:
        return math.nan
    means = permuted[:, pairs].nanmean(1)
    if not bool(means.isfinite().all()):
        return math.nan
    return float((means <= means[0] * (1 + 1e-12)).double().mean())
