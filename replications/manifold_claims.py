"""The eight claims of the replication of arXiv 2305.01604, each over all data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch

from lightning_infogeo import inpca
from lightning_infogeo.comparison import permutation_p_value
from replications.claims import Claim, altogether, decided
from replications.intervals import leaving_one_out, median_of_pairs
from replications.manifold_causes import factors, together, together_with_others, widths
from replications.manifold_found import NAMES as NAMES
from replications.manifold_found import Found, Measured
from replications.networks import ARCHITECTURES

ONE_ROAD = {"mnist": 0.96, "fashion-mnist": 0.96, "cifar-10": 0.90}
"""Stress in three dimensions that a reader's replication, One Road, reports on the samples trained on."""


def claims(found: Mapping[tuple[str, str], Found]) -> tuple[Claim, ...]:
    """Returns what is claimed and whether it holds on every data set.

    Args:
        found: by data set and probe.
    """
    train = {data: one for (data, probe), one in found.items() if probe == "train"}
    val = {data: one for (data, probe), one in found.items() if probe == "val"}

    def over(claim: str, anchor: str, measure: Callable[[Found], Measured], where: Mapping[str, Found]) -> Claim:
        rows = {NAMES[data]: measure(one) for data, one in where.items()}
        return Claim(
            claim,
            anchor,
            "\n".join(f"{name}: {row.figure}" for name, row in rows.items()),
            "\n".join(f"{name}: {row.interval}" for name, row in rows.items() if row.interval),
            altogether(row.verdict for row in rows.values()),
        )

    road = "One Road: 96 / 96 / 90 % on MNIST / Fashion-MNIST / CIFAR-10; paper, as quoted: 76 %. At least 76 %, and "
    band = "Holds where the interval lies within the acceptance's band, does not where they do not meet"
    return (
        over(
            "three dimensions hold most of the stress of all runs; shown: one / two / three (samples trained on)",
            f"{road}within 6 points of One Road",
            stress,
            train,
        ),
        over(
            "three dimensions hold most of the stress of all runs (held-out samples)",
            "pilot, CIFAR-10: 58 / 72 / 77 %",
            stress_held_out,
            val,
        ),
        over(
            "the null map: the same runs, samples shuffled within classes",
            "without it the headline says nothing",
            null_stress,
            train,
        ),
        over(
            "runs of two architectures are closer than either is to the other with samples shuffled within classes, "
            "the mean of both ways, in every pair (samples trained on)",
            "One Road: 121 of 121 pairs",
            closer,
            train,
        ),
        over("… in every pair (held-out samples)", "pilot: 18 of 18 pairs", closer, val),
        over(
            "the median ratio of these distances is 0.4 to 0.75 (samples trained on)",
            f"One Road: 0.55. {band}",
            ratio,
            train,
        ),
        over("… the median ratio (held-out samples)", f"pilot: 0.47. {band}", ratio, val),
        over(
            "architectures differ more than seeds, over the progress that both runs reach: median distance of pairs "
            "(samples trained on)",
            "acceptance: p < 0.05 by permutation",
            seeds,
            train,
        ),
        over(
            "… architectures more than seeds (held-out samples)",
            "acceptance: p < 0.05 by permutation",
            seeds,
            val,
        ),
        over(
            "of the squared distances the architecture explains more than any other factor. ω²: the share explained "
            "less what chance gives to as many groups, so it can be negative; in brackets how far two groups are apart "
            "on average. Factors overlap, and shares do not add up to all",
            "acceptance: largest for the architecture. Holds where its ω² leads by an interval above 0 and its groups "
            "are farthest apart, undecided where only one of the two is so",
            factors,
            train,
        ),
        widths(train),
        over(
            "runs that were taught wrong labels first come to the path of those that were not, of the same "
            "architecture and optimizer",
            "ours: what they are farther apart than seeds falls from progress 0.1 to 0.9 to at most 0.4 times as much; "
            "the interval has to be on one side of 0.4",
            together,
            train,
        ),
        over(
            "… and to the path of all others",
            "acceptance: distance at 0.9 at most 0.4 × that at 0.1. It cannot be met where two seeds without wrong "
            "labels are farther apart than that, so the row above was added when the runs had been seen",
            together_with_others,
            train,
        ),
        over(
            "networks trained on shuffled labels make no progress, and are farther from every other run than any two "
            "others are from each other (over the whole range, the last record repeated)",
            "acceptance: progress below 0.05; all farther",
            control,
            train,
        ),
    )


