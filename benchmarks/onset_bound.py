"""What the best possible detector could do, beside what OverfittingOnset does (``onset.py --bound``).

Held-out means fall, turn at a known step and rise as the median run for tuning does (``onset_shape.py``), seen by 512
samples and under white training noise. The best detector knows all of that but the level and the step: the law of
the noise, how samples wander, and the shape. It compares the likelihood that the curve has turned and rises, as a
maximum over the onset so far, with that of a curve which has turned and stands still; 2 % of trajectories that do stand
still are flagged by it within their whole length. It looks at means alone; OverfittingOnset also at the samples trained
on, where it is told so.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
from typing import NamedTuple

import torch
from onset_flat import SAMPLES, steps_between
from onset_judgement import SPACINGS
from onset_many import ManyOnsets
from onset_shape import AFTER, BEFORE, Shape, median_run
from table import report
from torch import Tensor

ONSET, NOISES, LEVEL = 300, (0.0, 0.015, 0.03), 0.02
PHASES, A_PHASE = 4, 250
"""The onset lies at so many places between two records, each with so many trajectories."""

LEVEL_UNKNOWN = 1.0
"""Variance of the logarithm of the level: none is likelier than another."""


class Trajectories(NamedTuple):
    """T of them, with one onset.

    Attributes:
        onset: step.
        steps: R of them.
        held_out: distances of the samples, shape (R, T, N).
        trained: mean distance of samples trained on, shape (R, T).
    """

    onset: float
    steps: list[int]
    held_out: Tensor
    trained: Tensor

    @property
    def times(self) -> Tensor:
        """ln(step ÷ onset), shape (R,)."""
        return (torch.tensor(self.steps, dtype=torch.float64) / self.onset).log()


def simulated(shape: Shape, spacing: float, noise: float, phase: int, rises: bool) -> Trajectories:
    generator = torch.Generator().manual_seed(2 * phase + rises)
    steps = steps_between(round(ONSET * math.exp(BEFORE)), round(ONSET * math.exp(AFTER)), spacing)
    onset = min(steps, key=lambda step: abs(step - ONSET)) * (1 + spacing) ** (phase / PHASES)
    times = (torch.tensor(steps, dtype=torch.float64) / onset).log()
    spread = math.log(shape.second_moment) + float(shape.wandering * times[0])  # by the onset they have wandered, too
    sample = spread**0.5 * torch.randn(A_PHASE, SAMPLES, generator=generator) - spread / 2
    means, trained = shape.mean(times, rises), shape.mean_trained(times, rises)
    held_out, learnt = [], []
    for k in range(len(steps)):
        if k:
            variance = float(shape.wandering * (times[k] - times[k - 1]))
            sample = sample + variance**0.5 * torch.randn(A_PHASE, SAMPLES, generator=generator) - variance / 2
        shaken = 1 + noise * torch.randn(A_PHASE, 1, generator=generator)
        held_out.append(sample.exp() * float(means[k].exp()) * shaken)
        learnt.append(float(trained[k].exp()) * shaken[:, 0])
    return Trajectories(onset, steps, torch.stack(held_out), torch.stack(learnt))


def evidence(shape: Shape, seen: Trajectories, noise: float) -> Tensor:
    """Likelihood ratio of the best detector, its logarithm, after every record, shape (T, R)."""
    times = seen.times
    wandered = shape.wandering * (torch.minimum(times[:, None], times) - times[0])
    moment = shape.second_moment * math.exp(shape.wandering * float(times[0]))
    sampling = (moment * wandered.exp() - 1) / SAMPLES
    law = sampling + noise**2 * torch.eye(len(times), dtype=torch.float64) + LEVEL_UNKNOWN
    whitened = torch.linalg.cholesky(law)

    def unlikely(rises: bool) -> Tensor:
        """Minus twice the log-likelihood up to each record, by onset, shape (onsets, T, R)."""
        curves = torch.stack([shape.mean(times - turn, rises) for turn in times])
        away = seen.held_out.double().mean(2).log().T - curves[:, None]
        white = torch.linalg.solve_triangular(whitened, away.reshape(-1, len(times)).T, upper=False)
        square = white.T.reshape(away.shape).square().cumsum(2)
        to_come = torch.ones(len(times), len(times), dtype=torch.bool).tril(-1)  # an onset after the last record
        return square.masked_fill(to_come[:, None], torch.inf)

    return (unlikely(False).amin(0) - unlikely(True).amin(0)) / 2


def first_beyond(values: Tensor, threshold: float, steps: list[int]) -> Tensor:
    """Step of the first value above the threshold, NaN where there is none, shape (T,)."""
    above = values > threshold
    first = torch.tensor(steps, dtype=torch.float64)[above.int().argmax(1)]
    return torch.where(above.any(1), first, torch.nan)


def flagged(seen: Trajectories, told: bool) -> Tensor:
    """Step of OverfittingOnset's standing flag, NaN where there is none, shape (T,)."""
    onsets = ManyOnsets()
    for step, held_out, trained in zip(seen.steps, seen.held_out, seen.trained, strict=True):
        onsets.extend(step, held_out, trained if told else None)
    return torch.where(onsets.stands, onsets.known_at.double(), torch.nan)


def cell(job: tuple[Shape, float, float]) -> list[dict[str, object]]:
    torch.set_num_threads(1)
    shape, spacing, noise = job
    still, rising = ([simulated(shape, spacing, noise, p, rises) for p in range(PHASES)] for rises in (False, True))
    quiet = [evidence(shape, seen, noise) for seen in still]
    greatest = torch.cat([values.amax(1) for values in quiet])
    threshold = float(greatest.sort(descending=True).values[round(LEVEL * len(greatest))])
    known = {
        "best possible, from means": (
            [first_beyond(values, threshold, seen.steps) for values, seen in zip(quiet, still, strict=True)],
            [first_beyond(evidence(shape, seen, noise), threshold, seen.steps) for seen in rising],
        )
    }
    for name, told in (("OverfittingOnset, held-out alone", False), ("OverfittingOnset", True)):
        known[name] = tuple([flagged(seen, told) for seen in part] for part in (still, rising))
    return [
        {"spacing": spacing, "training noise": noise, "detector": name, **_row(*flags, rising)}
        for name, flags in known.items()
    ]


def _row(on_still: list[Tensor], on_rising: list[Tensor], rising: list[Trajectories]) -> dict[str, object]:
    flat = torch.cat(on_still)
    ratios = torch.cat([known / seen.onset for known, seen in zip(on_rising, rising, strict=True)])
    found = sorted(ratios[ratios.isfinite()].tolist())
    return {
        "flat flagged": float(flat.isfinite().float().mean()),
        "recall": len(found) / len(ratios),
        "before the onset": sum(ratio < 1 for ratio in found) / len(ratios),
        "flag/onset": statistics.median(found) if found else math.nan,
        "90 %": found[math.ceil(0.9 * len(found)) - 1] if found else math.nan,
    }


def report_bound(workers: int) -> None:
    shape = median_run()
    jobs = [(shape, spacing, noise) for spacing in SPACINGS for noise in NOISES]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        rows = [row for rows in pool.map(cell, jobs, chunksize=1) for row in rows]
    report("onset_bound", f"At best, {PHASES * A_PHASE} trajectories a row", rows)
