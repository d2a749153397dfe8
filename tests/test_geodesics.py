"""Points of a geodesic, and progress along it."""

import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from lightning_infogeo import amplitudes, arc, fisher_rao, geodesic, progress, reindex
from lightning_infogeo.geodesics import ignorance, truth
from tests.helpers.contracts import random_logits

TS = torch.tensor([0.0, 1e-3, 0.25, 0.5, 0.77, 1.0], dtype=torch.float64)


def ends(samples=12, classes=5):
    labels = torch.arange(samples) % classes
    like = torch.empty(samples, classes, dtype=torch.float64)
    return ignorance(like), truth(labels, like)


def test_points_of_a_geodesic_are_unit_vectors_at_proportional_distances():
    a, b = (amplitudes(random_logits(12, 5, seed=s, dtype=torch.float64)) for s in (1, 2))
    points = geodesic(a, b, TS)
    torch.testing.assert_close(points.square().sum(-1), torch.ones(6, 12, dtype=torch.float64))
    torch.testing.assert_close(arc(points, a, "none"), TS[:, None] * arc(a, b, "none"), atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(points[0], a)
    torch.testing.assert_close(points[-1], b)


def test_a_geodesic_between_equal_points_stays_there():
    a = amplitudes(random_logits(3, 4))
    assert torch.equal(geodesic(a, a, 0.3), a)
    near = geodesic(a, amplitudes(random_logits(3, 4) + 1e-9), TS.float())
    assert near.isfinite().all()


@pytest.mark.parametrize("objective", ["arc", "bhattacharyya"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_progress_of_points_on_the_geodesic_is_their_parameter(objective, dtype):
    start, end = (point.to(dtype) for point in ends())
    got = progress(geodesic(start, end, TS.to(dtype)), start, end, objective)
    torch.testing.assert_close(got, TS.to(dtype), atol=3e-7, rtol=0)


@pytest.mark.parametrize("objective", ["arc", "bhattacharyya"])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_progress_minimises_the_distance_to_the_geodesic(objective, classes):
    start, end = ends(15, classes)
    bias = 3 * end
    for a in amplitudes(random_logits(12, 15, classes, dtype=torch.float64) + bias):

        def distance(t, a=a):
            overlap = (a * geodesic(start, end, float(t))).sum(-1).clamp(max=1)
            return float(overlap.acos().mean() if objective == "arc" else -overlap.log().mean())

        best = minimize_scalar(distance, bounds=(0, 1), method="bounded", options={"xatol": 1e-9})
        assert distance(progress(a, start, end, objective)) <= best.fun + 1e-8


def test_where_the_minimum_is_an_interval_progress_is_its_middle():
    """Two classes, two samples, at 0.2 and 0.6 of the way: every t between them is as near."""
    start, end = ends(2, 2)
    a = torch.stack([geodesic(start, end, 0.2)[0], geodesic(start, end, 0.6)[1]])
    assert progress(a, start, end).item() == pytest.approx(0.4, abs=1e-5)
    assert progress(a.float(), start.float(), end.float()).item() == pytest.approx(0.4, abs=1e-4)


def test_progress_stays_in_its_range_for_predictions_beyond_the_ends():
    start, end = ends(6, 3)
    wrong = amplitudes(random_logits(6, 3) - 50 * end.float())
    assert progress(wrong, start.float(), end.float()) < 1e-6
    assert progress(end, start, end).item() == pytest.approx(1, abs=1e-7)


def test_progress_takes_many_records_at_once_and_reads_nothing_back():
    start, end = ends()
    many = amplitudes(random_logits(4, 12, 5, dtype=torch.float64))
    torch.testing.assert_close(progress(many, start, end), torch.stack([progress(a, start, end) for a in many]))
    meta = torch.empty(12, 5, device="meta")
    assert progress(meta, meta, meta).shape == ()


def test_an_unknown_objective_is_named():
    with pytest.raises(ValueError, match=r"progress\(objective='euclid'\)"):
        progress(*[torch.ones(1, 1)] * 3, objective="euclid")


def slow_reindex(history, values, n):
    """From the definition, one value after the other."""
    result, k = [], 0
    for i in range(1, n + 1):
        u = i / n
        while k < len(values) and values[k] < u:
            k += 1
        if k == 0:
            result.append(history[0])
        elif k == len(values):
            result.append(history[-1])
        else:
            fraction = (u - values[k - 1]) / (values[k] - values[k - 1])
            result.append(geodesic(history[k - 1], history[k], fraction))
    return torch.stack(result)


@pytest.mark.parametrize("seed", range(4))
def test_reindexing_agrees_with_its_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    values = (torch.linspace(0.05, 0.9, 12) + 0.1 * torch.randn(12, generator=generator)).clamp(0, 1).double()
    history = amplitudes(random_logits(12, 6, 4, seed=seed, dtype=torch.float64))
    torch.testing.assert_close(reindex(history, values, 50), slow_reindex(history, values.tolist(), 50))


def test_reindexing_a_geodesic_walked_unevenly_makes_it_even():
    start, end = ends(6, 3)
    values = torch.tensor([0.0, 0.1, 0.15, 0.5, 0.8, 1.0], dtype=torch.float64)
    even = reindex(geodesic(start, end, values), values, 20)
    hops = fisher_rao(even[:-1], even[1:])
    torch.testing.assert_close(hops, torch.full_like(hops, 2 * math.acos(3**-0.5) / 20))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"shapes \(T, N, C\) and \(T,\)"):
        reindex(torch.ones(3, 2, 2), torch.ones(4))


@pytest.mark.parametrize("objective", ["arc", "bhattacharyya"])
def test_progress_of_many_predictions_is_that_of_each(objective):
    """Many are searched in more rounds of fewer points, on the same finest grid."""
    a = amplitudes(random_logits(300, 64, 4, seed=1, scale=3.0))
    start, end = ignorance(a[0]), truth(torch.arange(64) % 4, a[0])
    together = progress(a, start, end, objective)
    alone = torch.stack([progress(one, start, end, objective) for one in a])
    torch.testing.assert_close(together, alone, rtol=0, atol=2**-22)
