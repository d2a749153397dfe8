"""Velocity and length of samples, against their definitions."""

import itertools
import math

import pytest
import torch

from lightning_infogeo.parameters import information_length, parameter_velocity
from lightning_infogeo.parameters.grid import bin_count
from tests.helpers import oracles
from tests.helpers.weight_paths import ornstein_uhlenbeck


def samples(number=20_000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, generator=generator), 0.1 + 1.1 * torch.randn(number, generator=generator)


@pytest.mark.parametrize("number", [1_000, 20_000, 300_000])
def test_it_is_the_definition(number):
    before, after = samples(number)
    found = float(parameter_velocity(before, after, dt=3.0))
    assert found == pytest.approx(oracles.parameter_velocity(before, after, 3.0), rel=1e-6)


def test_the_gaussian_estimator_is_the_geodesic_distance():
    before, after = (x.double() for x in samples())
    ends = (before.mean(), before.var(correction=0), after.mean(), after.var(correction=0))
    exact = float(oracles.normal_distance(*ends)) / 3
    assert float(parameter_velocity(before, after, 3.0, "gaussian")) == pytest.approx(exact, rel=1e-9)


def test_auto_is_gaussian_below_ten_thousand():
    for number, estimator in ((9_999, "gaussian"), (10_000, "histogram")):
        before, after = samples(number)
        found = parameter_velocity(before, after, estimator="auto")
        assert found == parameter_velocity(before, after, estimator=estimator)


@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
def test_an_affine_map_of_the_weights_changes_nothing(estimator):
    before, after = (x.double() for x in samples())
    velocity = parameter_velocity(before, after, estimator=estimator)
    for slope, offset in ((4.0, 0.0), (-0.5, 0.0), (3.7, -20.0)):
        mapped = parameter_velocity(slope * before + offset, slope * after + offset, estimator=estimator)
        assert float(mapped) == pytest.approx(float(velocity), rel=2e-3 if estimator == "histogram" else 1e-9)
    # Negative control: a map of only one of them.
    assert float(parameter_velocity(before, 2 * after, estimator=estimator)) > 2 * float(velocity)


@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
@pytest.mark.parametrize("weights", [10_000, 1_000_000])
@pytest.mark.parametrize(("mean", "variance"), [(4.0, 1.0), (0.0, 16.0)])
def test_relaxation_has_the_length_of_the_closed_form_within_the_stated_bias(mean, variance, weights, estimator):
    """To a stationary variance of 1: the mean alone moves, Γ = |m|/√S, or the variance alone, L = |ln(S/S_0)|/√2."""
    records = 20 if weights > 10_000 else 10
    times = [2.0 * k / records for k in range(records + 1)]
    if mean:
        length = [mean * (1 - math.exp(-t)) for t in times]
    else:
        length = [math.log(variance / (1 + (variance - 1) * math.exp(-2 * t))) / 2**0.5 for t in times]
    path = ornstein_uhlenbeck(weights, times, mean, variance, 1.0)
    found = information_length(path, estimator)
    floor = 2 * bin_count(weights) / weights if estimator == "histogram" else 0.0
    biased = sum(math.hypot(b - a, floor**0.5) for a, b in itertools.pairwise(length))
    assert float(found[-1]) == pytest.approx(biased, rel=0.04 if weights == 10_000 else 0.015)
    velocity = parameter_velocity(path[0], path[1], times[1], estimator)
    exact = math.hypot(length[1], floor**0.5) / times[1]
    assert float(velocity) == pytest.approx(exact, rel=0.06 if weights == 10_000 else 0.03)
    if estimator == "histogram" and weights == 10_000 and not mean:  # negative control: without the bias
        assert abs(float(found[-1]) / length[-1] - 1) > 0.1


def test_length_does_not_depend_on_the_times_of_the_same_states():
    """The same relaxation in a time that runs as t³: other intervals, other velocities, the same length."""
    even = [2.0 * k / 20 for k in range(21)]
    cubic = [2.0 * (k / 20) ** 3 for k in range(21)]
    a, b = (ornstein_uhlenbeck(200_000, times, 4.0, 1.0, 1.0) for times in (even, cubic))
    assert float(information_length(b)[-1]) == pytest.approx(float(information_length(a)[-1]), rel=0.03)
    velocities = [parameter_velocity(path[0], path[1]) for path in (a, b)]
    assert float(velocities[0]) > 3 * float(velocities[1])


@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
def test_constant_zero_and_broken_weights(estimator):
    zeros, spread = torch.zeros(100), torch.randn(100, generator=torch.Generator().manual_seed(0))
    assert parameter_velocity(zeros, zeros, estimator=estimator) == 0
    assert parameter_velocity(spread, spread, estimator=estimator) == 0
    assert 2 < float(parameter_velocity(zeros, spread, estimator=estimator)) < 2.83
    for broken in (torch.nan, torch.inf):
        spread[3] = broken
        assert parameter_velocity(zeros, spread, estimator=estimator).isnan()


def test_half_precision_is_counted_as_it_is():
    before, after = (x.to(torch.bfloat16) for x in samples())
    assert parameter_velocity(before, after) == parameter_velocity(before.double(), after.double())


def test_mistakes_are_named():
    x = torch.ones(3)
    with pytest.raises(ValueError, match=r"parameter_velocity\(dt=0\)"):
        parameter_velocity(x, x, 0)
    with pytest.raises(ValueError, match=r"estimator='mean'"):
        parameter_velocity(x, x, estimator="mean")
    with pytest.raises(ValueError, match="got 3 and 2"):
        parameter_velocity(x, x[:2])
    with pytest.raises(ValueError, match=r"information_length\(samples=\[\]\)"):
        information_length([])
    with pytest.raises(TypeError, match="int64"):
        parameter_velocity(x, x.long())
