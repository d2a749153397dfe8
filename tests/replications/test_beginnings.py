"""Beginnings that come together, those that do not, and those that never were apart, as closed forms."""

import numpy as np
import pytest
import torch

from replications.beginnings import Beginnings, Pairs

CELLS = ((0, 1, 2), (3, 4, 5))


def made(kin: float, seeds: float, late_kin: float, late_seeds: float, spread: float = 0.0) -> Beginnings:
    """Three runs taught wrong labels and three that were not, whose distances go evenly from early to late."""
    random = np.random.default_rng(0)

    def pairs(runs: list[tuple[int, int]], early: float, late: float) -> Pairs:
        way = torch.linspace(0, 1, 81, dtype=torch.float64)
        line = torch.cat([torch.full((9,), early, dtype=torch.float64), early + (late - early) * way])
        return Pairs(tuple(runs), torch.stack([line + spread * random.normal() for _ in runs]))

    across = [(a, b) for a in CELLS[0] for b in CELLS[1]]
    within = [(3, 4), (3, 5), (4, 5)]
    return Beginnings(pairs(across, kin, late_kin), pairs(within, seeds, late_seeds), pairs(across, 1, 1), CELLS)


def test_what_is_left_is_what_kin_are_farther_apart_than_seeds():
    one = made(0.5, 0.1, 0.2, 0.1)
    early, late = one.excess()
    assert (early, late) == pytest.approx((0.4, 0.1))
    assert one.interval() == pytest.approx((0.25, 0.25)), "nothing is drawn that differs"
    assert one.late == 90


def test_the_distance_itself_would_never_fall_below_that_of_seeds():
    one = made(0.136, 0.062, 0.062, 0.062)
    way = one.kin.mean()
    assert way[-1] / way[9] > 0.4, "the design's criterion fails although nothing is left"
    assert one.interval()[1] < 0.01


def test_beginnings_that_stay_apart_do_not_come_together():
    low, high = made(0.5, 0.1, 0.45, 0.1, spread=0.01).interval()
    assert 0.4 < low < 0.875 < high


def test_beginnings_that_were_never_apart_say_nothing():
    assert made(0.1, 0.1, 0.1, 0.1, spread=0.02).interval() == (-np.inf, np.inf)


def test_a_run_that_is_drawn_twice_counts_twice_and_is_never_paired_with_itself():
    table = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)
    pairs = Pairs(((3, 4), (3, 5), (4, 5)), table)
    assert float(pairs.mean(np.array([0, 0, 0, 2, 1, 0]))) == 1
    assert float(pairs.mean(np.array([0, 0, 0, 2, 1, 1]))) == pytest.approx((2 * 1 + 2 * 2 + 4) / 5)
