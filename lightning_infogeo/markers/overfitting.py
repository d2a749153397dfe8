"""The onset of overfitting: held-out predictions move away from the truth again, sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers.event import Event, Firing

_LOOKS_TWICE = 5
_LOOKS_ONCE = 25
"""How many independent looks a training is worth, for a rise that two records in a row show, and for one that one does.

With these a level alpha is kept on trajectories whose samples wander without a mean, from 3 % to 30 % between records
(``benchmarks/onset.py --null``).
"""

_FOLDS = 5
_LEAST_RECORDS = 8
_MEMORY = 1.0
_INFLATION = 12
"""Of the variance over records: two records are compared, and the earlier one is the lowest of many."""

_LEAST_RISE = 1e-3


class OverfittingState(NamedTuple):
    """Of N samples.

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
        above: whether the last record has passed the lower threshold.
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
    above: Tensor
    rise: Tensor
    resolution: Tensor


class Verdict(NamedTuple):
    """What can be said of overfitting on a probe.

    Attributes:
        answer: "flagged"; "clean": a rise that matters would have been seen; "undecidable": it might not have been.
        resolution: the least relative rise that would have been significant at the last record.
        samples: how many the probe would have needed to see a rise that matters.
    """

    answer: Literal["flagged", "clean", "undecidable"]
    resolution: float
    samples: int


@dataclass(frozen=True)
class OverfittingOnset:
    """Fires once the distance to truth of a held-out probe has risen above its closest approach.

    The distances of every sample are averaged over the last 5 % of the training, and compared, sample by sample, with
    what they were at the closest approach: where the mean over other samples was least, five folds taking turns, since
    a minimum chosen on the samples it is tested with lies too low. The mean of these N paired differences is divided by
    its standard error: over samples, which are the random effect, and over records, since training itself is noisy. The
    tail of such differences is long on the side of the rise (a few samples become confidently wrong), where a plain
    t-test sees less than there is: Hall's cubic transformation (J. R. Stat. Soc. B 54, 221, 1992) corrects for
    skewness. A flag needs one record far above the threshold or two in a row above it, after the first eight; the
    thresholds are normal quantiles at ``alpha`` divided by the number of independent looks that a training is worth.

    All sums are over samples, so parts of a probe add.

    Args:
        alpha: probability of a flag in a training whose held-out distance stays at its least.
        rise: a smaller relative rise never counts, nor one below 0.001 nats.
        matters: the relative rise that a probe must have been able to see for the answer "clean".

    Raises:
        ValueError: where ``alpha`` does not lie in (0, 0.5), or the others are not positive.
    """

    alpha: float = 0.01
    rise: float = 0.02
    matters: float = 0.1

    name: ClassVar[str] = "overfitting"
    observes: ClassVar[tuple[str, ...]] = ("distances",)
    width: ClassVar[int] = 6

    _SPAN: ClassVar[float] = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"`OverfittingOnset(alpha={self.alpha!r})`: must lie between 0 and 0.5, such as 0.01.")
        for argument in ("rise", "matters"):
            if not getattr(self, argument) > 0:
                raise ValueError(f"`OverfittingOnset({argument}={getattr(self, argument)!r})`: must be positive.")

    @property
    def thresholds(self) -> tuple[float, float]:
        """Standard errors to be exceeded by two records in a row, and by one alone."""
        normal = NormalDist()
        return normal.inv_cdf(1 - self.alpha / _LOOKS_TWICE), normal.inv_cdf(1 - self.alpha / _LOOKS_ONCE)

    def start(self, like: Tensor) -> OverfittingState:
        """Returns the state before the first record, for distances of the shape (N,), type and device of ``like``."""
        zeros = torch.zeros_like(like)
        zero = like.new_zeros(())
        return OverfittingState(
            firing=Firing.none(like),
            smoothed=zeros,
            reference=zeros,
            least=like.new_zeros(_FOLDS),
            times=like.new_zeros(3),
            mean_time=zero,
            reference_time=like.new_zeros(_FOLDS),
            means=like.new_zeros(3),
            noise=zero,
            records=zero,
            above=torch.zeros_like(zero, dtype=torch.bool),
            rise=zero,
            resolution=zero,
        )

    def extend(self, state: OverfittingState, step: int, observation: Tensor) -> OverfittingState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: distance to truth of every sample, shape (N,), nats.
        """
        x = observation.to(state.smoothed)
        first = state.records == 0
        time = torch.full_like(state.mean_time, math.log(step + 1))
        elapsed = time - state.times[0]
        share = torch.where(first, 1, -torch.expm1(-elapsed / self._SPAN))
        smoothed = torch.lerp(state.smoothed, x, share)
        mean_time = torch.lerp(state.mean_time, time, share)
        noise = self._noise(state, time, x.mean())

        fold = _folds(len(x), x.device)
        means = _means_of_others(smoothed, fold)
        closer = first | (means < state.least)
        reference = torch.where(closer[fold], smoothed, state.reference)
        best = reference.mean()
        mean, z, error = _paired(smoothed - reference, _INFLATION * noise * share / (2 - share))

        twice, once = self.thresholds
        large = (state.records >= _LEAST_RECORDS) & (mean >= self.rise * best) & (mean >= _LEAST_RISE)
        above = large & (z > twice)
        fires = above & ((z > once) | state.above) & (state.firing.times == 0)
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
            above=above,
            rise=mean / scale,
            resolution=torch.where(closer.all(), 0, twice * error / scale),
        )
        return _where(observation.isfinite().all(), extended, state)

    def reading(self, state: OverfittingState) -> Tensor:
        """Returns what the host has to know, shape (6,): ``firing``, rise and resolution."""
        return torch.cat([state.firing.vector(), torch.stack([state.rise, state.resolution])])

    def message(self, event: Event, rise: float = math.nan, resolution: float = 0.0) -> str:
        """Returns evidence, likely cause, and what to do; ``resolution`` is that of the record of the flag."""
        return (
            f"{event.probe} has moved away from the truth since step {event.step}: its distance is up by "
            f"{event.strength:.0%}, at least {max(event.strength - resolution, self.rise):.0%} at the level "
            f"{self.alpha:g}. The weights of step {event.step} were the better ones: stop, keep the best checkpoint "
            f"(ModelCheckpoint on .../{event.probe}/distance_to_truth), or regularise."
        )

    def verdict(self, flagged: bool, resolution: float, samples: int) -> Verdict:
        """Returns what can be said, given the last record's resolution and the number of samples."""
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


