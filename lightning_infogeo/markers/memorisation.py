"""The onset of memorisation: held-out predictions move faster than those trained on. Needs no labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event
from lightning_infogeo.markers.marker import Firing, Marker, state_where

_LOOKS = 7


class MemorisationState(NamedTuple):
    """What is known of one held-out probe, beside the one trained on, after a record.

    Attributes:
        firing: what has been found.
        ratio: ln of held-out ÷ trained velocity, averaged over the last records.
        last: the same at the last record.
        time: ln(step + 1) of the last record.
        mean_time: the same, averaged as ``ratio`` is.
        crossed: ``mean_time`` where ``ratio`` last rose through 0.
        noise: variance of ``last`` from record to record.
        records: finite ones so far.
        above: whether the last record has passed the threshold.
    """

    firing: Firing
    ratio: Tensor
    last: Tensor
    time: Tensor
    mean_time: Tensor
    crossed: Tensor
    noise: Tensor
    records: Tensor
    above: Tensor


@dataclass(frozen=True)
class MemorisationOnset(Marker):
    """Fires once held-out predictions move significantly faster than predictions on samples trained on.

    While a network learns what its samples share, both move alike. Samples learnt by heart stand still, and what is
    still being changed to learn the others moves the held-out predictions: the ratio of the velocities rises through 1.
    That is memorisation, which need not end in a rising held-out loss; and overfitting need not show in it: where
    trained and held-out predictions go on moving alike (label noise learnt slowly, few parameters), it stays silent.

    Args:
        alpha: level of the test that the ratio, averaged over the last 15 % of the training, exceeds ``ratio``.
        ratio: that counts as memorisation; healthy trainings were seen to stay below 1.15.

    Raises:
        ValueError: where ``alpha`` does not lie in (0, 0.5), or ``ratio`` is below 1.
    """

    alpha: float = 0.01
    ratio: float = 1.25

    name = "memorisation"
    observes = observes_trained = ("velocity",)
    held_out_only = True

    _SPAN: ClassVar[float] = 0.15
    _MEMORY: ClassVar[float] = 0.5
    _LEAST: ClassVar[int] = 8

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"`MemorisationOnset(alpha={self.alpha!r})`: must lie between 0 and 0.5, such as 0.01.")
        if not self.ratio >= 1:
            raise ValueError(f"`MemorisationOnset(ratio={self.ratio!r})`: must be at least 1, such as 1.25.")

    def start(self, like: Tensor) -> MemorisationState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero = like.new_zeros(())
        above = torch.zeros_like(zero, dtype=torch.bool)
        return MemorisationState(Firing.none(like), zero, zero, zero, zero, zero, zero, zero, above)

    def extend(self, state: MemorisationState, step: int, observation: Tensor, trained: Tensor) -> MemorisationState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: held-out velocity, shape (1,), radians per step.
            trained: the same of samples trained on, shape (1,); where their ratio is not finite, nothing changes.
        """
        last = torch.cat([observation, trained]).to(state.ratio).log().diff().neg()[0]
        first = state.records == 0
        time = torch.full_like(state.time, math.log(step + 1))
        share = torch.where(first, 1, -torch.expm1((state.time - time) / self._SPAN))
        ratio = torch.lerp(state.ratio, last, share)
        mean_time = torch.lerp(state.mean_time, time, share)
        share_noise = torch.maximum(-torch.expm1((state.time - time) / self._MEMORY), 1 / state.records.clamp_min(1))
        noise = torch.where(first, 0, torch.lerp(state.noise, (last - state.last).square() / 2, share_noise))

        error = (noise * share / (2 - share)).sqrt()
        threshold = NormalDist().inv_cdf(1 - self.alpha / _LOOKS)
        above = (ratio - threshold * error > math.log(self.ratio)) & (state.records >= self._LEAST)
        fires = above & state.above & (state.firing.times == 0)
        rose = (ratio > 0) & ((state.ratio <= 0) | first)
        crossed = torch.where(rose, mean_time, state.crossed)
        extended = MemorisationState(
            firing=state.firing.after(fires, torch.expm1(crossed).round(), step, ratio.exp()),
            ratio=ratio,
            last=last,
            time=time,
            mean_time=mean_time,
            crossed=crossed,
            noise=noise,
            records=state.records + 1,
            above=above,
        )
        after: MemorisationState = state_where(last.isfinite(), extended, state)
        return after

    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do."""
        return (
            f"predictions on {event.probe} move {event.strength:.2f} times as fast as those on samples trained on, "
            f"faster since about step {event.step}: samples are being learnt by heart. Watch whether "
            f".../{event.probe}/distance_to_truth rises; more data, augmentation or regularisation help."
        )
