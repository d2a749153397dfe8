"""Do curves of several sizes fall on one when their axes are multiplied by powers of the size?

The quality is that of Houdayer and Hartmann (Phys. Rev. B 70, 014418, 2004), after Bhattacharjee and Seno (J. Phys. A
34, 6375, 2001): each curve against the one the others agree on, in units of the errors of both. Curves are tables of
shape (S, U): values at a uniform grid around the point where they are aligned, NaN where there is none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_WIDEST = 4.0
"""Exponents are sought from −4 to 4."""


class Fit(NamedTuple):
    """Exponents of x·n^a and y·n^b, and the mean squared deviation in units of the error: about 1 for a collapse."""

    a: float
    b: float
    quality: float


def fit(grid: Array, values: Array, errors: Array, scales: Array, starts: list[tuple[float, float]]) -> Fit:
    """Returns the exponents of best quality.

    Args:
        grid: shape (U,), uniform.
        values: of the curves there, shape (S, U).
        errors: of these, standard deviations, shape (S, U).
        scales: sizes over their geometric mean, shape (S,).
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

    def deviations(exponents: Array) -> Array:
        return residuals(grid, values, errors, scales, exponents[0], exponents[1])

    ends: list[Any] = [
        least_squares(deviations, start, bounds=(-_WIDEST, _WIDEST), diff_step=1e-3, xtol=1e-4, ftol=1e-5, max_nfev=40)
        for start in starts
    ]
    best = min(ends, key=lambda end: float(end.cost))
    return Fit(float(best.x[0]), float(best.x[1]), 2 * float(best.cost))


def residuals(grid: Array, values: Array, errors: Array, scales: Array, a: float, b: float) -> Array:
    """Returns deviations of each curve from the others, in units of the error, shape (S · U,).

    They are divided by the root of their number, so that the sum of their squares is the quality; 0 where fewer than
    two curves reach.
    """
    common, variance = others(grid, values, errors, scales, a, b)
    height = scales[:, None] ** b
    deviation = (height * values - common) / np.sqrt((height * errors) ** 2 + variance)
    known = np.isfinite(deviation)
    return np.where(known, deviation, 0.0).ravel() / np.sqrt(max(1, known.sum()))


def others(
    grid: Array, values: Array, errors: Array, scales: Array, a: float, b: float, own: bool = False
) -> tuple[Array, Array]:
    """Returns the weighted mean of the other curves where each curve has its points, and its variance, both (S, U).

    In rescaled units. With ``own`` the curve itself counts too.
    """
    size = len(scales)
    ratios = (scales[:, None] / scales[None]) ** a
    at = (grid * ratios[..., None] - grid[0]) / (grid[1] - grid[0])  # (i, j, U): points of i on the grid of j
    last = len(grid) - 1
    before = np.clip(np.floor(at + 1e-9), 0, last - 1).astype(np.intp)
    share = at - before
    inside = (at >= -1e-6) & (at <= last + 1e-6)
    which = np.arange(size)[None, :, None]
    height = scales[None, :, None] ** b

    def read(table: Array) -> Array:
        # A point on the grid must not be spoilt by a neighbour that is missing.
        low = np.where(share > 1 - 1e-6, 0.0, (1 - share) * table[which, before])
        high = np.where(share < 1e-6, 0.0, share * table[which, before + 1])
        return np.asarray(low + high)

    there, error = height * read(values), height * read(errors)
    counts = inside & np.isfinite(there) & np.isfinite(error)
    if not own:
        counts &= ~np.eye(size, dtype=bool)[..., None]
    weights = np.where(counts, 1 / np.where(counts, error, 1.0) ** 2, 0.0)
    total = weights.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weights * np.where(counts, there, 0.0)).sum(1) / total
        return np.where(total > 0, mean, np.nan), np.where(total > 0, 1 / total, np.nan)


def misfit(grid: Array, values: Array, errors: Array, scales: Array, a: float, b: float) -> float:
    """Returns the root mean square of what the curves differ from the others by, over that of the curves."""
    common, _ = others(grid, values, errors, scales, a, b)
    curves = scales[:, None] ** b * values
    known = np.isfinite(common) & np.isfinite(curves)
    return float(np.sqrt(((curves - common)[known] ** 2).sum() / (curves[known] ** 2).sum()))


def on_one(grid: Array, values: Array, errors: Array, scales: Array, a: float, b: float) -> Array:
    """Returns the curves as they would be if they collapsed with these exponents, in their own units, (S, U)."""
    return others(grid, values, errors, scales, a, b, own=True)[0] / scales[:, None] ** b
