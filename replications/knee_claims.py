"""What is said of the knee of the weights' length, put to the test on many networks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from replications.claims import Claim, decided
from replications.knee_found import HEADLINE, KINDS, Found, Length
from replications.knee_runs import STEPS
from replications.manifold_claims import NAMES
from replications.side_by_side import ESTIMATORS, PARTS
from replications.strata import Estimate, Statistic, Stratum, estimate, rank_correlation, share, slope, strata

ABSTRACT = "the paper's abstract, as summaries put it"
_PILOT = "a pilot of one seed"


def claims(networks: Sequence[Found]) -> tuple[Claim, ...]:
    """Returns what is claimed and what was found of all networks."""
    clean = [one for one in networks if one.condition == "clean"]
    true = [one for one in networks if one.condition != "shuffled labels"]
    rows = [_factors(clean), _slope(clean), _ranks(clean), _precedes(true), _healthy(true), *_shuffled(networks)]
    return (*rows, *_levers(networks), _rate(clean), *_window(networks), _estimators(clean))


def both(networks: Sequence[Found], length: Length = HEADLINE) -> list[Found]:
    """Returns the networks that have an onset and a knee."""
    return [one for one in networks if one.overfits and math.isfinite(one.knees[length])]


def together(networks: Sequence[Found], length: Length = HEADLINE) -> list[Stratum]:
    """Returns ln onset and ln knee by number of images, given data set, rate and condition.

    A number of images counts where at least half of its networks have both.
    """
    rows = []
    for key in dict.fromkeys((one.data, one.rate, one.condition, one.size) for one in networks):
        some = [one for one in networks if (one.data, one.rate, one.condition, one.size) == key]
        there = both(some, length)
        if 2 * len(there) >= len(some):
            rows += [(key[:3], key[3], math.log(one.onset), math.log(one.knees[length])) for one in there]
    return strata(rows)


def median_of(networks: Sequence[Found], of: Callable[[Found], float]) -> float:
    """Returns the median over networks of what is finite; NaN where that is less than half of them."""
    values = [of(one) for one in networks if math.isfinite(of(one))]
    return float(np.median(values)) if 2 * len(values) >= len(networks) > 0 else math.nan


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
        places = {size: [median_of(some, of) for of in (_onset, _knee)] for size, some in by_size.items()}
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
        f"{_PILOT}: onset × 12 to 46, knee × 1.1",
        "\n".join(lines) or "nowhere two sizes with both",
        "",
        "reported",
    )


def _slope(clean: Sequence[Found]) -> Claim:
    values, intervals, whole = _estimates(clean, slope)
    return Claim(
        "The knee moves with the onset: d ln knee / d ln onset, given data set and rate, is 1, not 0",
        f"1, if they coincide ({ABSTRACT}: the knee coincides with or precedes overfitting); {_PILOT}: some 0.03",
        values,
        intervals,
        decided(whole.low > 0.5),
    )


def _ranks(clean: Sequence[Found]) -> Claim:
    values, intervals, _ = _estimates(clean, rank_correlation)
    return Claim(
        "Rank correlation of knee and onset, given data set and rate",
        "1, if they coincide; ranks do not see how far the knee moves",
        values,
        intervals,
        "reported",
    )


def _estimates(clean: Sequence[Found], statistic: Statistic) -> tuple[str, str, Estimate]:
    """Returns a statistic and its intervals, of each data set and of all, as lines; and of all."""
    parts = {NAMES[data]: [one for one in clean if one.data == data] for data in _sets(clean)}
    compared = {name: together(some) for name, some in {**parts, "all": clean}.items()}
    found = {name: estimate(some, statistic) for name, some in compared.items()}
    counts = {name: sum(len(one.cells) for one in some) for name, some in compared.items()}
    lines = [f"{name}: {one} ({counts[name]} sizes × rates)" for name, one in found.items()]
    return "\n".join(lines), "\n".join(one.interval for one in found.values()), found["all"]


def _precedes(networks: Sequence[Found]) -> Claim:
    lines, intervals, early = [], [], []
    for data in _sets(networks):
        there = both([one for one in networks if one.data == data])
        if there:
            ratios = np.array([one.onset / one.knee for one in there])
            count = int((ratios >= 1).sum())
            low, middle, high = np.percentile(ratios, (5, 50, 95))
            lines.append(
                f"{NAMES[data]}: {count} of {len(there)}; onset ÷ knee {middle:.1f}, 5 to 95 % {low:.1f} to {high:.1f}"
            )
            intervals.append(share(count, len(there)))
            early.append(count / len(there))
    return Claim(
        "The knee precedes the onset by any time, in 9 of 10 trainings that have both",
        f"{ABSTRACT}: coincides with or precedes",
        "\n".join(lines),
        "\n".join(intervals),
        decided(min(early, default=0.0) >= 0.9),
    )


def _healthy(networks: Sequence[Found]) -> Claim:
    of = [one for one in networks if not one.overfits]
    lines, intervals, bent = _with_knee(of)
    return Claim(
        "A training that does not overfit has no knee",
        "no knee, if it marks overfitting; expected: a knee in all",
        lines,
        intervals,
        decided(bent < 0.1 * len(of)) if of else "reported",
    )


def _shuffled(networks: Sequence[Found]) -> list[Claim]:
    of = [one for one in networks if one.condition == "shuffled labels"]
    if not of:
        return []
    lines, intervals, bent = _with_knee(of)
    return [
        Claim(
            f"A training on shuffled labels has a knee; the test loss turns up in {sum(one.overfits for one in of)} of "
            f"{len(of)}, at step {median_of(of, _onset):.0f} in the median",
            f"a knee, if it marks overfitting; {_PILOT}: none",
            lines,
            intervals,
            decided(bent > 0.9 * len(of)),
        )
    ]


def _with_knee(networks: Sequence[Found]) -> tuple[str, str, int]:
    """Returns how many have a knee, and shares, by data set as lines; and how many of all."""
    lines, intervals, bent = [], [], 0
    for data in _sets(networks):
        there = [one for one in networks if one.data == data]
        count = sum(math.isfinite(one.knee) for one in there)
        where = f", at {median_of([one for one in there if math.isfinite(one.knee)], _knee):.0f}" if count else ""
        lines.append(f"{NAMES[data]}: {count} of {len(there)} have one{where}")
        intervals.append(share(count, len(there)))
        bent += count
    return "\n".join(lines) or "there is none", "\n".join(intervals), bent


def _sets(networks: Sequence[Found]) -> list[str]:
    return [data for data in NAMES if any(one.data == data for one in networks)]


def _levers(networks: Sequence[Found]) -> list[Claim]:
    """What label noise and dropout do to onset and knee, beside the clean training of the same size and rate."""
    rows = []
    for condition in ("noisy labels", "dropout"):
        shifts = {of: _shift(networks, condition, by) for of, by in (("onset", _onset), ("knee", _knee))}
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
    logs = []
    keys = dict.fromkeys((one.data, one.size, one.rate) for one in networks if one.condition == condition)
    for key, kind in itertools.product(keys, ("clean", condition)):
        some = [one for one in networks if (one.data, one.size, one.rate) == key and one.condition == kind]
        logs.append(math.log(median_of(some, of)))
    changes = np.array(logs).reshape(-1, 2) @ (-1.0, 1.0)
    changes = changes[np.isfinite(changes)]
    if len(changes) < 2:
        return Estimate(math.nan, math.nan, math.nan)
    random = np.random.default_rng(0)
    drawn = changes[random.integers(len(changes), size=(2_000, len(changes)))].mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Estimate(*(float(np.exp(value)) for value in (changes.mean(), low, high)))


def _rate(clean: Sequence[Found]) -> Claim:
    there = [one for one in clean if math.isfinite(one.knee)]
    pairs = strata(((one.data, one.size), one.rate, math.log(one.rate), math.log(one.knee)) for one in there)
    exponent = estimate(pairs, slope)
    return Claim(
        "The learning rate sets the place of the knee: knee ~ rate^k, given data set and number of images",
        "expected; −1 would be a matter of the steps' length alone",
        f"k = {exponent}",
        exponent.interval,
        decided(exponent.high < 0),
    )


def _window(networks: Sequence[Found]) -> list[Claim]:
    """Whether the knee depends on how long a training is followed, which it is not for all numbers of images alike."""
    longer = [one for one in networks if one.followed > STEPS and math.isfinite(one.knee)]
    if not longer:
        return []
    ratios = np.array([one.whole / one.knee for one in longer])
    known = ratios[np.isfinite(ratios)]
    low, middle, high = np.percentile(known, (5, 50, 95))
    return [
        Claim(
            f"The knee among all {2 * STEPS:,} steps is that among the first {STEPS:,}, within 10 %, in 9 of 10",
            "ratio 1",
            f"ratio {middle:.2f}, 5 to 95 % {low:.2f} to {high:.2f}; {len(known)} of {len(longer)} have both",
            share(int((abs(known - 1) < 0.1).sum()), len(longer)),
            decided(bool((abs(known - 1) < 0.1).sum() >= 0.9 * len(longer))),
        )
    ]


def _estimators(clean: Sequence[Found]) -> Claim:
    lines, intervals = [], []
    for estimator, part in itertools.product(ESTIMATORS, PARTS):
        of = [(estimator, part, kind) for kind in KINDS]
        slopes = [estimate(together(clean, length), slope, draws=500) for length in of]
        found = [sum(math.isfinite(one.knees[length]) for one in clean) for length in of]
        told = [f"{one if n else 'none'} {kind} ({n})" for one, kind, n in zip(slopes, KINDS, found, strict=True)]
        lines.append(f"{estimator}, {part}: {', '.join(told)}")
        intervals.append("; ".join(one.interval if n else "–" for one, n in zip(slopes, found, strict=True)))
    return Claim(
        f"d ln knee / d ln onset by estimator, part of the weights, and with the noise floor (raw) or without; in "
        f"brackets how many of the {len(clean)} clean trainings have such a knee",
        "the same as above",
        "\n".join(lines),
        "\n".join(intervals),
        "reported",
    )


def _onset(one: Found) -> float:
    return one.onset


def _knee(one: Found) -> float:
    return one.knee
