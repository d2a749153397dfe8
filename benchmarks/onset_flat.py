"""Trainings in which nothing happens: held-out samples of a population whose mean stands still, many at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

FIRST, LAST = 100, 100_000
SAMPLES = 512
WANDERING = 0.9
"""Correlation of what a sample does beside the others, from record to record."""


class Record(NamedTuple):
    """One record of T trajectories.

    Attributes:
        step: of all of them.
        held_out: distance to truth, shape (T, N).
        trained: mean distance of samples trained on, by the name of what these do, each of shape (T,).
    """

    step: int
    held_out: Tensor
    trained: dict[str, Tensor]


def steps_between(first: int, last: int, spacing: float) -> list[int]:
    """Returns steps from ``first`` to ``last``, ``spacing`` apart."""
    count = math.floor(math.log(last / first) / math.log1p(spacing))
    return list(dict.fromkeys(round(first * (1 + spacing) ** k) for k in range(count + 1)))


def populations(spacing: float, deviation: float, correlation: float, count: int, seed: int = 0) -> Iterator[Record]:
    """Yields records of log-normal samples that wander, each about its own level, and of a noise common to all.

    Args:
        spacing: of records.
        deviation: of the training noise, relative.
        correlation: of it, from record to record.
        count: of trajectories.
        seed: of what is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(2, count, SAMPLES, generator=generator).exp()
    wandering = torch.randn(2, count, SAMPLES, generator=generator)
    noise = torch.randn(count, generator=generator)
    nothing = torch.full((count,), torch.nan)
    for step in steps_between(FIRST, LAST, spacing):
        held_out, trained = level * (0.2 * wandering - 0.02).exp() * (1 + deviation * noise)[:, None]
        going_on = (FIRST / step) ** 0.3 * (1 + deviation * noise)
        yield Record(step, held_out, {"absent": nothing, "stand still": trained.mean(1), "go on": going_on})
        drawn = torch.randn(2, count, SAMPLES, generator=generator)
        wandering = WANDERING * wandering + math.sqrt(1 - WANDERING**2) * drawn
        noise = correlation * noise + math.sqrt(1 - correlation**2) * torch.randn(count, generator=generator)


def softmax_regressions(count: int, last: int = 20_000, seed: int = 0) -> Iterator[Record]:
    """Yields records, 3 % apart, of as many trainings at a constant rate that have long converged.

    20 inputs, 5 classes; every step has its own 64 samples, so that there is nothing to overfit to; SGD started at the
    weights that labels are drawn by, and 2,000 steps before the first that counts. Samples trained on are the last 512
    before the first record, the same ever after as a probe's are, or the last 512 before each.
    """
    inputs, classes, batch, rate = 20, 5, 64, 0.3
    generator = torch.Generator().manual_seed(seed)
    truth = 0.5 * torch.randn(count, inputs, classes, generator=generator)

    def drawn(samples: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(count, samples, inputs, generator=generator)
        gumbel = torch.empty(count, samples, classes).exponential_(generator=generator).log_().neg_()
        return x, (x @ truth + gumbel).argmax(2)

    def distance(weights: Tensor, x: Tensor, labels: Tensor) -> Tensor:
        return -(x @ weights).log_softmax(2).gather(2, labels[..., None])[..., 0] / 2

    probe, weights = drawn(SAMPLES), truth.clone()
    seen: deque[tuple[Tensor, Tensor]] = deque(maxlen=SAMPLES // batch)
    fixed: list[tuple[Tensor, Tensor]] = []
    due = set(steps_between(FIRST, last, 0.03))
    nothing = torch.full((count,), torch.nan)
    for step in range(-2000, last + 1):
        if step in due:
            fixed = fixed or list(seen)
            last_seen, same = (
                torch.stack([distance(weights, *samples).mean(1) for samples in trained]).mean(0)
                for trained in (seen, fixed)
            )
            trained = {"absent": nothing, "the same 512": same, "the last 512": last_seen}
            yield Record(step, distance(weights, *probe), trained)
        x, labels = drawn(batch)
        wrong = (x @ weights).softmax(2).scatter_add_(2, labels[..., None], -torch.ones(count, batch, 1))
        weights = weights - rate / batch * (x.transpose(1, 2) @ wrong)
        seen.append((x, labels))
