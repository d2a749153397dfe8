"""Groups of runs pair by pair: over the progress both reach, over all of it, and beside shuffled runs."""

import math

import pytest
import torch
from scipy.stats import kstest

from lightning_infogeo import bhattacharyya, progress, reindex
from lightning_infogeo.comparison import compare, shuffled_within_classes
from lightning_infogeo.comparison.compare import _affordable
from lightning_infogeo.comparison.group_pairs import against_shuffled, shuffle_p_value
from lightning_infogeo.geodesics import ignorance, truth
from tests.helpers.synthetic_runs import beside_the_geodesic, on_the_geodesic, training

FULL, THIRD = torch.linspace(0.01, 1, 100), torch.linspace(0.01, 0.33, 33)


@pytest.fixture(scope="module")
def comparison():
    """Models on one path, one of which stops early, and one beside it; each twice."""
    runs = [on_the_geodesic(FULL, f"cnn{k}", arch="cnn") for k in range(2)]
    runs += [on_the_geodesic(THIRD, f"linear{k}", arch="linear") for k in range(2)]
    runs += [beside_the_geodesic(FULL[:60], 0.1, f"mlp{k}", arch="mlp") for k in range(2)]
    return compare(runs)


def found_at_tenths(run):
    """The run at ten of the 20 values of progress, up to where it gets."""
    way = progress(run.amplitudes, ignorance(run.amplitudes[0]), truth(run.labels, run.amplitudes[0]))
    reach = int(20 * float(way.max()) + 1e-5) // 2
    return reindex(run.amplitudes, way, 20)[1::2][:reach]


def test_a_model_that_stops_early_is_not_far_from_one_on_its_path(comparison):
    rows = {(row.first, row.second): row for row in comparison.group_pairs("arch")}
    assert set(rows) == {(a, b) for a in ("cnn", "linear", "mlp") for b in ("cnn", "linear", "mlp") if a <= b}
    stopped, beside = rows["cnn", "linear"], rows["cnn", "mlp"]
    assert stopped.pairs == 4
    assert stopped.distance < 1e-9 < 0.04 < stopped.whole_range
    assert beside.distance == pytest.approx(-math.log(math.cos(0.1)), rel=1e-6)
    assert rows["cnn", "cnn"].pairs == 1
    assert math.isnan(rows["cnn", "cnn"].p_value)
    assert beside.p_value == pytest.approx(1 / 3)
    assert comparison.groups["arch"].within < 1e-9
    assert comparison.groups["arch"].table[0, 1] == stopped.distance


def test_runs_of_one_family_are_closer_than_one_and_another_shuffled():
    """Seeds of one way of learning, whose samples have ways of their own; and runs that share nothing but labels."""
    family = compare([training(seed, way=0, samples=60, arch=f"a{seed // 2}") for seed in range(4)])
    (row,) = (row for row in family.group_pairs("arch") if row.first != row.second)
    assert (row.closer, row.pairs) == (4, 4)
    assert 0 < row.ratio < 0.75
    summary = {each["quantity"]: each["value"] for each in family.summary()}
    assert summary["pairs closer than A is to shuffled B, of 6"] == 6
    assert 0 < summary["distance ÷ that of A from shuffled B, median"] < 0.75
    assert summary["distance of A from shuffled B, mean"] == pytest.approx(family.shuffled_mean)
    strangers = compare([training(seed, way=seed, samples=60) for seed in range(6)])
    found = {each["quantity"]: each["value"] for each in strangers.summary()}
    assert 0.9 < found["distance ÷ that of A from shuffled B, median"] < 1.1
    assert found["pairs closer than A is to shuffled B, of 15"] < 15


