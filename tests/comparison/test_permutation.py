"""The permutation test of groups of runs: exact where assignments can be counted, significant as often as it says."""

import math

import pytest
import torch

from lightning_infogeo.comparison import permutation_p_value


def line(places):
    x = torch.as_tensor(places, dtype=torch.float64)
    return (x[:, None] - x).abs()


@pytest.mark.parametrize(
    ("places", "member", "exact"),
    [
        ([0, 1, 2, 10, 11, 12], [0, 0, 0, 1, 1, 1], 2 / 20),
        ([0, 1, 10, 11, 20, 21], [0, 0, 1, 1, 2, 2], 6 / 90),
        ([0, 1, 2, 10], [0, 0, 0, 1], 1 / 4),
        ([0, 10, 1, 11], [0, 0, 1, 1], 1.0),  # the worst of the three ways
    ],
)
def test_the_p_value_is_the_share_of_all_assignments(places, member, exact):
    groups = max(member) + 1
    tolerance = 1e-12 if groups == 2 else 0.012  # of three groups assignments are drawn
    assert permutation_p_value(line(places), torch.tensor(member)) == pytest.approx(exact, abs=tolerance)


def test_runs_that_do_not_differ_by_group_are_rarely_called_different():
    generator = torch.Generator().manual_seed(0)
    member = torch.arange(12) % 3
    found = [permutation_p_value(line(torch.randn(12, generator=generator)), member) for _ in range(100)]
    assert sum(p < 0.1 for p in found) <= 18  # of 100 at 10 %: more than this once in 200 times
    assert 0.4 < sum(found) / 100 < 0.6


def test_far_groups_of_many_runs_are_different_with_fewer_permutations():
    places = torch.arange(400) % 2 * 100 + torch.rand(400, generator=torch.Generator().manual_seed(0))
    p = permutation_p_value(line(places), torch.arange(400) % 2)
    assert p == pytest.approx(1 / (1 + 3 * 10**7 // (2 * math.comb(200, 2))))


def test_where_nothing_can_be_exchanged_there_is_no_p_value():
    assert math.isnan(permutation_p_value(line([0, 1]), torch.tensor([0, 0])))
    assert math.isnan(permutation_p_value(line([0, 1]), torch.tensor([0, 1])))
    assert permutation_p_value(line([5, 5, 5, 5]), torch.tensor([0, 0, 1, 1])) == 1


def test_the_same_runs_have_the_same_p_value_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    one, other = (permutation_p_value(line([0, 3, 1, 4, 9]), torch.tensor([0, 0, 1, 1, 1])) for _ in range(2))
    assert one == other
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("groups", [2, 3])
def test_distances_that_cannot_be_had_give_no_p_value(value, groups):
    """Comparisons with NaN are false: counted as "not as far", they made the smallest p."""
    table = line([0, 1, 2, 10, 11, 12])
    member = torch.arange(6) * groups // 6
    table[0, 5] = table[5, 0] = value
    assert math.isnan(permutation_p_value(table, member))
    only_diagonal = line([0, 1, 2, 10, 11, 12]).fill_diagonal_(value)
    assert permutation_p_value(only_diagonal, member) == permutation_p_value(line([0, 1, 2, 10, 11, 12]), member)
    assert only_diagonal[0, 0] != 0, "what was given is left as it is"
