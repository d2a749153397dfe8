"""What is said of the knee in trainings that do not overfit, that cannot learn, and of how it is measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from replications.claims import Claim, decided
from replications.knee_found import KINDS, Found, Length
from replications.knee_groups import (
    by_seed,
    counted,
    has_knee,
    in_every_seed,
    knee_of,
    median_of,
    of_seeds,
    onset_of,
    sets,
    shares_of_seeds,
    together,
)
from replications.knee_runs import STEPS
from replications.manifold_claims import NAMES
from replications.side_by_side import ESTIMATORS, PARTS
from replications.strata import Estimate, over_seeds, slope, strata

PILOT = "a pilot of one seed"


def healthy(networks: Sequence[Found]) -> Claim:
    """Returns whether trainings that do not overfit have a knee."""
    of = [one for one in networks if not one.overfits]
    lines, intervals = _with_knee(of)
    return Claim(
        "Expected from the pilot: a training that does not overfit has a knee",
        "none has, if the knee marks overfitting. Holds where 9 of 10 have one in "
        "every seed, not where fewer have in every seed",
        lines,
        intervals,
        in_every_seed(of, has_knee, 0.9),
    )


def shuffled(networks: Sequence[Found]) -> list[Claim]:
    """Returns whether trainings on shuffled labels have one, where there are any."""
    of = [one for one in networks if one.condition == "shuffled labels"]
    if not of:
        return []
    lines, intervals = _with_knee(of)
    return [
        Claim(
            f"A training on shuffled labels has a knee; the test loss turns up in {sum(one.overfits for one in of)} of "
            f"{len(of)}, at step {median_of(of, onset_of):.0f} in the median",
            f"all have, if the knee marks overfitting; {PILOT} had none and called it a knee of learning. Holds where "
            "9 of 10 have one in every seed, not where fewer have in every seed",
            lines,
            intervals,
            in_every_seed(of, has_knee, 0.9),
        )
    ]


def _with_knee(networks: Sequence[Found]) -> tuple[str, str]:
    """Returns how many have a knee, and the shares of seeds, by data set as lines."""
    lines, intervals = [], []
    for data in sets(networks):
        there = [one for one in networks if one.data == data]
        bent = [one for one in there if has_knee(one)]
        where = f", at {median_of(bent, knee_of):.0f}" if bent else ""
        lines.append(f"{NAMES[data]}: {len(bent)} of {len(there)} have one{where}")
        intervals.append(shares_of_seeds(there, has_knee))
    return "\n".join(lines) or "there is none", "\n".join(intervals)


def levers(networks: Sequence[Found]) -> list[Claim]:
    """What label noise and dropout do to onset and knee, beside the clean training of the same size and rate."""
    rows = []
    for condition in ("noisy labels", "dropout"):
        shifts = {of: _shift(networks, condition, by) for of, by in (("onset", onset_of), ("knee", knee_of))}
        if all(math.isfinite(one.value) for one in shifts.values()):
            onset, bend = shifts["onset"], shifts["knee"]
            rows.append(
                Claim(
                    f"{condition.capitalize()}: onset and knee, beside clean trainings of the same data, size and rate",
                    "the same factor, if they coincide",
                    f"onset × {onset}, knee × {bend}",
                    f"{onset.interval}; {bend.interval}",
                    "reported",
                )
            )
    return rows


def _shift(networks: Sequence[Found], condition: str, of: Callable[[Found], float]) -> Estimate:
    """Returns the factor by which a condition moves a place: geometric mean over data, sizes and rates, over seeds."""
    logs = []
    for some in of_seeds(networks):
        places = {(one.condition, one.data, one.size, one.rate): of(one) for one in some if of(one) > 0}
        changes = [
            math.log(place / places.get(("clean", data, size, rate), math.nan))
            for (kind, data, size, rate), place in places.items()
            if kind == condition
        ]
        finite = [change for change in changes if math.isfinite(change)]
        logs.append(float(np.mean(finite)) if finite else math.nan)
    return Estimate(*(math.exp(value) for value in over_seeds(logs)))


def of_rate(clean: Sequence[Found]) -> Claim:
    """Returns how the knee goes with the learning rate."""

    def power(some: Sequence[Found]) -> float:
        there = [one for one in some if has_knee(one)]
        return slope(strata(((one.data, one.size), math.log(one.rate), math.log(one.knee)) for one in there))

    exponent = by_seed(clean, power)
    return Claim(
        "The learning rate sets the place of the knee: knee ~ rate^k, given data set and number of images, k < 0",
        "expected; −1 would be a matter of the steps' length alone",
        f"k = {exponent}",
        exponent.interval,
        decided(exponent.high < 0, exponent.low > 0),
    )


def window(networks: Sequence[Found]) -> list[Claim]:
    """Whether the knee depends on how long a training is followed, which it is not for all numbers of images alike."""
    longer = [one for one in networks if one.followed > STEPS and has_knee(one)]
    if not longer:
        return []
    ratios = np.array([one.whole / one.knee for one in longer])
    known = ratios[np.isfinite(ratios)]
    middle = "{1:.2f}, 5 to 95 % {0:.2f} to {2:.2f}".format(*np.percentile(known, (5, 50, 95))) if len(known) else "–"

    def is_same(one: Found) -> bool:
        return abs(one.whole / one.knee - 1) < 0.1

    return [
        Claim(
            f"The knee among all {2 * STEPS:,} steps is that among the first {STEPS:,}, within 10 %, in 9 of 10",
            "ratio 1. Holds where 9 of 10 are so in every seed, not where fewer are in every seed",
            f"{counted(longer, is_same)}; ratio {middle}; {len(known)} have both",
            shares_of_seeds(longer, is_same),
            in_every_seed(longer, is_same, 0.9),
        )
    ]


def estimators(clean: Sequence[Found]) -> Claim:
    """Returns how far the knee moves with the onset, by every way to take the length."""
    lines, intervals = [], []
    for estimator, part in itertools.product(ESTIMATORS, PARTS):
        told, reach = [], []
        for kind in KINDS:
            length = estimator, part, kind
            count = sum(math.isfinite(one.knees[length]) for one in clean)
            found = by_seed(clean, partial(_slope, length=length))
            told.append(f"{found if count else 'none'} {kind} ({count})")
            reach.append(found.interval if count else "–")
        lines.append(f"{estimator}, {part}: {', '.join(told)}")
        intervals.append("; ".join(reach))
    return Claim(
        f"d ln knee / d ln onset by estimator, part of the weights, and with the noise floor (raw) or without; in "
        f"brackets how many of the {len(clean)} clean trainings have such a knee",
        "1, if knee and onset coincide",
        "\n".join(lines),
        "\n".join(intervals),
        "reported",
    )


def _slope(networks: Sequence[Found], length: Length) -> float:
    return slope(together(networks, length))
