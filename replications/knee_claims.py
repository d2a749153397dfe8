"""What is said of the knee of the weights' length and of the onset of overfitting, put to the test on many networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from replications.claims import Claim, altogether, decided
from replications.knee_controls import PILOT, estimators, healthy, levers, of_rate, shuffled, window
from replications.knee_found import HEADLINE, Found, Length
from replications.knee_groups import (
    both,
    by_data,
    counted,
    in_every_seed,
    in_order,
    is_first,
    knee_of,
    median_of,
    onset_of,
    sets,
    shares_of_seeds,
    together,
)
from replications.manifold_claims import NAMES
from replications.strata import Stratum, rank_correlation, slope

ABSTRACT = "the paper's abstract: a transition of the motion is identified with over-fitting"
_PLACES = "Holds where the interval lies above 0.5, not where below"
FOLLOWS = 0.5
"""Above it a knee is said to move with the onset, below it not to."""


def claims(networks: Sequence[Found]) -> tuple[Claim, ...]:
    """Returns what is claimed and what was found of all networks."""
    clean = [one for one in networks if one.condition == "clean"]
    true = [one for one in networks if one.condition != "shuffled labels"]
    rows = [_factors(clean), moves_with_onset(clean), *_ranks(clean), _precedes(true), healthy(true)]
    rows += [*shuffled(networks), *levers(networks)]
    return (*rows, of_rate(clean), *window(networks), estimators(clean))


def factors(networks: Sequence[Found]) -> dict[tuple[str, float], tuple[float, float, int]]:
    """Returns by data set and rate the factors of onset and knee, and the largest size that still has an onset.

    The factors are from the smallest number of images to that, of medians over seeds.
    """
    found = {}
    keys = dict.fromkeys((one.data, one.rate) for one in networks)
    for data, rate in keys:
        by_size = {
            size: [one for one in networks if (one.data, one.rate, one.size) == (data, rate, size)]
            for size in sorted({one.size for one in networks})
        }
        places = {size: [median_of(some, of) for of in (onset_of, knee_of)] for size, some in by_size.items()}
        usable = [size for size, place in places.items() if np.isfinite(place).all()]
        if len(usable) > 1:
            (onset, bend), (to_onset, to_bend) = places[usable[0]], places[usable[-1]]
            found[data, rate] = to_onset / onset, to_bend / bend, usable[-1]
    return found


def _factors(clean: Sequence[Found]) -> Claim:
    lines = [
        f"{NAMES[data]}, {rate:g}: onset × {onset:.1f}, knee × {bend:.2f} (to {size:,} images)"
        for (data, rate), (onset, bend, size) in factors(clean).items()
    ]
    return Claim(
        "More images put the onset of overfitting off, the rate being held: from the fewest images to the most of "
        "which there are onset and knee",
        f"{PILOT}: onset × 12 to 46, knee × 1.1",
        "\n".join(lines) or "nowhere two sizes with both",
        "",
        "reported",
    )


def moves_with_onset(clean: Sequence[Found]) -> Claim:
    """Returns the claim that decides, of networks trained on clean labels."""
    values, intervals, whole = by_data(clean, _slope)
    return Claim(
        "The knee moves with the onset: d ln knee / d ln onset, given data set and rate, is nearer to 1 than to 0",
        f"1, if they coincide ({ABSTRACT}); {PILOT}: knee × 1.1 where the onset goes × 12 to 46. {_PLACES}",
        values,
        intervals,
        decided(whole.low > FOLLOWS, whole.high < FOLLOWS),
    )


def _ranks(clean: Sequence[Found]) -> list[Claim]:
    rows = []
    for claim, of in (
        ("Rank correlation of knee and onset, given data set and rate (the design's own test)", together),
        ("… trainings that do not overfit being counted as those that do so last", in_order),
    ):
        values, intervals, whole = by_data(clean, partial(_rank, of=of), (-1, 1))
        rows.append(
            Claim(
                claim,
                f"1, if they coincide; the pilot let expect 0. {_PLACES}",
                values,
                intervals,
                decided(whole.low > FOLLOWS, whole.high < FOLLOWS),
            )
        )
    return rows


def _precedes(networks: Sequence[Found]) -> Claim:
    lines, intervals, verdicts = [], [], []
    for data in sets(networks):
        there = both([one for one in networks if one.data == data])
        if there:
            ratios = np.array([one.onset / one.knee for one in there])
            low, middle, high = np.percentile(ratios, (5, 50, 95))
            lines.append(
                f"{NAMES[data]}: {counted(there, is_first)}; onset ÷ knee {middle:.1f}, 5 to 95 % {low:.1f} to "
                f"{high:.1f}"
            )
            intervals.append(shares_of_seeds(there, is_first))
            verdicts.append(in_every_seed(there, is_first, 0.9))
    return Claim(
        "The knee precedes the onset by any time, in 9 of 10 trainings that have both",
        f"{ABSTRACT}. Holds where 9 of 10 do in every seed of every data set, not where fewer do in every seed of one",
        "\n".join(lines) or "no training has both",
        "\n".join(intervals),
        altogether(verdicts),
    )


def _slope(networks: Sequence[Found], length: Length = HEADLINE) -> float:
    return slope(together(networks, length))


def _rank(networks: Sequence[Found], of: Callable[[Sequence[Found]], list[Stratum]]) -> float:
    return rank_correlation(of(networks))
