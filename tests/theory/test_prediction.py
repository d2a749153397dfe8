"""The predicted spectrum, against simulated trainings."""

import math

import pytest
import torch

from lightning_infogeo import inpca
from lightning_infogeo.theory import (
    HyperRibbon,
    LowDimensional,
    Spectrum,
    gaussian_distances,
    hyper_ribbon,
    input_spectrum,
    low_dimensional,
    measured_spectrum,
    predicted_spectrum,
    trajectory_covariance,
)
from tests.helpers.linear_training import covariance, decaying, exact_starts, simulated


@pytest.mark.parametrize(
    ("steps", "scale", "variance", "stress", "dimensions"),
    [
        (10, 0.01, 0.49, 0.32, 10),
        (10, 100.0, 1.00, 0.993, 2),
        (1000, 0.01, 0.25, 0.16, 17),
        (1000, 100.0, 0.960, 0.867, 3),
        (100_000, 0.01, 0.17, 0.11, 26),
        (100_000, 100.0, 0.867, 0.708, 5),
    ],
)
def test_the_table_of_regimes(steps, scale, variance, stress, dimensions):
    found = predicted_spectrum(decaying(0.5, 60), scale * torch.ones(60), 1.0, 1.0, steps)
    digits = 0.0055 if scale < 1 or steps == 10 else 0.0005  # of the table, which has 0.4849 as .49
    assert found.explained_variance(3) == pytest.approx(variance, abs=digits)
    assert found.explained_stress(2) == pytest.approx(stress, abs=digits)
    assert found.dimensions() == dimensions
    assert hyper_ribbon(found).is_ribbon == (variance >= 0.9)


def test_small_scale_and_few_steps_follow_the_inputs():
    found = predicted_spectrum(decaying(0.7, 30), 1e-6 * torch.ones(30), 1.0, 1e-6, 3)
    torch.testing.assert_close(found.eigenvalues, decaying(0.7, 30), rtol=1e-4, atol=0)


def test_small_scale_and_many_steps_leave_a_flat_top():
    """All modes that have been learned are equal: some ln(ηλ_1 T) / c of them."""
    found = predicted_spectrum(decaying(0.5, 60), 1e-6 * torch.ones(60), 1.0, 1.0, 10**6)
    top = found.eigenvalues[1:20]  # the first mode, learned in one step, has another constant
    assert found.eigenvalues[0] / found.eigenvalues[20] < 2.5
    assert top.max() / top.min() < 1.5
    assert found.dimensions() == pytest.approx(torch.tensor(1e6).log() / 0.5, abs=4)


