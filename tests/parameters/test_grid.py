"""The bins of a histogram of weights."""

import pytest
import torch

from lightning_infogeo.parameters import weights
from lightning_infogeo.parameters.grid import (
    adapted,
    bin_count,
    bin_of,
    capacity,
    exponent,
    fitting,
    merged,
    power_of_two,
)


def counted(x, exponents, bins):
    low = bin_of(x.amin()[None], exponents).to(torch.int64)
    return weights.counts([[x]], exponents, low, bins, torch.float32), low


@pytest.mark.parametrize(("number", "bins"), [(1_000, 36), (10_000, 78), (1_000_000, 362), (10**8, 1683)])
def test_the_number_of_bins_is_that_of_the_definition(number, bins):
    assert bin_count(number) == bins


def test_exponents_and_powers_are_exact():
    e = torch.arange(-126, 128)
    assert torch.equal(power_of_two(e).double(), 2.0 ** e.double())
    assert torch.equal(exponent(power_of_two(e)), e)
    assert exponent(torch.tensor([0.75, 1.999, 0.0])).tolist() == [-1, 0, -127]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shift", [0, 1, 5, 90])
def test_merging_is_counting_on_the_coarser_grid(shift, dtype):
    x = (0.3 + torch.randn(5000, generator=torch.Generator().manual_seed(0))).to(dtype)
    fine, coarse = torch.tensor([-6]), torch.tensor([-6 + shift])
    counts, low = counted(x, fine, 1024)
    expected, to_low = counted(x, coarse, 1024)
    assert torch.equal(merged(counts, low, fine, to_low, coarse), expected)
    assert counts.sum() == expected.sum() == 5000
    assert torch.equal(counts[0, :600], torch.histc(x.double(), 600, float(low) / 64, (float(low) + 600) / 64).long())


def test_a_constant_on_the_finest_grid_can_be_merged_into_any_other():
    x = torch.full((7,), 1e-20)
    counts, low = counted(x, fitting(x[:1], x[:1], torch.tensor([36])), 76)
    found = merged(counts, low, torch.tensor([-100]), torch.tensor([-3]), torch.tensor([-30]))
    assert found.nonzero().tolist() == [[0, 3]]


@pytest.mark.parametrize("bins", [3, 363, 6001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ways_to_tally_give_the_same(bins, dtype):
    numbers = torch.randint(bins, (50_000,), generator=torch.Generator().manual_seed(0)).to(dtype)
    scattered, shared = torch.zeros(2, bins, dtype=torch.int64)
    for _ in range(2):
        weights.tally_by_scatter(scattered, numbers)
        weights.tally_by_histc(shared, numbers)
    assert torch.equal(scattered, shared)
    assert torch.equal(scattered, 2 * torch.bincount(numbers.long(), minlength=bins))


def test_a_grid_takes_between_half_and_twice_its_bins_and_stays_while_it_can():
    bins, e, started = torch.tensor([100]), torch.tensor([0]), torch.tensor(False)
    spans = []
    for k in range(200):
        high = torch.tensor([2.0 ** (0.1 * (k if k < 100 else 200 - k))])
        before, e = e, adapted(e, started, -high / 3, high, bins)
        widths = float(high * 4 / 3) / 2.0 ** float(e)
        spans.append(widths)
        assert 50 <= widths < 200
        assert k == 0 or abs(int(e - before)) <= 1
        started = torch.tensor(True)
    assert 70 < spans[0] < 142
    assert max(spans) > 190
    assert min(spans) < 53


@pytest.mark.parametrize("offset", [0.0, 1.0, -1000.0, 3e35])
@pytest.mark.parametrize("spread", [0.0, 1e-30, 1e-3, 1e4, 1e35])
def test_whatever_the_weights_all_fit_into_the_grid(offset, spread):
    x = offset + spread * torch.randn(1000, generator=torch.Generator().manual_seed(0))
    bins = torch.tensor([bin_count(1000)])
    e = fitting(x.amin()[None], x.amax()[None], bins)
    first, last = (bin_of(end[None], e) for end in x.aminmax())
    assert last - first < capacity(int(bins))
    counts, _ = counted(x, e, capacity(int(bins)))
    assert counts.sum() == 1000
    assert counts[0, int(last - first) + 1 :].sum() == 0
