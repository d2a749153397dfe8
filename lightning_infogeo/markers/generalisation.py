"""Late generalisation: held-out predictions come back to the truth after all, past their closest approach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event
from lightning_infogeo.markers.marker import Firing, Marker, state_where


class GeneralisationState(NamedTuple):
    """What is known of one held-out probe after a record.

    Attributes:
        firing: what has been found.
        closest: least distance to truth before the rise, scalar; ∞ before the first record.
        trained: distance to truth on samples trained on at that record, scalar.
        farthest: greatest distance since, scalar.
        turned: ln(step + 1) at which it was greatest, scalar.
        high: whether the last record lay far above ``closest``.
        away: whether two in a row have since.
    """

    firing: Firing
    closest: Tensor
    trained: Tensor
    farthest: Tensor
    turned: Tensor
    high: Tensor
    away: Tensor


@dataclass(frozen=True)
class LateGeneralisation(Marker):
    """Fires where a held-out distance to truth that had risen comes down below what it was before the rise.

    So does "grokking" end, and the second descent of a network with room to spare: the samples trained on were learnt
    by heart first, and what generalises was found later. An overfitting flag of that probe, right when it was raised,
    no longer holds then. A rise counts only while the distance of the samples trained on is below what it was at the
    closest approach, so that a loss spike, which is a rise on both, is none; and only where two records in a row show
    it. The step of the event is the one from which the distance came down; its strength is ln of the greatest distance
    ÷ the present one.

    Args:
        rise: relative, above the closest approach, that counts as having moved away.
        fall: relative, below that closest approach, that counts as having come back.

    Raises:
        ValueError: where ``rise`` is not positive, or ``fall`` does not lie in (0, 1).
    """

    rise: float = 0.5
    fall: float = 0.1

    name = "generalisation"
    observes = observes_trained = ("distance_to_truth",)
    held_out_only = True

    def __post_init__(self) -> None:
        if not self.rise > 0:
            raise ValueError(f"`LateGeneralisation(rise={self.rise!r})`: must be positive, such as 0.5.")
        if not 0 < self.fall < 1:
            raise ValueError(f"`LateGeneralisation(fall={self.fall!r})`: must lie between 0 and 1, such as 0.1.")

    def start(self, like: Tensor) -> GeneralisationState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero = like.new_zeros(())
        no = torch.zeros_like(zero, dtype=torch.bool)
        return GeneralisationState(Firing.none(like), zero + torch.inf, zero, zero, zero, no, no)

    def extend(
        self, state: GeneralisationState, step: int, observation: Tensor, trained: Tensor
    ) -> GeneralisationState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: held-out distance to truth, shape (1,), nats.
            trained: the same of samples trained on, shape (1,); where either is not finite, nothing changes.
        """
        both = torch.cat([observation, trained]).to(state.closest)
        distance, learning = both
        fires = state.away & (distance < (1 - self.fall) * state.closest)
        strength = (state.farthest / distance.clamp_min(torch.finfo(distance.dtype).tiny)).log()
        firing = state.firing.after(fires, torch.expm1(state.turned).round(), step, strength)

        # Away, the closest approach stays what it was until the distance is far enough below it.
        closer = fires | (~state.away & (distance < state.closest))
        closest = torch.where(closer, distance, state.closest)
        learnt = torch.where(closer, learning, state.trained)
        high = (distance > (1 + self.rise) * closest) & (learning < learnt)
        away = ~fires & (state.away | (high & state.high))
        new_height = ~state.away | (distance > state.farthest)
        farthest = torch.where(new_height, distance, state.farthest)
        turned = torch.where(new_height, torch.full_like(distance, math.log(step + 1)), state.turned)
        new = GeneralisationState(firing, closest, learnt, farthest, turned, high, away)
        after: GeneralisationState = state_where(both.isfinite().all(), new, state)
        return after

    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do."""
        return (
            f"{event.probe} has come back to the truth, by a factor of {math.exp(event.strength):.3g}, and is now "
            "closer than it was before it moved away: what generalises has been found after what was learnt by heart. "
            "An earlier overfitting flag of this probe no longer holds."
        )
