"""Abrupt changes of the information velocity: a learning-rate drop, a loss spike, a collapse, sudden generalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event
from lightning_infogeo.markers.marker import Firing, Marker, state_where

_FLOOR = 1e-12
"""Radians per step that stand for standing still."""

_BEFORE = 12
_AFTER = 3
_INTERVAL = 0.2
_SPREAD = 0.05
"""Noise of ln velocity that is always reckoned with: a smooth curve is not free of bends."""


class VelocityChangeState(NamedTuple):
    """What is known of one series after a record.

    Attributes:
        firing: what has been found.
        values: ln velocity at the last records, the latest last, shape (15,); NaN before there were as many.
        times: ln(step + 1) of these records, shape (15,).
        last: records since the last one that belongs to an event, scalar.
    """

    firing: Firing
    values: Tensor
    times: Tensor
    last: Tensor


@dataclass(frozen=True)
class VelocityChange(Marker):
    """Fires where ln velocity makes a step: a learning-rate drop, a collapse, a spike, a sudden burst of learning.

    A training slows down by itself, at a rate that changes, so a sum of deviations from a trend (CUSUM) sooner or later
    takes every bend for a change; one tried first fired on 94 % of real trajectories without any. The figures of this
    marker are those of ``benchmarks/velocity_change.py``.
    What tells a change from a bend is that it lies between two records. Through the last twelve records and the three
    after them goes a line in ln t with a step between the two groups; the step, divided by its standard error from the
    residuals of that fit, is the statistic. It must also stand when the line may bend at the same place, and the middle
    one of the three records must deviate from the line before as far, so that neither a steeper decline nor a single
    outlying record is a change. The strength of an event is the step of ln velocity: −2.3 is ten times slower.

    Args:
        threshold: standard errors. With the default the average run length to a false alarm, simulated on power laws
            (``tests/markers/test_velocity_change.py``), is more than 2,000 records.
        factor: the least change of velocity that counts between records no more than 20 % apart in steps; its logarithm
            grows with the interval beyond, over which a training can slow down that much by itself.

    Raises:
        ValueError: where ``threshold`` is not positive, or ``factor`` not above 1.
    """

    threshold: float = 5.0
    factor: float = 3.0

    name = "velocity_change"
    observes = ("velocity",)

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise ValueError(f"`VelocityChange(threshold={self.threshold!r})`: must be positive, such as 5.")
        if not self.factor > 1:
            raise ValueError(f"`VelocityChange(factor={self.factor!r})`: must be above 1, such as 3.")

    def start(self, like: Tensor) -> VelocityChangeState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        nothing = like.new_full((_BEFORE + _AFTER,), torch.nan)
        return VelocityChangeState(Firing.none(like), nothing, nothing, like.new_zeros(()))

    def extend(
        self, state: VelocityChangeState, step: int, observation: Tensor, trained: Tensor | None = None
    ) -> VelocityChangeState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: information velocity, shape (1,), radians per step; where it is not finite, nothing changes.
            trained: not looked at.
        """
        velocity = observation.to(state.values)[0]
        finite = velocity.isfinite()
        time = torch.full_like(velocity, math.log(step + 1))
        values = torch.cat([state.values[1:], velocity.clamp_min(_FLOOR).log()[None]])
        times = torch.cat([state.times[1:], time[None]])

        size, error, bending, deviation = _fitted(times, values)
        least = math.log(self.factor) * ((times[_BEFORE] - times[_BEFORE - 1]) / _INTERVAL).clamp_min(1)
        side = size.sign()
        fires = finite & (size.abs() > self.threshold * error) & (state.last + 1 >= _BEFORE + _AFTER)
        fires = fires & (size.abs() > least) & (bending * side > least) & (deviation * side > least)
        began = torch.expm1(times[_BEFORE]).round()
        # The records after a change are the line before the next one; the first of them belongs to this event.
        last = torch.where(fires, torch.full_like(state.last, _AFTER), state.last + 1)
        firing = state.firing.after(fires, began, step, size)
        new = VelocityChangeState(firing, values, times, last)
        after: VelocityChangeState = state_where(finite, new, state)
        return after

    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do."""
        factor = math.exp(min(abs(event.strength), 700))
        if event.strength < 0:
            cause = (
                "a drop of the learning rate; or learning that is complete (its distance to truth is then near 0); or "
                "units or gradients that died"
            )
        else:
            cause = (
                "a rise of the learning rate, a loss spike, or sudden generalisation: distance_to_truth rises in the "
                "second and falls in the last"
            )
        word = "slower" if event.strength < 0 else "faster"
        return f"predictions on {event.probe} move {factor:.3g} times {word}: {cause}."


def _fitted(times: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The step between the first twelve and the last three values, in four ways, each a scalar.

    Returns:
        The step of a line, its standard error, the step where the line may bend there too, and by how much the middle
        one of the last values (by size) leaves the line through the first.
    """
    middle = (times[_BEFORE - 1] + times[_BEFORE]) / 2
    x = (times - middle) / (times[-1] - times[0])
    ones = torch.ones_like(x)
    after = torch.cat([torch.zeros_like(x[:_BEFORE]), ones[_BEFORE:]])
    straight = torch.stack([ones, x, after], dim=1)
    covariance, (level, slope, size) = _least_squares(straight, values)
    residuals = values - level - slope * x - size * after
    variance = (residuals.square().sum() / (len(x) - 3)).clamp_min(_SPREAD**2)
    bent = _least_squares(torch.cat([straight, (after * x)[:, None]], dim=1), values)[1]
    before = _least_squares(straight[:_BEFORE, :2], values[:_BEFORE])[1]
    deviation = (values - before[0] - before[1] * x)[_BEFORE:].median()
    return size, (variance * covariance[2, 2]).sqrt(), bent[2], deviation


def _least_squares(design: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the inverse of the normal matrix and the coefficients, without looking whether it is singular."""
    inverse = torch.linalg.inv_ex(design.mT @ design).inverse
    return inverse, inverse @ (design.mT @ values)


def velocity_changes(steps: Sequence[int], velocity: Sequence[float], penalty: float = 10.0) -> list[int]:
    """Returns the steps at which a new regime of ln velocity begins, for a finished run.

    By kernel change-point detection with a linear kernel (ruptures), on ln velocity in units of its noise.

    Args:
        steps: of the records.
        velocity: at these records; those that are not finite or not positive are left out.
        penalty: for each change, in squared standard deviations.

    Raises:
        ModuleNotFoundError: where ruptures is not installed.
    """
    try:
        import ruptures
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "`velocity_changes()` needs ruptures: pip install 'lightning-infogeo[analysis]'; the live marker does not."
        ) from None
    pairs = [(s, math.log(v)) for s, v in zip(steps, velocity, strict=True) if math.isfinite(v) and v > 0]
    if len(pairs) < 4:
        return []
    values = torch.tensor([value for _, value in pairs], dtype=torch.float64)
    noise = values.diff().abs().median() / (0.6745 * math.sqrt(2))
    signal = (values / noise.clamp_min(1e-9)).numpy()[:, None]
    ends = ruptures.KernelCPD(kernel="linear", min_size=2).fit(signal).predict(pen=penalty)
    return [pairs[end][0] for end in ends[:-1]]