@pytest.mark.parametrize("outputs", [1, 3])
def test_spectrum_of_several_outputs_is_that_of_all_predictions(outputs):
    target = torch.randn(5, outputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lam = decaying(0.5, 5)
    run = simulated(lam, target, exact_starts(5, 0.7, outputs), 0.9, range(80))
    expected = torch.linalg.eigvalsh(covariance(run)).flip(0)
    found = predicted_spectrum(lam, target, 0.7, 0.9, 80)
    torch.testing.assert_close(found.eigenvalues, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("spread", ["one run", "many runs"])
def test_inpca_of_recorded_linear_trajectories_has_the_predicted_spectrum(spread):
    """From inputs and real gradient descent on them to distances of Gaussian outputs and their InPCA."""
    generator = torch.Generator().manual_seed(3)
    samples, features, outputs, variance = 50, 4, 2, 0.3
    x = torch.randn(samples, features, dtype=torch.float64, generator=generator) * decaying(0.8, features)
    y = torch.randn(samples, outputs, dtype=torch.float64, generator=generator)
    records = [0, 1, 2, 4, 8, 16, 32, 64]
    sigma = 0.0 if spread == "one run" else 0.6
    starts = exact_starts(features, sigma, outputs)
    if spread == "one run":
        starts = torch.randn(1, features, outputs, dtype=torch.float64, generator=generator)
    lr = 0.5 / float(torch.linalg.eigvalsh(x.mT @ x / samples)[-1])
    predictions = []
    w = starts.clone()
    for step in range(max(records) + 1):
        if step in records:
            predictions.append(x @ w)
        w = w - lr * x.mT @ (x @ w - y) / samples
    predictions = torch.cat(predictions)
    embedding = inpca(gaussian_distances(predictions, variance), n_components=8)

    spectrum = input_spectrum(x)
    target = spectrum.targets(y, x)
    if spread == "one run":
        target = target - spectrum.vectors.mT @ starts[0]
    found = predicted_spectrum(spectrum.eigenvalues, target, sigma, lr, records)
    expected = len(predictions) * found.eigenvalues / (8 * variance)
    kept = min(len(expected), 8)
    torch.testing.assert_close(embedding.eigenvalues[:kept], expected[:kept], rtol=1e-8, atol=1e-10)
    measured = measured_spectrum(gaussian_distances(predictions, variance))
    assert measured.dimensions() == found.dimensions()
    assert measured.explained_stress(2) == pytest.approx(found.explained_stress(2), rel=1e-8)
    assert measured.explained_variance(3) == pytest.approx(found.explained_variance(3), rel=1e-8)
    assert (measured.eigenvalues > -1e-9).all()
    # Negative control: inputs scaled by 2 have another trajectory.
    other = predicted_spectrum(2 * spectrum.eigenvalues, target, sigma, lr, records)
    assert abs(other.explained_stress(2) - found.explained_stress(2)) > 1e-4


def test_eigenvalues_are_those_of_the_covariance_and_small_ones_keep_their_digits():
    lam, target = decaying(1.0, 12), torch.ones(12)
    found = predicted_spectrum(lam, target, 0.1, 1.5, 300)
    whole = torch.linalg.eigvalsh(trajectory_covariance(lam, target, 0.1, 1.5, 300)).flip(0)
    torch.testing.assert_close(found.eigenvalues, whole, rtol=1e-6, atol=1e-16)
    tiny = predicted_spectrum(1e-15 * lam, target, 0.0, 1.0, 10**7)
    assert (tiny.eigenvalues >= 0).all()
    straight = 1e-45 * float((lam.square() * lam).sum()) * 1e14 / 12  # slow modes move along one line, a_k ≈ 1 − xk
    assert float(tiny.eigenvalues[0]) == pytest.approx(straight, rel=1e-6, abs=0)
    assert tiny.dimensions(0.999) == 1


def test_ten_million_steps_are_a_sum_over_few():
    lam = decaying(0.5, 60)
    near = predicted_spectrum(lam, 100 * torch.ones(60), 1.0, 1.0, 10**7 - 1)
    far = predicted_spectrum(lam, 100 * torch.ones(60), 1.0, 1.0, 10**7)
    torch.testing.assert_close(far.eigenvalues[:30], near.eigenvalues[:30], rtol=1e-6, atol=0)
    assert far.dimensions() == 6
    endless = predicted_spectrum(lam, 100 * torch.ones(60), 1.0, 1.0, 10**13)
    assert endless.eigenvalues.isfinite().all()


def test_figures_of_a_spectrum():
    mixed = Spectrum(torch.tensor([4.0, -3.0, 2.0, -1.0, 0.0], dtype=torch.float64))
    assert mixed.explained_variance(2) == pytest.approx(0.7)
    assert mixed.explained_stress(2) == pytest.approx(1 - (5 / 30) ** 0.5)
    assert (mixed.dimensions(0.9), mixed.dimensions(0.91), mixed.dimensions(1.0)) == (3, 4, 4)
    still = Spectrum(torch.zeros(3))
    assert (still.explained_variance(), still.explained_stress(), still.dimensions()) == (1, 1, 1)
    with pytest.raises(ValueError, match="share=0"):
        mixed.dimensions(0)


def test_a_share_of_the_variance_is_no_hierarchy():
    """One long direction passes as low-dimensional; only eigenvalues that fall evenly in ln are a hierarchy."""
    one = low_dimensional(torch.tensor([1.0] + 19 * [1e-3]))
    even = low_dimensional(7 * torch.exp(-1.2 * torch.arange(20, dtype=torch.float64)))
    assert one.is_low_dimensional
    assert even.is_low_dimensional
    assert one.slope.r_squared < 0.2
    assert even.slope.r_squared == pytest.approx(1)
    assert even.slope.value == pytest.approx(1.2)
    assert (even.slope.first, even.slope.last) == (0, 20)
    mixed = low_dimensional(torch.tensor([1.0, -0.5, 0.25, 1e-14, 0.0], dtype=torch.float64))
    assert mixed.slope.value == pytest.approx(math.log(2))  # by the modulus, and not of rounding
    assert mixed.slope.last == 3
    assert low_dimensional(torch.tensor([1.0, 0.0])).slope is None
    assert low_dimensional(torch.exp(-torch.arange(9.0)), fit=(2, 5)).slope.last == 5


def test_the_earlier_names_still_mean_the_same():
    assert hyper_ribbon is low_dimensional
    assert hyper_ribbon(torch.ones(3)).is_ribbon
    assert HyperRibbon is LowDimensional


def test_the_verdict_has_its_threshold():
    assert hyper_ribbon(torch.tensor([0.1, 8.0, 0.9, 0.9])).explained_variance == pytest.approx(9.8 / 9.9)
    flat = torch.ones(4)
    assert not hyper_ribbon(flat).is_ribbon
    assert hyper_ribbon(flat, threshold=0.75).is_ribbon
    for bad in ({"threshold": 0.0}, {"threshold": 1.1}):
        with pytest.raises(ValueError, match="threshold"):
            hyper_ribbon(flat, **bad)
    for bad in (torch.zeros(0), torch.tensor([torch.nan])):
        with pytest.raises(ValueError, match="at least one eigenvalue"):
            hyper_ribbon(bad)
    with pytest.raises(ValueError, match=r"shape \(modes,\)"):
        predicted_spectrum(torch.ones(2, 2), torch.ones(2, 2), 1.0, 0.5, 5)
