"""Widths and parametrisations: the coordinate check, and the replication in small."""

import re

import numpy as np
import pytest
import torch

from replications.data_sets import load
from replications.finite_size import main
from replications.finite_size_found import coordinates
from replications.finite_size_runs import planned
from replications.knee_runs import flat
from replications.parametrisation import BASE, PARAMETRISATIONS, logit_changes, member


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("finite_size")


@pytest.fixture(scope="module")
def first(folder):
    return main(["--fast", "--logdir", str(folder)])


def test_every_claim_has_a_figure(first):
    assert len(first.claims) == 6
    assert all(re.search(r"\d", claim.measured) for claim in first.claims)


def test_on_digits_the_knee_moves_with_the_width_unless_the_parametrisation_takes_it_up(first):
    coordinates_hold, moves, stands, sharpens = first.claims[:4]
    assert coordinates_hold.verdict == "holds"
    standard, maximal_update = (float(re.search(r"k = (-?[\d.]+)", row.measured)[1]) for row in (moves, stands))
    assert standard < 0
    assert abs(maximal_update) < abs(standard) / 2
    assert {moves.verdict, stands.verdict, sharpens.verdict} == {"undecided"}, (
        "one network of each kind is too few for a verdict"
    )
    assert "undecided" in first.title
    assert any("no knee is judged" in sentence for sentence in first.limits)


def test_what_is_trained_already_is_not_trained_again(first, folder, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("trained again")

    monkeypatch.setattr("replications.side_by_side.fit", never)
    assert main(["--fast", "--logdir", str(folder)]).claims == first.claims


def test_first_changes_of_the_logits_do_not_grow_with_the_width_under_maximal_update():
    """The coordinate check of arXiv 2203.03466; under the standard parametrisation they do."""
    slopes = coordinates("digits", None, (32, 128, 512, 2_048))
    assert slopes["maximal update"] < 0.05
    assert slopes["standard"] > 0.4


def test_logits_of_wide_networks_begin_small_under_maximal_update_only():
    images = flat(load("digits").train[:200])
    spreads = {}
    for one in PARAMETRISATIONS:
        torch.manual_seed(0)
        with torch.no_grad():
            logits = [member(one, 64, n, 1e-3).network for n in (128, 8_192)]
            # Without the biases, which do not know the width.
            of = [(network(images) - network.second.bias).square().mean().sqrt() for network in logits]
        spreads[one] = float(of[1] / of[0])
    assert spreads["standard"] == pytest.approx(1, rel=0.3)
    assert spreads["maximal update"] == pytest.approx(1 / 8, rel=0.3)  # √(128 / 8192)


def test_at_the_base_width_both_are_one():
    both = []
    for one in PARAMETRISATIONS:
        torch.manual_seed(0)
        both.append(member(one, 64, BASE, 1e-3))
    assert both[0].rates == both[1].rates
    for left, right in zip(both[0].network.parameters(), both[1].network.parameters(), strict=True):
        assert torch.equal(left, right)


def test_only_the_rate_of_the_output_weights_goes_like_one_over_the_width():
    rates = member("maximal update", 64, 4 * BASE, 1e-3).rates
    assert rates.pop("second.weight") == pytest.approx(2.5e-4)
    assert set(rates.values()) == {1e-3}


def test_at_a_rate_of_zero_nothing_changes():
    images = flat(load("digits").train[:64])
    changes = logit_changes("standard", (32, 64), images, torch.zeros(64, dtype=torch.int64), 0.0, 2)
    np.testing.assert_array_equal(changes, 0)


def test_the_whole_design_is_planned():
    assert len({one.name for one in planned()}) == len(planned()) == 18
