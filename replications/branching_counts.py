"""Whether the published counts of a graph could be those of one more training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, median, stdev

import torch
from scipy.stats import t

from replications.branching_studies import SEEDS, Study
from replications.claims import Claim, decided
from replications.learning_trees import PUBLISHED

COUNTS = ("nodes", "edges", "leaves", "forks")
ROUNDING = 12**-0.5
"""Standard deviation of what rounding to whole numbers takes away."""


def spread(values: Iterable[float], form: str = "{:.0f}") -> tuple[str, tuple[float, float]]:
    """Returns the 10–90 % range of values, in words and as numbers."""
    low, high = torch.tensor(list(values), dtype=torch.float64).quantile(torch.tensor([0.1, 0.9]).double()).tolist()
    return f"{form.format(low)} to {form.format(high)}", (low, high)


def one_more(counts: Sequence[int], level: float) -> tuple[float, float]:
    """Returns the interval in which one more count of the same kind lies, by Student's t.

    Args:
        counts: of independent trainings, at least two. Half a count is added at both ends, since they are whole, and
            they are taken to vary by ``ROUNDING`` at least, since equal ones could have been rounded.
        level: probability of a count outside.
    """
    n = len(counts)
    deviation = max(stdev(counts), ROUNDING)
    half = 0.5 + float(t.isf(level / 2, n - 1)) * deviation * (1 + 1 / n) ** 0.5
    return mean(counts) - half, mean(counts) + half


def counts(studies: Sequence[Study], layer: str) -> Claim:
    """Returns the claim that the paper's one training is like ours."""
    shapes, paper = [one.shapes[layer]["published"] for one in studies], PUBLISHED[layer]
    rows, outside, beyond = [], [], []
    for name in COUNTS:
        here, there = [getattr(shape, name) for shape in shapes], getattr(paper, name)
        words, (low, high) = spread(here)
        row = f"{name} {words}, fewer than {there} in {sum(one < there for one in here)} seeds"
        row += f", more in {sum(one > there for one in here)}"
        if len(here) > 1:
            least, most = one_more(here, 0.05 / len(COUNTS))
            row += f", one more {max(0.0, least):.0f} to {most:.0f}"
            beyond += [name] * (not least <= there <= most)
        outside += [name] * (not low <= there <= high)
        rows.append(row)
    enough = len(studies) >= len(SEEDS)
    return Claim(
        f"Counts of {layer}: {', '.join(COUNTS)}",
        f"{', '.join(str(getattr(paper, name)) for name in COUNTS)} (paper, one training). Holds: all inside the "
        f"10–90 % range of {len(SEEDS)} seeds (acceptance), which one more training of the same kind misses in a third "
        "of all cases for each count. So it does not hold only where a count is outside the prediction interval of one "
        "more (Student's t, 95 % for all four). Its rank cannot tell: one more is beyond all ten in 2 of 11 cases. "
        "Else undecided",
        f"medians {', '.join(f'{median(getattr(one, name) for one in shapes):g}' for name in COUNTS)}; outside "
        f"10–90 %: {', '.join(outside) or 'none'}; outside the prediction interval: {', '.join(beyond) or 'none'}",
        "\n".join(rows),
        decided(enough and not outside, enough and bool(beyond)),
    )
