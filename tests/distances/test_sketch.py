"""Sketches: unbiased, with the error that is stated, and what a logarithm makes of it."""

import math

import pytest
import torch

from lightning_infogeo import amplitudes, bhattacharyya, geodesic, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.geodesics import ignorance, truth
from tests.helpers.contracts import random_logits

DRAWS, CLASSES, WIDTH = 1000, 500, 64


def pair(apart, samples=1):
    z = random_logits(samples, CLASSES, scale=1.0, dtype=torch.float64)
    return amplitudes(z), amplitudes(
        z + apart * random_logits(samples, CLASSES, seed=1, scale=1.0, dtype=torch.float64)
    )


def draws(a, b):
    """The sketches of two predictions by a thousand seeds, each (draws, samples, m)."""
    made = [Sketch(len(a), CLASSES, WIDTH, seed) for seed in range(DRAWS)]
    return torch.stack([sketch(a) for sketch in made]), torch.stack([sketch(b) for sketch in made])


@pytest.mark.parametrize("apart", [1e-6, 1e-2, 1.0, 4.0])
def test_squared_chords_are_unbiased_with_the_stated_error_at_any_distance(apart):
    a, b = pair(apart)
    exact = (a - b).square().sum()
    sa, sb = draws(a, b)
    found = (sa - sb).square().sum(-1)[:, 0] / exact
    error = math.sqrt(2 / WIDTH)
    assert abs(found.mean() - 1) < 3 * error / math.sqrt(DRAWS)
    concentrated = ((a - b) ** 4).sum() / exact**2  # classes that carry much of a distance collide with little
    assert found.std().item() == pytest.approx(error * math.sqrt(1 - concentrated), rel=4 / math.sqrt(2 * DRAWS) + 0.1)


def test_overlaps_are_unbiased_with_the_stated_error():
    a, b = pair(2.0)
    exact = (a * b).sum()
    sa, sb = draws(a, b)
    found = (sa * sb).sum(-1)[:, 0]
    error = math.sqrt((1 + exact**2) / WIDTH)
    assert abs(found.mean() - exact) < 3 * error / math.sqrt(DRAWS)
    assert found.std() < error * 1.1


def test_errors_of_samples_are_uncorrelated_so_that_a_mean_over_them_is_sharper():
    a, b = (x.expand(25, -1) for x in pair(0.5))
    sa, sb = draws(a, b)
    each = (sa - sb).square().sum(-1) / (a - b).square().sum(-1)
    assert each.mean(1).std() < 1.2 * each.std() / 5


@pytest.mark.parametrize("apart", [1.0, 2.0, 3.0])
def test_the_bias_of_a_sketched_bhattacharyya_distance_is_the_one_stated(apart):
    a, b = pair(apart)
    overlap = (a * b).sum().item()
    hellinger = 1 - overlap
    exact = -math.log(overlap)
    sa, sb = draws(a, b)
    found = bhattacharyya(sa, sb, "none", floor=WIDTH**-0.5)[:, 0]
    near = hellinger < 0.4  # the form that is used, in nearly all of the draws
    stated = hellinger**2 / (WIDTH * overlap**2) if near else (1 / overlap**2 + 1) / (2 * WIDTH)
    noise = 3 * found.std().item() / math.sqrt(DRAWS)
    assert abs(found.mean().item() - exact - stated) < noise + 0.5 * stated


@pytest.mark.parametrize("apart", [2.0, 3.0])
def test_in_a_table_of_distances_the_bias_is_that_of_chords_at_any_distance(apart):
    a, b = pair(apart, samples=20)
    overlaps = (a * b).sum(-1)
    sa, sb = (x.flatten(0, 1)[None] for x in draws(a, b))  # a draw of a sample is a sample here
    found = pairwise_bhattacharyya(sa, sb, floor=WIDTH**-0.5).item() + overlaps.log().mean().item()
    stated = ((1 - overlaps) ** 2 / (WIDTH * overlaps**2)).mean().item()
    noise = 3 * math.sqrt(2 * stated / sa.shape[1])
    assert found > noise  # without a bias it would not be
    assert abs(found - stated) < noise + 0.3 * stated


