"""How often the overfitting flag is raised where nothing happens (``onset.py --null``).

500 trajectories of 512 held-out samples a cell, from step 100 to 100,000. Populations whose mean stands still exactly,
of log-normal samples that wander (correlation 0.9 from record to record), under training noise that is common to all
samples. And 500 softmax regressions at a constant rate, long after convergence, up to step 20,000. Intervals: 95 %,
Clopper and Pearson. Where the samples trained on go on towards their labels and the others do not, this is overfitting
by another name: given, and not aimed at.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from onset_flat import Record, populations, softmax_regressions
from onset_judgement import SPACINGS
from onset_many import ManyOnsets
from onset_simple_rules import EarlyStopping, RuleA
from scipy.stats import binomtest
from table import report
from torch import Tensor

TRAJECTORIES, AT_ONCE = 500, 250
REAL = "softmax regressions"


class Noise(NamedTuple):
    """Training noise of trajectories that are simulated."""

    deviation: float
    correlation: float

    def __str__(self) -> str:
        return f"{self.deviation:.0%}, correlation {self.correlation:g}" if self.deviation else "none"


NOISES = (Noise(0.0, 0.0), Noise(0.03, 0.0), Noise(0.03, 0.5), Noise(0.03, 0.9))
Flags = dict[str, tuple[Tensor, Tensor]]
"""By detector: which trajectories were flagged at any time, and which at the end."""


def followed(records: Iterable[Record]) -> Flags:
    onsets: dict[str, ManyOnsets] = {}
    rules = {"EarlyStopping, patience 10": EarlyStopping(10), "rule A": RuleA()}
    stopped: dict[str, Tensor] = {}
    for step, held_out, trained in records:
        for name, values in trained.items():
            onsets.setdefault(name, ManyOnsets()).extend(step, held_out, values)
        for name, rule in rules.items():
            now = rule.extend(step, held_out)
            stopped[name] = stopped[name] | now if name in stopped else now
    flags = {f"OverfittingOnset, trained: {name}": (onset.ever, onset.stands) for name, onset in onsets.items()}
    return flags | {name: (stop, stop) for name, stop in stopped.items()}


def together(parts: list[Flags]) -> Flags:
    return {
        name: tuple(torch.cat(columns) for columns in zip(*(p[name] for p in parts), strict=True)) for name in parts[0]
    }


def thinned(records: Iterable[Record], spacing: float) -> Iterator[Record]:
    last = 0
    for record in records:
        if record.step >= last * (1 + spacing) * 0.995:
            last = record.step
            yield record


def measured_noise(records: list[Record]) -> Noise:
    """Of the mean over samples, about its own average; the median over trajectories."""
    means = torch.stack([record.held_out.mean(1) for record in records])
    away = means / means.mean(0) - 1
    neighbours = (away[1:] * away[:-1]).mean(0) / away.square().mean(0)
    return Noise(float(away.std(0).median()), float(neighbours.median()))


def cell(job: tuple[float, Noise]) -> Flags:
    torch.set_num_threads(1)
    spacing, noise = job
    parts = range(TRAJECTORIES // AT_ONCE)
    return together([followed(populations(spacing, *noise, AT_ONCE, seed)) for seed in parts])


def real(part: int) -> list[tuple[Flags, Noise]]:
    """One by spacing, of the same trainings."""
    torch.set_num_threads(1)
    records = list(softmax_regressions(AT_ONCE, seed=part))
    seen = [list(thinned(records, spacing)) for spacing in SPACINGS]
    return [(followed(kept), measured_noise(kept)) for kept in seen]


def share(flags: Tensor) -> str:
    count, total = int(flags.sum()), len(flags)
    low, high = binomtest(count, total).proportion_ci(method="exact")
    return f"{100 * count / total:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def report_null(workers: int) -> None:
    cells = [(spacing, noise) for spacing in SPACINGS for noise in NOISES]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        waiting = pool.map_async(real, range(TRAJECTORIES // AT_ONCE), chunksize=1)
        simulated = dict(zip(cells, pool.map(cell, cells, chunksize=1), strict=True))
        trainings = waiting.get()
    found = [(spacing, str(noise), flags) for (spacing, noise), flags in simulated.items()]
    for spacing, parts in zip(SPACINGS, zip(*trainings, strict=True), strict=True):
        noise = Noise(*(math.fsum(values) / len(parts) for values in zip(*(n for _, n in parts), strict=True)))
        seen = f"{REAL}: {noise.deviation:.1%}, correlation {noise.correlation:.2f}"
        found.append((spacing, seen, together([flags for flags, _ in parts])))
    rows: list[dict[str, object]] = [
        {
            "spacing": spacing,
            "training noise": noise,
            "detector": name,
            "flagged at any time, %": share(ever),
            "at the end, %": share(stands),
        }
        for spacing, noise, flags in found
        for name, (ever, stands) in flags.items()
    ]
    report("onset_null", f"Flags where nothing happens, {TRAJECTORIES} trajectories a row", rows)
