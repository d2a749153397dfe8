"""Finite-size scaling: the same knee in networks of several sizes, and whether their curves are one curve rescaled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.scaling.collapse import Array, Curves
from lightning_infogeo.scaling.curvature import Knee, knee

Run = tuple[Tensor, Tensor]
Verdict = Literal["sharpening", "shift", "broadening", "undecided", "coincide", "no collapse", "noise", "no knee"]


class Estimate(NamedTuple):
    """A number with its interval; NaN where it could not be found."""

    value: float
    low: float
    high: float


class SizeCurve(NamedTuple):
    """The curvature at one size, the mean over its runs.

    Attributes:
        steps: shape (n,).
        curvature: d²(ln L)/d(ln t)² there, shape (n,).
        error: its standard deviation, shape (n,).
    """

    steps: Tensor
    curvature: Tensor
    error: Tensor


class Scaling(NamedTuple):
    """What sizes do to the knee.

    Attributes:
        sizes: n, shape (S,), increasing.
        knees: t_c(n), geometric mean over runs, steps, shape (S,); NaN where no run has one.
        intervals: their intervals, shape (S, 2).
        shift: exponent of t_c(n) ~ n^shift.
        width: a of x = (ln t − ln t_c(n)) n^a.
        height: b of y = curvature · n^b.
        quality: mean squared deviation of each curve from the others, in units of their errors; about 1 for a collapse.
        unscaled: the same for the curves as they are, against ln t.
        misfit: root mean square deviation over that of the curves, range [0, ∞).
        collapse_p: share of simulated collapsing curves, with the same noise, that fit no better.
        chance_p: share of the same curves, aligned at random, that fit as well.
        verdict: of curves that fall on one another, by the interval of a: "sharpening" above 0, as of a transition that
            becomes abrupt in large networks; "broadening" below 0; "shift" around 0, a crossover that keeps its width
            within a factor of two from the smallest size to the largest, which speaks against such a transition;
            "undecided" around 0 where the interval leaves more than that open. "coincide": no telling them from one
            curve as they are. "no collapse": not one curve. "noise": any curves would fit as well. "no knee": at one
            size or more no run has one.
        curves: a size.
    """

    sizes: Tensor
    knees: Tensor
    intervals: Tensor
    shift: Estimate
    width: Estimate
    height: Estimate
    quality: float
    unscaled: float
    misfit: float
    collapse_p: float
    chance_p: float
    verdict: Verdict
    curves: tuple[SizeCurve, ...]


def finite_size_scaling(
    curves: Sequence[Run | Sequence[Run]],
    sizes: Sequence[float],
    *,
    smoothing: float = 0.8,
    window: float = 2.5,
    floor: float | None = None,
    tolerance: float = 0.1,
    confidence: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> Scaling:
    """Returns how the knee moves with the size n, and the exponents that lay the curvatures of all sizes on one curve.

    x = (ln t − ln t_c(n)) n^a, y = d²(ln L)/d(ln t)² · n^b, with t_c(n) from ``knee`` for each run. Intervals come from
    a bootstrap over runs, and within each run over its records, so that a single run a size is enough; with several
    they are wider than they need be, the noise of the records being part of the spread of the runs too. They are of the
    smoothed curves: a bend narrower than ``smoothing`` is as wide as that at every size, which pulls a and b towards 0
    whatever their intervals; believe exponents, and the verdict "shift", that stay the same with half the smoothing. A
    shift excludes no sharpening below the upper end of a's interval.

    Args:
        curves: for each size one run or several, each (steps, length) of shape (T,). Runs without a knee are left out.
        sizes: n of each, such as widths; at least three that differ.
        smoothing: width in ln t below which features are smoothed away.
        window: on each side of the knee, in ln t, within which curves are compared.
        floor: noise floor of the increments of L, as in ``knee``.
        tolerance: misfit up to which curves count as one whatever their errors.
        confidence: confidence of the intervals; 1 − confidence is also the level of the tests behind the verdict.
        draws: number of draws of the bootstrap.
        seed: seed of the bootstrap; the global generators are left alone.

    Raises:
        ValueError: for fewer than three sizes, or sizes and curves that do not belong together.
        ModuleNotFoundError: where SciPy is not installed.

    Example:
        Lengths that grow like t up to n, and like t^0.2 beyond: the knee moves with n, and keeps its shape.

        >>> t, sizes = torch.logspace(0, 6, 150), [100, 200, 400]
        >>> scaling = finite_size_scaling([(t, t / (1 + (t / n) ** 2) ** 0.4) for n in sizes], sizes)
        >>> scaling.verdict, round(scaling.shift.value, 1)
        ('shift', 1.0)
    """
    runs, sizes = _checked(curves, sizes, window, draws)
    seeds = count(seed)
    settings: dict[str, Any] = {"floor": floor, "confidence": confidence, "draws": draws}
    knees = [[knee(*run, smoothing, seed=next(seeds), **settings) for run in group] for group in runs]
    n = np.asarray(sizes, dtype=np.float64)
    raw = tuple(_mean_curve(group) for group in knees)
    tails = (100 * (1 - confidence) / 2, 100 * (1 + confidence) / 2)
    random = np.random.default_rng(seed)
    good = [_Runs.drawn([one for one in group if one.reason is None], draws, random) for group in knees]
    at, ats = np.array([runs.at for runs in good]), np.stack([runs.ats for runs in good], axis=1)
    intervals = np.exp(np.percentile(ats, tails, axis=0)).T
    unknown = Estimate(math.nan, math.nan, math.nan)
    result = Scaling(
        *(torch.from_numpy(n), torch.from_numpy(np.exp(at)), torch.from_numpy(intervals)),
        *(unknown, unknown, unknown),
        *(math.nan, math.nan, math.nan, math.nan, math.nan),
        verdict="no knee",
        curves=raw,
    )
    if np.isnan(at).any():
        return result

    scales = n / np.exp(np.log(n).mean())
    grid = np.linspace(-window, window, _POINTS)
    around, noises = _together(good, at, grid, scales, smoothing)
    drawn = np.stack([runs.drawn_around(grid, runs.ats) for runs in good], axis=1)
    best = around.fit([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)])
    a, b = best.a, best.b
    one = around.collapsed(a, b)
    collapsing = [around._replace(values=one + noise).aligned().fit([(a, b)]).quality for noise in noises]
    by_chance = [around.rolled(random).fit([(0, 0), (a, b)]).quality for _ in range(draws)]
    refits = [around._replace(values=values).fit([(a, b)]) for values in drawn]
    collapse_p = (1 + sum(quality >= best.quality for quality in collapsing)) / (1 + draws)
    chance_p = (1 + sum(quality <= best.quality for quality in by_chance)) / (1 + draws)
    apart = around.misfit(a, b)
    unscaled, p, unscaled_apart = _as_they_are(good, raw)
    width = _estimate(a, np.array([refit.a for refit in refits]), tails)
    verdict: Verdict = "coincide" if p >= 1 - confidence or unscaled_apart < tolerance else _rescaled(width, n)
    if collapse_p < 1 - confidence and apart > tolerance:
        verdict = "no collapse"
    elif chance_p > 1 - confidence:
        verdict = "noise"
    return result._replace(
        shift=_slope(np.log(n), at, ats, tails),
        width=width,
        height=_estimate(b, np.array([refit.b for refit in refits]), tails),
        quality=best.quality,
        unscaled=unscaled,
        misfit=apart,
        collapse_p=collapse_p,
        chance_p=chance_p,
        verdict=verdict,
    )


def _rescaled(width: Estimate, sizes: Array) -> Verdict:
    if width.low > 0 or width.high < 0:
        return "sharpening" if width.low > 0 else "broadening"
    factor = (sizes.max() / sizes.min()) ** max(-width.low, width.high)
    return "shift" if factor < _KEPT else "undecided"


_KEPT = 2.0
"""Factor below which a width counts as kept. NaN is above it."""


_POINTS = 81
"""At which curves are compared."""


class _Runs(NamedTuple):
    """The runs of a size that have a knee; which of them each draw takes; ln t_c, the mean over runs, and in draws.

    The same runs are drawn for every use, so that a knee and the curve around it belong together.
    """

    knees: list[Knee]
    which: np.ndarray[Any, np.dtype[np.intp]]
    at: float
    ats: Array

    @classmethod
    def drawn(cls, knees: list[Knee], draws: int, random: np.random.Generator) -> _Runs:
        if not knees:
            return cls(knees, np.zeros((draws, 0), dtype=np.intp), math.nan, np.full(draws, np.nan))
        which = random.integers(len(knees), size=(draws, len(knees)))
        each = np.stack([one.steps.log()[one.resamples.argmin(1)].numpy() for one in knees], axis=1)
        at = float(np.mean([math.log(one.step) for one in knees]))
        return cls(knees, which, at, np.take_along_axis(each, which, axis=1).mean(1))

    def mean(self, grid: Array, place: float) -> Array:
        """Returns the mean curve, (U,), at ``place`` + grid in ln t."""
        return np.asarray(np.mean([_read(one, one.curvatures, grid + place) for one in self.knees], axis=0))

    def drawn_around(self, grid: Array, places: Array) -> Array:
        """Returns the mean curve of each draw, (draws, U), at its own of ``places`` (draws,) + grid in ln t."""
        groups = [[self.knees[k] for k in chosen] for chosen in self.which]
        curves = [
            np.mean([_read(one, one.resamples[d], grid + place) for one in group], axis=0)
            for d, (group, place) in enumerate(zip(groups, places, strict=True))
        ]
        return np.stack(curves)


def _read(one: Knee, curve: Tensor, times: Array) -> Array:
    return np.asarray(np.interp(times, one.steps.log().numpy(), curve.numpy(), left=math.nan, right=math.nan))


def _together(
    sizes: list[_Runs], places: Array, grid: Array, scales: Array, basin: float = 0.0
) -> tuple[Curves, Array]:
    """Returns the curves of all sizes, each around its place in ln t, and the noise of each draw, (draws, S, U).

    The place stands still in the noise: where a curve has two minima, draws whose knee is the other one would
    otherwise make the errors so large that anything collapses. How far a minimum moves within ``basin`` of the place
    is part of the errors.
    """
    pairs = list(zip(sizes, places, strict=True))
    values = np.stack([runs.mean(grid, place) for runs, place in pairs])
    drawn = np.stack([runs.drawn_around(grid, np.full(len(runs.ats), place)) for runs, place in pairs], axis=1)
    noise = drawn - drawn.mean(0)
    spread = noise.std(0)
    if basin:
        near = abs(grid) <= basin
        jitter = grid[near][np.nan_to_num((values + noise)[..., near], nan=math.inf).argmin(-1)].std(0)
        spread = np.hypot(spread, jitter[:, None] * np.gradient(values, grid, axis=1))
    errors = np.maximum(spread, max(1e-3 * float(np.nanmax(spread)), 1e-9))
    return Curves(grid, values, errors, scales), noise


def _as_they_are(sizes: list[_Runs], raw: tuple[SizeCurve, ...]) -> tuple[float, float, float]:
    """Returns quality, share of simulated equal curves that agree no better, and misfit, all without rescaling.

    They are taken on the part of ln t that all sizes share: NaN, 0 and ∞ where there is none.
    """
    low, high = max(float(c.steps[0]) for c in raw), min(float(c.steps[-1]) for c in raw)
    if not low < high:
        return math.nan, 0.0, math.inf
    line = np.linspace(math.log(low) + 1e-9, math.log(high) - 1e-9, _POINTS)
    curves, noises = _together(sizes, np.zeros(len(sizes)), line, np.ones(len(sizes)))
    quality, same = curves.quality(0, 0), curves.collapsed(0, 0)
    worse = [curves._replace(values=same + noise).quality(0, 0) >= quality for noise in noises]
    return quality, (1 + sum(worse)) / (1 + len(worse)), curves.misfit(0, 0)


def _slope(x: Array, y: Array, drawn: Array, tails: tuple[float, float]) -> Estimate:
    """Returns the weighted least-squares slope; scatter beyond the errors widens its interval (Birge's ratio)."""
    weights = 1 / np.maximum(drawn.var(0), 1e-6)
    centred = x - (weights * x).sum() / weights.sum()
    row = weights * centred / (weights * centred**2).sum()
    slope = float(row @ y)
    left = y - slope * centred
    left = left - (weights * left).sum() / weights.sum()
    ratio = math.sqrt(max(1.0, float((weights * left**2).sum()) / (len(x) - 2)))
    slopes = drawn @ row
    return _estimate(slope, slope + ratio * (slopes - slopes.mean()), tails)


def _estimate(value: float, drawn: Array, tails: tuple[float, float]) -> Estimate:
    low, high = np.percentile(drawn, tails)
    return Estimate(value, float(low), float(high))


def _mean_curve(group: list[Knee]) -> SizeCurve:
    """Returns the mean over runs where all of them reach, on the grid of the first."""
    low, high = max(one.steps[0] for one in group), min(one.steps[-1] for one in group)
    steps = group[0].steps
    steps = steps[(steps >= low) & (steps <= high)]
    times = steps.log().numpy()
    curves = [np.interp(times, one.steps.log().numpy(), one.curvatures.numpy()) for one in group]
    spreads = [np.interp(times, one.steps.log().numpy(), one.resamples.std(0).numpy()) for one in group]
    error = np.sqrt((np.square(spreads).mean(0) + np.var(curves, axis=0)) / len(group))
    return SizeCurve(steps, torch.from_numpy(np.mean(curves, axis=0)), torch.from_numpy(error))


def _checked(
    curves: Sequence[Run | Sequence[Run]], sizes: Sequence[float], window: float, draws: int
) -> tuple[list[list[Run]], list[float]]:
    if len(curves) != len(sizes):
        raise ValueError(
            f"`finite_size_scaling(curves, sizes)`: got {len(curves)} curves and {len(sizes)} sizes; give one size for "
            "each entry of curves, which may hold several runs."
        )
    if len(set(sizes)) < 3 or len(set(sizes)) < len(sizes) or not all(0 < n < math.inf for n in sizes):
        raise ValueError(
            f"`finite_size_scaling(sizes={list(sizes)!r})`: needs three sizes or more, positive and each once; put "
            "runs of one size into one entry of curves, and train further sizes."
        )
    if not window > 0 or draws < 20:
        raise ValueError(
            f"`finite_size_scaling(window={window!r}, draws={draws!r})`: window must be positive, such as 2.5, and "
            "draws 20 or more, such as 200."
        )
    groups = [[cast(Run, entry)] if isinstance(entry[0], Tensor) else list(entry) for entry in curves if len(entry)]
    if len(groups) < len(curves):
        raise ValueError("`finite_size_scaling(curves=...)`: holds a size without a run; leave it out.")
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    return [cast("list[Run]", groups[i]) for i in order], [float(sizes[i]) for i in order]
