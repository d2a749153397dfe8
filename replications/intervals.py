"""Intervals of figures that are made of pairs of networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def median_of_pairs(
    table: NDArray[np.float64], chosen: NDArray[np.bool_], draws: int = 999, seed: int = 0
) -> tuple[float, float, float]:
    """Returns the median of a quantity of pairs, and its 95 % interval by drawing the networks again.

    Pairs share networks, so it is networks that are drawn with replacement, and a pair counts as often as both of its
    networks together; a network is never paired with its copy.

    Args:
        table: the quantity, shape (R, R), symmetric.
        chosen: pairs that count, shape (R, R), symmetric.
        draws: of all networks.
        seed: of the draws.
    """
    above = chosen & np.triu(np.ones_like(chosen), 1)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        times = np.bincount(random.integers(len(table), size=len(table)), minlength=len(table))
        weights = np.outer(times, times)[above]
        if weights.any():
            found.append(np.median(np.repeat(table[above], weights)))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(np.median(table[above])), float(low), float(high)


def leaving_one_out(groups: list[str], statistic: Callable[[NDArray[np.bool_]], float]) -> tuple[float, float]:
    """Returns the least and the greatest value of a statistic when each group in turn is left out.

    Args:
        groups: of the runs.
        statistic: of the runs that are kept, given as a mask of shape (R,).
    """
    member = np.array(groups)
    found = [statistic(member != group) for group in sorted(set(groups))]
    return min(found), max(found)
