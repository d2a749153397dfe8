"""A knee is found by the curvature of a length, with an honest interval."""

import math
from statistics import median

import pytest
import torch

from lightning_infogeo.scaling.curvature import knee, loglog_curvature
from tests.helpers.crossovers import crossover, log_spaced


def tried(count, draws=100, **settings):
    return [knee(*crossover(seed=seed, **settings), draws=draws) for seed in range(count)]


def covered(found, at):
    return sum(one.interval[0] <= at <= one.interval[1] for one in found) / len(found)


def test_a_power_law_has_no_curvature_and_a_parabola_a_constant_one():
    steps = log_spaced(10_000)
    x = steps.log()
    assert loglog_curvature(steps, steps**0.7).curvature.abs().max() < 1e-6
    steps, curvature = loglog_curvature(steps, (0.5 * x + 0.05 * x.square()).exp())
    assert torch.allclose(curvature, torch.tensor(0.1, dtype=torch.float64), atol=0.01)
    assert steps[0] > 10 * math.exp(0.05 * math.log(1000)) * 0.99
    assert steps[-1] < 10_000


@pytest.mark.parametrize("at", [100, 1000])
def test_the_knee_is_where_the_exponent_changes(at):
    found = knee(*crossover(at=at, noise=0, last=20_000))
    assert found.reason is None
    assert abs(math.log(found.step / at)) < 0.03
    assert found.curvature == found.curvatures.min()


def test_with_a_quarter_of_noise_the_knee_is_right_within_a_tenth():
    errors = [abs(math.log(one.step / 300)) for one in tried(100) if one.reason is None]
    assert len(errors) >= 95
    assert median(errors) < math.log(1.1)


@pytest.mark.parametrize(("noise", "correlation"), [(0.25, 0.0), (0.25, 0.5), (0.1, 0.0), (0.1, 0.5)])
def test_intervals_hold_what_they_say(noise, correlation):
    """Nominal 0.95; of 600 trials measured, in this order: 0.995, 0.942, 0.993, 0.977."""
    found = [one for one in tried(120, noise=noise, correlation=correlation) if one.reason is None]
    assert len(found) >= 90
    assert covered(found, 300) >= 0.88
    widths = [math.log(one.interval[1] / one.interval[0]) for one in found]
    assert median(widths) < (1.6 if noise > 0.2 else 0.8)


def test_a_higher_confidence_widens_the_interval():
    steps, length = crossover()
    narrow, wide = knee(steps, length, confidence=0.5).interval, knee(steps, length, confidence=0.99).interval
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(("exponent", "correlation", "most"), [(0.5, 0.0, 6), (1.0, 0.0, 6), (0.5, 0.5, 12)])
def test_a_noisy_power_law_has_no_knee(exponent, correlation, most):
    """Nominal at most 0.05; of 200 trials measured 0.02, 0.02 and, with correlated noise, 0.115."""
    found = tried(60, early=exponent, late=exponent, correlation=correlation)
    assert sum(one.reason is None for one in found) <= most
    assert all(math.isnan(one.step) == (one.reason is not None) for one in found)


def test_noise_hides_a_knee_that_is_there_without_it():
    assert knee(*crossover(early=0.6, late=0.5, noise=0)).reason is None
    assert knee(*crossover(early=0.6, late=0.5, noise=0.5)).reason == "straight"


def over_floor(length, floor, seed=0):
    """The length from increments to which the noise of an estimator has been added, in squares, of 50 bins."""
    generator = torch.Generator().manual_seed(seed)
    noise = floor**2 * torch.randn(len(length), 50, generator=generator, dtype=torch.float64).square().mean(1)
    return (length.diff(prepend=length.new_zeros(1)).square() + noise).sqrt().cumsum(0)


def test_a_pure_floor_has_no_knee():
    steps = log_spaced(10_000)
    for seed in range(20):
        length = over_floor(torch.zeros(len(steps), dtype=torch.float64), 0.01, seed)
        assert knee(steps, length, floor=0.01).reason == "floor"


def test_a_bend_into_the_floor_is_not_trusted():
    # The predictions stop moving at 300; from there on the length is summed noise.
    steps, length = crossover(late=0.0, noise=0)
    length = over_floor(length, 3.0)
    assert abs(math.log(knee(steps, length).step / 300)) < 0.3
    assert knee(steps, length, floor=3.0).reason == "floor"
    assert knee(steps, length, floor=torch.full((len(steps),), 3.0)).reason == "floor"


def test_a_floor_below_the_increments_changes_nothing():
    steps, length = crossover()
    low = 0.1 * length.diff(prepend=length.new_zeros(1))
    assert knee(steps, length, floor=low).step == knee(steps, length).step


def test_a_minimum_at_the_end_is_not_a_knee():
    steps = log_spaced(10_000)
    assert knee(steps, (steps.log() - 0.01 * steps.log() ** 3 / 3).exp()).reason == "edge"


def test_an_interval_as_wide_as_the_range_says_so():
    reasons = [knee(*crossover(early=0.6, late=0.4, noise=0.3, seed=seed), draws=100).reason for seed in range(40)]
    assert "wide" in reasons


def test_units_do_not_matter():
    steps, length = crossover(seed=3)
    found, other = knee(steps, length), knee(steps / 512, 1024 * length)
    assert other.step == pytest.approx(found.step / 512, rel=1e-6)
    assert other.interval == pytest.approx([end / 512 for end in found.interval], rel=1e-6)
    assert torch.allclose(found.curvatures, other.curvatures, atol=1e-9)


def test_the_bootstrap_leaves_the_generators_alone_and_repeats():
    steps, length = crossover()
    state = torch.get_rng_state()
    first, again, other = knee(steps, length), knee(steps, length), knee(steps, length, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.interval == again.interval
    assert first.interval != other.interval


def test_every_step_can_be_recorded():
    steps = torch.arange(30_000)
    t = steps.double()
    found = knee(steps, t / (1 + (t / 1000) ** 6) ** 0.1, draws=50)
    assert abs(math.log(found.step / 1000)) < 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: loglog_curvature(t, t[1:]), r"loglog_curvature\(steps, length\)`: must have one shape"),
        (lambda t: loglog_curvature(t.flip(0), t), r"loglog_curvature\(steps=...\)`: must increase"),
        (lambda t: loglog_curvature(t[t < 15], t[t < 15]), r"needs 8 records after step 10, got \d; record more often"),
        (lambda t: loglog_curvature(t, t, smoothing=0), r"loglog_curvature\(smoothing=0\)`: must be positive"),
        (lambda t: loglog_curvature(t, t, points=9), r"loglog_curvature\(points=9\)`: must be 40 or more"),
        (lambda t: knee(t, t, confidence=95), r"knee\(confidence=95\)`: must lie between 0 and 1"),
        (lambda t: knee(t, t, draws=1), r"knee\(draws=1\)`: must be 20 or more"),
        (lambda t: knee(t, torch.zeros_like(t)), "needs 8 records after step 10, got 0"),
    ],
)
def test_what_makes_no_curve_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(log_spaced(1000))