def _folds(samples: int, device: torch.device) -> Tensor:
    """Returns the fold of each sample: multiples of the golden ratio, which fall in step with no period of the data."""
    return (torch.arange(samples, dtype=torch.float32, device=device) * 0.6180339887).frac().mul(_FOLDS).long()


def _means_of_others(values: Tensor, fold: Tensor) -> Tensor:
    """Returns for each fold the mean over all samples but its own, shape (F,); over all where there is one sample."""
    others = fold != torch.arange(_FOLDS, device=values.device)[:, None]
    if len(values) == 1:
        others = torch.ones_like(others)
    return (values * others).sum(-1) / others.sum(-1)


def _paired(differences: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the mean of paired differences, that mean in standard errors corrected for skewness, and the error."""
    samples = len(differences)
    mean = differences.mean()
    centred = differences - mean
    square = centred.square().mean().clamp_min(torch.finfo(mean.dtype).tiny)
    sampling = square / max(samples - 1, 1)
    error = (sampling + noise).sqrt()
    # Of the mean, in units of its error; the noise of training counts as symmetric.
    skewness = (centred / square.sqrt()).pow(3).mean() / math.sqrt(samples) * (sampling.sqrt() / error).pow(3)
    t = mean / error
    return mean, t + skewness * (1 / 6 + t.square() / 3) + skewness.square() * t.pow(3) / 27, error


def _where(finite: Tensor, new: OverfittingState, old: OverfittingState) -> OverfittingState:
    firing = Firing(*(torch.where(finite, a, b) for a, b in zip(new.firing, old.firing, strict=True)))
    rest = [torch.where(finite, a, b) for a, b in zip(new[1:], old[1:], strict=True)]
    return OverfittingState(firing, *rest)
