"""The length of weights without the noise floor: 0 where nothing moves, and otherwise near the closed form."""

import math

import pytest
import torch

from lightning_infogeo.markers import LogLogKnee, knee
from lightning_infogeo.parameters import QUANTITIES, ParameterDensity
from lightning_infogeo.trajectory import Trajectory
from lightning_infogeo.trajectory.corrected_length import corrected_hop, corrected_length, corrected_length_error
from tests.helpers.crossovers import crossover
from tests.helpers.weight_paths import followed, ornstein_uhlenbeck

HISTOGRAM = ParameterDensity("network", "histogram")


def columns(path, settings=HISTOGRAM):
    """Velocity, length and floor of the network's weights, one step a record."""
    rows, _ = followed(settings, path)
    return (rows[:, 0, QUANTITIES.index(name)] for name in ("velocity", "length", "floor"))


def test_weights_that_stand_still_go_nowhere():
    velocity, length, floor = columns([torch.randn(20_000, generator=torch.Generator().manual_seed(0))] * 5)
    assert length[-1] == corrected_length(velocity, floor, torch.ones(5))[-1] == 0


def fresh(weights, generator):
    """Weights drawn anew at every record."""
    return [torch.randn(weights, generator=generator) for _ in range(41)]


def wandering(weights, generator):
    """Weights that wander within one distribution, a tenth of its spread a record or less, as in a training at rest."""
    seed = int(torch.randint(2**30, (), generator=generator))
    return ornstein_uhlenbeck(weights, [0.005 * k for k in range(41)], 0.0, 0.5, 0.5, seed)


@pytest.mark.parametrize("path", [fresh, wandering])
@pytest.mark.parametrize(("estimator", "weights", "errors"), [("histogram", 12_000, 1), ("gaussian", 1_000, 2)])
def test_a_distribution_that_stands_still_goes_nowhere_within_the_error(path, estimator, weights, errors):
    """All of the raw length is noise. What lies above the floor alone would be 15 % of it, or 37 %."""
    generator, ones = torch.Generator().manual_seed(0), torch.ones(41)
    found, error, raw, above = [], [], [], []
    for _ in range(12):
        velocity, length, floor = columns(path(weights, generator), ParameterDensity("network", estimator))
        found.append(corrected_length(velocity, floor, ones)[-1])
        error.append(errors * corrected_length_error(floor, ones)[-1])
        raw.append(length[-1])
        above.append((velocity.square() - floor.square())[1:].clamp_min(0).sqrt().sum())
    lengths, sigma = torch.stack(found), torch.stack(error)
    assert float((lengths / sigma).square().mean().sqrt()) < 1.4
    assert (lengths.abs() < 3 * sigma).all()
    assert abs(float(lengths.mean())) < 3 * float(sigma.mean()) / 12**0.5
    assert float(sigma.mean()) < (0.09 if estimator == "histogram" else 0.2) * float(torch.stack(raw).mean())
    assert float(torch.stack(above).mean()) > 4 * float(sigma.mean()) / 12**0.5  # negative control


@pytest.mark.parametrize("weights", [20_000, 200_000])
def test_of_moving_weights_it_is_the_closed_form_within_the_error(weights):
    times = [2.0 * k / 20 for k in range(21)]
    velocity, length, floor = columns(ornstein_uhlenbeck(weights, times, 4.0, 1.0, 1.0))
    true = 4 * (1 - math.exp(-2))
    corrected = float(corrected_length(velocity, floor, torch.ones(21))[-1])
    error = float(corrected_length_error(floor, torch.ones(21))[-1])
    assert abs(corrected - true) < error < 0.6 * abs(float(length[-1]) - true)


def test_a_record_left_out_adds_nothing_and_predictions_have_none():
    nan = torch.nan
    found = corrected_length(torch.tensor([nan, 0.5, nan, 0.5]), torch.tensor([nan, 0.3, nan, 0.4]), torch.ones(4))
    torch.testing.assert_close(found, torch.tensor([0, 0.4, 0.4, 0.7], dtype=torch.float64))
    assert corrected_hop(nan, nan, 0) == 0
    error = corrected_length_error(torch.tensor([nan, 0.3, nan, 0.4]), torch.full((4,), 2.0))
    torch.testing.assert_close(error, torch.tensor([0, 0.3, 0.3, 0.5], dtype=torch.float64))
    with pytest.raises(AttributeError, match="corrected_length"):
        _ = Trajectory(("velocity", "length"), "", 1, "").corrected_length


def test_one_hop_and_all_of_them_are_taken_alike():
    generator = torch.Generator().manual_seed(0)
    velocity, floor, interval = torch.rand(3, 50, generator=generator, dtype=torch.float64)
    hops = [corrected_hop(*row) for row in zip(velocity.tolist(), floor.tolist(), interval.tolist(), strict=True)]
    torch.testing.assert_close(corrected_length(velocity, floor, interval).diff(), torch.tensor(hops[1:]).double())
    assert min(hops) == pytest.approx(-0.55 * float((floor * interval)[int(torch.tensor(hops).argmin())]))


def test_the_knee_of_a_length_that_is_mostly_floor_lies_where_the_corrected_one_has_it():
    steps, true = crossover(noise=0.0, at=300)
    hops = true.diff(prepend=true.new_zeros(1))
    floor = torch.full_like(hops, 20.0)
    raw = (hops.square() + floor.square()).sqrt()
    assert 0.6 < float(floor.square().sum() / raw.square().sum()) < 0.75  # 57 to 71 % in trainings
    corrected = corrected_length(raw, floor, torch.ones(len(steps)))
    assert knee(steps, corrected).step == pytest.approx(300, rel=0.12)
    assert knee(steps, raw.cumsum(0)).reason == "edge"


def test_the_marker_watches_the_corrected_length_of_weights_and_the_length_of_predictions():
    assert LogLogKnee().observed({"length": 3.0, "corrected_length": 2.0}) == [2.0]
    assert LogLogKnee().observed({"length": 3.0}) == [3.0]
