"""Distances between two predictions: closed forms, an oracle of many digits, and what all of them promise."""

import math

import numpy as np
import pytest
import torch

from lightning_infogeo import amplitudes, arc, bhattacharyya, fisher_rao, hellinger

from lightning_infogeo import bhattacharyya_from_logits, fisher_rao_from_logits, hellinger_from_logits  # isort: skip
from lightning_infogeo.distances import OVERLAP_FLOOR
from tests.helpers import oracles
from tests.helpers.contracts import DistanceContract, random_logits


class TestHellinger(DistanceContract):
    distance, oracle = staticmethod(hellinger), staticmethod(oracles.hellinger)
    bound, metric = 1.0, False


class TestArc(DistanceContract):
    distance, oracle = staticmethod(arc), staticmethod(oracles.arc)
    bound = math.pi / 2


class TestBhattacharyya(DistanceContract):
    distance, oracle = staticmethod(bhattacharyya), staticmethod(oracles.bhattacharyya)
    bound, metric = -math.log(OVERLAP_FLOOR), False


class TestFisherRao(DistanceContract):
    distance, oracle = staticmethod(fisher_rao), staticmethod(oracles.fisher_rao)
    bound = math.pi


PERTURBATIONS = [30.0, 3.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]


def perturbed(size, offset=0.0, classes=10):
    z = random_logits(30, classes, seed=1) + offset
    return z, z + size * random_logits(30, classes, seed=2, scale=1.0)


