"""What sets the runs of the replication of arXiv 2305.01604 apart, and what does not for long."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import torch

from replications.claims import Claim, decided
from replications.manifold_found import NAMES, Found, Measured
from replications.networks import WIDER
from replications.variance import variance_explained

_LEFT = 0.4
"""Of what beginnings are apart early, the part that may be left late."""


def factors(found: Found) -> Measured:
    """Returns what each factor explains of the variance, and whether the architecture leads."""
    values = {
        "architecture": [run.architecture.partition("-x")[0] for run in found.runs],
        "size": [run.architecture if run.architecture in WIDER else "" for run in found.runs],
        "optimizer": [run.optimizer for run in found.runs],
        "beginning": [run.beginning for run in found.runs],
        "seed": [str(run.seed) for run in found.runs],
    }
    shares = variance_explained(found.pairs, values)
    each = shares.factors
    shown = [f"{name} {one.omega:.2f} ({round(max(one.apart, 0), 3) + 0:.3f} nats)" for name, one in each.items()]
    first, farthest = (max(each, key=key) for key in (lambda name: each[name].omega, lambda name: each[name].apart))
    assert shares.ahead is not None
    low, high = shares.ahead
    return Measured(
        f"{', '.join(shown)}; {shares.residual:.0%} by none",
        f"{first} {each[first].interval[0]:.2f} to {each[first].interval[1]:.2f}, its lead {low:.2f} to {high:.2f}",
        decided(low > 0 and first == farthest == "architecture", low > 0 and "architecture" not in (first, farthest)),
    )


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
    """Returns how far runs with either beginning are apart early and late, in all else alike, and seeds beside them."""
    one = found.beginnings
    kin, alike, (early, late), (low, high) = one.kin.mean(), one.alike.mean(), one.excess(), one.interval()
    return Measured(
        f"{kin[9]:.3f} → {kin[-1]:.3f} nats at {one.late / 100:.2f}, seeds {alike[9]:.3f} → {alike[-1]:.3f}, the same "
        f"{len(one.kin.runs)} and {len(one.alike.runs)} pairs: {late / early:.2f} of the excess left",
        f"{low:.2f} to {high:.2f}",
        decided(high <= _LEFT, low > _LEFT),
    )


def together_with_others(found: Found) -> Measured:
    """Returns how far runs with either beginning are apart early and late, whatever else they differ in."""
    one = found.beginnings
    way = one.others.mean()
    return Measured(
        f"{way[9]:.3f} → {way[-1]:.3f} nats at {one.late / 100:.2f}, the same {len(one.others.runs)} pairs: "
        f"{float(way[-1] / way[9]):.2f} (0.4 × would be {_LEFT * float(way[9]):.3f}; seeds {one.alike.mean()[-1]:.3f})",
        "",
        decided(float(way[-1]) <= _LEFT * float(way[9])),
    )
