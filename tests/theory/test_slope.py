"""The slope of a spectrum of eigenvalues."""

import math

import pytest
import torch

from lightning_infogeo.theory import decay_slope
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
