"""The covariance of a linear training, against simulation and sums of many digits."""

import math

import numpy as np
import pytest
import torch

from lightning_infogeo.schedules import Clock, LogSpaced
from lightning_infogeo.theory import trajectory_covariance
from tests.helpers.linear_training import closed_form, covariance, decaying, exact_starts, simulated

MODES = 6
LAM = decaying(0.6, MODES)
SIGNS = torch.tensor([1.0, -1.3, 0.7, 1.0, -0.2, 0.9], dtype=torch.float64)


def log_spaced(final):
    steps = [0, 1]
    while steps[-1] < final:
        steps.append(LogSpaced(8).next_step(steps[-1], Clock(steps[-1])))
    return steps


def relative(found, expected):
    return float(torch.linalg.norm(found - expected) / torch.linalg.norm(expected))


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("records", [list(range(60)), log_spaced(100)], ids=["uniform", "log"])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"weight_decay": 0.05}], ids=str)
def test_agrees_with_gradient_descent_from_random_weights_within_two_per_cent(scale, records, options):
    starts = torch.randn(30_000, MODES, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = simulated(LAM, scale * SIGNS[:, None], starts, 0.8, records, **options)
    steps = 60 if len(records) == 60 else records
    found = trajectory_covariance(LAM, scale * SIGNS, 1.0, 0.8, steps, **options)
    expected = covariance(run)
    assert relative(found, expected) < 0.02
    largest, oracle = torch.linalg.eigvalsh(found)[-1], torch.linalg.eigvalsh(expected)[-1]
    assert abs(largest / oracle - 1) < 0.02


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"momentum": 0.5, "weight_decay": 0.05}], ids=str)
@pytest.mark.parametrize("lr", [0.3, 1.0, 1.9])
def test_is_the_covariance_of_gradient_descent_where_starts_have_exactly_that_covariance(lr, options):
    for scale in (0.01, 100.0):
        for records in (list(range(1500)), log_spaced(300)):
            run = simulated(LAM, scale * SIGNS[:, None], exact_starts(MODES, 0.5), lr, records, **options)
            steps = 1500 if len(records) == 1500 else records
            found = trajectory_covariance(LAM, scale * SIGNS, 0.5, lr, steps, **options)
            assert relative(found, covariance(run)) < 1e-10


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("records", [list(range(60)), log_spaced(100)], ids=["uniform", "log"])
def test_noise_of_the_gradients_agrees_with_simulation_within_two_per_cent(momentum, records):
    noise = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 1.0], dtype=torch.float64)
    starts = torch.zeros(20_000, MODES, 1, dtype=torch.float64)
    run = simulated(LAM, 0 * SIGNS[:, None], starts, 0.5, records, momentum=momentum, noise=noise)
    steps = 60 if len(records) == 60 else records
    found = trajectory_covariance(LAM, 0 * SIGNS, 0.0, 0.5, steps, momentum=momentum, noise=noise)
    error = found.diagonal() / covariance(run).diagonal() - 1
    assert error.abs().max() < 0.02
    without = trajectory_covariance(LAM, 0 * SIGNS, 0.0, 0.5, steps, momentum=momentum)
    assert without.eq(0).all()


def test_stationary_noise_is_reached():
    found = trajectory_covariance(LAM, 0 * SIGNS, 0.0, 0.5, [100_000], noise=2.0)
    rho = 1 - 0.5 * LAM
    torch.testing.assert_close(found.diagonal(), LAM * 0.25 * 2 / (1 - rho.square()), rtol=1e-12, atol=0)


