"""Estimators of a distance between densities, against closed forms."""

import math

import pytest
import torch

from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.parameters.estimators import (
    DISJOINT,
    chance,
    crossings,
    histogram_distance,
    histogram_floor,
    normal_distance,
)
from lightning_infogeo.parameters.grid import bin_count
from tests.helpers import oracles
from tests.helpers.weight_paths import followed


def test_what_chance_does_to_a_pair_of_counts():
    exact = [s - 2 * sum(math.comb(s, k) / 2**s * math.sqrt(k * (s - k)) for k in range(s + 1)) for s in range(1, 200)]
    found = chance(torch.arange(200.0, dtype=torch.float64))
    torch.testing.assert_close(found[1:], torch.tensor(exact, dtype=torch.float64), rtol=0.02, atol=0)
    assert found[0] == 0


@pytest.mark.parametrize("mean", [0.1, 1.0, 5.0, 50.0])
def test_what_few_weights_that_change_bin_do_to_a_count(mean):
    """Two bins of Poisson counts exchange weights, each with a small probability; averaged over the counts exactly."""
    held = torch.arange(1, 400, dtype=torch.float64)
    weight = torch.exp(held * math.log(mean) - mean - torch.lgamma(held + 1))
    leaving = float((weight * held * (held.sqrt() - (held - 1).sqrt()).square()).sum())
    arriving = mean * (math.exp(-mean) + float((weight * ((held + 1).sqrt() - held.sqrt()).square()).sum()))
    assert float((weight * crossings(held)).sum()) == pytest.approx(leaving + arriving, rel=1e-9)
    assert crossings(torch.zeros(1)) == 0
    assert float(crossings(torch.tensor(1e6))) == pytest.approx(0.5, rel=1e-5)


def test_the_floor_counts_lonely_weights_that_few_change_bin():
    """Of weights that tremble by a fiftieth of their spread; as if all were drawn anew a tenth of d² would be left."""
    generator = torch.Generator().manual_seed(0)
    seen, floor, fresh = [], [], []
    for _ in range(400):
        places = torch.randn(20_000, generator=generator, dtype=torch.float64)
        one, other = (
            ((places + 0.005 * torch.randn(len(places), generator=generator, dtype=torch.float64)) / 0.125).floor()
            for _ in range(2)
        )
        before, after = (torch.bincount((bins + 100).long(), minlength=200) for bins in (one, other))
        total, moved = torch.tensor(20_000.0, dtype=torch.float64), (one != other).double().mean()
        seen.append(histogram_distance(before, after, total) ** 2)
        floor.append(histogram_floor(before, after, total, moved) ** 2)
        fresh.append(4 * moved * chance((before + after).double()).sum() / total)
    square = float(torch.stack(seen).mean())
    assert float(torch.stack(floor).mean()) == pytest.approx(square, rel=0.06)
    assert float(torch.stack(fresh).mean()) < 0.93 * square


def test_one_weight_in_1e8_is_seen():
    before = torch.tensor([5 * 10**7, 5 * 10**7])
    after = before + torch.tensor([1, -1])
    exact = math.sqrt(4 * 2 * (math.sqrt(5e7 + 1) - math.sqrt(5e7)) ** 2 / 1e8)
    for dtype, error in ((torch.float64, 1e-7), (torch.float32, 1e-6)):
        found = histogram_distance(before, after, torch.tensor(1e8, dtype=dtype))
        assert abs(float(found) / exact - 1) < error
    # Negative control: roots taken first have lost it in float32.
    naive = (4 * (after.float().sqrt() - before.float().sqrt()).square().sum() / 1e8).sqrt()
    assert abs(float(naive) / exact - 1) > 0.1


@pytest.mark.parametrize("size", [3.0, 1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_the_distance_of_normal_distributions_to_mpmath(size, scale):
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        a, b = torch.randn(2, generator=generator, dtype=torch.float64)
        m, s = 0.3 * scale, scale**2
        ends = (m, s, m + size * float(a) * scale, s * math.exp(size * float(b)))
        exact = float(oracles.normal_distance(*ends))
        found = float(normal_distance(*(torch.tensor(end, dtype=torch.float64) for end in ends)))
        assert abs(found / exact - 1) < 1e-7


def test_the_textbooks_form_would_lose_the_small_distance():
    exact = float(oracles.normal_distance(0, 1, 0, 1 + 1e-9))
    assert abs(math.sqrt(2) * math.acosh(1 + (math.sqrt(1 + 1e-9) - 1) ** 2 / 2) / exact - 1) > 0.5


def test_close_by_it_is_the_line_element():
    m, s, dm, ds = (torch.tensor(value, dtype=torch.float64) for value in (0.2, 2.5, 1e-5, -3e-5))
    torch.testing.assert_close(
        normal_distance(m, s, m + dm, s + ds).square(), dm**2 / s + (ds / s) ** 2 / 2, rtol=1e-4, atol=0
    )


def test_a_constant_divides_by_nothing():
    zero, one = torch.zeros(()), torch.ones(())
    assert normal_distance(one, zero, one, zero) == 0
    for ends in ((zero, zero, one, zero), (zero, zero, zero, one), (zero, one, zero, zero)):
        assert float(normal_distance(*ends)) == pytest.approx(DISJOINT)


@pytest.mark.parametrize("correlation", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("weights", [10_000, 100_000])
def test_the_noise_floor_is_what_is_seen_where_nothing_changes(weights, correlation):
    """Weights that are redrawn in part from the same normal distribution; wholly, or followed."""
    generator = torch.Generator().manual_seed(weights)
    seen, floor, moved = [], [], []
    for _ in range(20):
        x, noise = torch.randn(2, weights, generator=generator)
        y = correlation * x + (1 - correlation**2) ** 0.5 * noise
        rows, state = followed(ParameterDensity("network", "histogram"), [x, y])
        seen.append(rows[1, 0, 0] ** 2)
        floor.append(rows[1, 0, 2] ** 2)
        width = 2.0 ** float(state.exponents[-1])
        moved.append(float(((x / width).floor() != (y / width).floor()).float().mean()))
    rms = float(torch.stack(seen).mean().sqrt())
    assert float(torch.stack(floor).mean().sqrt()) == pytest.approx(rms, rel=0.1)
    # The formula with the occupied bins, without regard to how many weights they hold.
    occupied = (state.counts[-1] > 0).sum()
    assert math.sqrt(2 * int(occupied) * sum(moved) / 20 / weights) == pytest.approx(rms, rel=0.2)
    if correlation > 0.99:  # negative control: as if weights were independent
        assert math.sqrt(2 * bin_count(weights) / weights) > 1.2 * rms


@pytest.mark.parametrize("correlation", [0.0, 0.99])
def test_the_noise_floor_of_the_gaussian_estimator(correlation):
    generator = torch.Generator().manual_seed(0)
    seen, floor = [], []
    for _ in range(200):
        x, noise = torch.randn(2, 1000, generator=generator)
        y = correlation * x + (1 - correlation**2) ** 0.5 * noise
        rows, _ = followed(ParameterDensity("network", "gaussian"), [x, y])
        seen.append(rows[1, 0, 0] ** 2)
        floor.append(rows[1, 0, 2] ** 2)
    rms = float(torch.stack(seen).mean().sqrt())
    assert float(torch.stack(floor).mean().sqrt()) == pytest.approx(rms, rel=0.15)
    if not correlation:
        assert math.sqrt(4 / 1000) == pytest.approx(rms, rel=0.15)
