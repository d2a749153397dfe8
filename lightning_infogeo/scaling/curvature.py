"""Curvature of the length of a finished run in logarithms of both, and the knee where it is lowest.

Following the quantity defined in arXiv 2406.05295. Everything here is a fixed linear map of ln L, built once from the
steps of the records, so that a bootstrap costs one matrix product.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Reason = Literal["floor", "edge", "straight", "wide"]


class Curvature(NamedTuple):
    """A curve over the logarithm of the step.

    Attributes:
        steps: points of a uniform grid in ln t, shape (n,).
        curvature: d²(ln L)/d(ln t)² on it, shape (n,), without a unit.
    """

    steps: Tensor
    curvature: Tensor


class Knee(NamedTuple):
    """The minimum of a smoothed curvature, or why there is none.

    Attributes:
        step: at which it lies; NaN where the function abstains.
        curvature: the lowest there is.
        steps: points of the uniform grid in ln t, shape (n,).
        curvatures: d²(ln L)/d(ln t)² on it, shape (n,).
        interval: both ends of the interval of ``step``; NaN where the function abstains.
        reason: None where there is a knee. "floor": on one side of the minimum the length is made by noise. "edge": the
            curve is lowest at an end of the range. "straight": a power law with the same noise would bend as much.
            "wide": the interval is the whole range.
        resamples: the curve for each draw of the bootstrap, shape (draws, n).
    """

    step: float
    curvature: float
    steps: Tensor
    curvatures: Tensor
    interval: tuple[float, float]
    reason: Reason | None
    resamples: Tensor


class _Records(NamedTuple):
    """What can be used of a run: ln t (T,), L (T,), and which of the records given these are, (T,)."""

    times: Tensor
    length: Tensor
    which: Tensor


class _Smoother(NamedTuple):
    """The linear map of a set of records: grid (n,), ln L → smooth ln L on it (n, T), and its degrees of freedom."""

    grid: Tensor
    smooth: Tensor
    freedom: float

    @property
    def inner(self) -> slice:
        """The points of the grid that have a curvature and are not within 5 % of an end."""
        margin = len(self.grid) // 20
        return slice(1 + margin, -1 - margin)

    def curvature(self, values: Tensor) -> Tensor:
        """Returns the curvature at the inner points, (..., m), of ln L at the records, (..., T)."""
        step = self.grid[1] - self.grid[0]
        second = self.smooth.diff(dim=0, n=2) / step.square()
        return values @ second[self.inner.start - 1 : self.inner.stop + 1].T

    def at(self, values: Tensor, times: Tensor) -> Tensor:
        """Returns smooth ln L at the records, (T,)."""
        fitted = self.smooth @ values
        after = torch.searchsorted(self.grid, times).clamp(1, len(self.grid) - 1)
        share = (times - self.grid[after - 1]) / (self.grid[after] - self.grid[after - 1])
        return torch.lerp(fitted[after - 1], fitted[after], share)


def loglog_curvature(steps: Tensor, length: Tensor, smoothing: float = 0.8, points: int = 200) -> Curvature:
    """Returns d²(ln L)/d(ln t)² of a finished run, following the quantity of arXiv 2406.05295.

    ln L is resampled on a uniform grid in ln t and smoothed by Tikhonov's method, the third difference being penalised
    so that the curvature itself is regular; 5 % at each end are left out, and so is the first decade after the first
    record, in which L still depends on where it began to be counted. The curve does not change with the unit of L, nor
    with that of t.

    Args:
        steps: optimizer steps of the records, shape (T,), increasing.
        length: information length there, shape (T,); records where it is 0 or not finite are left out.
        smoothing: width in ln t below which features are smoothed away.
        points: number of points of the grid, before its ends are left out.

    Raises:
        ValueError: where fewer than eight records beyond the first decade remain, or the arguments make no curve.

    Example:
        A power law is straight.

        >>> t = torch.logspace(0, 4, 100)
        >>> bool(loglog_curvature(t, 7 * t.sqrt()).curvature.abs().max() < 1e-3)
        True
    """
    records = _usable("loglog_curvature", steps, length)
    smoother = _smoother("loglog_curvature", records.times, smoothing, points)
    return Curvature(smoother.grid[smoother.inner].exp(), smoother.curvature(records.length.log()))


def knee(
    steps: Tensor,
    length: Tensor,
    smoothing: float = 0.8,
    points: int = 200,
    *,
    floor: Tensor | float | None = None,
    confidence: float = 0.95,
    draws: int = 400,
    seed: int = 0,
) -> Knee:
    """Returns the minimum of ``loglog_curvature`` with an interval, or abstains.

    The interval is the percentile one of a dependent wild bootstrap (Shao, J. Am. Stat. Assoc. 105, 218, 2010): the
    increments of L are those of the smooth curve plus their own residuals times a random factor that is correlated over
    as many records as the residuals are. Each residual stays at its place, so noise that changes during a training is
    kept, which moving blocks would mix up; and L is summed from the increments again, so its errors add up as they
    did. Measured coverage is in ``tests/scaling/test_curvature.py``.

    Args:
        steps: optimizer steps of the records, shape (T,), increasing.
        length: information length there, shape (T,); records where it is 0 or not finite are left out.
        smoothing: width in ln t below which features are smoothed away.
        points: number of points of the grid, before its ends are left out.
        floor: increment of L from one record to the next that noise alone makes, scalar or shape (T,), in the unit of
            L, such as √(2B/N) for a histogram of B bins and N weights. An increment tells something where its square
            is more than twice that of the floor. None where there is no such noise.
        confidence: confidence of the interval.
        draws: number of draws of the bootstrap.
        seed: seed of the bootstrap; the global generators are left alone.

    Raises:
        ValueError: as ``loglog_curvature``, or where ``confidence`` or ``draws`` make no interval.

    Example:
        >>> t = torch.logspace(0, 4, 100)
        >>> length = t / (1 + (t / 300) ** 2) ** 0.35  # from t to t^0.3, at 300
        >>> 250 < knee(t, length).step < 360
        True
        >>> knee(t, t.sqrt()).reason
        'straight'
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`knee(confidence={confidence!r})`: must lie between 0 and 1, such as 0.95.")
    if draws < 20:
        raise ValueError(f"`knee(draws={draws!r})`: must be 20 or more, such as 400.")
    records = _usable("knee", steps, length)
    smoother = _smoother("knee", records.times, smoothing, points)
    places, curve = smoother.grid[smoother.inner], smoother.curvature(records.length.log())
    resampled, centre = _resampled(records, smoother, draws, seed)
    resamples = smoother.curvature(resampled)
    at = int(curve.argmin())
    tails = resamples.new_tensor([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = places[resamples.argmin(1)].quantile(tails).tolist()

    # What the minimum of a straight line would be, with the same noise.
    chance = (resamples - smoother.curvature(centre)).amin(1).quantile(1 - confidence)
    reason: Reason | None = None
    if floor is not None and _drowned(records, floor, float(places[at]), 2 * smoothing):
        reason = "floor"
    elif curve[at] > min(float(chance), -_LEAST):
        reason = "straight"
    elif at in (0, len(places) - 1):
        reason = "edge"
    elif high - low > _WHOLE * float(places[-1] - places[0]):
        reason = "wide"
    step, interval = float(places[at].exp()), (math.exp(low), math.exp(high))
    if reason:
        step, interval = math.nan, (math.nan, math.nan)
    return Knee(step, float(curve[at]), places.exp(), curve, interval, reason, resamples)


_LEAST = 0.01
"""A curvature that changes the exponent by less than this for each factor e of t is none, without noise too."""
_WHOLE = 0.9
"""Share of the range from which an interval is the whole of it; 95 % is what places drawn at random would give."""
_MOST = 1000
"""Records the bootstrap works on; of more, those next to as many points uniform in ln t are taken."""


def _resampled(records: _Records, smoother: _Smoother, draws: int, seed: int) -> tuple[Tensor, Tensor]:
    """Returns ln L at the records for each draw, (draws, T), and that of the smooth curve they scatter about, (T,)."""
    centre = smoother.at(records.length.log(), records.times)
    expected = centre.exp().diff()
    residuals = records.length.diff() - expected
    count = len(residuals)
    taken = smoother.freedom / count
    rho = _correlation(residuals / expected.clamp_min(1e-3 * float(expected.abs().mean())), taken)
    # As in an autoregression of first order: the best block (Carlstein, Ann. Stat. 14, 1171, 1986), what the fit took
    # of the noise, and what factors of finite block leave out of its long-run variance.
    block = (math.sqrt(6) * rho / (1 - rho**2)) ** (2 / 3) * count ** (1 / 3)
    block = min(max(1, round(block)), count // 2)
    whole = (1 + rho) / (1 - rho)
    within_blocks = 1 + 2 * sum((1 - lag / block) * rho**lag for lag in range(1, block))
    residuals = residuals * math.sqrt(whole / within_blocks / max(1 - taken * whole, 0.1))
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(draws, count + block, generator=generator, dtype=residuals.dtype).cumsum(1)
    factors = (normal[:, block:] - normal[:, :-block]) / math.sqrt(block)
    increments = (expected + residuals * factors).clamp_min(0)  # a length never shrinks
    start = centre[0].exp().expand(draws, 1)
    return torch.cat([start, start + increments.cumsum(1)], dim=1).log(), centre


def _correlation(residuals: Tensor, taken: float) -> float:
    """Returns the correlation of the noise from one record to the next, range [0, 0.6].

    A fit takes away the slow part of the noise, a share ``taken`` of its modes, so that residuals are less correlated
    than it: r = (ρ − taken·v)/(1 − taken·v) with v = (1 + ρ)/(1 − ρ). This is solved for ρ; from about 0.5 up noise
    cannot be told from signal, and there is no solution.
    """
    energy = residuals.square().sum()
    measured = float((residuals[1:] * residuals[:-1]).sum() / energy) if energy > 0 else 0.0
    lost = (1 - measured) * taken
    middle = (1 + measured - lost) / 2
    rho = middle - math.sqrt(max(middle**2 - measured - lost, 0))
    return min(max(rho, 0.0), 0.6)


def _drowned(records: _Records, floor: Tensor | float, place: float, width: float) -> bool:
    """Whether noise makes half of the increments or more on one side of a place in ln t, up to ``width`` from it."""
    level = torch.as_tensor(floor, dtype=torch.float64, device="cpu")
    level = level[records.which][1:] if level.dim() else level
    tells = records.length.diff().square() > 2 * level.square()
    distance = records.times[1:] - place
    sides = (distance > -width) & (distance <= 0), (distance >= 0) & (distance < width)
    return any(bool(side.any()) and float(tells[side].double().mean()) <= 0.5 for side in sides)


def _usable(function: str, steps: Tensor, length: Tensor) -> _Records:
    if steps.dim() != 1 or steps.shape != length.shape:
        raise ValueError(
            f"`{function}(steps, length)`: must have one shape (T,), got {tuple(steps.shape)} and "
            f"{tuple(length.shape)}."
        )
    t, values = steps.detach().cpu().double(), length.detach().cpu().double()
    if len(t) > 1 and not (t.diff() > 0).all():
        raise ValueError(f"`{function}(steps=...)`: must increase from record to record; sort them, without repeats.")
    begun = t[t > 0]
    first = 10 * float(begun[0]) if len(begun) else 0.0
    index = ((t >= first * (1 - 1e-9)) & (t > 0) & values.isfinite() & (values > 0)).nonzero()[:, 0]
    if len(index) < 8:
        raise ValueError(
            f"`{function}(steps, length)`: needs 8 records after step {first:g}, got {len(index)}; record more often."
        )
    if len(index) > _MOST:
        logs = t[index].log()
        even = torch.linspace(float(logs[0]), float(logs[-1]), _MOST, dtype=torch.float64)
        nearest = torch.searchsorted(logs, even).clamp_max(len(logs) - 1)
        index = index[nearest[nearest.diff(prepend=nearest.new_tensor([-1])) > 0]]
    return _Records(t[index].log(), values[index], index)


def _smoother(function: str, times: Tensor, smoothing: float, points: int) -> _Smoother:
    if not smoothing > 0:
        raise ValueError(f"`{function}(smoothing={smoothing!r})`: must be positive, such as 0.8.")
    if points < 40:
        raise ValueError(f"`{function}(points={points!r})`: must be 40 or more, such as 200.")
    grid = torch.linspace(float(times[0]), float(times[-1]), points, dtype=torch.float64)
    after = torch.searchsorted(times, grid).clamp(1, len(times) - 1)
    share = (grid - times[after - 1]) / (times[after] - times[after - 1])
    rows = torch.arange(points)
    resample = torch.zeros(points, len(times), dtype=torch.float64)
    resample[rows, after - 1] = 1 - share
    resample[rows, after] = share
    third = torch.eye(points, dtype=torch.float64).diff(dim=0, n=3)
    penalty = (smoothing / float(grid[1] - grid[0]) / math.pi) ** 6
    inverse = torch.linalg.inv(torch.eye(points, dtype=torch.float64) + penalty * third.T @ third)
    return _Smoother(grid, inverse @ resample, float(inverse.trace()))