def stress(found: Found) -> Measured:
    """Returns the explained stress in 1, 2 and 3 dimensions, and its range when an architecture is left out."""
    embedding = found.comparison.embedding
    one, two, three = (embedding.stress(k) for k in (1, 2, 3))
    low, high = leaving_one_out([run.architecture for run in found.runs], lambda kept: _stress_of(found, kept))
    near = found.data not in ONE_ROAD or abs(three - ONE_ROAD[found.data]) <= 0.06
    return Measured(
        f"{one:.0%} / {two:.0%} / {three:.0%}",
        f"{low:.0%} to {high:.0%} with any one architecture left out",
        decided(three >= 0.76 and near),
    )


def stress_held_out(found: Found) -> Measured:
    """Returns the same, not judged."""
    return stress(found)._replace(verdict="reported")


def _stress_of(found: Found, kept: np.ndarray) -> float:
    """Returns the stress in three dimensions of a part of the runs."""
    embedding = found.comparison.embedding
    assert embedding.distances is not None
    milestones = torch.ones(len(embedding.distances) - len(embedding.member), dtype=torch.bool)
    chosen = torch.cat([torch.as_tensor(kept)[embedding.member], milestones])
    return float(inpca(embedding.distances[chosen][:, chosen], 3).explained_stress)


def null_stress(found: Found) -> Measured:
    """Returns the stress in three dimensions of the shuffled runs beside that of the runs."""
    own, null = found.comparison.embedding.stress(3), found.null.stress(3)
    return Measured(f"{null:.0%} beside {own:.0%}", "", "reported")


def closer(found: Found) -> Measured:
    """Returns how many pairs of different architectures are closer than either is to the other one shuffled."""
    ratios, pairs = _ratios(found)
    below, count = int((ratios[pairs] < 1).sum()) // 2, int(pairs.sum()) // 2
    return Measured(f"{below} of {count}", "", decided(below == count))


def ratio(found: Found) -> Measured:
    """Returns the median ratio of these distances."""
    middle, low, high = median_of_pairs(*_ratios(found))
    inside = low >= 0.4 and high <= 0.75
    return Measured(f"{middle:.2f}", f"{low:.2f} to {high:.2f}", decided(inside, high < 0.4 or low > 0.75))


def _ratios(found: Found) -> tuple[np.ndarray, np.ndarray]:
    """Returns distances ÷ those to the other one shuffled, shape (R, R), and which pairs of runs count."""
    shuffled = found.comparison.shuffled.numpy()
    ratios = found.pairs / ((shuffled + shuffled.T) / 2 + np.eye(len(shuffled)))
    names = np.array([run.architecture for run in found.runs])
    plain = found.where(optimizer="adam", beginning="random", architecture=ARCHITECTURES)
    pairs = (names[:, None] != names) & plain[:, None] & plain
    return ratios, pairs


def seeds(found: Found) -> Measured:
    """Returns the median distances between architectures and between seeds, and the p-value of the difference."""
    chosen = found.where(optimizer="adam", beginning="random", architecture=ARCHITECTURES)
    table = found.pairs[np.ix_(chosen, chosen)]
    names = [run.architecture for run, one in zip(found.runs, chosen, strict=True) if one]
    member = np.array([sorted(set(names)).index(name) for name in names])
    same = member[:, None] == member
    between, low, high = median_of_pairs(table, ~same)
    within, low_seeds, high_seeds = median_of_pairs(table, same)
    p = permutation_p_value(torch.as_tensor(table), torch.as_tensor(member))
    whole = found.comparison.whole_range.numpy()[np.ix_(chosen, chosen)]
    others = ~np.eye(len(same), dtype=bool)
    return Measured(
        f"{between:.3f} against {within:.3f} nats, p = {p:.2g} (over the whole range {np.median(whole[~same]):.3f} "
        f"against {np.median(whole[same & others]):.3f})",
        f"{low:.3f} to {high:.3f}, {low_seeds:.3f} to {high_seeds:.3f}",
        decided(between > within and p < 0.05, not math.isnan(p)),
    )


def control(found: Found) -> Measured:
    """Returns the progress of runs on shuffled labels and their least distance from the others."""
    most, least = float(found.controls.max()), float(found.apart.min())
    widest = float(found.comparison.whole_range.max())
    return Measured(
        f"progress {most:.3f}; at least {least:.2f} nats, others at most {widest:.2f}",
        "",
        decided(most < 0.05 and least > widest),
    )
