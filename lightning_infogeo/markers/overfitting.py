"""The onset of overfitting: held-out predictions move away from the truth again, and stay away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import OVERLAP_FLOOR
from lightning_infogeo.distributions import finite
from lightning_infogeo.markers.condensing import CondensingMarker
from lightning_infogeo.markers.event import OVERFITTING, RECOVERED, Event, Verdict
from lightning_infogeo.markers.marker import Firing, state_where
from lightning_infogeo.markers.record_noise import FLOOR, RecordNoise
from lightning_infogeo.markers.shadow_runs import SHADOWS, ShadowRuns, multipliers, resampled
from lightning_infogeo.trajectory.step import Step, log_time

_SPAN = 0.05
_LEAST_RECORDS = 8

_MOST_LAG = 0.75
"""How much of the evidence that a flag needs can come from the samples trained on, at most."""

_FARTHEST = -math.log(OVERLAP_FLOOR)
"""A distance in nats that counts as any beyond, as that of disjoint amplitudes does: means of ∞ cannot be compared."""


class OverfittingState(NamedTuple):
    """What is known of N held-out samples after a record; all but ``shadows`` and ``multipliers`` are scalars.

    Attributes:
        firing: flags so far.
        recovery: withdrawals so far.
        level: mean distance to truth, averaged over the last 5 % of the training.
        closest: the least of it so far.
        mean_time: ln(step + 1), averaged as ``level`` is: where that stands in time.
        closest_time: ln(step + 1) at the closest approach.
        onset: ``mean_time`` there.
        trained: mean distance to truth of the samples trained on, averaged as ``level`` is; NaN where unknown.
        trained_closest: the same at the closest approach of the held-out samples.
        noise: of training.
        shadows: the run as it would be if it never rose.
        rise: of the last record over the closest approach, relative.
        resolution: the least relative rise that the held-out samples alone would have shown significantly at the last
            record; 0 at the closest, ∞ while nothing can be said.
        watching: 1 where the closest approach is long ago, else 0.
        multipliers: of the bootstrap, shape (rows, B).
    """

    firing: Firing
    recovery: Firing
    level: Tensor
    closest: Tensor
    mean_time: Tensor
    closest_time: Tensor
    onset: Tensor
    trained: Tensor
    trained_closest: Tensor
    noise: RecordNoise
    shadows: ShadowRuns
    rise: Tensor
    resolution: Tensor
    watching: Tensor
    multipliers: Tensor


@dataclass(frozen=True)
class OverfittingOnset(CondensingMarker):
    """Fires once the distance to truth of a held-out probe has risen above its closest approach, and stays away.

    A flag needs three things. (1) Time: no closer approach within ``persistence``, counted in ln(step), which means the
    same however dense records are. (2) A rise of at least ``rise``. (3) Evidence that it is more than chance: the rise
    is compared with the greatest one that 200 *shadows* of the run have shown so far, which rise by chance alone
    (:class:`ShadowRuns`). There is the choice of samples, resampled with multipliers that are the same at every record
    (Chernozhukov, Chetverikov and Kato, Ann. Stat. 41, 2786, 2013), and the noise of training, whose size is measured
    at the run itself. Shadows are looked at as often as the run is, and at their own closest approach they too are low
    by chance: nothing has to be corrected for many looks, or for having chosen the lowest record.

    While a training generalises, samples held out follow those trained on. Where these have gone on towards their
    labels since the closest approach and the held-out ones have not followed, this counts as rise: ``transfer`` times
    the logarithm of the ratio by which the trained distance has fallen. A quarter of the evidence at least has to be
    the rise itself.

    A flag is withdrawn, by an event named "recovered", once the probe comes closer to the truth than before the flag;
    it can be raised again.

    Sums over samples are all that is needed of them, so parts of a probe add.

    Args:
        alpha: probability of a flag, within a whole training, where the population stands still and so do the samples
            trained on (measured: docs/flags.md).
        rise: a smaller relative rise never counts, nor one below 0.001 nats. With 0.005 flags come earlier, and more
            runs are flagged whose loss hardly rises (docs/flags.md has both).
        matters: the relative rise that a user wants to hear of, and that a probe must have been able to see for the
            answer "clean".
        persistence: in ln(step); 0.12 is a training 13 % longer than at the closest approach.
        transfer: the share of their relative progress that samples trained on pass on to others, at the least, in a
            training that generalises; 0 to look at the held-out samples alone.

    Raises:
        ValueError: where ``alpha`` does not lie in (0, 0.5), ``transfer`` in [0, 1], or another is not positive.
    """

    alpha: float = 0.01
    rise: float = 0.025
    matters: float = 0.1
    persistence: float = 0.12
    transfer: float = 0.4

    name = OVERFITTING
    recovered = RECOVERED
    scope = "samples"
    observes = observes_trained = ("distance_to_truth",)
    held_out_only = True
    readings = ("rise", "resolution", "watching")
    constants: ClassVar[tuple[str, ...]] = ("multipliers",)
    stacks = condenses = True

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"`OverfittingOnset(alpha={self.alpha!r})`: must lie between 0 and 0.5, such as 0.01.")
        if not 0 <= self.transfer <= 1:
            raise ValueError(f"`OverfittingOnset(transfer={self.transfer!r})`: must lie between 0 and 1, such as 0.4.")
        for argument in ("rise", "matters", "persistence"):
            if not 0 < getattr(self, argument) < math.inf:
                raise ValueError(f"`OverfittingOnset({argument}={getattr(self, argument)!r})`: must be positive.")

    def start(self, like: Tensor) -> OverfittingState:
        """Returns the state before the first record, for distances of the shape (N,), type and device of ``like``."""
        zero, nan = like.new_zeros(()), like.new_full((), torch.nan)
        return OverfittingState(
            firing=Firing.none(like),
            recovery=Firing.none(like),
            level=zero,
            closest=zero,
            mean_time=zero,
            closest_time=zero,
            onset=zero,
            trained=nan,
            trained_closest=nan,
            noise=RecordNoise.none(like),
            shadows=ShadowRuns.none(like),
            rise=zero,
            resolution=zero + torch.inf,
            watching=zero,
            multipliers=multipliers(len(like), like),
        )

    def extend(
        self, state: OverfittingState, step: Step, observation: Tensor, trained: Tensor | None = None
    ) -> OverfittingState:
        """Adds a record; reads nothing back from the device.

        Args:
            state: from ``start`` or an earlier call.
            step: optimizer steps taken.
            observation: distance to truth of every sample, shape (N,) or (P, N), nats; beyond 87.34, as ∞ for labels
                that the model excludes, it counts as that. With NaN among them nothing changes, nor at a step already
                seen.
            trained: mean distance to truth of samples trained on, shape (1,); NaN or None where there are none.
        """
        condensed = self.condensed(state, observation.to(state.level))
        return self.extend_condensed(state, step, condensed, observation.shape[-1], trained)

    @property
    def condensed_width(self) -> int:
        """The mean distance to truth, and by how much other samples would change it in every shadow of the run."""
        return 1 + SHADOWS

    def condensed(self, fresh: OverfittingState, observation: Tensor) -> Tensor:
        """Returns the mean of distances, shape (..., N), and what chance may change it by: (..., condensed_width)."""
        x = observation.clamp_max(_FARTHEST)
        mean = x.mean(-1, keepdim=True)
        return torch.cat([mean, resampled(x, mean, fresh.multipliers)], -1)

    def extend_condensed(
        self, state: OverfittingState, step: Step, condensed: Tensor, samples: int, trained: Tensor | None = None
    ) -> OverfittingState:
        """Adds a record of which ``condensed`` has returned all that is needed; arguments else as for ``extend``."""
        mean, chances = condensed[..., 0], condensed[..., 1:]
        time = log_time(step, state.level)
        first, last = state.noise.records == 0, state.noise.times[..., 0]
        stands = state.firing.times > state.recovery.times
        share = torch.expm1((last - time) / _SPAN).neg().masked_fill(first, 1)
        level = torch.lerp(state.level, mean, share)
        mean_time = torch.lerp(state.mean_time, time, share)
        noise = state.noise.after(time, mean)

        closer = first | (level < state.closest)
        # A flag of a state that this one replaces still stands: the closest approach lies below by what it said.
        before = torch.where(stands, level / (1 + state.firing.strength), level)
        closest = torch.where(first, before, torch.minimum(level, state.closest))
        closest_time = torch.where(closer, time, state.closest_time)
        learnt = (
            state.trained
            if trained is None
            else _averaged(state.trained, trained if state.trained.dim() else trained.reshape(()), share)
        )
        learnt_before = torch.where(closer, learnt, state.trained_closest)
        shadows = state.shadows.after(chances, state.multipliers, closest, noise.deviation, state.noise.records, share)

        scale = closest.clamp_min(FLOOR)
        rise = (level - closest) / scale
        risen = rise > 0
        fallen = (learnt_before / learnt).log().nan_to_num(0)
        by_chance = shadows.threshold(self.alpha)
        lag = (self.transfer * fallen).clamp_min(0).minimum(_MOST_LAG * by_chance)
        least = (FLOOR * scale.reciprocal()).clamp_min(self.rise)
        known = noise.records > _LEAST_RECORDS
        watching = (time - closest_time >= self.persistence) & known & risen
        watching = watching if samples > 1 else torch.zeros_like(watching)

        fires = ~stands & watching & (rise >= least) & (rise + lag > by_chance)
        recovers = stands & closer & ~first
        deeper = 1 - level / state.closest.clamp_min(FLOOR)
        onset, recovered = torch.stack([state.onset, mean_time]).expm1().round().unbind()
        resolution = torch.maximum(by_chance, least) * risen
        extended = OverfittingState(
            firing=state.firing.after(fires, onset, step, rise),
            recovery=state.recovery.after(recovers, recovered, step, deeper),
            level=level,
            closest=closest,
            mean_time=mean_time,
            closest_time=closest_time,
            onset=torch.where(closer, mean_time, state.onset),
            trained=learnt,
            trained_closest=learnt_before,
            noise=noise,
            shadows=shadows,
            rise=rise,
            resolution=resolution.masked_fill(~known, torch.inf),
            watching=watching.to(mean),
            multipliers=state.multipliers,
        )
        after: OverfittingState = state_where((mean == mean) & (first | (time > last)), extended, state)
        return after

    def message(self, event: Event, resolution: float = 0.0, **reading: float) -> str:
        """Returns evidence, likely cause, and what to do; ``resolution`` is that of the record of the flag."""
        if event.name == self.recovered:
            return (
                f"{event.probe} is closer to the truth than ever: the overfitting flag raised before is withdrawn. "
                "Its rise was passing, as in a warm-up or at a high learning rate."
            )
        best = f"The weights of step {event.step} are the best so far: keep that checkpoint (ModelCheckpoint on "
        best += f".../{event.probe}/distance_to_truth)"
        if event.step == 0:
            best = "It has never been closer than before training: look at the learning rate"
        evidence = f"more than the {resolution:.1%} that chance would reach at the level {self.alpha:g}"
        if not event.strength > resolution:
            evidence = (
                "while the samples trained on went on towards their labels; chance would not do both at the level "
                f"{self.alpha:g}"
            )
        return (
            f"{event.probe} has moved away from the truth: its distance is up by {event.strength:.1%}, {evidence}. "
            f"{best}; stop if the flag stands, or regularise."
        )

    def verdict(
        self,
        flagged: bool,
        samples: int,
        rise: float = 0.0,
        resolution: float = 0.0,
        watching: float = 0.0,
        **reading: float,
    ) -> Verdict:
        """Returns what can be said, given the number of samples and the last record's readings."""
        known = math.isfinite(resolution)
        needed = math.ceil(samples * (resolution / self.matters) ** 2) if known else 0
        if flagged:
            return Verdict("flagged", resolution, needed, rise)
        if known and (watching or rise > resolution):
            return Verdict("watch", resolution, needed, rise)
        return Verdict("clean" if resolution <= self.matters else "undecidable", resolution, needed, rise)


def _averaged(average: Tensor, value: Tensor, share: Tensor) -> Tensor:
    """Returns a running average with another value, begun by the first finite one; others leave it as it is."""
    value = torch.where(finite(value), value, average)
    return torch.lerp(torch.where(average == average, average, value), value, share)
