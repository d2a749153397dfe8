"""The noise of training, measured at records whose law is known."""

import math

import pytest
import torch

from lightning_infogeo.markers.record_noise import CORRELATION, RecordNoise
from tests.helpers.log_spaced_steps import log_steps

LIKE = torch.zeros((), dtype=torch.float64)


def measured(times, means):
    noise = RecordNoise.none(LIKE)
    for time, mean in zip(times, means, strict=True):
        noise = noise.after(time, mean)
    return noise


@pytest.mark.parametrize("relative", [0.001, 0.03])
def test_noise_of_the_correlation_that_is_assumed_is_measured_right(relative):
    generator = torch.Generator().manual_seed(0)
    times = torch.arange(3000, dtype=torch.float64) * 0.03
    noise, drawn = torch.zeros(len(times), dtype=torch.float64), torch.randn(len(times), generator=generator).double()
    for k in range(1, len(times)):
        noise[k] = CORRELATION * noise[k - 1] + math.sqrt(1 - CORRELATION**2) * drawn[k]
    found = [
        float(measured(times[k : k + 300], 2 + 2 * relative * noise[k : k + 300]).deviation)
        for k in range(0, 2700, 300)
    ]
    assert sum(found) / len(found) == pytest.approx(relative, rel=0.1)


def test_independent_noise_is_not_underestimated():
    generator = torch.Generator().manual_seed(0)
    times = torch.arange(1000, dtype=torch.float64) * 0.1
    found = float(measured(times, 1 + 0.02 * torch.randn(1000, generator=generator).double()).deviation)
    assert 0.02 < found < 0.05


@pytest.mark.parametrize("per_decade", [8, 24, 78])
def test_a_parabola_in_the_logarithm_of_steps_has_none(per_decade):
    times = torch.tensor(log_steps(per_decade=per_decade), dtype=torch.float64).add(1).log()
    assert float(measured(times, 3 - 0.5 * times + 0.04 * times**2).deviation) < 1e-12


def test_of_few_records_it_is_taken_to_be_larger():
    generator = torch.Generator().manual_seed(0)
    times, means = torch.arange(60, dtype=torch.float64) * 0.1, torch.ones(60, dtype=torch.float64)
    means[::2] += 0.01
    means = means + 0 * torch.randn(60, generator=generator).double()
    assert [float(measured(times[:k], means[:k]).deviation) for k in (0, 1, 3)] == [0, 0, 0]
    few, more, many = (float(measured(times[:k], means[:k]).deviation) for k in (5, 20, 60))
    assert few == pytest.approx(3 * many / math.sqrt(1 + 16 / 57), rel=0.05)  # √(1 + 16/2) of two residuals
    assert few > more > many
