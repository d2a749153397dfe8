"""How fast eigenvalues decay: the slope c of −ln λ_i on i."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor


class Slope(NamedTuple):
    """A fit λ_i ~ e^{−ci}.

    Attributes:
        value: c, per index.
        error: its standard error; NaN for two eigenvalues.
        low: lower end of the 95 % interval.
        high: upper end.
        r_squared: share of the variance of ln λ_i the line explains, range [0, 1]; NaN where all are equal. Low where
            the decay is no exponential, and c then says little.
        first: index of the first eigenvalue of the fit, from 0.
        last: one past that of the last.
    """

    value: float
    error: float
    low: float
    high: float
    r_squared: float
    first: int
    last: int


def decay_slope(eigenvalues: Tensor, fit: tuple[int, int] | None = None) -> Slope:
    """Returns the least-squares slope of −ln λ_i on i, with its interval.

    The interval is Student's, for deviations from the line that are independent of each other. Those of real spectra
    are smooth, not independent: where R² is not close to 1 it is too narrow.

    Args:
        eigenvalues: λ_i, shape (modes,), decreasing.
        fit: indices [first, last) to fit on; None for all up to the first that is not positive.

    Raises:
        ValueError: where fewer than two eigenvalues, or one that is not positive and finite, are in the range.

    Example:
        >>> round(decay_slope(torch.exp(-0.5 * torch.arange(10))).value, 5)
        0.5
    """
    values = eigenvalues.detach().double().cpu()
    if values.dim() != 1:
        raise ValueError(f"`decay_slope(eigenvalues=...)`: must have shape (modes,), got {tuple(values.shape)}.")
    positive = values.isfinite() & (values > 0)
    first, last = fit if fit is not None else (0, int(positive.long().cumprod(0).sum()))
    if not 0 <= first < last <= len(values) or last - first < 2 or not positive[first:last].all():
        raise ValueError(
            f"`decay_slope(eigenvalues, fit={fit!r})`: needs at least two eigenvalues in the range, all positive and "
            f"finite; {int(positive.sum())} of {len(values)} are."
        )
    y = -values[first:last].log()
    i = torch.arange(first, last, dtype=y.dtype)
    gap = i - i.mean()
    slope = float(gap @ (y - y.mean()) / (gap @ gap))
    rest = float((y - y.mean() - slope * gap).square().sum())
    whole = float((y - y.mean()).square().sum())
    freedom = len(y) - 2
    error = math.sqrt(rest / freedom / float(gap @ gap)) if freedom else math.nan
    reach = _student(freedom) * error if freedom else math.nan
    return Slope(slope, error, slope - reach, slope + reach, 1 - rest / whole if whole else math.nan, first, last)


def _student(freedom: int) -> float:
    """Returns the 97.5 % quantile of Student's t, to 1 % from three degrees of freedom on."""
    if freedom < 3:
        return {1: 12.706, 2: 4.303}[freedom]
    z, n = NormalDist().inv_cdf(0.975), freedom
    # Cornish and Fisher's expansion in 1/n (Abramowitz and Stegun 26.7.5).
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
