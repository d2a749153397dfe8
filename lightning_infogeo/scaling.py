"""Finite-size scaling: the same knee in networks of several sizes, and whether their curves are one curve rescaled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.collapse import Array, fit, misfit, on_one, residuals
from lightning_infogeo.curvature import Knee, knee

Run = tuple[Tensor, Tensor]
Verdict = Literal["collapse", "coincide", "no collapse", "noise", "no knee"]


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
        intervals: of these, shape (S, 2).
        shift: exponent of t_c(n) ~ n^shift.
        width: a of x = (ln t − ln t_c(n)) n^a.
        height: b of y = curvature · n^b.
        quality: mean squared deviation of each curve from the others, in units of their errors; about 1 for a collapse.
        unscaled: the same for the curves as they are, against ln t.
        misfit: root mean square deviation over that of the curves, range [0, ∞).
        collapse_p: share of simulated collapsing curves, with the same noise, that fit no better.
        chance_p: share of the same curves, aligned at random, that fit as well.
        verdict: "collapse": one curve, rescaled. "coincide": one curve without rescaling. "no collapse": not one curve.
            "noise": any curves would fit as well. "no knee": at one size or more no run has one.
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
    a bootstrap over runs, and within each run over its records, so that a single run a size is enough. Exponents are
    those of the smoothed curves: a bend narrower than ``smoothing`` has the width of the smoothing at every size, which
    pulls a and b towards 0.

    Args:
        curves: for each size one run or several, each (steps, length) of shape (T,). Runs without a knee are left out.
        sizes: n of each, such as widths; at least three that differ.
        smoothing: width in ln t below which features are smoothed away.
        window: on each side of the knee, in ln t, within which curves are compared.
        floor: of the increments of L, as of ``knee``.
        tolerance: misfit up to which curves count as one whatever their errors.
        confidence: of the intervals; 1 − confidence is also the level of the tests behind the verdict.
        draws: of the bootstrap.
        seed: of the bootstrap; the global generators are left alone.

    Raises:
        ValueError: for fewer than three sizes, or sizes and curves that do not belong together.
        ModuleNotFoundError: where SciPy is not installed.
    """
    runs, sizes = _checked(curves, sizes, window, draws)
    found = [
        [
            knee(*run, smoothing, floor=floor, confidence=confidence, draws=draws, seed=seed + 101 * i + k)
            for k, run in enumerate(group)
        ]
        for i, group in enumerate(runs)
    ]
    good = [[one for one in group if one.reason is None] for group in found]
    random = np.random.default_rng(seed)
    # The same runs are drawn for every use, so that a knee and the curve around it belong together.
    chosen = [random.integers(len(g), size=(draws, len(g))) if g else None for g in good]
    tails = (100 * (1 - confidence) / 2, 100 * (1 + confidence) / 2)
    n = np.asarray(sizes, dtype=np.float64)
    at = np.full(len(n), np.nan)
    ats = np.full((draws, len(n)), np.nan)
    for i, (group, which) in enumerate(zip(good, chosen, strict=True)):
        if which is not None:
            at[i] = np.mean([math.log(one.step) for one in group])
            each = np.stack([one.steps.log()[one.resamples.argmin(1)].numpy() for one in group], axis=1)
            ats[:, i] = np.take_along_axis(each, which, axis=1).mean(1)
    intervals = np.exp(np.percentile(ats, tails, axis=0)).T
    raw = tuple(_mean_curve(group) for group in found)
    result = Scaling(
        torch.from_numpy(n),
        torch.from_numpy(np.exp(at)),
        torch.from_numpy(intervals),
        *[Estimate(math.nan, math.nan, math.nan)] * 3,
        *[math.nan] * 5,
        "no knee",
        raw,
    )
    if np.isnan(at).any():
        return result

    grid = np.linspace(-window, window, _POINTS)
    aligned = [_table(g, w, grid, at[i], ats[:, i]) for i, (g, w) in enumerate(zip(good, chosen, strict=True))]
    values, noise = np.stack([v for v, _ in aligned]), np.stack([d for _, d in aligned], axis=1)
    errors = _errors(noise)
    scales = n / np.exp(np.log(n).mean())
    best = fit(grid, values, errors, scales, [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)])
    exponents = (best.a, best.b)
    one = on_one(grid, values, errors, scales, *exponents)
    refits = [fit(grid, one + shaken, errors, scales, [exponents]) for shaken in noise]
    rolled = np.stack([_rolled(values, errors, random) for _ in range(draws)])
    by_chance = [fit(grid, v, e, scales, [(0, 0), exponents]).quality for v, e in rolled]

    # As they are: on the part of ln t that all sizes share.
    low, high = max(c.steps[0].log().item() for c in raw), min(c.steps[-1].log().item() for c in raw)
    unscaled, same = math.nan, False
    if high > low:
        line = np.linspace(low, high, _POINTS)
        still = [_table(g, w, line, 0.0, np.zeros(draws)) for g, w in zip(good, chosen, strict=True)]
        v, d = np.stack([v for v, _ in still]), np.stack([d for _, d in still], axis=1)
        e = _errors(d)

        def quality(curves: Array) -> float:
            return float((residuals(line, curves, e, scales, 0, 0) ** 2).sum())

        unscaled = quality(v)
        flat = on_one(line, v, e, scales, 0, 0)
        same = float(np.mean([quality(flat + shaken) >= unscaled for shaken in d])) >= 1 - confidence
        same = same or misfit(line, v, e, scales, 0, 0) < tolerance

    collapse_p = float(np.mean([refit.quality >= best.quality for refit in refits]))
    chance_p = (1 + sum(quality <= best.quality for quality in by_chance)) / (1 + draws)
    apart = misfit(grid, values, errors, scales, *exponents)
    verdict: Verdict = "coincide" if same else "collapse"
    if collapse_p < 1 - confidence and apart > tolerance:
        verdict = "no collapse"
    elif chance_p > 1 - confidence:
        verdict = "noise"
    return result._replace(
        shift=_slope(np.log(n), at, ats, tails),
        width=_estimate(best.a, np.array([refit.a for refit in refits]), tails),
        height=_estimate(best.b, np.array([refit.b for refit in refits]), tails),
        quality=best.quality,
        unscaled=unscaled,
        misfit=apart,
        collapse_p=collapse_p,
        chance_p=chance_p,
        verdict=verdict,
    )


