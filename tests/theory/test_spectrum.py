"""Dimensions and explained variance of a spectrum."""

import math

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo.theory import input_spectrum, kernel_spectrum
from tests.helpers.linear_training import decaying


def sloppy(samples, features, c, seed=0):
    """Inputs whose K has exactly the eigenvalues e^{−ci}."""
    generator = torch.Generator().manual_seed(seed)
    modes = min(samples, features)
    left = torch.linalg.qr(torch.randn(samples, modes, dtype=torch.float64, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(features, modes, dtype=torch.float64, generator=generator)).Q
    return samples**0.5 * left * decaying(c, modes).sqrt() @ right.mT


def eigh(x):
    x = x.double().flatten(1)
    return torch.linalg.eigvalsh(x.mT @ x / len(x)).flip(0)


def test_a_tensor_a_loader_and_batches_agree_with_eigh():
    x = torch.randn(300, 4, 5, generator=torch.Generator().manual_seed(0)) + 0.5
    expected = eigh(x)
    labelled = DataLoader(TensorDataset(x, torch.zeros(300)), batch_size=64, shuffle=True)
    for data in (x, labelled, (part for part in x.split(7)), [[x[:100]], (x[100:], None)]):
        found = input_spectrum(data)
        torch.testing.assert_close(found.eigenvalues, expected, rtol=1e-12, atol=0)
        assert found.samples == 300
        assert found.trace == pytest.approx(float(expected.sum()), rel=1e-12)
        residue = x.double().flatten(1).mT @ (x.double().flatten(1) @ found.vectors) / 300 - found.vectors * expected
        assert residue.abs().max() < 1e-12


def test_long_tensors_are_taken_in_pieces(monkeypatch):
    x = torch.randn(1000, 6, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("lightning_infogeo.theory.spectrum._ROWS", 8 * 6 * 17)
    seen = []
    double = torch.Tensor.double
    monkeypatch.setattr(torch.Tensor, "double", lambda self: seen.append(len(self)) or double(self))
    found = input_spectrum(x)
    assert max(seen) == 17
    monkeypatch.undo()
    torch.testing.assert_close(found.eigenvalues, eigh(x), rtol=1e-12, atol=0)


def test_slope_of_sloppy_inputs_is_theirs():
    found = input_spectrum(sloppy(200, 30, 0.4))
    assert found.slope.value == pytest.approx(0.4, rel=1e-6)
    assert found.slope.r_squared == pytest.approx(1)
    assert found.decay.better == "exponential"
    assert input_spectrum(sloppy(200, 30, 0.4), fit=(2, 9)).slope.last == 9


def test_many_features_by_random_directions():
    """Exact where the rank is small; otherwise close to, and never above, the truth."""
    x = sloppy(12, 3000, 0.5)
    found = input_spectrum(x, max_rank=20)
    torch.testing.assert_close(found.eigenvalues, decaying(0.5, 12), rtol=1e-6, atol=1e-14)
    x = sloppy(200, 2100, 0.2)
    whole = input_spectrum(x, max_rank=40)
    torch.testing.assert_close(whole.eigenvalues, decaying(0.2, 40), rtol=1e-3, atol=0)
    assert whole.slope.value == pytest.approx(0.2, rel=1e-4)
    assert whole.trace == pytest.approx(float(decaying(0.2, 200).sum()))
    batched = input_spectrum(x.split(33), max_rank=40)
    torch.testing.assert_close(batched.eigenvalues, whole.eigenvalues, rtol=1e-9, atol=0)
    assert (whole.eigenvalues <= decaying(0.2, 40) * (1 + 1e-9)).all()
    few = input_spectrum(x, max_rank=2)
    assert (few.eigenvalues < decaying(0.2, 2) * (1 + 1e-9)).all()
    projected = x @ whole.vectors
    torch.testing.assert_close(projected.square().mean(0), whole.eigenvalues, rtol=1e-3, atol=0)


def test_flat_spectra_by_random_directions_are_underestimated_and_never_over():
    x = sloppy(300, 2100, 0.0)
    found = input_spectrum(x, max_rank=20)
    assert (found.eigenvalues <= 1 + 1e-9).all()
    assert found.trace == pytest.approx(300)


def test_generators_are_left_alone():
    data = DataLoader(TensorDataset(torch.randn(50, 3)), batch_size=10, shuffle=True)
    before = torch.get_rng_state()
    input_spectrum(data)
    input_spectrum(torch.ones(2, 50), exact_features=10, max_rank=3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int64, torch.bool])
def test_other_types_are_summed_in_float64(dtype):
    x = torch.randint(0, 2 if dtype == torch.bool else 200, (500, 5), generator=torch.Generator().manual_seed(0)).to(
        dtype
    )
    torch.testing.assert_close(input_spectrum(x).eigenvalues, eigh(x), rtol=1e-10, atol=0)


def test_degenerate_inputs():
    one = input_spectrum(torch.tensor([[3.0, 4.0]]))
    assert one.eigenvalues.tolist() == pytest.approx([25])
    assert one.slope is one.decay is None
    zero = input_spectrum(torch.zeros(5, 3))
    assert len(zero.eigenvalues) == 0
    same = input_spectrum(torch.ones(100, 7))
    assert same.eigenvalues.tolist() == pytest.approx([7])
    assert len(input_spectrum(torch.zeros(5, 30), exact_features=3, max_rank=2).eigenvalues) == 0
    assert input_spectrum(torch.arange(1, 6.0)).eigenvalues.tolist() == pytest.approx([11])


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (torch.zeros(0, 3), {}, "no samples"),
        (torch.zeros(3, 0), {}, "no samples or no features"),
        ([], {}, "no samples"),
        ([torch.ones(2, 3), torch.ones(2, 4)], {}, "3 and 4 features"),
        (torch.full((2, 2), math.nan), {}, "NaN"),
        (torch.full((2, 20), math.inf), {"exact_features": 3, "max_rank": 2}, "NaN"),
        ([{"x": torch.ones(2)}], {}, "got dict"),
        (torch.tensor(1.0), {}, r"shape \(n"),
        (torch.ones(2, 2, dtype=torch.complex64), {}, "real"),
        (torch.eye(2).to_sparse(), {}, "dense"),
        (torch.ones(2, 2), {"max_rank": 0}, "max_rank=0"),
    ],
)
def test_impossible_data_are_named(data, options, message):
    with pytest.raises(ValueError, match=message):
        input_spectrum(data, **options)


