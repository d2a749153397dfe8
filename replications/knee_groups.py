"""Networks with an onset and a knee, and what is counted of them, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from replications.claims import Verdict, decided
from replications.knee_found import HEADLINE, Found, Length
from replications.manifold_claims import NAMES
from replications.strata import Estimate, Stratum, over_seeds, strata


def both(networks: Sequence[Found], length: Length = HEADLINE) -> list[Found]:
    """Returns the networks that have an onset and a knee."""
    return [one for one in networks if one.overfits and math.isfinite(one.knees[length])]


def together(networks: Sequence[Found], length: Length = HEADLINE) -> list[Stratum]:
    """Returns ln onset and ln knee of the networks of a seed that have both, given data set and rate."""
    there = [one for one in both(networks, length) if one.onset > 0]
    return strata(((one.data, one.rate), math.log(one.onset), math.log(one.knees[length])) for one in there)


def in_order(networks: Sequence[Found]) -> list[Stratum]:
    """Returns onset and knee of the networks of a seed that have a knee; the onset is infinite where there is none."""
    there = [one for one in networks if math.isfinite(one.knee)]
    return strata(((one.data, one.rate), one.onset if one.overfits else math.inf, one.knee) for one in there)


def median_of(networks: Sequence[Found], of: Callable[[Found], float]) -> float:
    """Returns the median over networks of what is finite; NaN where that is less than half of them."""
    values = [of(one) for one in networks if math.isfinite(of(one))]
    return float(np.median(values)) if 2 * len(values) >= len(networks) > 0 else math.nan


def of_seeds(networks: Sequence[Found]) -> list[list[Found]]:
    """Returns the networks of each seed."""
    return [[one for one in networks if one.seed == seed] for seed in sorted({one.seed for one in networks})]


def in_every_seed(networks: Sequence[Found], of: Callable[[Found], bool], above: float) -> Verdict:
    """Returns whether a share of the networks is at least ``above`` in every seed, or below it in every one."""
    shares = [sum(map(of, some)) / len(some) for some in of_seeds(networks)]
    if not shares:
        return "reported"
    return decided(min(shares) >= above, max(shares) < above)


def by_seed(
    networks: Sequence[Found],
    statistic: Callable[[Sequence[Found]], float],
    ends: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Returns the mean of a statistic of the networks of each seed, with its interval."""
    return over_seeds((statistic(some) for some in of_seeds(networks)), *ends)


def by_data(
    networks: Sequence[Found],
    statistic: Callable[[Sequence[Found]], float],
    ends: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[str, str, Estimate]:
    """Returns a statistic and its intervals over seeds, of each data set and of all, as lines; and of all."""
    parts = {NAMES[data]: [one for one in networks if one.data == data] for data in sets(networks)}
    found = {name: by_seed(some, statistic, ends) for name, some in {**parts, "all": networks}.items()}
    lines = [f"{name}: {one}" for name, one in found.items()]
    return "\n".join(lines), "\n".join(one.interval for one in found.values()), found["all"]


def is_first(one: Found) -> bool:
    """Returns whether the knee is before the onset; False where there is no onset."""
    return one.onset >= one.knee


def has_knee(one: Found) -> bool:
    """Returns whether the weights' length bends."""
    return math.isfinite(one.knee)


def counted(networks: Sequence[Found], of: Callable[[Found], bool]) -> str:
    """Returns of how many networks something is so, as tables show it."""
    return f"{sum(map(of, networks))} of {len(networks)}"


def shares_of_seeds(networks: Sequence[Found], of: Callable[[Found], bool]) -> str:
    """Returns the share of each seed, as tables show it."""
    return "seeds " + ", ".join(counted(some, of) for some in of_seeds(networks))


def sets(networks: Sequence[Found]) -> list[str]:
    """Returns the names of their data sets, in the order of tables."""
    return [data for data in NAMES if any(one.data == data for one in networks)]


def onset_of(one: Found) -> float:
    """Returns the step of the onset."""
    return one.onset


def knee_of(one: Found) -> float:
    """Returns the step of the knee."""
    return one.knee
