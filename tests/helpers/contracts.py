"""Properties that every distance between predictions inherits by naming its function and its oracle."""

import numpy as np
import torch

from lightning_infogeo import amplitudes
from tests.helpers import oracles


def random_logits(*shape, seed=0, scale=3.0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype) * scale


class DistanceContract:
    @staticmethod
    def distance(a, b):
        raise NotImplementedError

    @staticmethod
    def oracle(p, q):
        raise NotImplementedError

    bound: float
    metric = True  # whether the triangle inequality holds for it

    def pair(self, seed=0, dtype=torch.float64):
        return random_logits(40, 7, seed=seed, dtype=dtype), random_logits(40, 7, seed=seed + 100, dtype=dtype)

    def test_agrees_with_the_float64_oracle(self):
        z, w = self.pair()
        got = self.distance(amplitudes(z), amplitudes(w))
        np.testing.assert_allclose(got, self.oracle(oracles.softmax(z), oracles.softmax(w)), rtol=1e-12)

    def test_float32_agrees_with_the_float64_oracle(self):
        z, w = self.pair(dtype=torch.float32)
        got = self.distance(amplitudes(z), amplitudes(w))
        assert got.dtype == torch.float32
        np.testing.assert_allclose(got, self.oracle(oracles.softmax(z), oracles.softmax(w)), rtol=2e-6)

    def test_is_zero_for_equal_predictions(self):
        a = amplitudes(self.pair()[0])
        assert self.distance(a, a) == 0

    def test_is_symmetric(self):
        a, b = (amplitudes(z) for z in self.pair())
        torch.testing.assert_close(self.distance(a, b), self.distance(b, a), rtol=1e-14, atol=0)

    def test_does_not_change_when_classes_or_samples_are_permuted(self):
        a, b = (amplitudes(z) for z in self.pair())
        classes, samples = torch.randperm(7), torch.randperm(40)
        permuted = self.distance(a[samples][:, classes], b[samples][:, classes])
        torch.testing.assert_close(permuted, self.distance(a, b), rtol=1e-12, atol=0)

    def test_reaches_its_bound_for_disjoint_predictions_and_never_exceeds_it(self):
        a = torch.eye(3)
        assert abs(float(self.distance(a, a.roll(1, 0))) - self.bound) < 1e-5 * self.bound
        far = self.distance(*(amplitudes(random_logits(100, 5, seed=s, scale=200.0)) for s in (1, 2)))
        assert 0 <= far <= self.bound * (1 + 1e-6)

    def test_keeps_the_triangle_inequality_exactly_if_it_is_a_metric(self):
        """What grows as the square of the angle does not: two halves of a way are less than the whole."""
        excess = []
        for seed in range(20):
            a, b, c = (amplitudes(random_logits(11, 4, seed=3 * seed + k, dtype=torch.float64)) for k in range(3))
            for via in (b, torch.nn.functional.normalize(a + c, dim=-1)):
                excess.append(float(self.distance(a, c) - self.distance(a, via) - self.distance(via, c)))
        assert (max(excess) <= 1e-12) == self.metric

    def test_broadcasts_over_leading_dimensions(self):
        a, b = amplitudes(random_logits(5, 40, 7)), amplitudes(random_logits(40, 7, seed=1))
        torch.testing.assert_close(self.distance(a, b), torch.stack([self.distance(row, b) for row in a]))

    def test_runs_without_reading_from_the_device(self):
        a = torch.empty(40, 7, device="meta")
        assert self.distance(a, a).shape == ()


class PairwiseContract:
    """Every pairwise distance is its paired one, entry by entry."""

    @staticmethod
    def pairwise(history, other=None, **options):
        raise NotImplementedError

    @staticmethod
    def paired(a, b):
        raise NotImplementedError

    def walk(self, records=9, samples=21, classes=5, step=0.3, dtype=torch.float64):
        steps = random_logits(records, samples, classes, seed=1, scale=step, dtype=torch.float64).cumsum(0)
        return amplitudes((random_logits(1, samples, classes, dtype=torch.float64) + steps).to(dtype))

    def test_every_entry_is_the_paired_distance(self):
        a, b = self.walk(), self.walk(records=4, step=2.0)
        torch.testing.assert_close(self.pairwise(a), self.paired(a[:, None], a[None]), rtol=1e-11, atol=1e-14)
        torch.testing.assert_close(self.pairwise(a, b), self.paired(a[:, None], b[None]), rtol=1e-11, atol=1e-14)

    def test_is_symmetric_and_not_negative_with_an_exactly_zero_diagonal(self):
        distances = self.pairwise(self.walk(step=1e-7, dtype=torch.float32))
        assert torch.equal(distances, distances.T)
        assert (distances >= 0).all()
        assert distances.diagonal().eq(0).all()

    def test_chunks_and_tiles_do_not_change_it(self, monkeypatch):
        a = self.walk(records=23, samples=40)
        whole = self.pairwise(a)
        monkeypatch.setattr("lightning_infogeo.distances.pairwise._TILE", 4)
        torch.testing.assert_close(self.pairwise(a, memory=0), whole, rtol=1e-12, atol=1e-15)

    def test_close_records_in_float32_are_as_accurate_as_what_is_stored(self):
        for step, tolerance in [(1e-1, 2e-6), (1e-3, 2e-4), (1e-4, 2e-3)]:
            exact = self.walk(step=step)
            off = ~torch.eye(9, dtype=torch.bool)
            error = self.pairwise(exact.float())[off] / self.paired(exact[:, None], exact[None])[off] - 1
            assert error.abs().max() < tolerance

    def test_one_record_and_one_sample_are_enough(self):
        assert self.pairwise(torch.ones(1, 1, 1)).tolist() == [[0]]

    def test_disjoint_predictions_reach_the_bound_of_the_paired_distance(self):
        a = torch.eye(3).unsqueeze(1)
        expected = self.paired(a[0], a[1]).double()
        torch.testing.assert_close(self.pairwise(a)[0, 1], expected, rtol=1e-5, atol=0)