class TestFromLogits:
    @pytest.mark.parametrize("offset", [0.0, 1000.0])
    @pytest.mark.parametrize("size", PERTURBATIONS)
    def test_float32_keeps_all_digits_of_the_stored_logits(self, size, offset):
        z, w = perturbed(size, offset)
        if torch.equal(z, w):  # 1000 + 1e-6 is 1000 in float32: nothing to resolve, and nothing may be invented
            assert fisher_rao_from_logits(z, w) == 0
            return
        d_b, d_fr = oracles.exact_distances(z, w)
        assert abs(bhattacharyya_from_logits(z, w).item() / d_b - 1) < 1e-6
        assert abs(fisher_rao_from_logits(z, w).item() / d_fr - 1) < 1e-6

    def test_the_overlap_would_have_lost_them(self):
        """Negative control: the arc cosine of the overlap, in the same float32."""
        z, w = perturbed(1e-4)
        overlap = (amplitudes(z) * amplitudes(w)).sum(-1).clamp(max=1)
        naive = 2 * overlap.acos().square().mean().sqrt()
        assert abs(naive.item() / oracles.exact_distances(z, w)[1] - 1) > 0.1

    @pytest.mark.parametrize("size", [1.0, 1e-2])
    def test_agrees_with_the_distances_of_amplitudes(self, size):
        z, w = (logits.double() for logits in perturbed(size))
        a, b = amplitudes(z), amplitudes(w)
        for reduction in ("mean", "sum", "none"):
            torch.testing.assert_close(
                hellinger_from_logits(z, w, reduction), hellinger(a, b, reduction), rtol=1e-9, atol=0
            )
            torch.testing.assert_close(
                bhattacharyya_from_logits(z, w, reduction), bhattacharyya(a, b, reduction), rtol=1e-9, atol=0
            )
        torch.testing.assert_close(fisher_rao_from_logits(z, w), fisher_rao(a, b), rtol=1e-9, atol=0)

    def test_a_small_step_beside_a_large_move_of_a_negligible_class_keeps_its_digits(self):
        z = torch.tensor([[0.0, 0.5, -70.0]])
        w = z + torch.tensor([[1e-4, -1e-4, 6.0]])
        assert abs(fisher_rao_from_logits(z, w).item() / oracles.exact_distances(z, w)[1] - 1) < 1e-6

    def test_opposite_certainties_are_finite_and_exact(self):
        z = torch.tensor([[1000.0, 0.0]])
        assert fisher_rao_from_logits(z, z.flip(1)).item() == pytest.approx(math.pi)
        exact = 500 - math.log(2)  # overlap = 2 e^(−500)
        assert bhattacharyya_from_logits(z, z.flip(1)).item() == pytest.approx(exact, rel=1e-6)

    @pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
    def test_very_large_logits_keep_the_digits_of_their_differences(self, size):
        z, w = perturbed(size, classes=4)
        z, w = z + torch.tensor([1e4, 0, -1e4, 9999.5]), w + torch.tensor([1e4, 0, -1e4, 9999.5])
        d_b, d_fr = oracles.exact_distances(z, w)
        assert abs(fisher_rao_from_logits(z, w).item() / d_fr - 1) < 1e-5
        assert abs(bhattacharyya_from_logits(z, w).item() / d_b - 1) < 1e-5

    def test_a_jump_between_large_logits_to_a_tie_keeps_its_digits(self):
        z, w = torch.tensor([[1e4, 0.0, -5e3]]), torch.tensor([[0.0, 1e4, 1e4]])
        assert fisher_rao_from_logits(z, w).item() == pytest.approx(math.pi, rel=1e-6)
        z, w = torch.tensor([[1e4, 0.0]]), torch.tensor([[1e4, 1e4]])
        assert fisher_rao_from_logits(z, w).item() == pytest.approx(math.pi / 2, rel=1e-6)

    def test_masked_classes_stay_out(self):
        z, w = perturbed(0.1)
        masked = torch.full((30, 1), -torch.inf)
        with_mask = [torch.cat([logits, masked], dim=1) for logits in (z, w)]
        torch.testing.assert_close(fisher_rao_from_logits(*with_mask), fisher_rao_from_logits(z, w))
        torch.testing.assert_close(bhattacharyya_from_logits(*with_mask), bhattacharyya_from_logits(z, w))
        opened = torch.cat([z, masked], dim=1), torch.cat([w, torch.zeros(30, 1)], dim=1)
        expected = fisher_rao(amplitudes(opened[0]), amplitudes(opened[1]))
        torch.testing.assert_close(fisher_rao_from_logits(*opened), expected)

    def test_half_precision_is_cast_before_the_softmax(self):
        z, w = (logits.bfloat16() for logits in perturbed(0.1))
        got = fisher_rao_from_logits(z, w)
        assert got.dtype == torch.float32
        assert abs(got.item() / oracles.exact_distances(z, w)[1] - 1) < 1e-6

    def test_sums_over_shards_of_the_samples_add(self):
        z, w = perturbed(1e-3)
        parts = hellinger_from_logits(z[:13], w[:13], "sum") + hellinger_from_logits(z[13:], w[13:], "sum")
        torch.testing.assert_close(parts, hellinger_from_logits(z, w, "sum"))

    def test_nan_stays_nan(self):
        z, w = perturbed(1.0)
        w[3, 2] = torch.nan
        assert fisher_rao_from_logits(z, w).isnan()

    def test_integers_are_refused(self):
        with pytest.raises(TypeError, match=r"floating tensor, got torch.int64"):
            fisher_rao_from_logits(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3))


def test_bernoulli_path_has_the_known_length():
    """For two classes with p = sin²(φ) the amplitude is (sin φ, cos φ): the arc between φ and φ′ is φ′ − φ."""
    phi = torch.linspace(0.1, 1.4, 14, dtype=torch.float64)
    logits = torch.stack([2 * phi.sin().log(), 2 * phi.cos().log()], dim=-1).unsqueeze(1)
    hops = fisher_rao_from_logits(logits[:-1], logits[1:])
    np.testing.assert_allclose(hops, 2 * 0.1, rtol=1e-12)


def test_unknown_reduction_is_named():
    with pytest.raises(ValueError, match=r"`reduction='median'`: must be"):
        arc(torch.eye(2), torch.eye(2), "median")
