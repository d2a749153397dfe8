"""Do two places move together where all else is held fixed? Ranks and slopes within strata, an experiment a seed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

Array = NDArray[np.float64]
Stratum = tuple[Array, Array]
"""x and y of configurations that differ in one thing, shape (cells,) each."""


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


def over_seeds(values: Iterable[float], least: float = -math.inf, most: float = math.inf) -> Estimate:
    """Returns the mean of what each seed's experiment found, and its interval by Student's t.

    Whatever is trained with one seed shares images and initial weights; seeds share nothing. So a seed is one
    observation, however many networks it has. NaN where fewer than two seeds have a value.

    Args:
        values: one a seed; NaN where it has none.
        least: of such a value, at which the interval ends.
        most: of such a value.

    Example:
        Three values with standard deviation 1: 4.30 ÷ √3 on each side.

        >>> over_seeds([1.0, 2.0, 3.0]).interval
        '-0.48 to 4.48'
    """
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < 2:
        return Estimate(float(known.mean()) if len(known) else math.nan, math.nan, math.nan)
    reach = float(t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known)))
    middle = float(known.mean())
    return Estimate(middle, max(middle - reach, least), min(middle + reach, most))


def strata(rows: Iterable[tuple[Hashable, float, float]]) -> list[Stratum]:
    """Returns the strata in which at least two configurations can be compared.

    Args:
        rows: stratum, x and y of each configuration.
    """
    found: dict[Hashable, list[tuple[float, float]]] = {}
    for stratum, x, y in rows:
        found.setdefault(stratum, []).append((x, y))
    tables = [np.array(cells) for cells in found.values() if len(cells) > 1]
    return [(table[:, 0], table[:, 1]) for table in tables]


def rank_correlation(found: Sequence[Stratum]) -> float:
    """Returns Spearman's correlation given the stratum: ranks within each, their mean taken off, pooled.

    NaN where nothing can be compared. An infinite value counts as the largest.

    Example:
        Two strata, each rising; taken as one they would fall.

        >>> apart = [(np.array([1.0, 2, 3]), np.array([5.0, 6, 7])), (np.array([11.0, 12, 13]), np.array([1.0, 2, 3]))]
        >>> round(rank_correlation(apart), 3)
        1.0
    """
    x, y = _pooled([(rankdata(x), rankdata(y)) for x, y in found])
    return _ratio(float(x @ y), float(np.sqrt((x @ x) * (y @ y))))


def slope(found: Sequence[Stratum]) -> float:
    """Returns dy/dx given the stratum, by least squares with an intercept for each; NaN without any stratum."""
    x, y = _pooled(found)
    return _ratio(float(x @ y), float(x @ x))


def _pooled(found: Sequence[Stratum]) -> Stratum:
    """Returns x and y of all strata, less the mean of each stratum."""
    empty = np.zeros(0)
    x, y = (np.concatenate([empty, *(pair[k] - pair[k].mean() for pair in found)]) for k in (0, 1))
    return x, y


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan
