"""Abrupt changes of the information velocity: a learning-rate drop, a loss spike, a collapse, sudden generalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event, Firing

_FLOOR = 1e-12
"""Radians per step that stand for standing still."""


class VelocityChangeState(NamedTuple):
    """Of one probe. ``up`` and ``down`` are the two sides of the cumulative sum.

    Attributes:
        firing: what has been found.
        level: of ln velocity, as expected at the last record.
        trend: of ``level``, per record.
        scale: mean absolute deviation from the level.
        sums: the cumulative sums, up and down, shape (2,), in standard deviations.
        since: the step at which each began to rise, shape (2,).
        base: what was expected then, carried on by the trend, shape (2,).
        records: since the start or the last event.
    """

    firing: Firing
    level: Tensor
    trend: Tensor
    scale: Tensor
    sums: Tensor
    since: Tensor
    base: Tensor
    records: Tensor


@dataclass(frozen=True)
class VelocityChange:
    """Fires where ln velocity leaves its trend by more than its own noise.

    The level and trend of ln velocity are followed from record to record (Holt's double exponential smoothing, so that
    the slow decline of a training is no change, on log-spaced schedules as on even ones), the mean absolute deviation
    beside them; deviations, clipped at four standard deviations, are summed on two sides (Page's CUSUM, Biometrika 41,
    100, 1954). After an event the level is learnt anew. Its strength is the change of ln velocity: −2.3 is ten times
    slower.

    Args:
        drift: standard deviations by which a record has to deviate to count.
        threshold: sum at which the marker fires. With the defaults the average run length to a false alarm, simulated
            on power laws (``tests/markers/test_velocity_change.py``), is more than 2,000 records.

    Raises:
        ValueError: where one of them is not positive.
    """

    drift: float = 0.75
    threshold: float = 6.0

    name: ClassVar[str] = "velocity_change"
    observes: ClassVar[tuple[str, ...]] = ("velocity",)

    _LEVEL: ClassVar[float] = 0.2
    _TREND: ClassVar[float] = 0.02
    _SCALE: ClassVar[float] = 0.05
    _WARM_UP: ClassVar[int] = 10
    _CLIP: ClassVar[float] = 4.0

    def __post_init__(self) -> None:
        for argument in ("drift", "threshold"):
            if not getattr(self, argument) > 0:
                raise ValueError(f"`VelocityChange({argument}={getattr(self, argument)!r})`: must be positive.")

    def start(self, like: Tensor) -> VelocityChangeState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero, two = like.new_zeros(()), like.new_zeros(2)
        return VelocityChangeState(Firing.none(like), zero, zero, zero, two, two, two, zero)

    def extend(self, state: VelocityChangeState, step: int, observation: Tensor) -> VelocityChangeState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: information velocity, shape (1,), radians per step.
        """
        velocity = observation.to(state.level)[0]
        value = velocity.clamp_min(_FLOOR).log()
        n = state.records
        expected = torch.where(n == 0, value, state.level + state.trend)
        deviation = value - expected
        sigma = (1.2533 * state.scale).clamp_min(1e-3)  # of a normal variable, from its mean absolute deviation
        warm = n < self._WARM_UP

        score = (deviation / sigma).clamp(-self._CLIP, self._CLIP)
        sums = (state.sums + torch.stack([score, -score]) - self.drift).clamp_min(0)
        sums = torch.where(warm, 0, sums)
        # Noise may have set the sum going; the change is dated by the first record that is no noise.
        begins = (state.sums == 0) | ((state.sums < 2) & (torch.stack([score, -score]) >= 2))
        since = torch.where(begins, torch.full_like(state.since, step), state.since)
        base = torch.where(begins, expected, state.base + state.trend)
        fires = (sums > self.threshold).any()
        side = sums.argmax(keepdim=True)

        bounded = torch.where(warm, deviation, deviation.clamp(-2 * sigma, 2 * sigma))
        level = expected + torch.maximum(1 / (n + 1), torch.full_like(n, self._LEVEL)) * bounded
        trend = state.trend + torch.where(n < 2, 0, self._TREND) * bounded
        rate = torch.maximum(1 / n.clamp_min(1), torch.full_like(n, self._SCALE))
        seen = torch.where(n < 3, deviation.abs(), deviation.abs().minimum(3 * sigma))
        scale = torch.where(n == 0, state.scale, torch.lerp(state.scale, seen, rate))

        found = state.firing.after(fires, since.gather(0, side)[0], step, (value - base).gather(0, side)[0])
        finite = value.isfinite() & velocity.isfinite()
        extended = VelocityChangeState(
            firing=Firing(*(torch.where(finite, a, b) for a, b in zip(found, state.firing, strict=True))),
            level=torch.where(fires, value, level),
            trend=torch.where(fires, 0, trend),
            scale=torch.where(fires, state.scale, scale),
            sums=torch.where(fires, 0, sums),
            since=since,
            base=base,
            records=torch.where(fires, 1, n + 1),
        )
        rest = [torch.where(finite, a, b) for a, b in zip(extended[1:], state[1:], strict=True)]
        return VelocityChangeState(extended.firing, *rest)

    def message(self, event: Event) -> str:
        """Returns evidence, likely cause, and what to do."""
        factor = math.exp(min(abs(event.strength), 700))
        if event.strength < 0:
            cause = "a learning-rate drop is the usual cause; without one, look for units or gradients that died"
        else:
            cause = (
                "a loss spike, a warm-up, or sudden generalisation: distance_to_truth rises in the first and falls in "
                "the last"
            )
        word = "slower" if event.strength < 0 else "faster"
        return f"predictions on {event.probe} move {factor:.3g} times {word} since step {event.step}: {cause}."


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
