"""Which factor of the metadata tells runs apart, and by how much."""

import math

import pytest
import torch

from lightning_infogeo.comparison.grouping import factors, grouping


def line(places):
    x = torch.tensor(places, dtype=torch.float64)
    return (x[:, None] - x).abs()


METADATA = [
    {"net": {"arch": arch, "parameters": size}, "seed": seed, "lr": lr}
    for arch, size in (("cnn", 10), ("mlp", 99))
    for seed in (1, 2)
    for lr in (0.1, 0.2)
]
# cnn at 0, mlp at 10; the second seed 1 further; the larger rate 3 further.
PLACES = line([0, 3, 1, 4, 10, 13, 11, 14])


def test_a_factor_alone_is_told_from_the_others():
    found = {key: grouping(PLACES, key, METADATA) for key in ("net.arch", "seed", "lr")}
    assert [found[key].alone for key in ("net.arch", "seed", "lr")] == [10, 1, 3]
    assert found["net.arch"].within == pytest.approx((3 + 1 + 4 + 2 + 3 + 1) / 6)
    assert found["net.arch"].between == pytest.approx(
        sum(abs(a - b) for a in (0, 3, 1, 4) for b in (10, 13, 11, 14)) / 16
    )
    assert found["seed"].pairs == (12, 16, 4)
    assert found["net.arch"].values == ("cnn", "mlp")
    torch.testing.assert_close(found["net.arch"].table[0, 1].item(), found["net.arch"].between)
    assert found["net.arch"].table[0, 0].item() == pytest.approx((3 + 1 + 4 + 2 + 3 + 1) / 6)


def test_a_factor_that_goes_with_another_does_not_hide_it():
    """The number of parameters differs wherever the architecture does: no pair differs in one of them alone."""
    assert grouping(PLACES, "net.parameters", METADATA).alone == 10
    assert "net.parameters" in factors(METADATA)


def test_numbers_are_in_their_order_and_missing_keys_a_group_of_their_own():
    metadata = [{"n": 10}, {"n": 9}, {}, {"n": 10}]
    found = grouping(line([0, 1, 2, 3]), "n", metadata)
    assert found.values == ("9", "10", "—")
    assert found.member.tolist() == [1, 0, 2, 1]
    assert math.isnan(float(found.table[0, 0]))
    assert grouping(line([0, 1]), "n", [{"n": 1}, {"n": 1}]).pairs == (1, 0, 0)
    assert math.isnan(grouping(line([0, 1]), "n", [{"n": 1}, {"n": 1}]).between)


def test_keys_that_are_unique_to_each_run_or_equal_in_all_are_no_factors():
    assert factors([{"id": k, "same": 1, "half": k // 2, "list": [k // 2]} for k in range(4)]) == ["half", "list"]
    assert factors([{}]) == []


def test_a_key_of_something_nested_groups_by_all_of_it():
    metadata = [{"opt": {"name": "sgd", "lr": 0.1}}, {"opt": {"lr": 0.1, "name": "sgd"}}, {"opt": {"name": "adam"}}]
    found = grouping(line([0, 1, 5]), "opt", metadata)
    assert found.member[0] == found.member[1] != found.member[2]


def test_an_unknown_key_is_answered_with_those_there_are():
    with pytest.raises(
        ValueError, match=r"`group_by='depth'`: no run has this key .* lr, net.arch, net.parameters, seed"
    ):
        grouping(PLACES, "depth", METADATA)