def test_the_p_value_of_the_shuffle_is_that_of_all_permutations_worked_out_slowly():
    runs = [training(seed, way=0, samples=12, arch=f"a{seed // 2}") for seed in range(4)]
    found = compare(runs, permutations=9, n=20, seed=3)
    assert found.permuted.shape == (10, 4, 4)
    assert torch.equal(found.permuted[0], found.permuted[0].mT)
    order = shuffled_within_classes(runs[0].labels, 3 + 4 + 5)  # after the four draws of the null
    a, b = (found_at_tenths(run) for run in runs[1:3])
    both = min(len(a), len(b))
    ways = [bhattacharyya(x[:both], y[:both, order]).mean() for x, y in ((a, b), (b, a))]
    assert float(found.permuted[6, 1, 2]) == pytest.approx(float(sum(ways)) / 2, rel=1e-5)
    above = torch.ones(4, 4, dtype=torch.bool).triu(1)
    means = found.permuted[:, above].mean(1)
    exact = float((means <= means[0]).double().mean())
    summary = {each["quantity"]: each["value"] for each in found.summary()}
    assert summary["p of being as close as A and shuffled B"] == shuffle_p_value(found.permuted, above) == exact


def test_runs_of_one_family_are_closer_than_by_chance_and_strangers_are_not():
    family = compare([training(seed, way=0, samples=60, arch=f"a{seed // 2}") for seed in range(4)])
    assert len(family.permuted) == 100  # the most there are by default
    (row,) = (row for row in family.group_pairs("arch") if row.first != row.second)
    assert row.shuffle_p_value == 1 / 100
    strangers = [
        compare([training(2 * k + j, way=2 * k + j, samples=40) for j in range(2)], permutations=39) for k in range(12)
    ]
    above = torch.ones(2, 2, dtype=torch.bool).triu(1)
    p_values = [shuffle_p_value(found.permuted, above) for found in strangers]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_a_run_that_reaches_no_tenth_of_the_way_is_left_out_of_the_test():
    nowhere = on_the_geodesic(torch.tensor([0.01, 0.05]), "nowhere")
    found = compare([on_the_geodesic(FULL, "a"), on_the_geodesic(FULL, "b"), nowhere], permutations=3)
    assert found.permuted[:, 2].isnan().all()
    assert math.isfinite(shuffle_p_value(found.permuted, torch.ones(3, 3, dtype=torch.bool).triu(1)))
    assert math.isnan(shuffle_p_value(found.permuted[:, 1:, 1:], torch.ones(2, 2, dtype=torch.bool).triu(1)))


def test_many_runs_are_not_permuted_unless_asked_for():
    assert [_affordable(runs) for runs in (2, 28, 40, 64, 65)] == [99, 99, 50, 19, 0]
    with pytest.raises(ValueError, match="permutations=-1"):
        compare([on_the_geodesic(FULL)], permutations=-1)


def test_a_run_from_itself_shuffled_is_the_diagonal(comparison):
    found = compare([training(seed, samples=30) for seed in range(3)])
    torch.testing.assert_close(found.shuffled.diagonal(), found.null[:, 0], rtol=1e-6, atol=1e-12)


def test_without_draws_there_is_nothing_to_compare_with():
    found = compare([training(seed, samples=10, arch=f"a{seed // 2}") for seed in range(4)], draws=0)
    assert found.shuffled.shape == (0, 0)
    assert math.isnan(found.shuffled_mean)
    assert all(math.isnan(row.shuffled) and row.closer == 0 for row in found.group_pairs("arch"))
    assert not any("shuffled" in row["quantity"] for row in found.summary())


def test_the_median_ratio_of_an_even_number_of_pairs_is_midway():
    pairs = torch.ones(4, 4, dtype=torch.bool).triu(1)
    distances = torch.zeros(4, 4, dtype=torch.float64)
    distances[pairs] = torch.tensor([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], dtype=torch.float64)
    closer, ratio, beside = against_shuffled(distances, torch.full((4, 4), 0.5, dtype=torch.float64), pairs)
    assert (closer, beside) == (3, 0.5)
    assert ratio == pytest.approx((0.3 + 0.7) / 2 / 0.5)
    assert math.isnan(against_shuffled(distances, torch.full((4, 4), math.nan), pairs)[1])
    assert math.isnan(against_shuffled(distances, torch.ones(4, 4), torch.zeros_like(pairs))[1])
