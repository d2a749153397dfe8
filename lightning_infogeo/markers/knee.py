"""The knee of a trajectory: where its length, in logarithms of both, bends down most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event, Firing

_RECORDS = 128
_FIRST = 10
"""The first decade of steps is left out."""


class LogLogKneeState(NamedTuple):
    """Of one probe.

    Attributes:
        firing: what has been found.
        values: ln length at the last records, the latest last, shape (128,).
        steps: of these records; at most as many.
        least: lowest curvature since the last event, scalar; ∞ before there is one.
        place: ln of the step it belongs to.
        armed: whether the curvature has been near 0 since the last event.
    """

    firing: Firing
    values: Tensor
    steps: tuple[int, ...]
    least: Tensor
    place: Tensor
    armed: Tensor


class Knee(NamedTuple):
    """The minimum of a smoothed curvature.

    Attributes:
        step: at which it lies.
        curvature: there.
        steps: of the uniform grid in ln t, shape (n,).
        curvatures: d²(ln L)/d(ln t)² on it, shape (n,).
    """

    step: float
    curvature: float
    steps: Tensor
    curvatures: Tensor


@dataclass(frozen=True)
class LogLogKnee:
    """Fires when d²(ln L)/d(ln t)² has passed a minimum, L being the information length and t the step.

    Following the quantity defined in arXiv 2406.05295, where its minimum over a training is said to mark a transition
    that coincides with or precedes overfitting. It marks the knee of learning, and also of trainings that never
    overfit. The curvature at a record is that of a parabola fitted to the last ``window`` of ln t, a fixed sum over the
    records in it whose weights depend on their steps only; it belongs to the middle of the window, so that a knee at t
    is known at about 2.5 t.

    Args:
        window: width in ln t.
        depth: curvature below which a minimum counts, and half of which it must have risen again.

    Raises:
        ValueError: where one of them is not positive.
    """

    window: float = 1.8
    depth: float = 0.4

    name: ClassVar[str] = "knee"
    observes: ClassVar[tuple[str, ...]] = ("length",)

    def __post_init__(self) -> None:
        for argument in ("window", "depth"):
            if not getattr(self, argument) > 0:
                raise ValueError(f"`LogLogKnee({argument}={getattr(self, argument)!r})`: must be positive.")

    def start(self, like: Tensor) -> LogLogKneeState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero = like.new_zeros(())
        armed = torch.ones_like(zero, dtype=torch.bool)
        return LogLogKneeState(
            Firing.none(like), like.new_full((_RECORDS,), torch.nan), (), zero + torch.inf, zero, armed
        )

    def extend(self, state: LogLogKneeState, step: int, observation: Tensor) -> LogLogKneeState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: information length, shape (1,), radians; where it is 0 or not finite it counts as unchanged.
        """
        length = observation.to(state.values)[0]
        usable = length.isfinite() & (length > 0)
        value = torch.where(usable, length.log(), state.values[-1])
        values = torch.cat([state.values[1:], value[None]])
        steps = (*state.steps, step)[-_RECORDS:]
        state = state._replace(values=values, steps=steps)

        inside = [k for k, s in enumerate(steps) if s >= max(_FIRST, step * math.exp(-self.window))]
        first = steps[inside[0]] if inside else step
        if len(inside) < 6 or math.log(step / max(first, 1)) < 0.8 * self.window:
            return state
        times = torch.tensor([math.log(steps[k]) for k in inside], dtype=torch.float64)
        weights = _second_derivative(times).to(values)
        curvature = (weights * values[-len(steps) :][inside[0] :]).sum()
        place = torch.full_like(state.place, float(times[0] + times[-1]) / 2)

        ready = curvature.isfinite()
        lower = ready & state.armed & (curvature < state.least)
        least, where = torch.where(lower, curvature, state.least), torch.where(lower, place, state.place)
        fires = ready & state.armed & (least < -self.depth) & (curvature > least + self.depth / 2)
        return LogLogKneeState(
            firing=state.firing.after(fires, where.exp().round(), step, least),
            values=values,
            steps=steps,
            least=torch.where(fires, torch.inf, least),
            place=where,
            armed=torch.where(fires, False, state.armed | (ready & (curvature > -self.depth / 4))),
        )

    def message(self, event: Event) -> str:
        """Returns evidence, likely cause, and what to do."""
        return (
            f"the path of {event.probe} bends at about step {event.step} (curvature {event.strength:.2f}): "
            "what can be learnt fast has been learnt. It marks the knee of learning, which overfitting may or may not "
            "follow."
        )


def knee(steps: Tensor, lengths: Tensor, smoothing: float = 0.8, points: int = 200) -> Knee:
    """Returns the minimum of d²(ln L)/d(ln t)² of a finished run, following the quantity of arXiv 2406.05295.

    ln L is resampled on a uniform grid in ln t and smoothed by Tikhonov's method, the third difference being penalised
    so that the curvature itself is regular; 5 % at each end and the first decade are left out.

    Args:
        steps: of the records, shape (T,).
        lengths: information length there, shape (T,); records where it is 0 or not finite are left out.
        smoothing: width in ln t below which features are smoothed away.
        points: of the grid.

    Raises:
        ValueError: where fewer than eight records beyond the first decade remain.

    Example:
        >>> t = torch.logspace(1, 4, 100)
        >>> length = t / (1 + (t / 300) ** 2) ** 0.35  # from t to t^0.3, at 300
        >>> 250 < knee(t, length).step < 360
        True
    """
    usable = lengths.isfinite() & (lengths > 0) & (steps >= _FIRST)
    t, y = steps[usable].double().log(), lengths[usable].double().log()
    if len(t) < 8:
        raise ValueError(
            f"`knee(steps, lengths)`: needs 8 records after step {_FIRST}, got {len(t)}; record more often."
        )
    grid = torch.linspace(float(t[0]), float(t[-1]), points, dtype=torch.float64)
    after = torch.searchsorted(t, grid).clamp(1, len(t) - 1)
    share = (grid - t[after - 1]) / (t[after] - t[after - 1])
    resampled = torch.lerp(y[after - 1], y[after], share)
    step = float(grid[1] - grid[0])
    third = torch.eye(points, dtype=torch.float64).diff(dim=0, n=3)
    penalty = (smoothing / step / (2 * math.pi) * 2) ** 6
    smooth = torch.linalg.solve(torch.eye(points, dtype=torch.float64) + penalty * third.T @ third, resampled)
    curvatures = smooth.diff(n=2) / step**2
    margin = max(1, points // 20)
    inner, places = curvatures[margin:-margin], grid[1:-1][margin:-margin]
    at = int(inner.argmin())
    return Knee(float(places[at].exp()), float(inner[at]), places.exp(), inner)


def _second_derivative(times: Tensor) -> Tensor:
    """Returns the weights with which values at ``times`` (n,) add up to the second derivative of their parabola."""
    centred = times - times.mean()
    design = torch.stack([torch.ones_like(centred), centred, centred.square()], dim=1)
    weights: Tensor = 2 * torch.linalg.pinv(design)[2]
    return weights
