"""How detectors are judged: what a run truly does, what they say of it, and what that comes to over many runs."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from onset_detectors import Detector, Flag, standing
from onset_runs import Run, Setting
from torch import Tensor

SPACINGS = (0.03, 0.1, 0.3)
OVERFITS, HEALTHY = 0.1, 0.02
"""Rise of the mean distance on the test split, over its minimum, from which on a run overfits or below which not."""

TARGET_RISE, TARGET_SAMPLES = 0.25, 500
"""Of the runs that recall and delay are of."""


class Case(NamedTuple):
    """One training as the detectors are judged on it."""

    setting: int
    suite: str
    samples: int
    onset: int
    rise: float
    flags: dict[str, list[Flag]]

    @property
    def target(self) -> bool:
        """Whether a detector has to flag it."""
        return self.rise >= TARGET_RISE and self.samples >= TARGET_SAMPLES


def spaced(steps: Tensor, spacing: float) -> list[int]:
    """Indices of records at least ``spacing`` apart, with the first and the last."""
    kept = [0]
    for k in range(1, len(steps)):
        if steps[k] >= steps[kept[-1]] * (1 + spacing) * 0.995 or k == len(steps) - 1:
            kept.append(k)
    return kept


def smooth(steps: Tensor, values: Tensor, width: float = 0.1) -> Tensor:
    """Values averaged over a normal window in ln(step)."""
    t = steps.double().log()
    kernel = torch.exp(-0.5 * ((t[:, None] - t) / width).square())
    return kernel @ values.double() / kernel.sum(1)


def truth(run: Run) -> tuple[int, float]:
    """Step of the onset, and the relative rise from there to the end, on the independent test split."""
    curve = smooth(run.steps, run.test)
    at = int(curve.argmin())
    return int(run.steps[at]), float(curve[-1] / curve[at] - 1)


def judged(setting: Setting, run: Run, spacing: float, detectors: dict[str, Detector]) -> Case:
    kept = spaced(run.steps, spacing)
    flags = {name: detect(run, kept) for name, detect in detectors.items()}
    return Case(setting.number, setting.suite, run.held_out.shape[1], *truth(run), flags)


def figures(cases: list[Case], name: str) -> dict[str, float]:
    """What a detector comes to by its standing flags."""
    stands = [(c, standing(c.flags[name])) for c in cases]
    target = [(c, flag) for c, flag in stands if c.target]
    hits = [(c, flag) for c, flag in target if flag]
    flagged = [(c, flag) for c, flag in stands if c.rise >= OVERFITS and flag]
    healthy = [flag for c, flag in stands if c.rise < HEALTHY]
    delays = sorted(flag.known / c.onset for c, flag in hits)
    return {
        "recall": _share(len(hits), len(target)),
        "too early": _share(sum(flag.known < c.onset / 2 for c, flag in flagged), len(flagged)),
        "false alarms": _share(sum(flag is not None for flag in healthy), len(healthy)),
        "flag/onset": statistics.median(delays) if delays else math.nan,
        "90 %": delays[math.ceil(0.9 * len(delays)) - 1] if delays else math.nan,
        "estimate/onset": statistics.median(flag.onset / c.onset for c, flag in hits) if hits else math.nan,
    }


def at_any_time(cases: list[Case], name: str) -> dict[str, float]:
    """What a detector comes to by all its flags, those it withdrew included."""
    healthy = [c.flags[name] for c in cases if c.rise < HEALTHY]
    overfit = [c for c in cases if c.rise >= OVERFITS]
    early = [c for c in overfit if any(flag.known < c.onset / 2 for flag in c.flags[name])]
    withdrawn = sum(flag.withdrawn is not None for c in cases for flag in c.flags[name])
    return {
        "healthy, ever flagged": _share(sum(bool(flags) for flags in healthy), len(healthy)),
        "overfitting, ever too early": _share(len(early), len(overfit)),
        "withdrawn flags a run": _share(withdrawn, len(cases)),
    }


def with_intervals(
    cases: list[Case], measured: Callable[[list[Case]], dict[str, float]], draws: int = 400
) -> dict[str, object]:
    """Figures, each with its 90 % interval by bootstrap over settings."""
    draw = random.Random(0)
    groups: dict[int, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.setting, []).append(case)
    chosen = [[c for g in draw.choices(list(groups.values()), k=len(groups)) for c in g] for _ in range(draws)]
    resampled = [measured(sample) for sample in chosen]
    row: dict[str, object] = {}
    for key, value in measured(cases).items():
        spread = sorted(sample[key] for sample in resampled if not math.isnan(sample[key]))
        ends = f" [{spread[len(spread) // 20]:.2f}, {spread[-len(spread) // 20 - 1]:.2f}]" if spread else ""
        row[key] = f"{value:.2f}{ends}"
    return row


def counted(cases: list[Case]) -> str:
    """How many runs there are of every kind."""
    target, healthy = sum(c.target for c in cases), sum(c.rise < HEALTHY for c in cases)
    overfit = sum(c.rise >= OVERFITS for c in cases)
    return f"{len(cases)} runs: {overfit} overfit, {target} of them to be recalled, {healthy} are healthy"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
