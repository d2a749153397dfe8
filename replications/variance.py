"""How much of the distances between runs each factor explains: an analysis of variance made of distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Share(NamedTuple):
    """What one factor explains beyond all others.

    Attributes:
        explained: of the sum of squares, range [0, 1].
        p_value: by permutation of the runs.
    """

    explained: float
    p_value: float


def variance_explained(
    squares: NDArray[np.float64], factors: Mapping[str, Sequence[str]], permutations: int = 999, seed: int = 0
) -> dict[str, Share]:
    """Returns the share of the variance that each factor explains once all others are accounted for.

    The table of squared distances, centred twice, is the table of inner products of the runs, whose trace is the sum of
    squares; the projections on the factors' groups split it (McArdle & Anderson, Ecology 82, 290, 2001). Bhattacharyya
    distances stand for squared ones: to lowest order they are half the squared distance of amplitudes.

    Args:
        squares: squared distances between R runs, shape (R, R).
        factors: value of each run, by the name of the factor.
        permutations: of the runs, for the p-values.
        seed: of the permutations.

    Raises:
        ValueError: where the runs are no more than the groups, so that nothing is left to compare with.
    """
    count = len(squares)
    centred = squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()
    inner = -0.5 * centred
    whole, rank = _projection(list(factors.values()), count)
    if rank >= count:
        raise ValueError(f"{count} runs are too few for {rank} groups of the factors {', '.join(factors)}.")
    others = {
        name: _projection([values for key, values in factors.items() if key != name], count)[0] for name in factors
    }
    rest = np.eye(count) - whole
    random = np.random.default_rng(seed)
    orders = [random.permutation(count) for _ in range(permutations)]
    shares = {}
    for name, without in others.items():
        own = whole - without
        observed = _ratio(own, rest, inner)
        larger = sum(_ratio(own, rest, inner[np.ix_(order, order)]) >= observed - 1e-12 for order in orders)
        shares[name] = Share(float((own * inner).sum() / np.trace(inner)), (1 + larger) / (1 + permutations))
    return shares


def _ratio(own: NDArray[np.float64], rest: NDArray[np.float64], inner: NDArray[np.float64]) -> float:
    return float((own * inner).sum() / max((rest * inner).sum(), 1e-300))


def _projection(factors: Sequence[Sequence[str]], count: int) -> tuple[NDArray[np.float64], int]:
    """Returns the projection on the space of a mean and all groups of the factors, and its dimension."""
    columns = [np.ones(count)]
    for values in factors:
        columns += [np.array([value == each for value in values], dtype=float) for each in sorted(set(values))[1:]]
    basis, sizes, _ = np.linalg.svd(np.stack(columns, 1), full_matrices=False)
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    return basis[:, :rank] @ basis[:, :rank].T, rank
