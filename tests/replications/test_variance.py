"""Variance explained by distances is that of the ordinary analysis where the distances are those of numbers."""

import numpy as np
import pytest
from scipy import stats

from replications.intervals import leaving_one_out, median_of_pairs
from replications.variance import variance_explained


def test_one_factor_explains_what_the_ordinary_analysis_says_it_does():
    random = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], [4, 5, 6])
    x = random.normal(size=15) + np.where(groups == "a", 1.5, 0)
    found = variance_explained((x[:, None] - x) ** 2, {"group": groups.tolist()}, permutations=4999)["group"]
    within = sum(((x[groups == g] - x[groups == g].mean()) ** 2).sum() for g in "abc")
    assert found.explained == pytest.approx(1 - within / ((x - x.mean()) ** 2).sum())
    ordinary = stats.f_oneway(*(x[groups == g] for g in "abc"))
    assert found.p_value == pytest.approx(ordinary.pvalue, abs=0.03)


def test_of_crossed_factors_each_explains_its_own_part():
    first, second = (
        np.array(v) for v in zip(*[(i, j) for i in range(4) for j in range(3) for _ in range(2)], strict=True)
    )
    x = np.stack([first * 2.0, second * 1.0], 1)
    noise = np.tile([[0, 0], [1e-3, -1e-3]], (12, 1))
    squares = (((x + noise)[:, None] - (x + noise)) ** 2).sum(-1)
    found = variance_explained(squares, {"first": first.astype(str).tolist(), "second": second.astype(str).tolist()})
    total = ((x - x.mean(0)) ** 2).sum()
    assert found["first"].explained == pytest.approx(((x[:, 0] - x[:, 0].mean()) ** 2).sum() / total, abs=1e-4)
    assert found["first"].explained + found["second"].explained == pytest.approx(1, abs=1e-4)
    assert found["first"].p_value == found["second"].p_value == pytest.approx(1 / 1000)


def test_a_factor_without_effect_is_not_found():
    random = np.random.default_rng(1)
    values = [
        variance_explained(((x := random.normal(size=12))[:, None] - x) ** 2, {"by chance": list("aabbccaabbcc")}, 199)
        for _ in range(60)
    ]
    assert np.mean([each["by chance"].p_value < 0.05 for each in values]) < 0.15


def test_more_groups_than_runs_are_refused():
    with pytest.raises(ValueError, match="4 runs are too few for 4 groups of the factors name"):
        variance_explained(np.ones((4, 4)), {"name": list("abcd")})


def test_the_median_of_pairs_has_an_interval_that_holds_it():
    random = np.random.default_rng(0)
    x = random.normal(size=(20, 8))
    table = ((x[:, None] - x) ** 2).sum(-1)
    every = ~np.eye(20, dtype=bool)
    middle, low, high = median_of_pairs(table, every)
    assert middle == pytest.approx(np.median(table[every]))
    assert low < middle < high
    assert high - low > 2 * 1.96 * table[every].std() / 380**0.5, "networks are drawn, not pairs"


def test_leaving_out_the_one_group_that_matters_shows():
    values = np.array([1.0, 1.0, 5.0, 5.0, 1.0])
    assert leaving_one_out(list("aabbc"), lambda kept: values[kept].max()) == (1, 5)