_POINTS = 81
"""At which curves are compared."""


def _table(group: list[Knee], which: Array | None, grid: Array, at: float, ats: Array) -> tuple[Array, Array]:
    """Returns the mean curve of a size around ``at``, (U,), and the noise of the bootstrap about it, (draws, U)."""
    assert which is not None
    times = [one.steps.log().numpy() for one in group]

    def read(k: int, curve: Tensor, place: float) -> Array:
        return np.interp(grid + place, times[k], curve.numpy(), left=math.nan, right=math.nan)

    mean = np.mean([read(k, one.curvatures, at) for k, one in enumerate(group)], axis=0)
    drawn = np.stack(
        [
            np.mean([read(k, group[k].resamples[d], ats[d]) for k in chosen], axis=0)
            for d, chosen in enumerate(which.astype(int))
        ]
    )
    known = np.isfinite(drawn)
    centre = np.where(known, drawn, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    # A draw whose knee lies elsewhere may not reach the ends of the grid: no noise is known there.
    return mean, np.where(known, drawn - centre, 0.0)


def _errors(noise: Array) -> Array:
    """Returns the standard deviation at each point, (S, U), at least a thousandth of the largest."""
    spread = noise.std(0)
    return np.asarray(np.maximum(spread, max(1e-3 * float(spread.max()), 1e-9)))


def _rolled(values: Array, errors: Array, random: np.random.Generator) -> Array:
    """Returns both tables with every curve moved along by an amount of its own, (2, S, U)."""
    by = random.integers(values.shape[1], size=len(values))
    return np.stack([[np.roll(row, k) for row, k in zip(table, by, strict=True)] for table in (values, errors)])


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
            f"`finite_size_scaling(sizes={list(sizes)!r})`: needs three sizes or more, positive and each once; put runs "
            "of one size into one entry of curves, and train further sizes."
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
