"""The knee of a trajectory: where its length, in logarithms of both, bends down most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event
from lightning_infogeo.markers.marker import Firing, Marker
from lightning_infogeo.scaling.curvature import knee as knee  # the same for a finished run

_RECORDS = 128
_FIRST = 10
"""The first decade of steps is left out."""


class LogLogKneeState(NamedTuple):
    """What is known of one series after a record.

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


@dataclass(frozen=True)
class LogLogKnee(Marker):
    """Fires when d²(ln L)/d(ln t)² has passed a minimum, L being the information length and t the step.

    Following the quantity defined in arXiv 2406.05295, where its minimum over a training is said to mark a transition
    that coincides with or precedes overfitting. Of weights L is the length without the noise floor. It marks the knee
    of learning, and also of trainings that never overfit. The curvature at a record is that of a parabola fitted to the
    last ``window`` of ln t, a fixed sum over the records in it whose weights depend on their steps only; it belongs to
    the middle of the window, so that a knee at t is known at about 2.5 t.

    Args:
        window: width in ln t.
        depth: curvature below which a minimum counts, and half of which it must have risen again.

    Raises:
        ValueError: where one of them is not positive.
    """

    window: float = 1.8
    depth: float = 0.4

    name = "knee"
    observes = ("length",)
    watches = ("probe", "weights")

    def __post_init__(self) -> None:
        for argument in ("window", "depth"):
            if not getattr(self, argument) > 0:
                raise ValueError(f"`LogLogKnee({argument}={getattr(self, argument)!r})`: must be positive.")

    def observed(self, row: Mapping[str, float]) -> list[float]:
        """Returns the length, of weights that without the noise floor."""
        return [row.get("corrected_length", row["length"])]

    def start(self, like: Tensor) -> LogLogKneeState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero = like.new_zeros(())
        armed = torch.ones_like(zero, dtype=torch.bool)
        return LogLogKneeState(
            Firing.none(like), like.new_full((_RECORDS,), torch.nan), (), zero + torch.inf, zero, armed
        )

    def extend(
        self, state: LogLogKneeState, step: int, observation: Tensor, trained: Tensor | None = None
    ) -> LogLogKneeState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: information length, shape (1,), radians; where it is 0 or not finite it counts as unchanged.
            trained: not looked at.
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

    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do."""
        return (
            f"the path of {event.probe} bends (curvature {event.strength:.2f}): what can be learnt fast has been "
            "learnt. It marks the knee of learning, which overfitting may or may not follow."
        )


def _second_derivative(times: Tensor) -> Tensor:
    """Returns the weights with which values at ``times`` (n,) add up to the second derivative of their parabola."""
    centred = times - times.mean()
    design = torch.stack([torch.ones_like(centred), centred, centred.square()], dim=1)
    weights: Tensor = 2 * torch.linalg.pinv(design)[2]
    return weights
