"""The length of weights without the noise floor: 0 where nothing moves, and otherwise near the closed form."""

import math

import pytest
import torch

from lightning_infogeo.markers import LogLogKnee, knee
from lightning_infogeo.parameters import QUANTITIES, ParameterDensity
from lightning_infogeo.trajectory import Trajectory
from lightning_infogeo.trajectory.corrected_length import corrected_hop, corrected_length
from tests.helpers.crossovers import crossover
from tests.helpers.weight_paths import followed, ornstein_uhlenbeck

HISTOGRAM = ParameterDensity("network", "histogram")


def columns(path):
    """Velocity, length and floor of the network's weights, one step a record."""
    rows, _ = followed(HISTOGRAM, path)
    return (rows[:, 0, QUANTITIES.index(name)] for name in ("velocity", "length", "floor"))


def test_weights_that_stand_still_go_nowhere():
    velocity, length, floor = columns([torch.randn(20_000, generator=torch.Generator().manual_seed(0))] * 5)
    assert length[-1] == corrected_length(velocity, floor, torch.ones(5))[-1] == 0


def test_a_distribution_that_stands_still_goes_nowhere_within_the_error():
    """Its weights are drawn anew at every record: all of the raw length is noise."""
    generator = torch.Generator().manual_seed(0)
    velocity, length, floor = columns([torch.randn(20_000, generator=generator) for _ in range(41)])
    excess = (velocity[1:].square() - floor[1:].square()) / floor[1:].square()
    bins = 98
    assert float(excess.mean()) == pytest.approx(0, abs=4 * math.sqrt(2 / bins / 40))
    corrected = corrected_length(velocity, floor, torch.ones(41))
    # √ of the positive part of a normal number: E √z₊ = 0.411, and z has the standard deviation √(2/B) of the floor's.
    assert float(corrected[-1] / length[-1]) == pytest.approx(0.411 * (2 / bins) ** 0.25, abs=0.08)


@pytest.mark.parametrize("weights", [20_000, 200_000])
def test_it_is_nearer_to_the_closed_form_than_the_raw_length(weights):
    times = [2.0 * k / 20 for k in range(21)]
    velocity, length, floor = columns(ornstein_uhlenbeck(weights, times, 4.0, 1.0, 1.0))
    true = 4 * (1 - math.exp(-2))
    corrected = float(corrected_length(velocity, floor, torch.ones(21))[-1])
    assert corrected == pytest.approx(true, rel=0.06)
    assert abs(corrected - true) < 0.6 * abs(float(length[-1]) - true)


def test_a_record_left_out_adds_nothing_and_predictions_have_none():
    nan = torch.nan
    found = corrected_length(torch.tensor([nan, 0.5, nan, 0.5]), torch.tensor([nan, 0.3, nan, 0.4]), torch.ones(4))
    torch.testing.assert_close(found, torch.tensor([0, 0.4, 0.4, 0.7], dtype=torch.float64))
    assert corrected_hop(nan, nan, 0) == 0
    with pytest.raises(AttributeError, match="corrected_length"):
        _ = Trajectory(("velocity", "length"), "", 1, "").corrected_length


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
