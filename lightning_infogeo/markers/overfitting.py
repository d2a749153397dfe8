"""The onset of overfitting: held-out predictions move away from the truth again, sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR
from lightning_infogeo.markers.event import OVERFITTING, Event, Verdict
from lightning_infogeo.markers.marker import Firing, Marker, state_where
from lightning_infogeo.markers.paired_test import FOLDS, folds, means_of_others, paired, updated

_LOOKS_TWICE = 5
_LOOKS_ONCE = 25
"""How many independent looks a training is worth, for a rise that two records in a row show, and for one that one does.

With these a level alpha is kept on trajectories whose samples wander without a mean, from 3 % to 30 % between records
(``benchmarks/onset.py --null``).
"""

_GOES_ON = 0.03
"""The share by which the trained distance must have fallen since the closest approach for a training to go on."""

_LEAST_RECORDS = 8
_MEMORY = 1.0
_INFLATION = 12
"""Factor of the variance over records: two records are compared, and the earlier one is the lowest of many."""

_LEAST_RISE = 1e-3

_FARTHEST = -math.log(OVERLAP_FLOOR)
"""A distance in nats that counts as any beyond, as that of disjoint amplitudes does: means of ∞ cannot be compared."""


class OverfittingState(NamedTuple):
    """What is known of N held-out samples after a record.

    Attributes:
        firing: what has been found.
        smoothed: distance to truth of every sample, averaged over the last records, shape (N,).
        reference: the same at the closest approach of the other folds, shape (N,).
        least: what the mean over the other folds was there, for each fold, shape (F,).
        times: ln(step + 1) of the last three records, the latest first, shape (3,).
        mean_time: the same, averaged as ``smoothed`` is: where that stands in time.
        reference_time: ``mean_time`` there, for each fold, shape (F,).
        means: mean distance at the last three records, shape (3,).
        noise: variance of a record's mean distance about those before it: what training, not sampling, adds.
        records: finite ones so far.
        trained: mean distance to truth of the samples trained on, averaged as ``smoothed`` is; NaN where unknown.
        trained_reference: the same at the closest approach, for each fold, shape (F,).
        above: whether the last record has passed the lower threshold.
        likely: whether it has risen far while the samples trained on went on towards their labels.
        rise: of the last record over the closest approach, relative.
        resolution: the least relative rise that would have been significant at the last record; 0 at the closest.
    """

    firing: Firing
    smoothed: Tensor
    reference: Tensor
    least: Tensor
    times: Tensor
    mean_time: Tensor
    reference_time: Tensor
    means: Tensor
    noise: Tensor
    records: Tensor
    trained: Tensor
    trained_reference: Tensor
    above: Tensor
    likely: Tensor
    rise: Tensor
    resolution: Tensor


@dataclass(frozen=True)
class OverfittingOnset(Marker):
    """Fires once the distance to truth of a held-out probe has risen above its closest approach.

    The distances of every sample are averaged over the last 5 % of the training, and compared, sample by sample, with
    what they were at the closest approach: where the mean over other samples was least, five folds taking turns, since
    a minimum chosen on the samples it is tested with lies too low. The mean of these N paired differences is divided by
    its standard error: over samples, which are the random effect, and over records, since training itself is noisy. The
    tail of such differences is long on the side of the rise (a few samples become confidently wrong), where a plain
    t-test sees less than there is: Hall's cubic transformation (J. R. Stat. Soc. B 54, 221, 1992) corrects for
    skewness. A flag needs one record far above the threshold or two in a row above it, after the first eight; the
    thresholds are normal quantiles at ``alpha`` divided by the number of independent looks that a training is worth.

    Where a few confidently wrong samples carry the rise, this may take long. While the samples trained on go on towards
    their labels, which is evidence of its own, less suffices: a rise that ``matters``, two records in a row, at the
    level ``alpha_learning`` of a single look.

    All sums are over samples, so parts of a probe add.

    Args:
        alpha: probability of a flag by the held-out samples alone in a training whose held-out distance stays at its
            least.
        alpha_learning: the level that suffices for a rise that ``matters`` while the training goes on; with ``alpha``
            it is no shorter way.
        rise: a smaller relative rise never counts, nor one below 0.001 nats.
        matters: the relative rise that a user wants to hear of, and that a probe must have been able to see for the
            answer "clean".

    Raises:
        ValueError: where a level does not lie in (0, 0.5), or a rise is not positive.
    """

    alpha: float = 0.01
    alpha_learning: float = 0.1
    rise: float = 0.02
    matters: float = 0.1

    name = OVERFITTING
    scope = "samples"
    observes = observes_trained = ("distance_to_truth",)
    held_out_only = True
    readings = ("rise", "resolution")

    _SPAN: ClassVar[float] = 0.05

    def __post_init__(self) -> None:
        for argument in ("alpha", "alpha_learning"):
            if not 0 < getattr(self, argument) < 0.5:
                raise ValueError(
                    f"`OverfittingOnset({argument}={getattr(self, argument)!r})`: must lie between 0 and 0.5."
                )
        for argument in ("rise", "matters"):
            if not getattr(self, argument) > 0:
                raise ValueError(f"`OverfittingOnset({argument}={getattr(self, argument)!r})`: must be positive.")

    @property
    def thresholds(self) -> tuple[float, float]:
        """Standard errors to be exceeded by two records in a row, and by one alone."""
        normal = NormalDist()
        return normal.inv_cdf(1 - self.alpha / _LOOKS_TWICE), normal.inv_cdf(1 - self.alpha / _LOOKS_ONCE)

    @property
    def learning_threshold(self) -> float:
        """Standard errors to be exceeded by two records in a row while the training goes on; at most the other."""
        return min(self.thresholds[0], NormalDist().inv_cdf(1 - self.alpha_learning))

    def start(self, like: Tensor) -> OverfittingState:
        """Returns the state before the first record, for distances of the shape (N,), type and device of ``like``."""
        zeros = torch.zeros_like(like)
        zero = like.new_zeros(())
        return OverfittingState(
            firing=Firing.none(like),
            smoothed=zeros,
            reference=zeros,
            least=like.new_zeros(FOLDS),
            times=like.new_zeros(3),
            mean_time=zero,
            reference_time=like.new_zeros(FOLDS),
            means=like.new_zeros(3),
            noise=zero,
            records=zero,
            trained=torch.full_like(zero, torch.nan),
            trained_reference=like.new_full((FOLDS,), torch.nan),
            above=torch.zeros_like(zero, dtype=torch.bool),
            likely=torch.zeros_like(zero, dtype=torch.bool),
            rise=zero,
            resolution=zero,
        )

    def extend(
        self, state: OverfittingState, step: int, observation: Tensor, trained: Tensor | None = None
    ) -> OverfittingState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: distance to truth of every sample, shape (N,), nats; beyond 87.34, as ∞ for labels that the
                model excludes, it counts as that. With NaN among them nothing changes.
            trained: mean distance to truth of samples trained on, a single number; NaN or None where
                there are none.
        """
        x = observation.to(state.smoothed).clamp_max(_FARTHEST)
        first = state.records == 0
        time = torch.full_like(state.mean_time, math.log(step + 1))
        elapsed = time - state.times[0]
        share = torch.where(first, 1, -torch.expm1(-elapsed / self._SPAN))
        smoothed = torch.lerp(state.smoothed, x, share)
        mean_time = torch.lerp(state.mean_time, time, share)
        noise = self._noise(state, time, x.mean())

        fold = folds(len(x), x.device)
        means = means_of_others(smoothed, fold)
        closer = first | (means < state.least)
        reference = torch.where(closer[fold], smoothed, state.reference)
        best = reference.mean()
        mean, z, error = paired(smoothed - reference, _INFLATION * noise * share / (2 - share))

        twice, once = self.thresholds
        large = (state.records >= _LEAST_RECORDS) & (mean >= self.rise * best) & (mean >= _LEAST_RISE)
        above = large & (z > twice)
        learnt = state.trained if trained is None else updated(state.trained, trained.reshape(()), share)
        learnt_reference = torch.where(closer, learnt, state.trained_reference)
        goes_on = learnt < (1 - _GOES_ON) * learnt_reference.mean()
        likely = large & goes_on & (mean >= self.matters * best) & (z > self.learning_threshold)
        fires = ((above & ((z > once) | state.above)) | (likely & state.likely)) & (state.firing.times == 0)
        scale = best.clamp_min(torch.finfo(x.dtype).tiny)
        reference_time = torch.where(closer, mean_time, state.reference_time)
        extended = OverfittingState(
            firing=state.firing.after(fires, torch.expm1(reference_time.mean()).round(), step, mean / scale),
            smoothed=smoothed,
            reference=reference,
            least=torch.where(closer, means, state.least),
            times=torch.stack([time, state.times[0], state.times[1]]),
            mean_time=mean_time,
            reference_time=reference_time,
            means=torch.stack([x.mean(), state.means[0], state.means[1]]),
            noise=noise,
            records=state.records + 1,
            trained=learnt,
            trained_reference=learnt_reference,
            above=above,
            likely=likely,
            rise=mean / scale,
            resolution=torch.where(closer.all(), 0, twice * error / scale),
        )
        after: OverfittingState = state_where(~x.isnan().any(), extended, state)
        return after

    def message(self, event: Event, resolution: float = 0.0, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do; ``resolution`` is that of the record of the flag."""
        best = f"The weights of step {event.step} were the better ones"
        if event.step == 0:
            best = "It has never been closer than before training"
        return (
            f"{event.probe} has moved away from the truth since step {event.step}: its distance is up by "
            f"{event.strength:.0%}, at least {max(event.strength - resolution, self.rise):.0%} at the level "
            f"{self.alpha:g}. {best}: stop, keep the best checkpoint (ModelCheckpoint on "
            f".../{event.probe}/distance_to_truth), or regularise."
        )

    def verdict(self, flagged: bool, samples: int, resolution: float = 0.0, **reading: float) -> Verdict:
        """Returns what can be said, given the number of samples and the last record's resolution."""
        needed = math.ceil(samples * (resolution / self.matters) ** 2)
        if flagged:
            return Verdict("flagged", resolution, needed)
        return Verdict("clean" if resolution <= self.matters else "undecidable", resolution, needed)

    def _noise(self, state: OverfittingState, time: Tensor, mean: Tensor) -> Tensor:
        """By how much a record misses the parabola through the three before it, squared and averaged."""
        a, b, c = state.times.unbind()
        weights = torch.stack(
            [
                (time - b) * (time - c) / ((a - b) * (a - c)),
                (time - a) * (time - c) / ((b - a) * (b - c)),
                (time - a) * (time - b) / ((c - a) * (c - b)),
            ]
        )
        square = (mean - (weights * state.means).sum()).square() / (1 + weights.square().sum())
        share = torch.maximum(-torch.expm1((a - time) / _MEMORY), 1 / (state.records - 2).clamp_min(1))
        return torch.where(state.records >= 3, torch.lerp(state.noise, square, share), 0)
