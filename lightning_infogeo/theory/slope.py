"""How fast eigenvalues decay: exponentially, by the slope c of −ln λ_i on i, or as a power law."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Model = Literal["exponential", "power"]


class Slope(NamedTuple):
    """A straight line through −ln λ_i, against i or against ln(i + 1).

    Attributes:
        value: its slope: c, per index, or the exponent of a power law.
        error: its standard error; NaN for two eigenvalues.
        low: lower end of the 95 % interval.
        high: upper end.
        r_squared: share of the variance of ln λ_i the line explains, range [0, 1]; NaN where all are equal. Low where
            the decay is of another kind, and the slope then says little.
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
    """Returns the least-squares slope c of −ln λ_i on i, of an exponential decay λ_i ~ e^{−ci}, with its interval.

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
    first, y = _logarithms(eigenvalues, fit, "decay_slope")
    return _line(torch.arange(first, first + len(y), dtype=y.dtype), y, first)


def power_slope(eigenvalues: Tensor, fit: tuple[int, int] | None = None) -> Slope:
    """Returns the exponent α of a power law λ_i ~ (i + 1)^−α, the slope of −ln λ_i on ln(i + 1), with its interval.

    Inputs of networks are described by it rather than by an exponential: raw MNIST, Fashion-MNIST and CIFAR-10 with R²
    0.90 to 0.99 against 0.65 to 0.87. c then says how many modes were looked at, and nothing about the data.

    Args:
        eigenvalues: λ_i, shape (modes,), decreasing, the first being i = 0.
        fit: indices [first, last) to fit on; None for all up to the first that is not positive.

    Raises:
        ValueError: as ``decay_slope``.

    Example:
        >>> round(power_slope(torch.arange(1, 11) ** -1.5).value, 5)
        1.5
    """
    first, y = _logarithms(eigenvalues, fit, "power_slope")
    return _line(torch.arange(first + 1, first + len(y) + 1, dtype=y.dtype).log(), y, first)


class Decay(NamedTuple):
    """How a spectrum decays, by both models on the same range of eigenvalues.

    Attributes:
        exponential: c of λ_i ~ e^{−ci}.
        power: α of λ_i ~ (i + 1)^−α.
    """

    exponential: Slope
    power: Slope

    @classmethod
    def of(cls, eigenvalues: Tensor, fit: tuple[int, int] | None = None) -> Decay:
        """Returns both fits, of the arguments of ``decay_slope``, which also raises."""
        return cls(decay_slope(eigenvalues, fit), power_slope(eigenvalues, fit))

    @property
    def better(self) -> Model:
        """The model with the larger R²; of two modes, where both are exact, the exponential."""
        return "power" if self.power.r_squared > self.exponential.r_squared + 1e-12 else "exponential"

    @property
    def text(self) -> str:
        """The better of the two in words, with its range.

        Example:
            >>> Decay.of(torch.arange(1, 101) ** -1.4).text
            'i^−1.4 over modes 1 to 100, R² 1.00'
        """
        best = getattr(self, self.better)
        law = f"i^−{best.value:.3g}" if self.better == "power" else f"e^(−{best.value:.3g} i)"
        return f"{law} over modes {best.first + 1} to {best.last}, R² {best.r_squared:.2f}"


def _logarithms(eigenvalues: Tensor, fit: tuple[int, int] | None, function: str) -> tuple[int, Tensor]:
    """Returns the index of the first eigenvalue of the fit, and −ln of all in it."""
    values = eigenvalues.detach().double().cpu()
    if values.dim() != 1:
        raise ValueError(f"`{function}(eigenvalues=...)`: must have shape (modes,), got {tuple(values.shape)}.")
    positive = values.isfinite() & (values > 0)
    first, last = fit if fit is not None else (0, int(positive.long().cumprod(0).sum()))
    if not 0 <= first < last <= len(values) or last - first < 2 or not positive[first:last].all():
        raise ValueError(
            f"`{function}(eigenvalues, fit={fit!r})`: needs at least two eigenvalues in the range, all positive and "
            f"finite; {int(positive.sum())} of {len(values)} are."
        )
    return first, -values[first:last].log()


def _line(x: Tensor, y: Tensor, first: int) -> Slope:
    gap = x - x.mean()
    slope = float(gap @ (y - y.mean()) / (gap @ gap))
    rest = float((y - y.mean() - slope * gap).square().sum())
    whole = float((y - y.mean()).square().sum())
    freedom = len(y) - 2
    error = math.sqrt(rest / freedom / float(gap @ gap)) if freedom else math.nan
    reach = _student(freedom) * error if freedom else math.nan
    r_squared = 1 - rest / whole if whole else math.nan
    return Slope(slope, error, slope - reach, slope + reach, r_squared, first, first + len(y))


def _student(freedom: int) -> float:
    """Returns the 97.5 % quantile of Student's t, to 1 % from three degrees of freedom on."""
    if freedom < 3:
        return {1: 12.706, 2: 4.303}[freedom]
    z, n = NormalDist().inv_cdf(0.975), freedom
    # Cornish and Fisher's expansion in 1/n (Abramowitz and Stegun 26.7.5).
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
