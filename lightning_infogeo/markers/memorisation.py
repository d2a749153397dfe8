"""The onset of memorisation: held-out predictions move faster than those trained on. Needs no labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event
from lightning_infogeo.markers.marker import Firing, Marker, state_where
from lightning_infogeo.markers.record_noise import deviation_of

_SPAN = 0.15
_LEAST_RECORDS = 8
"""Before that, too little is known of the noise."""

_CORRELATION = 0.5
_APART = 0.03
"""How far apart in ln(step), at most, records are whose noise is correlated by as much as that.

A velocity is of one step on one batch, and what it has in common with the next record's, the state of the weights, is
forgotten within a number of steps: the correlation falls exponentially with the distance. Seen at 3 %: 0.1 on average,
0.3 in one of ten trainings without memorisation.
"""

_MEMORY = 2.0
_LEAST_DEVIATION = 1e-3
_MOST_DEVIATIONS = 4
"""What a single record can count for, in standard deviations of its noise."""


class MemorisationState(NamedTuple):
    """What is known of one held-out probe, beside the one trained on, after a record; "ratio" is ln of it throughout.

    Attributes:
        firing: what has been found.
        level: ratio of held-out to trained velocity, averaged over the last 15 % of the training.
        evidence: that the ratio is above 1: logarithm of the likelihood ratio, since it was 0 last.
        began: ln(step + 1) of the record at which ``evidence`` last rose from 0.
        times: ln(step + 1) of the last two records, the latest first, shape (2,).
        ratios: the ratio at these, shape (2,).
        noise: how far a ratio missed the line through the two before it, as a running mean, in units in which a normal
            deviate would have missed by its absolute value.
        records: finite ones so far.
    """

    firing: Firing
    level: Tensor
    evidence: Tensor
    began: Tensor
    times: Tensor
    ratios: Tensor
    noise: Tensor
    records: Tensor


@dataclass(frozen=True)
class MemorisationOnset(Marker):
    """Fires once held-out predictions move faster than predictions on samples trained on, and go on doing so.

    While a network learns what its samples share, both move alike. Samples learnt by heart stand still, and what is
    still being changed to learn the others moves the held-out predictions: the ratio of the velocities rises through 1.
    That is memorisation, which need not end in a rising held-out loss, and can begin long before the loss rises; and
    overfitting need not show in it: where trained and held-out predictions go on moving alike (label noise learnt
    slowly, few parameters), it stays silent.

    A flag needs three things. (1) Size: the ratio, averaged over the last 15 % of the training, is at least ``ratio``.
    (2) Evidence that it is above 1 at all: Page's sum (Biometrika 41, 100, 1954) of the log likelihood ratio of a
    velocity ratio of ``ratio`` to one of 1, begun anew whenever it falls below 0, which no test beats in delay
    (Moustakides, Ann. Stat. 14, 1379, 1986). By Ville's inequality the sum exceeds ln b at a given record with
    probability 1/b at most where the ratio is 1; with b = n (n + 1) ÷ ``alpha`` at record n, all records together stay
    below ``alpha``. The noise of a record is measured at the run itself, with the trend taken out, and counts as
    correlated with that of the record before where the two are close. (3) Time: the sum has not been 0 within
    ``persistence``, so that no single record decides.

    Args:
        alpha: probability of a flag, within a whole training, where both probes move alike but for normal noise.
        ratio: what counts as memorisation, and is tested against 1. Two probes never move quite alike, as their samples
            are others: of 52 trainings whose held-out loss did not rise, 19 in 20 stayed below 1.15 and none was
            flagged at 1.2, with records 10 % apart.
        persistence: in ln(step); 0.12 is a training that has gone on for 13 % more of its steps.

    Raises:
        ValueError: where ``alpha`` does not lie in (0, 0.5), ``ratio`` does not exceed 1, or ``persistence`` is
            negative.
    """

    alpha: float = 0.01
    ratio: float = 1.2
    persistence: float = 0.12

    name = "memorisation"
    observes = observes_trained = ("velocity",)
    held_out_only = True

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"`MemorisationOnset(alpha={self.alpha!r})`: must lie between 0 and 0.5, such as 0.01.")
        if not self.ratio > 1:
            raise ValueError(f"`MemorisationOnset(ratio={self.ratio!r})`: must exceed 1, such as 1.2.")
        if not self.persistence >= 0:
            raise ValueError(
                f"`MemorisationOnset(persistence={self.persistence!r})`: must not be negative, such as 0.12."
            )

    def start(self, like: Tensor) -> MemorisationState:
        """Returns the state before the first record, of the type and on the device of ``like``."""
        zero, two = like.new_zeros(()), like.new_zeros(2)
        return MemorisationState(Firing.none(like), zero, zero, zero, two, two, zero, zero)

    def extend(self, state: MemorisationState, step: int, observation: Tensor, trained: Tensor) -> MemorisationState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: held-out velocity, shape (1,), radians per step.
            trained: the same of samples trained on, shape (1,); where their ratio is not finite, nothing changes.
        """
        last = torch.cat([observation, trained]).to(state.level).log().diff().neg()[0]
        time = torch.full_like(state.level, math.log(step + 1))
        gap = time - state.times[0]
        share = torch.where(state.records == 0, 1, -torch.expm1(-gap / _SPAN))
        level = torch.lerp(state.level, last, share)

        residuals = (state.records - 1).clamp_min(1)
        share_noise = torch.maximum(-torch.expm1(-gap / _MEMORY), 1 / residuals)
        known = state.records >= 2
        noise = torch.where(known, torch.lerp(state.noise, _missed(state, gap, last), share_noise), 0)
        deviation = deviation_of(noise, residuals).clamp_min(_LEAST_DEVIATION)
        evidence = torch.where(known, (state.evidence + self._gained(last, deviation, gap)).clamp_min(0), 0)
        began = torch.where((evidence > 0) & (state.evidence == 0), time, state.began)

        records = state.records + 1
        fires = (
            (state.firing.times == 0)
            & (records > _LEAST_RECORDS)
            & (level > math.log(self.ratio))
            & (evidence > (records * (records + 1) / self.alpha).log())
            & (time - began >= self.persistence)
        )
        extended = MemorisationState(
            firing=state.firing.after(fires, torch.expm1(began).round(), step, level.exp()),
            level=level,
            evidence=evidence,
            began=began,
            times=torch.stack([time, state.times[0]]),
            ratios=torch.stack([last, state.ratios[0]]),
            noise=noise,
            records=records,
        )
        after: MemorisationState = state_where(last.isfinite(), extended, state)
        return after

    def message(self, event: Event, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do."""
        return (
            f"predictions on {event.probe} move {event.strength:.2f} times as fast as those on samples trained on: "
            f"samples are being learnt by heart. Watch whether .../{event.probe}/distance_to_truth rises; more data, "
            "augmentation or regularisation help."
        )

    def _gained(self, last: Tensor, deviation: Tensor, gap: Tensor) -> Tensor:
        """Returns what a record adds to the evidence, scalar; a record correlated with the one before adds less."""
        shift = math.log(self.ratio)
        most = _MOST_DEVIATIONS * deviation
        surplus = torch.minimum(torch.maximum(last - shift / 2, -most), most)
        correlation = _correlation(gap)
        return shift * surplus / deviation.square() * (1 - correlation) / (1 + correlation)


def _correlation(gap: Tensor) -> Tensor:
    """Returns the correlation that the noise of two records is taken to have, ``gap`` apart in ln(step)."""
    return torch.exp(math.log(_CORRELATION) * (gap / _APART).clamp_min(1))


def _missed(state: MemorisationState, gap: Tensor, last: Tensor) -> Tensor:
    """Returns by how much a ratio misses the line through the two before it, in units of its noise, scalar."""
    gap_before = state.times[0] - state.times[1]
    b, c = -(1 + gap / gap_before), gap / gap_before
    near, before = _correlation(gap), _correlation(gap_before)
    variance = 1 + b.square() + c.square() + 2 * (b * near + b * c * before + c * near * before)
    return (last + b * state.ratios[0] + c * state.ratios[1]).abs() / variance.sqrt()
