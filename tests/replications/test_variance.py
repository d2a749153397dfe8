"""Variance explained by distances is that of the ordinary analysis where the distances are those of numbers."""

import numpy as np
import pytest
from scipy import stats

from replications.intervals import leaving_one_out, median_of_pairs
from replications.variance import Shares, variance_explained


def test_one_factor_explains_what_the_ordinary_analysis_says_it_does():
    random = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], [4, 5, 6])
    x = random.normal(size=15) + np.where(groups == "a", 1.5, 0)
    found = variance_explained((x[:, None] - x) ** 2, {"group": groups.tolist()}, draws=4999).factors["group"]
    within = sum(((x[groups == g] - x[groups == g].mean()) ** 2).sum() for g in "abc")
    assert found.explained == pytest.approx(1 - within / ((x - x.mean()) ** 2).sum())
    ordinary = stats.f_oneway(*(x[groups == g] for g in "abc"))
    assert found.p_value == pytest.approx(ordinary.pvalue, abs=0.03)
    total = ((x - x.mean()) ** 2).sum()
    assert found.omega == pytest.approx((total - within - 2 * within / 12) / (total + within / 12))
    means = [x[groups == g].mean() for g in "abc"]
    chance = [within / 12 * (1 / m + 1 / n) for m, n in ((4, 5), (4, 6), (5, 6))]
    pairs = [(means[a] - means[b]) ** 2 for a, b in ((0, 1), (0, 2), (1, 2))]
    assert found.apart == pytest.approx(np.mean(pairs) - np.mean(chance))


def test_of_crossed_factors_each_explains_its_own_part():
    first, second = (
        np.array(v) for v in zip(*[(i, j) for i in range(4) for j in range(3) for _ in range(2)], strict=True)
    )
    x = np.stack([first * 2.0, second * 1.0], 1)
    noise = np.tile([[0, 0], [1e-3, -1e-3]], (12, 1))
    squares = (((x + noise)[:, None] - (x + noise)) ** 2).sum(-1)
    names = {"first": first.astype(str).tolist(), "second": second.astype(str).tolist()}
    both = variance_explained(squares, names)
    found = both.factors
    total = ((x - x.mean(0)) ** 2).sum()
    assert found["first"].explained == pytest.approx(((x[:, 0] - x[:, 0].mean()) ** 2).sum() / total, abs=1e-4)
    assert found["first"].explained + found["second"].explained == pytest.approx(1, abs=1e-4)
    assert found["first"].p_value == found["second"].p_value == pytest.approx(1 / 1000)
    assert both.residual == pytest.approx(0, abs=1e-4)
    assert both.ahead is not None
    assert both.ahead[0] > 0.5, "20 against 2.7"
    # Mean squared gaps of the numbers 0, 2, 4, 6 and of 0, 1, 2.
    assert found["first"].apart == pytest.approx(4 * 20 / 6, abs=1e-3)
    assert found["second"].apart == pytest.approx(2, abs=1e-3)


def by_chance(count: int, random: np.random.Generator, names: str, **others: list[str]) -> Shares:
    x = random.normal(size=count)
    return variance_explained((x[:, None] - x) ** 2, {"by chance": list(names), **others}, 199)


def test_a_factor_without_effect_is_not_found():
    random = np.random.default_rng(1)
    values = [by_chance(12, random, "aabbccaabbcc").factors["by chance"] for _ in range(60)]
    assert np.mean([each.p_value < 0.05 for each in values]) < 0.15
    assert np.mean([each.explained for each in values]) > 0.12, "2 of 11 degrees of freedom"
    assert abs(np.mean([each.omega for each in values])) < 0.06
    assert np.mean([each.interval[0] < 0 < each.interval[1] for each in values]) > 0.7


def test_many_groups_without_effect_explain_more_than_few_and_are_not_ahead():
    random = np.random.default_rng(2)
    found = [by_chance(24, random, "abcdefghijkl" * 2, few=list("xy" * 12)) for _ in range(40)]
    shares = np.array([[each.factors[name].explained for name in ("by chance", "few")] for each in found])
    omegas = np.array([[each.factors[name].omega for name in ("by chance", "few")] for each in found])
    assert shares[:, 0].mean() > 8 * shares[:, 1].mean()
    assert abs(omegas.mean(0)).max() < 0.1
    assert np.mean([each.ahead is not None and each.ahead[0] <= 0 for each in found]) > 0.7


def test_a_small_effect_beside_a_large_one_is_found():
    random = np.random.default_rng(3)
    large, small = np.repeat(np.arange(6), 4), np.tile([0, 1], 12)
    x = 10.0 * large + 0.6 * small + 0.2 * random.normal(size=24)
    factors = {"large": large.astype(str).tolist(), "small": small.astype(str).tolist()}
    found = variance_explained((x[:, None] - x) ** 2, factors, 499).factors
    assert found["small"].p_value < 0.01
    assert found["small"].apart == pytest.approx(0.36, abs=0.2)
    assert found["small"].omega < 0.01 < found["large"].omega


def test_p_values_keep_their_level_beside_a_run_that_another_factor_sets_far_apart():
    """Permuting runs instead of residuals gives p < 0.1 to every third factor that does nothing."""
    random = np.random.default_rng(4)
    odd = ["far", *["near"] * 11]
    low = []
    for _ in range(80):
        x = random.normal(size=12) + 1000 * np.array([each == "far" for each in odd])
        found = variance_explained((x[:, None] - x) ** 2, {"none": list("ab" * 6), "odd": odd}, 199).factors
        low.append(found["none"].p_value < 0.1)
    assert np.mean(low) < 0.2


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
