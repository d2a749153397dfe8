"""Slopes and ranks within strata are those that the pairs were made with."""

import math

import numpy as np
import pytest

from replications.strata import estimate, rank_correlation, share, slope, strata


def made(steepness, noise=0.0, seed=0, networks=3):
    """Pairs of nine strata with offsets of their own, five configurations each."""
    random = np.random.default_rng(seed)
    rows = []
    for stratum in range(9):
        offset = random.normal(size=2) * 5
        for cell in range(5):
            for _ in range(networks):
                x = cell + 0.1 * random.normal()
                rows.append((stratum, cell, offset[0] + x, offset[1] + steepness * x + noise * random.normal()))
    return strata(rows)


@pytest.mark.parametrize("steepness", [0.0, 0.05, 1.0])
def test_the_interval_holds_the_slope_whatever_the_offsets_of_strata(steepness):
    found = [estimate(made(steepness, 0.2, seed), slope, draws=200) for seed in range(20)]
    assert sum(one.low <= steepness <= one.high for one in found) >= 16
    assert abs(np.mean([one.value for one in found]) - steepness) < 0.03


def test_ranks_see_a_small_move_that_the_slope_calls_small():
    pairs = made(0.02)
    assert estimate(pairs, rank_correlation, draws=50).value > 0.9
    assert estimate(pairs, slope, draws=50).value == pytest.approx(0.02, abs=1e-3)


def test_one_network_that_is_off_does_not_move_the_medians():
    pairs = made(0.0)
    pairs[0].cells[4][1, 1] += 100
    assert abs(slope([one.medians() for one in pairs])) < 0.01


def test_a_stratum_of_one_configuration_says_nothing():
    assert strata([("a", 1, 0.0, 1.0), ("a", 1, 1.0, 5.0)]) == []
    assert math.isnan(estimate([], slope).value)
    assert estimate([], slope).interval == "unknown"


def test_a_share_has_the_exact_interval():
    assert share(0, 10) == "0% to 31%"  # 1 − 0.025^(1/10)
