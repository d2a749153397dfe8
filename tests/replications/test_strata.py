"""Slopes and ranks within strata are those that the pairs were made with."""

import math

import numpy as np
import pytest

from replications.strata import over_seeds, rank_correlation, slope, strata


def made(steepness, noise=0.0, seed=0):
    """Pairs of nine strata with offsets of their own, five configurations each."""
    random = np.random.default_rng(seed)
    rows = []
    for stratum in range(9):
        offset = random.normal(size=2) * 5
        for cell in range(5):
            x = cell + 0.1 * random.normal()
            rows.append((stratum, offset[0] + x, offset[1] + steepness * x + noise * random.normal()))
    return strata(rows)


@pytest.mark.parametrize("steepness", [0.0, 0.05, 1.0])
def test_the_interval_holds_the_slope_whatever_the_offsets_of_strata(steepness):
    """Nominal 95 %: of 200 experiments of three seeds at most 19 miss it (binomial, one in 1,000)."""
    found = [over_seeds(slope(made(steepness, 0.2, 3 * k + seed)) for seed in range(3)) for k in range(200)]
    assert sum(one.low <= steepness <= one.high for one in found) >= 181
    assert abs(np.mean([one.value for one in found]) - steepness) < 0.01


def test_what_all_networks_of_a_seed_have_in_common_is_in_the_interval():
    """Were networks taken for independent, five times as many of each seed would make it narrower."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        own = random.normal(size=3)
        held += abs((one := over_seeds(own)).value) <= one.high - one.value
    assert 181 <= held < 200


def test_ranks_see_a_small_move_that_the_slope_calls_small():
    pairs = made(0.02)
    assert rank_correlation(pairs) > 0.9
    assert slope(pairs) == pytest.approx(0.02, abs=1e-3)


def test_later_than_the_end_is_the_largest_rank():
    assert rank_correlation(strata([("a", 1.0, 1.0), ("a", 2.0, 2.0), ("a", math.inf, 3.0)])) == pytest.approx(1)


def test_a_stratum_of_one_configuration_says_nothing():
    assert strata([("a", 0.0, 1.0), ("b", 1.0, 5.0)]) == []
    assert math.isnan(slope([]))
    assert math.isnan(rank_correlation([]))


def test_one_seed_has_no_interval():
    assert over_seeds([2.0, math.nan])[0] == 2
    assert over_seeds([2.0, math.nan]).interval == "unknown"
    assert str(over_seeds([])) == "unknown"


def test_an_interval_ends_where_the_quantity_does():
    assert over_seeds([0.9, 1.0, 1.0], -1, 1).high == 1
