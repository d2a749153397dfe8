"""The slope of a spectrum of eigenvalues."""

import math

import pytest
import torch

from lightning_infogeo.theory import Decay, decay_slope, power_slope
from lightning_infogeo.theory.slope import _student
from tests.helpers.linear_training import decaying


@pytest.mark.parametrize("c", [0.01, 0.3, 2.0])
def test_is_exact_on_exponentials(c):
    found = decay_slope(7 * decaying(c, 40))
    assert found.value == pytest.approx(c, rel=1e-12)
    assert found.r_squared == pytest.approx(1, abs=1e-12)
    assert (found.first, found.last) == (0, 40)


def test_its_interval_holds_the_truth_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(600):
        noise = 0.4 * torch.randn(12, generator=generator, dtype=torch.float64)
        found = decay_slope(decaying(0.5, 12) * noise.exp())
        held += found.low <= 0.5 <= found.high
    assert 0.93 < held / 600 < 0.97


def test_its_error_is_that_of_regression():
    scipy = pytest.importorskip("scipy.stats")
    noise = torch.randn(15, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = decaying(0.2, 15) * (0.3 * noise).exp()
    found, line = decay_slope(values), scipy.linregress(range(15), -values.log().numpy())
    assert found.value == pytest.approx(line.slope, rel=1e-10)
    assert found.error == pytest.approx(line.stderr, rel=1e-10)
    assert found.r_squared == pytest.approx(line.rvalue**2, rel=1e-10)
    for freedom in (1, 2, 3, 5, 13, 100):
        assert _student(freedom) == pytest.approx(scipy.t.ppf(0.975, freedom), rel=0.01)


def test_the_range_is_what_is_fitted():
    values = torch.cat([decaying(2.0, 5), decaying(2.0, 5)[-1] * decaying(0.1, 20)[1:]])
    assert decay_slope(values, (5, 24)).value == pytest.approx(0.1, rel=1e-10)
    assert decay_slope(values).r_squared < 0.9
    assert decay_slope(torch.cat([decaying(0.5, 9), torch.zeros(3)])).last == 9


@pytest.mark.parametrize("alpha", [0.5, 1.4, 3.0])
def test_a_power_law_is_told_from_an_exponential_by_r_squared(alpha):
    values = 3 * torch.arange(1, 301, dtype=torch.float64) ** -alpha
    found = Decay.of(values)
    assert found.power.value == pytest.approx(alpha, rel=1e-10)
    assert found.power.r_squared == pytest.approx(1, abs=1e-12)
    assert found.exponential.r_squared < 0.9
    assert found.better == "power"
    other = Decay.of(decaying(0.3, 40))
    assert other.better == "exponential"
    assert other.exponential.r_squared == pytest.approx(1)
    assert other.power.r_squared < 0.95
    assert other.text == "e^(−0.3 i) over modes 1 to 40, R² 1.00"


def test_c_of_a_power_law_is_the_choice_of_its_range_and_the_exponent_is_not():
    """On raw images c falls from .14–.22 over 20 modes to .013–.016 over 300; it was reported without its range."""
    values = torch.arange(1, 301, dtype=torch.float64) ** -1.4
    over = {modes: Decay.of(values, (0, modes)) for modes in (20, 300)}
    assert over[20].exponential.value > 8 * over[300].exponential.value
    assert over[20].power.value == pytest.approx(over[300].power.value)
    assert [over[modes].exponential.last for modes in over] == [20, 300]
    assert all("over modes 1 to" in each.text for each in over.values())


def test_the_exponent_counts_modes_from_one_wherever_the_fit_begins():
    values = torch.arange(1, 101, dtype=torch.float64) ** -1.4
    found = power_slope(values, (10, 60))
    assert found.value == pytest.approx(1.4, rel=1e-10)
    assert (found.first, found.last) == (10, 60)
    with pytest.raises(ValueError, match="power_slope"):
        power_slope(values, (5, 6))


def test_degenerate_spectra():
    two = decay_slope(torch.tensor([1.0, math.exp(-1)]))
    assert two.value == pytest.approx(1, rel=1e-6)
    assert math.isnan(two.error)
    flat = decay_slope(torch.ones(10))
    assert flat.value == 0
    assert math.isnan(flat.r_squared)


@pytest.mark.parametrize(
    ("values", "fit"),
    [
        (torch.zeros(3), None),
        (torch.ones(1), None),
        (torch.zeros(0), None),
        (torch.tensor([math.nan, 1, 1]), None),
        (torch.ones(5), (0, 6)),
        (torch.ones(5), (3, 3)),
        (torch.tensor([1.0, 0.5, 0.0]), (0, 3)),
        (torch.ones(2, 2), None),
    ],
)
def test_impossible_spectra_are_named(values, fit):
    with pytest.raises(ValueError, match="decay_slope"):
        decay_slope(values, fit)
