"""What a run that overfits looks like in the median of those for tuning: mean, samples about it, samples trained on."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

import numpy as np
import torch
from onset_judgement import TARGET_RISE, TARGET_SAMPLES, smooth, truth
from onset_runs import load, settings
from torch import Tensor

BEFORE, AFTER = -3.0, 3.0
"""In ln(step ÷ onset): where at least half of the runs have records."""

LAGS = (0.1, 0.26, 0.5, 1.0)


class Shape(NamedTuple):
    """A median run.

    Attributes:
        times: ln(step ÷ onset), shape (G,).
        held_out: ln of the population's mean distance ÷ its least, least at 0 and monotone on both sides, shape (G,).
        trained: ln of the mean distance of samples trained on ÷ that at the onset, shape (G,).
        second_moment: of held-out samples at the onset, where their mean is 1.
        wandering: variance that the logarithm of a sample's distance gains beside the others, per unit of ln(step).
    """

    times: Tensor
    held_out: Tensor
    trained: Tensor
    second_moment: float
    wandering: float

    def mean(self, times: Tensor, rises: bool) -> Tensor:
        """Returns ln of the mean at ln(step ÷ onset); without the rise it stands still after the onset."""
        return _interpolated(times if rises else times.clamp_max(0), self.times, self.held_out)

    def mean_trained(self, times: Tensor, rises: bool) -> Tensor:
        """Returns the same of the samples trained on."""
        return _interpolated(times if rises else times.clamp_max(0), self.times, self.trained)


def median_run() -> Shape:
    grid = torch.linspace(BEFORE, AFTER, 121, dtype=torch.float64)
    held_out, trained, moments = [], [], []
    gained: dict[float, list[float]] = {lag: [] for lag in LAGS}
    for setting in settings():
        for seed in range(setting.seeds) if setting.tuning and setting.held_out >= TARGET_SAMPLES else ():
            run = load(setting, seed)
            onset, rise = truth(run)
            if rise < TARGET_RISE:
                continue
            times = (run.steps.double() / onset).log()
            at = int(times.abs().argmin())
            test, learnt = smooth(run.steps, run.test), smooth(run.steps, run.trained.mean(1))
            held_out.append(_interpolated(grid, times, (test / test[at]).log(), outside=math.nan))
            trained.append(_interpolated(grid, times, (learnt / learnt[at]).log(), outside=math.nan))
            x = run.held_out.double() / run.held_out[at].double().mean()
            moments.append(float(x[at].square().mean()))
            for lag in LAGS:
                later = int((times - lag).abs().argmin())
                gained[lag].append(float((x[later] - x[at]).var()))
    moment = statistics.median(moments)
    rates = [-math.log1p(-statistics.median(gained[lag]) / (2 * moment)) / lag for lag in LAGS]
    curve = torch.stack(held_out).nanmedian(0).values
    middle = int(grid.abs().argmin())
    curve[middle:] = curve[middle:].clamp_min(0).cummax(0).values
    curve[: middle + 1] = curve[: middle + 1].clamp_min(0).flip(0).cummax(0).values.flip(0)
    return Shape(grid, curve, torch.stack(trained).nanmedian(0).values, moment, statistics.median(rates))


def _interpolated(at: Tensor, times: Tensor, values: Tensor, outside: float | None = None) -> Tensor:
    return torch.from_numpy(np.interp(at.numpy(), times.numpy(), values.numpy(), left=outside, right=outside))
