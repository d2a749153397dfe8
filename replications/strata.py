"""Do two places move together where all else is held fixed? Ranks and slopes within strata."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

Array = NDArray[np.float64]
Statistic = Callable[[Sequence[tuple[Array, Array]]], float]


class Stratum(NamedTuple):
    """Configurations that differ in one thing.

    Attributes:
        cells: pairs (x, y) of the networks of each configuration, shape (networks, 2) each.
    """

    cells: tuple[Array, ...]

    def medians(self) -> tuple[Array, Array]:
        """Returns x and y of each configuration, the median of its networks, shape (cells,) each."""
        table = np.stack([np.median(cell, axis=0) for cell in self.cells])
        return table[:, 0], table[:, 1]

    def drawn(self, random: np.random.Generator, draws: int) -> Array:
        """Returns such medians of networks drawn with replacement within each configuration, (draws, 2, cells)."""
        which = [random.integers(len(cell), size=(draws, len(cell))) for cell in self.cells]
        return np.stack([np.median(c[k], axis=1) for c, k in zip(self.cells, which, strict=True)], axis=2)


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f}" if self.value == self.value else "unknown"

    @property
    def interval(self) -> str:
        """As tables show it."""
        return f"{self.low:.2f} to {self.high:.2f}" if self.low == self.low else "unknown"


def strata(rows: Iterable[tuple[Hashable, Hashable, float, float]]) -> list[Stratum]:
    """Returns the strata in which at least two configurations can be compared.

    Args:
        rows: stratum, configuration, x and y of each network.
    """
    found: dict[Hashable, dict[Hashable, list[tuple[float, float]]]] = {}
    for stratum, cell, x, y in rows:
        found.setdefault(stratum, {}).setdefault(cell, []).append((x, y))
    return [Stratum(tuple(np.array(c) for c in cells.values())) for cells in found.values() if len(cells) > 1]


def rank_correlation(medians: Sequence[tuple[Array, Array]]) -> float:
    """Returns Spearman's correlation given the stratum: ranks within each, their mean taken off, pooled.

    Example:
        Two strata, each rising; taken as one they would fall.

        >>> apart = [(np.array([1.0, 2, 3]), np.array([5.0, 6, 7])), (np.array([11.0, 12, 13]), np.array([1.0, 2, 3]))]
        >>> round(rank_correlation(apart), 3)
        1.0
    """
    x, y = _pooled([(rankdata(x), rankdata(y)) for x, y in medians])
    return _ratio(float(x @ y), float(np.sqrt((x @ x) * (y @ y))))


def slope(medians: Sequence[tuple[Array, Array]]) -> float:
    """Returns dy/dx given the stratum, by least squares with an intercept for each."""
    x, y = _pooled(medians)
    return _ratio(float(x @ y), float(x @ x))


def estimate(found: Sequence[Stratum], statistic: Statistic, draws: int = 2_000, seed: int = 0) -> Estimate:
    """Returns a statistic of the configurations' medians, with a percentile interval.

    The bootstrap draws strata, and within each of their configurations networks.

    Args:
        found: strata.
        statistic: of the medians of strata.
        draws: of the bootstrap.
        seed: of it.
    """
    if not found:
        return Estimate(float("nan"), float("nan"), float("nan"))
    random = np.random.default_rng(seed)
    within = [stratum.drawn(random, draws) for stratum in found]
    drawn = []
    for _ in range(draws):
        chosen = zip(*random.integers([[len(found)], [draws]], size=(2, len(found))), strict=True)
        drawn.append(statistic([(within[k][d, 0], within[k][d, 1]) for k, d in chosen]))
    finite = np.array(drawn)[np.isfinite(drawn)]
    low, high = np.percentile(finite, (2.5, 97.5)) if len(finite) else (np.nan, np.nan)
    return Estimate(statistic([one.medians() for one in found]), float(low), float(high))


def share(count: int, of: int) -> str:
    """Returns Clopper and Pearson's 95 % interval of a share, as tables show it."""
    interval = binomtest(count, of).proportion_ci()
    return f"{interval.low:.0%} to {interval.high:.0%}"


def _pooled(medians: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Returns x and y of all strata, less the mean of each stratum."""
    x, y = (np.concatenate([pair[k] - pair[k].mean() for pair in medians]) for k in (0, 1))
    return x, y


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
