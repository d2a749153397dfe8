"""Rules for stopping that are short enough to be written anew by anyone: yardsticks for the overfitting flag.

Each is told step and distances of N samples, shape (..., N), of any number of trajectories at once, and answers whether
it would stop now, shape (...). ``best_step`` is where the rule saw the best record so far, of the same shape.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class EarlyStopping:
    """Stops after so many records without a lower mean, as Lightning's callback of that name."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.best = self.best_step = self.waited = None

    def extend(self, step: int, distances: Tensor) -> Tensor:
        """Returns whether it would stop after this record."""
        mean = distances.mean(-1, dtype=torch.float64)
        if self.best is None:
            self.best, self.best_step, self.waited = mean, torch.full_like(mean, step), torch.zeros_like(mean)
            return torch.zeros_like(mean, dtype=torch.bool)
        better = mean < self.best
        self.best = torch.where(better, mean, self.best)
        self.best_step = torch.where(better, float(step), self.best_step)
        self.waited = torch.where(better, 0.0, self.waited + 1)
        return self._has_waited_enough(step)

    def _has_waited_enough(self, step: int) -> Tensor:
        return self.waited >= self.patience


class EarlyStoppingInLogTime(EarlyStopping):
    """Stops where ln(step) is ``patience`` beyond that of the record with the lowest mean."""

    def _has_waited_enough(self, step: int) -> Tensor:
        return math.log(step) - self.best_step.log() >= self.patience


class RuleA:
    """Stops after a rise of the averaged distances that is old, large, and more than either noise.

    Time: no closer approach for 0.2 in ln(step + 1). Size: 3 %, and 0.001 nats. Noise: 1.5 standard errors of the
    paired differences over samples, and 3 standard deviations of a record about the parabola through the three before.
    """

    SPAN, MEMORY, PERSISTENCE, LEAST_RECORDS = 0.05, 1.0, 0.2, 8

    def __init__(self) -> None:
        self.records = 0
        self.times: list[float] = []
        self.means: list[Tensor] = []

    def extend(self, step: int, distances: Tensor) -> Tensor:
        """Returns whether it would stop after this record."""
        time, mean = math.log(step + 1), distances.mean(-1)
        if not self.records:
            self.level = self.reference = distances
            self.closest, self.closest_time = mean, torch.full_like(mean, time)
            self.best_step, self.variance = torch.full_like(mean, step), torch.zeros_like(mean)
            share = 1.0
        else:
            share = -math.expm1((self.times[0] - time) / self.SPAN)
            self.level = torch.lerp(self.level, distances, share)
        if self.records >= 3:
            self._learn_noise(time, mean)
        self.records += 1
        self.times, self.means = [time, *self.times[:2]], [mean, *self.means[:2]]

        level = self.level.mean(-1)
        closer = level < self.closest
        self.closest = torch.where(closer, level, self.closest)
        self.closest_time = torch.where(closer, time, self.closest_time)
        self.best_step = torch.where(closer, float(step), self.best_step)
        self.reference = torch.where(closer[..., None], self.level, self.reference)
        difference = self.level - self.reference
        rise, error = difference.mean(-1), difference.std(-1) / math.sqrt(distances.shape[-1])
        noise = (self.variance * share / (2 - share)).sqrt()
        old = time - self.closest_time >= self.PERSISTENCE
        large = (rise >= 0.03 * self.closest) & (rise >= 1e-3)
        certain = rise > ((1.5 * error).square() + (3 * noise).square()).sqrt()
        return old & large & certain & torch.tensor(self.records > self.LEAST_RECORDS)

    def _learn_noise(self, time: float, mean: Tensor) -> None:
        a, b, c = self.times
        weights = (
            (time - b) * (time - c) / ((a - b) * (a - c)),
            (time - a) * (time - c) / ((b - a) * (b - c)),
            (time - a) * (time - b) / ((c - a) * (c - b)),
        )
        missed = mean - sum(w * m for w, m in zip(weights, self.means, strict=True))
        square = missed.square() / (1 + sum(w * w for w in weights))
        share = max(-math.expm1((a - time) / self.MEMORY), 1 / max(self.records - 2, 1))
        self.variance = torch.lerp(self.variance, square, share)
