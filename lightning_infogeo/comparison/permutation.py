"""Could groups of runs be as far apart by chance? A permutation test over the runs."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

_DRAWS = 9_999
"""Permutations, and the most assignments that are all looked at."""
_LEAST_DRAWS = 199
_LOOKED_AT = 3 * 10**7
"""Distances to look at in all: a second or so. With many runs fewer permutations are enough."""
_AT_A_TIME = 2**20


def permutation_p_value(distances: Tensor, member: Tensor, seed: int = 0) -> float:
    """Returns the p-value of groups being farther apart than runs that are assigned to them at random.

    The statistic is the mean distance between groups less that within, which for groups of given sizes is the sum of
    distances within (the smaller, the farther apart). One-sided; the hypothesis tested is that the runs of the groups
    can be exchanged. Of two groups all assignments are looked at where there are at most 9,999, and p is the share of
    those as far apart: with three runs each it is 2/20 at best. Otherwise p = (1 + permutations as far apart) ÷ (1 +
    permutations), with 9,999 random ones, fewer from some 100 runs on, at least 199.

    Args:
        distances: between the runs, shape (R, R), symmetric.
        member: index of each run's group, shape (R,), int64.
        seed: of the permutations.

    Returns:
        Range (0, 1]; NaN where there are no two groups, or no group has two runs, or a distance between two runs is
        NaN or infinite: sums with it cannot be ordered.

    Example:
        Of the 20 ways to part six runs into two threes, two put the near ones together.

        >>> x = torch.tensor([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
        >>> permutation_p_value((x[:, None] - x).abs(), torch.tensor([0, 0, 0, 1, 1, 1]))
        0.1
    """
    runs, sizes = len(member), torch.bincount(member)
    if int((sizes > 0).sum()) < 2 or int(sizes.max()) < 2:
        return math.nan
    table, member = distances.detach().double().cpu().clone().fill_diagonal_(0), member.cpu()
    if not bool(table.isfinite().all()):
        return math.nan
    pairs = (member[:, None] == member).triu(1).nonzero()  # of places in one group, whichever runs are put there
    observed = _within(table, torch.arange(runs)[None], pairs)
    limit = float(observed) + 1e-9 * float(table.abs().sum())  # a permutation that groups alike differs by rounding
    draws = min(_DRAWS, max(_LEAST_DRAWS, _LOOKED_AT // len(pairs)))
    first, *others = sizes[sizes > 0].tolist()
    if len(others) == 1 and math.comb(runs, first) <= draws:
        chosen = torch.tensor(list(itertools.combinations(range(runs), first)))
        left = torch.ones(len(chosen), runs, dtype=torch.bool).scatter_(1, chosen, False)
        arranged = torch.empty(len(chosen), runs, dtype=torch.int64)
        own = member == member.min()
        arranged[:, own], arranged[:, ~own] = chosen, left.nonzero()[:, 1].view(len(chosen), -1)
        return float((_within(table, arranged, pairs) <= limit).double().mean())
    generator = torch.Generator().manual_seed(seed)
    as_far = 0
    for start in range(0, draws, batch := max(1, _AT_A_TIME // len(pairs))):
        arranged = torch.rand(min(batch, draws - start), runs, generator=generator).argsort(1)
        as_far += int((_within(table, arranged, pairs) <= limit).sum())
    return (1 + as_far) / (1 + draws)


def _within(table: Tensor, arranged: Tensor, pairs: Tensor) -> Tensor:
    """Returns the sum of distances within groups for each arrangement, the runs at R places, (B, R) to (B,)."""
    return table[arranged[:, pairs[:, 0]], arranged[:, pairs[:, 1]]].sum(1)