def test_no_sketched_distance_exceeds_half_the_logarithm_of_the_width():
    sketch = Sketch(400, CLASSES, WIDTH)
    one, other = torch.zeros(400, CLASSES), torch.zeros(400, CLASSES)
    one[:, :250], other[:, 250:] = 250**-0.5, 250**-0.5
    found = bhattacharyya(sketch(one), sketch(other), "none", floor=sketch.floor)
    assert found.max().item() == pytest.approx(0.5 * math.log(WIDTH), rel=1e-5)
    assert bhattacharyya(sketch(one), sketch(other), "none").max() > 80  # negative control: the floor of exact ones


def test_a_sketch_is_linear_and_the_same_for_the_same_arguments_and_piece_by_piece():
    a, b = pair(1.0, samples=7)
    sketch, again = (Sketch(7, CLASSES, WIDTH, seed=5) for _ in range(2))
    torch.testing.assert_close(sketch(2 * a - b), 2 * sketch(a) - sketch(b))
    assert torch.equal(sketch(a), again(a))
    assert torch.equal(torch.cat([sketch(a[:3]), sketch(a[3:], first=3)]), sketch(a))
    assert not torch.equal(Sketch(7, CLASSES, WIDTH, seed=6)(a), sketch(a))


def test_small_distances_keep_their_digits():
    """A chord of 1e-5, whose overlap rounds to 1 in float32."""
    z = random_logits(200, CLASSES, scale=1.0)
    a, b = amplitudes(z), amplitudes(z + 1e-5 * random_logits(200, CLASSES, seed=1, scale=1.0))
    sketch = Sketch(200, CLASSES, 256)
    chords = (sketch(a) - sketch(b)).square().sum(-1).mean()
    exact = (a.double() - b.double()).square().sum(-1).mean()
    assert abs(chords / exact - 1) < 0.03  # 3 √(2/256/200), and float32
    assert ((1 - (a * b).sum(-1)) > 0).float().mean() < 0.9


@pytest.mark.parametrize("labelled", [True, False])
def test_points_of_the_geodesic_are_sketched_as_they_are(labelled):
    labels = torch.arange(9) * 50 if labelled else None
    like, positions = torch.zeros(9, CLASSES), torch.tensor([0.0, 0.3, 1.0])
    sketch = Sketch(9, CLASSES, WIDTH)
    points = ignorance(like)[None] if labels is None else geodesic(ignorance(like), truth(labels, like), positions)
    expected = torch.stack([sketch(point) for point in points])
    torch.testing.assert_close(sketch.geodesic(labels, positions), expected, atol=1e-6, rtol=1e-5)


def test_logits_are_sketched_in_pieces(monkeypatch):
    z = random_logits(20, CLASSES)
    sketch = Sketch(20, CLASSES, WIDTH)
    whole = sketch.of_logits(z)
    monkeypatch.setattr("lightning_infogeo.distributions.chunks.ELEMENTS", 3 * CLASSES)
    assert torch.equal(sketch.of_logits(z), whole)
    assert torch.equal(whole, sketch(amplitudes(z)))


@pytest.mark.parametrize("width", [0, -1, 500, 501])
def test_an_impossible_width_is_named(width):
    with pytest.raises(ValueError, match=rf"Sketch\(width={width}\)`: must lie between 1 and 499"):
        Sketch(3, CLASSES, width)


def test_it_reads_nothing_back_from_the_device():
    sketch = Sketch(4, 50, 8, device="meta")
    assert sketch(torch.empty(4, 50, device="meta")).is_meta
    labels = torch.empty(4, dtype=torch.int64, device="meta")
    assert sketch.geodesic(labels, torch.empty(3, device="meta")).shape == (3, 4, 8)
