"""Classes that a model excludes, by logits of −∞ or far below all others, have probability 0 in every quantity."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

from lightning_infogeo import (
    amplitudes,
    bhattacharyya,
    bhattacharyya_from_logits,
    fisher_rao,
    fisher_rao_from_logits,
    hellinger,
    hellinger_from_logits,
)
from lightning_infogeo.distances import OVERLAP_FLOOR, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import Bernoulli, distances_to_truth, entropy
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.metrics import BhattacharyyaDistance, FisherRaoDistance
from tests.helpers import oracles
from tests.helpers.contracts import random_logits
from tests.helpers.logit_paths import arc_to_geodesic, path, record

MASKS = [-torch.inf, torch.finfo(torch.float32).min, torch.finfo(torch.bfloat16).min, -1e9, -65504.0, -1e4]
HALVES = [torch.float16, torch.bfloat16]
LABELS = torch.arange(25) % 6


def masked(logits, mask, dtype=None):
    """Puts three excluded classes among those of ``logits``: second, fifth and last."""
    dtype = dtype or logits.dtype
    parts = list(logits.to(dtype).unbind(-1))
    for place in (1, 4, len(parts) + 2):
        parts.insert(place, torch.full_like(parts[0], mask))
    return torch.stack(parts, -1)


KEPT = torch.tensor([0, 2, 3, 5, 6, 7])
"""Where the six classes of ``path`` are after ``masked``."""


class TestTheSameThroughout:
    """Where all predictions exclude the same classes, everything is as in the model without these classes."""

    @pytest.mark.parametrize("mask", MASKS)
    @pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
    def test_records_are_those_of_the_model_without_them(self, mask, dtype, tolerance):
        walk, steps = path(dtype=dtype), range(0, 24, 2)
        befores = {s: (s - 1, walk[s // 2] + 0.01 * walk[0]) for s in steps[1:]}
        masked_befores = {s: (at, masked(z, mask)) for s, (at, z) in befores.items()}
        small, _ = record(walk, steps, labels=LABELS, before=befores.get)
        large, _ = record(masked(walk, mask), steps, labels=KEPT[LABELS], before=masked_befores.get)
        for name in small.keys() - {"progress"}:
            torch.testing.assert_close(large[name], small[name], rtol=tolerance, atol=tolerance / 10, equal_nan=True)
        assert large["velocity"][1:].isfinite().all()

    @pytest.mark.parametrize("dtype", HALVES)
    def test_half_precision_masks_do_not_overflow(self, dtype):
        walk = path(dtype=torch.float32).to(dtype)
        small, _ = record(walk, labels=LABELS)
        for mask in (-torch.inf, torch.finfo(dtype).min, -1e4):
            large, _ = record(masked(walk, mask), labels=KEPT[LABELS])
            for name in small.keys() - {"progress"}:
                torch.testing.assert_close(large[name], small[name], rtol=1e-6, atol=1e-7, equal_nan=True)

    def test_masks_that_are_added_in_half_precision_may_overflow_to_infinity_at_some_records_only(self):
        walk = path(dtype=torch.float32, scale=10.0).half()
        added = masked(walk, 0) + masked(torch.zeros_like(walk), torch.finfo(torch.float16).min)
        noise = 40 * random_logits(*added.shape, seed=5).half()
        added = torch.where(added < -6e4, added + noise, added)
        assert 0 < added.isinf().sum() < (added < -6e4).sum()
        small, large = record(walk)[0], record(added)[0]
        for name in small:
            torch.testing.assert_close(large[name], small[name], rtol=1e-6, atol=1e-7, equal_nan=True)

    def test_progress_is_measured_from_ignorance_over_all_classes(self):
        walk = path()
        got, _ = record(masked(walk, -torch.inf), labels=KEPT[LABELS])
        for p, t in zip(oracles.softmax(masked(walk, -torch.inf)), got["progress"], strict=True):
            near = minimize_scalar(
                lambda t, p=p: arc_to_geodesic(p, KEPT[LABELS].numpy(), t), bounds=(0, 1), method="bounded"
            )
            assert abs(near.x - t) < 1e-5
        assert (got["progress"] > record(walk, labels=LABELS)[0]["progress"]).all()  # what is excluded is known


class TestMasksThatChange:
    @pytest.mark.parametrize("mask", MASKS)
    @pytest.mark.parametrize("which", ["opened", "closed", "both"])
    def test_distances_keep_all_digits(self, mask, which):
        """Whatever the share of the class that comes or goes, and however far the others move."""
        for share in (0, -10, -20, -30, -60):
            for step in (0.0, 1e-6, 1e-3, 1.0):
                z = random_logits(8, 6, seed=1)
                w = z + step * random_logits(8, 6, seed=2, scale=1.0)
                for logits in (z, w):
                    logits[:, :2] += share
                if which != "closed":
                    z[:, 0] = mask
                if which != "opened":
                    w[:, 1] = mask
                z, w = masked(z, mask), masked(w, mask)
                d_b, d_fr = oracles.exact_distances(z, w)
                assert abs(bhattacharyya_from_logits(z, w).item() / d_b - 1) < 1e-6
                assert abs(fisher_rao_from_logits(z, w).item() / d_fr - 1) < 1e-6

    def test_amplitudes_and_plain_differences_would_have_lost_them(self):
        """Negative controls: the chord of amplitudes, and log-probabilities that are simply subtracted."""
        z = random_logits(8, 6, seed=1)
        w = z + 1e-6 * random_logits(8, 6, seed=2, scale=1.0)
        z[:, 0], w[:, 0] = -torch.inf, -60
        exact = float(oracles.exact_distances(z, w)[1])
        assert abs(fisher_rao(amplitudes(z), amplitudes(w)).item() / exact - 1) > 1e-4
        log_p, log_q = z.log_softmax(-1), w.log_softmax(-1)
        square = torch.maximum(log_p, log_q).exp() * torch.expm1((log_q - log_p).abs() / -2).square()
        plain = 4 * torch.asin((square.sum(-1) / 4).sqrt()).square().mean().sqrt()
        assert abs(plain.item() / exact - 1) > 1e-4
        assert abs(fisher_rao_from_logits(z, w).item() / exact - 1) < 1e-6

    def test_a_prediction_that_leaves_almost_all_it_had(self):
        for gone in (0.0, 5.0, 20.0, 80.0):
            z, w = torch.tensor([[gone, 0.0, -1.0]]), torch.tensor([[-torch.inf, 0.0, -1.0]])
            for pair in ((z, w), (w, z)):
                d_b, d_fr = oracles.exact_distances(*pair)
                assert bhattacharyya_from_logits(*pair).item() == pytest.approx(float(d_b), rel=1e-6)
                assert fisher_rao_from_logits(*pair).item() == pytest.approx(float(d_fr), rel=1e-6)

    @pytest.mark.parametrize("mask", MASKS)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_a_path_through_other_masks_at_every_record_and_sample(self, mask, dtype):
        generator = torch.Generator().manual_seed(3)
        closed = torch.rand(12, 25, 6, generator=generator) < 0.4
        closed[:, torch.arange(25), LABELS] = False
        walk = path(dtype=dtype).masked_fill(closed, mask)
        steps = list(range(0, 36, 3))
        befores = {s: (s - 1, walk[(s // 3 + 5) % 12]) for s in steps[1:]}
        got, _ = record(walk, steps, labels=LABELS, before=befores.get)
        p = oracles.softmax(walk)
        hops = np.array([oracles.fisher_rao(p[i], p[i + 1]) for i in range(11)])
        lags = np.array([oracles.fisher_rao(p[(i + 5) % 12], p[i]) for i in range(1, 12)])
        away = np.array([oracles.fisher_rao(p[0], p[i]) for i in range(1, 12)])
        expected = {
            "velocity": np.append(np.nan, lags),
            "length": np.append(0, hops.cumsum()),
            "displacement": np.append(0, away),
            "straightness": np.append(1, away / hops.cumsum()),
            "roughness": np.append(np.nan, np.log(hops / lags) / np.log(3)),
            "entropy": [-xlogy(q, q).sum(-1).mean() for q in p],
            "distance_to_truth": [-0.5 * np.log(q[np.arange(25), LABELS]).mean() for q in p],
        }
        for name, values in expected.items():
            rtol = 1e-9 if dtype == torch.float64 else 3e-6
            np.testing.assert_allclose(got[name], values, rtol=rtol, atol=rtol / 10, err_msg=name)


class TestDisjoint:
    def test_only_the_bhattacharyya_distance_from_logits_is_infinite(self):
        z = torch.tensor([[1.0, 2.0, -torch.inf, -torch.inf], [0.5, 0.0, -1.0, -torch.inf]])
        w = torch.tensor([[-torch.inf, -torch.inf, 0.0, 1.0], [0.5, 0.0, -1.0, -torch.inf]])
        a, b = amplitudes(z), amplitudes(w)
        assert bhattacharyya_from_logits(z, w, "none").tolist() == [math.inf, 0]
        assert bhattacharyya(a, b, "none").tolist() == pytest.approx([-math.log(OVERLAP_FLOOR), 0])
        assert hellinger_from_logits(z, w, "none").tolist() == pytest.approx([1, 0])
        assert hellinger(a, b, "none").tolist() == pytest.approx([1, 0])
        assert fisher_rao_from_logits(z, w).item() == pytest.approx(math.pi / math.sqrt(2))
        metric = BhattacharyyaDistance()
        metric.update(z, w)
        assert metric.compute() == math.inf
        assert FisherRaoDistance()(z, w).item() == pytest.approx(math.pi / math.sqrt(2))

    @pytest.mark.parametrize("mask", MASKS[1:])
    def test_a_finite_mask_is_as_far_as_its_logits_say(self, mask):
        z = torch.tensor([[1.0, mask]])
        assert bhattacharyya_from_logits(z, z.flip(1)).item() == pytest.approx(-mask / 2, rel=1e-3)
        assert fisher_rao_from_logits(z, z.flip(1)).item() == pytest.approx(math.pi)

    def test_histories_tables_and_embeddings_of_them_are_finite(self):
        walk = random_logits(5, 9, 4).masked_fill(torch.rand(5, 9, 4, generator=torch.manual_seed(0)) < 0.3, -torch.inf)
        walk[..., 0] = random_logits(5, 9)
        walk[4, 0], walk[4, 0, 3] = -torch.inf, 0.0
        walk[3, 0, 3] = -torch.inf
        a = amplitudes(walk)
        table = pairwise_bhattacharyya(a)
        paired = torch.stack([bhattacharyya(a.double(), b.double()) for b in a])
        torch.testing.assert_close(table, paired, rtol=1e-5, atol=1e-9)
        assert inpca(table).coordinates.isfinite().all()


class TestLabelsThatAreExcluded:
    @pytest.mark.parametrize("mask", MASKS)
    def test_the_distance_to_truth_is_the_cross_entropy_and_nothing_else_is_touched(self, mask):
        walk = path(dtype=torch.float32)
        walk[:, 7, LABELS[7]] = mask
        got, _ = record(walk, labels=LABELS, before=lambda s: (s - 1, walk[s - 1]) if s else None)
        without, _ = record(walk, before=lambda s: (s - 1, walk[s - 1]) if s else None)
        for name, values in without.items():
            torch.testing.assert_close(got[name], values, rtol=0, atol=0, equal_nan=True)
        truth = [torch.nn.functional.cross_entropy(z, LABELS) / 2 for z in walk]
        torch.testing.assert_close(got["distance_to_truth"], torch.stack(truth))
        assert ((got["progress"] >= 0) & (got["progress"] <= 1)).all()
        apart = distances_to_truth(walk[0], LABELS)
        assert (apart[7] == math.inf) == (mask == -math.inf)
        assert apart.isfinite().sum() == 24 + (mask != -math.inf)


class TestNoPrediction:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
    @pytest.mark.parametrize("bad", ["nan", "inf", "all -inf", "inf and -inf"])
    @pytest.mark.parametrize("classes", [2, 9, 70])
    def test_what_is_no_prediction_is_left_out(self, bad, dtype, classes):
        walk = random_logits(3, 5, classes).to(dtype)
        if bad == "all -inf":
            walk[1, 2] = -torch.inf
        else:
            walk[1, 2, 1] = torch.nan if bad == "nan" else torch.inf
        if bad == "inf and -inf":
            walk[1, 2, 0] = -torch.inf
        got, state = record(walk, labels=torch.arange(5) % classes)
        assert all(values[1].isnan() for values in got.values())
        assert got["length"][2].isfinite()
        assert torch.equal(state.last, walk[2].to(state.last))

    def test_finite_logits_of_any_size_are_a_prediction(self):
        walk = torch.tensor([[3e38, -3e38, 0.0], [-3e38, 3e38, 1.0], [1.0, 2.0, 3.0]])[:, None].expand(3, 4, 3)
        got, _ = record(walk, chord=True)
        last = 2 * math.acos(walk[2, 0].softmax(0)[1].sqrt())
        assert got["length"].tolist() == pytest.approx([0, math.pi, math.pi + last])
        assert got["entropy"].isfinite().all()


class TestBernoulli:
    def test_infinite_logits_are_certain_answers(self):
        z = random_logits(4, 30, 1, dtype=torch.float64)
        z[:, 0], z[:, 1], z[1:, 2], z[::2, 3] = torch.inf, -torch.inf, torch.inf, -torch.inf
        z[1::2, 3] = torch.inf
        labels = torch.arange(30) % 2
        labels[:3] = torch.tensor([1, 0, 1])
        got, _ = record(Bernoulli().logits(z.reshape(-1, 1)).reshape(4, 30, 2), labels=labels)
        far, _ = record(Bernoulli().logits(z.clamp(-2000, 2000).reshape(-1, 1)).reshape(4, 30, 2), labels=labels)
        for name in got.keys() - {"distance_to_truth"}:
            torch.testing.assert_close(got[name], far[name], rtol=1e-12, atol=1e-12, equal_nan=True)
        assert got["distance_to_truth"].isinf().any(0)
        assert distances_to_truth(Bernoulli().logits(z[0, :2]), labels[:2]).tolist() == [0, 0]
        assert distances_to_truth(Bernoulli().logits(z[0, :2]), 1 - labels[:2]).tolist() == [math.inf] * 2

    @pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
    def test_the_largest_numbers_are_certain_too(self, dtype):
        z = torch.tensor([[torch.finfo(dtype).max], [torch.finfo(dtype).min]], dtype=dtype)
        assert amplitudes(Bernoulli().logits(z)).tolist() == [[0, 1], [1, 0]]
        assert fisher_rao_from_logits(*Bernoulli().logits(z)[:, None]).item() == pytest.approx(math.pi)

    def test_nan_stays_no_answer(self):
        assert amplitudes(Bernoulli().logits(torch.tensor([[torch.nan]]))).isnan().all()


def test_sketches_of_masked_classes_are_those_of_zero_amplitudes():
    z = random_logits(8, 400)
    z[:, ::3] = -torch.inf
    sketch = Sketch(8, 400, 64)
    assert sketch.of_logits(z).isfinite().all()
    torch.testing.assert_close(sketch.of_logits(z), sketch(amplitudes(z.masked_fill(z.isinf(), -1e9))))


def test_gradients_through_masked_classes_are_finite():
    z, w = random_logits(5, 4), random_logits(5, 4, seed=1)
    z[:, 0] = w[:, 0] = z[1, 1] = w[2, 2] = -torch.inf
    for distance in (hellinger_from_logits, bhattacharyya_from_logits, fisher_rao_from_logits):
        leaf = z.clone().requires_grad_()
        distance(leaf, w).backward()
        assert leaf.grad.isfinite().all()
        assert (leaf.grad[:, 0] == 0).all()


def hellinger_of_possible_classes(before, after):
    """The formula for predictions none of whose classes is impossible."""
    log_p, log_q = torch.log_softmax(before, -1), torch.log_softmax(after, -1)
    p, d = log_p.exp(), after - before
    d = d - (p * d).sum(-1, keepdim=True)
    grown = log_p + d
    growth = torch.where(d < 1, p * torch.expm1(d.clamp_max(1)), grown.clamp_max(60).exp() - p).sum(-1, keepdim=True)
    ratio = torch.where(grown.amax(-1, keepdim=True) < 60, d - torch.log1p(growth), log_q - log_p)
    return (torch.maximum(log_p, log_q).exp() * torch.expm1(ratio.abs() / -2).square()).sum(-1) / 2


def test_without_masks_not_one_bit_is_another():
    for classes in (2, 10, 1000):
        for scale in (0.3, 3.0, 60.0):
            for step in (1e-6, 1e-3, 0.1, 1.0, 30.0):
                z = random_logits(50, classes, scale=scale, dtype=torch.float64)
                w = z + step * random_logits(50, classes, seed=1, scale=1.0, dtype=torch.float64)
                expected = hellinger_of_possible_classes(z, w)
                assert torch.equal(hellinger_from_logits(z, w, "none"), expected)
                z, w = z.float(), w.float()  # of which chords in float64 are taken
                expected = hellinger_of_possible_classes(z.double(), w.double())
                torch.testing.assert_close(hellinger_from_logits(z, w, "none"), expected.float(), rtol=3e-7, atol=1e-25)


def test_entropy_of_masked_classes_is_that_of_the_others():
    z = random_logits(9, 5, dtype=torch.float64)
    for mask in MASKS:
        torch.testing.assert_close(entropy(masked(z, mask)), entropy(z), rtol=1e-14, atol=0)