@pytest.mark.parametrize("steps", [1, 2, 13, 30, 57, 1000, 10**7])
def test_uniform_records_equal_the_closed_form_to_ten_digits(steps):
    """Rates from 1e-13 to 1.9999 in one table; negative control: float64 on the closed form has no digit left."""
    lam = torch.tensor([1.9999, 1.5, 1.0, 0.3, 1e-3, 1e-7, 1e-10, 1e-13], dtype=torch.float64)
    target = torch.tensor([1.0, -2.0, 3.0, 1.0, 1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
    found = trajectory_covariance(lam, target, 0.0, 1.0, steps)
    expected = closed_form(lam, target, 0, 1.0, steps)
    scale = expected.diagonal().sqrt()
    assert ((found - expected).abs() <= 1e-10 * scale[:, None] * scale).all()
    noisy = trajectory_covariance(lam, target, 0.1, 1.0, steps, noise=0.5)
    torch.testing.assert_close(
        noisy.diagonal(), closed_form(lam, target, 0.1, 1.0, steps, noise=0.5).diagonal(), rtol=1e-10, atol=1e-40
    )
    if steps == 1000:
        rho = 1 - lam
        g = (1 - (rho * rho) ** steps) / (steps * (1 - rho * rho))
        naive = lam * target.square() * (g - ((1 - rho**steps) / (steps * (1 - rho))).square())
        assert abs(naive[-1] / expected[-1, -1] - 1) > 0.5


def test_one_record_shows_the_initialisations_alone():
    found = trajectory_covariance(LAM, 100 * SIGNS, 0.3, 0.8, 1)
    torch.testing.assert_close(found, torch.diag(0.09 * LAM), rtol=1e-14, atol=0)


def test_many_steps_leave_a_covariance_that_falls_like_their_inverse():
    lam = decaying(0.3, MODES)
    near, far = (trajectory_covariance(lam, SIGNS, 0.5, 0.8, steps) for steps in (10**6, 10**7))
    torch.testing.assert_close(10 * far, near, rtol=1e-3, atol=0)
    rho = 1 - 0.8 * lam
    g = 1 / (1 - rho[:, None] * rho)
    expected = (lam[:, None] * lam).sqrt() * SIGNS[:, None] * SIGNS * g + torch.diag(lam * 0.25 / (1 - rho**2))
    torch.testing.assert_close(1e7 * far, expected, rtol=1e-4, atol=0)


def test_weights_of_records_are_repetitions():
    repeated = trajectory_covariance(LAM, SIGNS, 0.5, 0.8, [0, 3, 3, 3, 9])
    weighted = trajectory_covariance(LAM, SIGNS, 0.5, 0.8, [0, 3, 9], weights=torch.tensor([1, 3, 1]))
    torch.testing.assert_close(weighted, repeated, rtol=1e-12, atol=1e-18)


def test_uniform_records_given_one_by_one_are_the_same():
    for momentum in (0.0, 0.9, 0.99):
        listed = trajectory_covariance(LAM, SIGNS, 0.5, 1.7, torch.arange(3001), momentum=momentum)
        counted = trajectory_covariance(LAM, SIGNS, 0.5, 1.7, 3001, momentum=momentum)
        assert relative(counted, listed) < 1e-12


def test_whole_numbers_of_numpy_are_steps():
    counted = trajectory_covariance(LAM, SIGNS, 0.5, 0.8, np.int64(50))
    assert torch.equal(counted, trajectory_covariance(LAM, SIGNS, 0.5, 0.8, 50))
    with pytest.raises(ValueError, match="at least one step"):
        trajectory_covariance(LAM, SIGNS, 0.5, 0.8, True)


def test_momentum_near_its_bounds_is_simulated_exactly():
    """Critical damping, oscillation, and a root near −1."""
    for momentum, rate in ((0.25, (1 - 0.5) ** 2), (0.9, 3.79), (0.5, 2.99), (0.99, 1e-9)):
        lam = torch.tensor([rate, rate / 7], dtype=torch.float64)
        run = simulated(lam, torch.ones(2, 1).double(), exact_starts(2, 0.0), 1.0, range(1201), momentum=momentum)
        found = trajectory_covariance(lam, torch.ones(2), 0.0, 1.0, 1201, momentum=momentum)
        assert relative(found, covariance(run)) < 1e-6


def test_a_rate_just_below_two_is_stable_and_two_is_an_error():
    near = 2 - 1e-9
    found = trajectory_covariance(torch.tensor([near], dtype=torch.float64), torch.ones(1), 1.0, 1.0, 10**7)
    expected = closed_form([near], [1.0], 1, 1.0, 10**7)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=0)
    for rate, momentum in ((2.0, 0.0), (2.5, 0.0), (3.81, 0.9)):
        with pytest.raises(ValueError, match="diverges"):
            trajectory_covariance(torch.tensor([rate, 0.1]), torch.ones(2), 1.0, 1.0, 10, momentum=momentum)
    with pytest.raises(ValueError, match="diverges"):
        trajectory_covariance(torch.tensor([1.5]), torch.ones(1), 1.0, 1.0, 10, weight_decay=0.5)


def test_a_mode_without_curvature_neither_learns_nor_shows():
    found = trajectory_covariance(torch.tensor([1.0, 0.0]), torch.ones(2), 1.0, 0.5, 100)
    assert found[1].eq(0).all()
    assert found[:, 1].eq(0).all()
    assert found.isfinite().all()


def test_leading_dimensions_are_a_batch():
    lam = torch.stack([decaying(c, MODES) for c in (0.2, 0.9)])
    both = trajectory_covariance(lam, SIGNS.expand(2, -1), 0.5, 0.8, 100, momentum=0.5, noise=0.1)
    for k in range(2):
        alone = trajectory_covariance(lam[k], SIGNS, 0.5, 0.8, 100, momentum=0.5, noise=0.1)
        torch.testing.assert_close(both[k], alone, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_taken_as_it_is(dtype):
    lam, target = LAM.to(dtype), SIGNS.to(dtype)
    found = trajectory_covariance(lam, target, 0.5, 0.8, 100)
    torch.testing.assert_close(found, trajectory_covariance(lam.double(), target.double(), 0.5, 0.8, 100))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": []}, "at least one step"),
        ({"steps": [0, -1]}, "non-negative"),
        ({"steps": [0.5]}, "non-negative int"),
        ({"steps": 5, "weights": torch.ones(5)}, "weights are for steps"),
        ({"steps": [1, 2], "weights": torch.ones(3)}, "one for each step"),
        ({"steps": [1, 2], "weights": torch.zeros(2)}, "not all zero"),
        ({"momentum": 1.0}, r"momentum=1.0"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
        ({"sigma_w": -1.0}, "sigma_w"),
        ({"noise": torch.ones(2)}, "noise"),
        ({"targets": torch.ones(5)}, "shapes"),
        ({"targets": torch.ones(6, 0)}, "shapes"),
        ({"eigenvalues": LAM.expand(3, -1), "targets": torch.ones(2, 6)}, "shapes"),
        ({"targets": torch.full((6,), math.nan)}, "finite"),
        ({"eigenvalues": -LAM}, "not below 0"),
        ({"eigenvalues": torch.zeros(0), "targets": torch.zeros(0)}, "shapes"),
    ],
)
def test_impossible_arguments_are_named(changed, message):
    arguments = {"eigenvalues": LAM, "targets": SIGNS, "sigma_w": 1.0, "lr": 0.5, "steps": 10} | changed
    with pytest.raises(ValueError, match=message):
        trajectory_covariance(**arguments)