def test_a_linear_kernel_has_the_spectrum_and_targets_of_its_features():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    primal = input_spectrum(x)
    for dual in (kernel_spectrum(x @ x.mT), kernel_spectrum(lambda a, b: a @ b.mT, x)):
        torch.testing.assert_close(dual.eigenvalues, primal.eigenvalues, rtol=1e-10, atol=0)
        assert dual.samples == 40
        ours, theirs = dual.targets(y), primal.targets(y, x)
        torch.testing.assert_close(ours.abs(), theirs.abs(), rtol=1e-8, atol=1e-10)
    best = torch.linalg.lstsq(x, y.double()).solution
    torch.testing.assert_close(primal.vectors @ primal.targets(y, x), best, rtol=1e-8, atol=1e-10)
    assert kernel_spectrum(x @ x.mT, samples=20).eigenvalues[0] == pytest.approx(2 * float(primal.eigenvalues[0]))


def test_impossible_kernels_and_targets_are_named():
    for gram, message in (
        (torch.ones(2, 3), r"shape \(N, N\)"),
        (torch.zeros(0, 0), "N ≥ 1"),
        (torch.tensor([[1.0, 2], [0, 1]]), "not symmetric"),
        (torch.diag(torch.tensor([1.0, -1])), "none below 0"),
        (torch.full((2, 2), math.nan), "NaN"),
        (lambda a, b: a @ b.mT, "needs inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            kernel_spectrum(gram)
    for options in ({"samples": 0}, {"max_rank": 0}):
        with pytest.raises(ValueError, match="positive ints"):
            kernel_spectrum(torch.eye(2), **options)
    with pytest.raises(ValueError, match="3 rows"):
        kernel_spectrum(torch.eye(2)).targets(torch.ones(3))
    spectrum = input_spectrum(torch.eye(2))
    for outputs, inputs in ((torch.ones(2), None), (torch.ones(3), torch.eye(2)), (torch.ones(2), torch.ones(2, 3))):
        with pytest.raises(ValueError, match="2 features"):
            spectrum.targets(outputs, inputs)


def test_inputs_whose_variances_fall_as_a_power_are_said_to():
    basis = torch.linalg.qr(torch.randn(60, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    rows = torch.diag(torch.arange(1, 61, dtype=torch.float64) ** -0.75) @ basis.mT
    found = input_spectrum(rows, max_rank=40, fit=(0, 30))
    assert found.decay.better == "power"
    assert found.decay.power.value == pytest.approx(1.5, rel=1e-6)
    assert found.decay.exponential == found.slope
    assert found.decay.power.last == 30
