"""Dimensions measured on recorded predictions."""

import pytest
import torch

from lightning_infogeo import amplitudes, pairwise_bhattacharyya
from lightning_infogeo.theory import gaussian_distances, measured_spectrum, probe_spectrum
from tests.helpers.contracts import random_logits


def trained(lr=0.3, labels=None, steps=(0, 1, 2, 5, 10, 20, 50)):
    """A linear model on squared loss from zero weights, as ``probe_spectrum`` supposes it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=generator) * torch.tensor([2.0, 1.0, 0.5, 0.2, 0.1])
    labels = torch.randint(3, (60,), generator=generator) if labels is None else labels
    y = torch.nn.functional.one_hot(labels, 3).double() - 1 / 3
    w, found = torch.zeros(5, 3, dtype=torch.float64), []
    for step in range(max(steps) + 1):
        if step in steps:
            found.append(x.double() @ w)
        w = w - lr * x.double().mT @ (x.double() @ w - y) / 60
    return x, labels, torch.stack(found), list(steps)


def test_gaussian_distances_are_those_of_normal_distributions():
    """−ln ∫ √(N(a, s²) N(b, s²)) on a grid."""
    grid = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
    a, b, s = 0.3, 1.9, 0.7
    density = [torch.exp(-((grid - m) ** 2) / (2 * s * s)) / (2 * torch.pi * s * s) ** 0.5 for m in (a, b)]
    expected = -torch.log((density[0] * density[1]).sqrt().sum() * (grid[1] - grid[0]))
    found = gaussian_distances(torch.tensor([[a], [b]], dtype=torch.float64), s * s)
    torch.testing.assert_close(found[0, 1], expected, rtol=1e-10, atol=0)
    assert found.diagonal().eq(0).all()
    far = gaussian_distances(1e8 + torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    assert far[0, 1] == pytest.approx(1 / 8)


def test_measured_eigenvalues_are_those_of_numpy_with_their_signs():
    table = pairwise_bhattacharyya(amplitudes(random_logits(20, 8, 4, dtype=torch.float64)))
    centring = torch.eye(20, dtype=torch.float64) - 1 / 20
    expected = torch.linalg.eigvalsh(-0.5 * centring @ table @ centring / 20)
    found = measured_spectrum(table).eigenvalues
    assert (found < -1e-6).any()
    torch.testing.assert_close(found.sort().values, expected, rtol=1e-10, atol=1e-15)
    assert found.abs().diff().le(0).all()


def test_weights_of_records_are_repetitions():
    table = pairwise_bhattacharyya(amplitudes(random_logits(4, 8, 4, dtype=torch.float64)))
    twice = torch.tensor([0, 1, 1, 2, 3, 3, 3])
    repeated = measured_spectrum(table[twice][:, twice]).eigenvalues[:3]
    torch.testing.assert_close(measured_spectrum(table, torch.tensor([1, 2, 1, 3])).eigenvalues[:3], repeated)


def test_a_linear_run_measures_what_is_predicted():
    x, labels, predictions, steps = trained()
    found = probe_spectrum(x, labels, gaussian_distances(predictions), steps, lr=0.3)
    torch.testing.assert_close(
        8 * found.measured.eigenvalues[:4], found.predicted.eigenvalues[:4], rtol=1e-8, atol=1e-12
    )
    assert found.predicted_dimensions == found.measured_dimensions > 1
    assert found.slope.value > 1
    weighted = torch.tensor([1.0, 1, 1, 3, 5, 10, 30])
    heavy = probe_spectrum(x, labels, gaussian_distances(predictions), steps, lr=0.3, weights=weighted)
    torch.testing.assert_close(
        8 * heavy.measured.eigenvalues[:4], heavy.predicted.eigenvalues[:4], rtol=1e-8, atol=1e-12
    )
    assert abs(heavy.predicted.explained_variance(1) - found.predicted.explained_variance(1)) > 0.01


def test_without_a_learning_rate_the_fastest_mode_takes_one_step():
    x, labels, predictions, steps = trained()
    rate = 1 / float(torch.linalg.eigvalsh(x.double().mT @ x.double() / 60)[-1])
    default = probe_spectrum(x, labels, gaussian_distances(predictions), torch.tensor(steps))
    given = probe_spectrum(x, labels, gaussian_distances(predictions), steps, lr=rate)
    torch.testing.assert_close(default.predicted.eigenvalues, given.predicted.eigenvalues)


def test_many_features_and_few_samples_are_predicted_all_the_same(monkeypatch):
    """Features that turn and pad the inputs change nothing."""
    monkeypatch.setattr("lightning_infogeo.theory.measured._COLUMNS", 30)
    x, labels, predictions, steps = trained()
    turn = torch.linalg.qr(torch.randn(100, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    few = probe_spectrum(x, labels, gaussian_distances(predictions), steps, lr=0.3)
    many = probe_spectrum(x.double() @ turn.mT, labels, gaussian_distances(predictions), steps, lr=0.3)
    torch.testing.assert_close(many.predicted.eigenvalues[:4], few.predicted.eigenvalues[:4], rtol=1e-8, atol=1e-12)
    assert many.slope.value == pytest.approx(few.slope.value, rel=1e-8)


def test_degenerate_probes():
    x, labels, predictions, steps = trained()
    table = gaussian_distances(predictions)
    one = probe_spectrum(x, torch.zeros(60, dtype=torch.long), table, steps)  # one class: nothing to learn
    assert one.predicted_dimensions == 1
    single = probe_spectrum(x[:1], labels[:1], table[:1, :1], [0])
    assert (single.predicted_dimensions, single.measured_dimensions, single.slope) == (1, 1, None)
    images = probe_spectrum((255 * x.abs() / 6).to(torch.uint8), x[:, 0], table, steps)
    assert images.predicted_dimensions >= 1
    assert probe_spectrum(x.half(), labels, table, steps).predicted_dimensions >= 1


def test_impossible_probes_and_tables_are_named():
    x, labels, predictions, steps = trained()
    table = gaussian_distances(predictions)
    for arguments, message in (
        ((x * 0, labels, table, steps), "all zero"),
        ((x, labels, table, steps[:-1]), "recorded steps"),
        ((x, labels[:-1], table, steps), "needs the inputs"),
        ((x[:4, :], labels[:3], table, steps), "has 3 rows"),
        ((x[:0], labels[:0], table, steps), "N ≥ 1"),
        ((x, labels - 5, table, steps), "classes ≥ 0"),
        ((x, labels[:, None], table, steps), "classes ≥ 0"),
        ((x * torch.nan, labels, table, steps), "NaN"),
        ((x, labels, table * torch.nan, steps), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            probe_spectrum(*arguments)
    with pytest.raises(ValueError, match="diverges"):
        probe_spectrum(x, labels, table, steps, lr=10.0)
    for bad in (torch.ones(2, 3), torch.zeros(0, 0), torch.tensor([[0.0, 1], [2, 0]])):
        with pytest.raises(ValueError, match="measured_spectrum"):
            measured_spectrum(bad)
    with pytest.raises(ValueError, match="weights"):
        measured_spectrum(table, torch.ones(2))
    for bad in (torch.ones(3), torch.ones(0, 3)):
        with pytest.raises(ValueError, match="gaussian_distances"):
            gaussian_distances(bad)
    with pytest.raises(ValueError, match="variance=0"):
        gaussian_distances(torch.ones(2, 2), 0)
