"""Distances between all records are the paired ones, entry by entry."""

import math

import pytest
import torch

from lightning_infogeo import (
    amplitudes,
    arc,
    bhattacharyya,
    bhattacharyya_from_logits,
    hellinger,
    pairwise_arc,
    pairwise_bhattacharyya,
    pairwise_hellinger,
)
from lightning_infogeo.distances import OVERLAP_FLOOR, pairwise
from tests.helpers.contracts import PairwiseContract, random_logits


class TestBhattacharyya(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_bhattacharyya), staticmethod(bhattacharyya)

    def test_eight_disjoint_samples_in_one_logarithm_do_not_underflow(self):
        a = torch.eye(2).unsqueeze(1).expand(2, 17, 2)
        torch.testing.assert_close(pairwise_bhattacharyya(a)[0, 1], bhattacharyya(a[0], a[1]).double())


class TestHellinger(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_hellinger), staticmethod(hellinger)


class TestArc(PairwiseContract):
    pairwise, paired = staticmethod(pairwise_arc), staticmethod(arc)


@pytest.mark.parametrize("other", [torch.ones(2, 3, 5), torch.ones(2, 4, 4), torch.ones(3, 4)])
def test_shapes_that_do_not_fit_are_named(other):
    with pytest.raises(ValueError, match=r"same N and C.*\(2, 3, 4\) and"):
        pairwise_bhattacharyya(torch.ones(2, 3, 4), other)


def test_a_matrix_product_in_float32_would_lose_close_records():
    """Negative control for the accuracy of close records."""
    walk = PairwiseContract().walk(step=1e-4)
    a = walk.float()
    naive = -torch.einsum("tnc,snc->tsn", a, a).log().mean(-1)
    exact = bhattacharyya(walk[:, None], walk[None])
    off = ~torch.eye(9, dtype=torch.bool)
    assert (naive[off] / exact[off] - 1).abs().max() > 1


@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0, 60.0])
def test_predictions_far_apart_are_as_accurate_in_float32_as_close_ones(scale):
    """Overlaps down to the floor: a part in 1e8 of a chord would be all of them."""
    z = random_logits(6, 40, 5, scale=scale)
    table = pairwise_bhattacharyya(amplitudes(z))
    for i in range(6):
        exact = bhattacharyya_from_logits(z[i].double(), z.double(), "none").clamp_max(-math.log(OVERLAP_FLOOR))
        torch.testing.assert_close(table[i], exact.mean(-1), rtol=3e-6, atol=1e-9)


def test_chords_of_far_predictions_would_be_of_chance(monkeypatch):
    """Negative control: what sketches are measured by."""
    monkeypatch.setattr("lightning_infogeo.distances.pairwise._of_units", pairwise._of_chords)
    z = random_logits(6, 40, 5, scale=30.0)
    exact = bhattacharyya_from_logits(z[0].double(), z[1].double())
    assert abs(pairwise_bhattacharyya(amplitudes(z))[0, 1] / exact - 1) > 0.05


@pytest.mark.parametrize("memory", [2**10, 2**20, 2**26])
@pytest.mark.parametrize("records", [3, 300, 5000])
def test_tiles_of_an_accelerator_keep_to_the_memory(records, memory):
    side = pairwise._side(records, memory)
    eight_samples = 2 * 8 * 8 * side**2  # bytes of their overlaps, and of a temporary of the same size
    assert side <= 64 or (side <= records and eight_samples <= memory // 2)


def test_tiles_of_any_size_give_the_same_table(monkeypatch):
    history = amplitudes(random_logits(20, 19, 5))
    table = pairwise_bhattacharyya(history)
    monkeypatch.setattr(pairwise, "_TILE", 7)
    torch.testing.assert_close(pairwise_bhattacharyya(history), table, rtol=1e-12, atol=1e-15)
