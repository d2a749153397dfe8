"""The eight claims of the replication of arXiv 2305.01604, each over all data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch

from lightning_infogeo import inpca
from lightning_infogeo.comparison import permutation_p_value
from replications.claims import Claim, Verdict, altogether, decided
from replications.intervals import leaving_one_out, median_of_pairs
from replications.manifold_found import VALUES, Found
from replications.networks import ARCHITECTURES, WIDER
from replications.variance import variance_explained

ONE_ROAD = {"mnist": 0.96, "fashion-mnist": 0.96, "cifar-10": 0.90}
"""Stress in three dimensions that a reader's replication, One Road, reports on the samples trained on."""
NAMES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "cifar-10": "CIFAR-10", "digits": "digits"}
_ACROSS = (10, 90)
"""Per cent of progress between which beginnings are expected to come together."""


class Measured(NamedTuple):
    """A figure on one data set.

    Attributes:
        figure: as text.
        interval: as text, "" without one.
        verdict: on this data set.
    """

    figure: str
    interval: str
    verdict: Verdict


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
        over("the same on held-out samples", "58 / 72 / 77 % (pilot)", stress_held_out, val),
        over(
            "the null map: the same runs, samples shuffled within classes",
            "without it the headline says nothing",
            null_stress,
            train,
        ),
        over(
            "every run is closer to every run of another architecture than to that run with samples shuffled within "
            "classes",
            "121 of 121 pairs, median ratio 0.55 (One Road); all pairs, ratio 0.4 to 0.75",
            closer,
            train,
        ),
        over("the same on held-out samples", "18 of 18, 0.47 (pilot)", closer, val),
        over(
            "architectures differ more than seeds, over the progress that both runs reach",
            "p < 0.05 by permutation",
            seeds,
            train,
        ),
        over("the same on held-out samples", "p < 0.05 by permutation", seeds, val),
        over(
            "shares of the squared distances that each factor explains beyond all others",
            "largest for the architecture, which has the most groups, though: not judged",
            factors,
            train,
        ),
        widths(train),
        over(
            "wrong-label beginnings come to the path of the others",
            "distance at progress 0.9 at most 0.4 × that at 0.1",
            together,
            train,
        ),
        over(
            "… and to runs of the same architecture and optimizer, which differ in their seed alone",
            "beside these runs' own distances at the same progress",
            together_with_kin,
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
    """Returns how many pairs of different architectures are closer than A is to shuffled B, and the median ratio."""
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
    return Measured(
        f"{between:.3f} against {within:.3f} nats, p = {p:.2g}",
        f"{low:.3f} to {high:.3f}, {low_seeds:.3f} to {high_seeds:.3f}",
        decided(between > within and p < 0.05),
    )


def factors(found: Found) -> Measured:
    """Returns the share of the variance that each factor explains."""
    values = {
        "architecture": [run.architecture.partition("-x")[0] for run in found.runs],
        "size": [run.architecture if run.architecture in WIDER else "" for run in found.runs],
        "optimizer": [run.optimizer for run in found.runs],
        "beginning": [run.beginning for run in found.runs],
        "seed": [str(run.seed) for run in found.runs],
    }
    shares = variance_explained(found.pairs, values)
    shown = ", ".join(f"{name} {share.explained:.0%}" for name, share in shares.items())
    return Measured(shown, "", "reported")


def widths(train: Mapping[str, Found]) -> Claim:
    """Returns whether wider networks of one kind are sooner half way, on the same path."""
    sooner, pairs, shown, near = 0, 0, [], []
    for data, found in train.items():
        names = [name for name in ("cnn", *WIDER) if found.where(architecture=name).any()]
        plain = {name: found.where(architecture=name, optimizer="adam", beginning="random") for name in names}
        steps = [float(found.comparison.speed[torch.as_tensor(plain[name]), 1].log().mean().exp()) for name in names]
        sooner += sum(b < a for a, b in combinations(steps, 2))
        pairs += len(names) * (len(names) - 1) // 2
        kin = np.any(list(plain.values()), axis=0)
        member = np.array([run.architecture for run in found.runs])
        same = member[:, None] == member
        apart = np.median(found.pairs[(~same & kin[:, None] & kin)])
        alike = np.median(found.pairs[(same & kin[:, None] & kin & ~np.eye(len(kin), dtype=bool))])
        near.append(apart <= 1.5 * alike)
        times = " → ".join(f"{value:.0f}" for value in steps)
        shown.append(f"{NAMES[data]}: {times} steps, {apart:.3f} nats apart (seeds {alike:.3f})")
    return Claim(
        "wider networks of one architecture are sooner half way, on the same path",
        "sooner in at least 8 of 9 comparisons; distance at most 1.5 × that of seeds; fewer are not judged",
        "\n".join([f"sooner in {sooner} of {pairs}", *shown]),
        "",
        "reported" if pairs < 9 else decided(sooner >= pairs - 1 and all(near)),
    )


def together(found: Found) -> Measured:
    """Returns how far runs with either beginning are apart early and late."""
    reached = int((~found.pool.isnan()).sum())
    early, late = (min(place * VALUES // 100, reached) - 1 for place in _ACROSS)
    at = f"{(late + 1) / VALUES:.1f}"
    first, last = float(found.pool[early]), float(found.pool[late])
    return Measured(f"{first:.3f} → {last:.3f} nats at {at}: {last / first:.2f}", "", decided(last <= 0.4 * first))


def together_with_kin(found: Found) -> Measured:
    """Returns how far runs with either beginning are apart early and late, in all else alike, and seeds beside them."""
    reached = int((~found.kin.isnan()).sum())
    early, late = (min(place * VALUES // 100, reached) - 1 for place in _ACROSS)
    first, last = float(found.kin[early]), float(found.kin[late])
    seeds_then = f"{float(found.alike[early]):.3f} → {float(found.alike[late]):.3f}"
    return Measured(f"{first:.3f} → {last:.3f} nats at {(late + 1) / VALUES:.1f} (seeds {seeds_then})", "", "reported")


def control(found: Found) -> Measured:
    """Returns the progress of runs on shuffled labels and their least distance from the others."""
    most, least = float(found.controls.max()), float(found.apart.min())
    widest = float(found.comparison.whole_range.max())
    return Measured(
        f"progress {most:.3f}; at least {least:.2f} nats, others at most {widest:.2f}",
        "",
        decided(most < 0.05 and least > widest),
    )
