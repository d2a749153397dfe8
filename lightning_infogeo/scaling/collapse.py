"""Do curves of several sizes fall on one when their axes are multiplied by powers of the size?

The quality is that of Houdayer and Hartmann (Phys. Rev. B 70, 014418, 2004), after Bhattacharjee and Seno (J. Phys. A
34, 6375, 2001): each curve against the one the others agree on, in units of the errors of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

_WIDEST = 4.0
"""Exponents are sought from −4 to 4."""
_AWAY = 10.0


class Fit(NamedTuple):
    """Exponents of x·s^a and y·s^b, and the mean squared deviation in units of the error: about 1 for a collapse."""

    a: float
    b: float
    quality: float


class Curves(NamedTuple):
    """Curves on one grid around the point where they are aligned.

    Attributes:
        grid: x, shape (U,), uniform.
        values: values of the curves there, shape (S, U), NaN where a curve does not reach.
        errors: standard deviations of these, shape (S, U).
        scales: s, sizes over their geometric mean, shape (S,).
    """

    grid: Array
    values: Array
    errors: Array
    scales: Array

    def fit(self, starts: Sequence[tuple[float, float]]) -> Fit:
        """Returns the exponents of best quality.

        Args:
            starts: exponents the search begins at; the best end wins.

        Raises:
            ModuleNotFoundError: where SciPy is not installed.
        """
        try:
            from scipy.optimize import least_squares
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "`finite_size_scaling()` needs SciPy: pip install 'lightning-infogeo[analysis]'"
            ) from None

        def deviations(shifted: Array) -> Array:
            a, b = np.clip(shifted - _AWAY, -_WIDEST, _WIDEST)
            return self.deviations(a, b)

        # SciPy's steps are relative to the variable: an exponent of nearly 0 would have none.
        ends: list[Any] = [
            least_squares(deviations, np.add(start, _AWAY), method="lm", diff_step=1e-4, xtol=1e-5, ftol=1e-4)
            for start in starts
        ]
        best = min(ends, key=lambda end: float(end.cost))
        a, b = np.clip(best.x - _AWAY, -_WIDEST, _WIDEST)
        return Fit(float(a), float(b), 2 * float(best.cost))

    def quality(self, a: float, b: float) -> float:
        """Returns the mean squared deviation of each curve from the others, in units of the errors of both."""
        return float((self.deviations(a, b) ** 2).sum())

    def deviations(self, a: float, b: float) -> Array:
        """Returns numbers whose squares sum to the quality, shape (S · U,); 0 where fewer than two curves reach."""
        common, variance = self.common(a, b)
        height = self.scales[:, None] ** b
        deviation = (height * self.values - common) / np.sqrt((height * self.errors) ** 2 + variance)
        known = np.isfinite(deviation)
        return np.asarray(np.where(known, deviation, 0.0).ravel() / np.sqrt(max(1, known.sum())))

    def misfit(self, a: float, b: float) -> float:
        """Returns the root mean square of what the curves differ from the others by, over that of the curves."""
        common, _ = self.common(a, b)
        curves = self.scales[:, None] ** b * self.values
        known = np.isfinite(common) & np.isfinite(curves)
        return float(np.sqrt(((curves - common)[known] ** 2).sum() / (curves[known] ** 2).sum()))

    def collapsed(self, a: float, b: float) -> Array:
        """Returns the curves as they would be if they were one with these exponents, in their own units, (S, U)."""
        return self.common(a, b, own=True)[0] / self.scales[:, None] ** b

    def aligned(self) -> Curves:
        """Returns the curves moved so that each has its minimum at x = 0, where an estimate would put it."""
        x = self.grid
        rows = [np.interp(x + x[np.nanargmin(row)], x, row, left=np.nan, right=np.nan) for row in self.values]
        return self._replace(values=np.stack(rows))

    def rolled(self, random: np.random.Generator) -> Curves:
        """Returns the curves, each moved along cyclically by an amount of its own."""
        by = random.integers(len(self.grid), size=len(self.scales))
        rows = [np.stack([np.roll(r, k) for r, k in zip(t, by, strict=True)]) for t in (self.values, self.errors)]
        return self._replace(values=rows[0], errors=rows[1])

    def common(self, a: float, b: float, own: bool = False) -> tuple[Array, Array]:
        """Returns the weighted mean of the other curves where each curve has its points, and its variance, both (S, U).

        In rescaled units; the others are read between their points by straight lines. With ``own`` the curve itself
        counts too.
        """
        ratios = (self.scales[:, None] / self.scales[None]) ** a
        places = (self.grid * ratios[..., None] - self.grid[0]) / (self.grid[1] - self.grid[0])
        last = len(self.grid) - 1
        before = np.clip(np.floor(places + 1e-9), 0, last - 1).astype(np.intp)  # (i, j, U): points of i on curve j
        share = places - before
        which = np.arange(len(self.scales))[None, :, None]
        height = self.scales[None, :, None] ** b

        def read(table: Array) -> Array:
            # A point on the grid must not be spoilt by a neighbour that is missing.
            low = np.where(share > 1 - 1e-6, 0.0, (1 - share) * table[which, before])
            high = np.where(share < 1e-6, 0.0, share * table[which, before + 1])
            return np.asarray(height * (low + high))

        there, error = read(self.values), read(self.errors)
        counts = (places >= -1e-6) & (places <= last + 1e-6) & np.isfinite(there) & np.isfinite(error)
        if not own:
            counts &= ~np.eye(len(self.scales), dtype=bool)[..., None]
        weights = np.where(counts, 1 / np.where(counts, error, 1.0) ** 2, 0.0)
        total = weights.sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (weights * np.where(counts, there, 0.0)).sum(1) / total
            return np.where(total > 0, mean, np.nan), np.where(total > 0, 1 / total, np.nan)
