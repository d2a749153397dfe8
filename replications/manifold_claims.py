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

    road = "96 / 96 / 90 % on MNIST / Fashion-MNIST / CIFAR-10 (One Road); 76 % (paper, as quoted). At least 76 %, and "
    return (
        over(
            "three dimensions hold most of the stress of all runs (samples trained on)",
            f"{road}within 6 points of One Road",
            stress,
            train,
        ),
        over(
            "three dimensions hold most of the stress of all runs (held-out samples)",
            "58 / 72 / 77 % (pilot)",
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
            "every run is closer to every run of another architecture than to that run with samples shuffled within "
            "classes, and the median ratio is 0.4 to 0.75 (samples trained on)",
            "121 of 121 pairs, median ratio 0.55 (One Road)",
            closer,
            train,
        ),
        over(
            "… closer to other architectures than to their shuffled samples, the median ratio 0.4 to 0.75 (held-out "
            "samples)",
            "18 of 18 pairs, ratio 0.47 (pilot)",
            closer,
            val,
        ),
        over(
            "architectures differ more than seeds, over the progress that both runs reach (samples trained on)",
            "p < 0.05 by permutation",
            seeds,
            train,
        ),
        over(
            "… architectures more than seeds (held-out samples)",
            "p < 0.05 by permutation",
            seeds,
            val,
        ),
        over(
            "of the squared distances the architecture explains more than any other factor, each beyond all others",
            "largest for the architecture. ω² (share, which grows with the degrees of freedom; these; how far two "
            "groups are apart, which does not depend on the number of their runs). Holds where ω² leads by an interval "
            "above 0 and groups are farthest apart; undecided where only one of the two is so",
            factors,
            train,
        ),
        widths(train),
        over(
            "runs that were taught wrong labels first come to the path of those that were not, of the same "
            "architecture and optimizer",
            "what they are farther apart than seeds falls from progress 0.1 to 0.9 to at most 0.4 times as much; the "
            "interval has to be on one side of 0.4",
            together,
            train,
        ),
        over(
            "… and to the path of all others",
            "distance at 0.9 at most 0.4 × that at 0.1 (the design's criterion). No longer judged since the runs were "
            "seen: it cannot be met where two seeds without wrong labels are farther apart than that",
            together_with_others,
            train,
        ),
        over(
            "networks trained on shuffled labels make no progress, and are farther from every other run than any two "
            "others are from each other (over the whole range, the last record repeated)",
            "progress below 0.05; all farther",
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
        f"{one:.0%} / {two:.0%} / {three:.0%}", f"{low:.0%} to {high:.0%} without one", decided(three >= 0.76 and near)
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
    """Returns how many pairs of different architectures are closer than either is to the other one shuffled.

    Beside it the median ratio of the two distances.
    """
    shuffled = found.comparison.shuffled.numpy()
    ratios = found.pairs / ((shuffled + shuffled.T) / 2 + np.eye(len(shuffled)))
    names = np.array([run.architecture for run in found.runs])
    plain = found.where(optimizer="adam", beginning="random", architecture=ARCHITECTURES)
    pairs = (names[:, None] != names) & plain[:, None] & plain
    below, count = int((ratios[pairs] < 1).sum()) // 2, int(pairs.sum()) // 2
    ratio, low, high = median_of_pairs(ratios, pairs)
    return Measured(
        f"{below}/{count}, {ratio:.2f}", f"{low:.2f} to {high:.2f}", decided(below == count and 0.4 <= ratio <= 0.75)
    )


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
