"""Maps of kinds that are drawn again have the stress that they have record by record."""

import pytest
import torch

from lightning_infogeo import inpca
from replications.placed import stresses
from replications.redrawn import drawn, moments


@pytest.fixture(scope="module")
def distances():
    """Between 90 points in a space of six dimensions and two time-like ones, not all as wide."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.tensor([1.0, 1, 1, 1, 1, 1, -1, -1], dtype=torch.float64)
    points = torch.randn(90, 8, generator=generator).double() * torch.linspace(3, 0.5, 8)
    return ((points[:, None] - points).square() * signs).sum(-1)


KINDS = torch.arange(90) % 5


def records(times):
    return torch.cat([(kind == KINDS).nonzero()[:, 0].repeat(int(count)) for kind, count in enumerate(times)])


@pytest.mark.parametrize("times", [[1, 1, 1, 1, 1], [2, 0, 1, 0, 0], [0, 0, 3, 0, 0]])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_stress_is_that_of_the_records_drawn(distances, times, dimensions):
    rows = records(times)
    expected = inpca(distances[rows][:, rows], dimensions).explained_stress
    found = moments(distances, KINDS).stress(torch.tensor(times, dtype=torch.float64), dimensions)
    assert found == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("axes", "times"), [([2, 0, 1, 0, 0], [0, 0, 0, 1, 3]), ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1])])
@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_stress_on_a_map_of_others_is_that_of_the_records_placed_on_it(distances, axes, times, dimensions):
    here, there = records(axes), records(times)
    own = inpca(distances[here][:, here], dimensions)
    on_it = own.transform(distances[there][:, here])
    expected = stresses(on_it, own.eigenvalues, distances[there][:, there])[-1]
    weights = (torch.tensor(each, dtype=torch.float64) for each in (axes, times))
    assert moments(distances, KINDS).placed_stress(*weights, dimensions) == pytest.approx(float(expected), abs=1e-6)


def test_small_dimensions_are_left_out_and_the_stress_hardly_changes(distances):
    noise = torch.rand(90, 90, generator=torch.Generator().manual_seed(1)).double() * 1e-3
    rough = distances + (noise + noise.T).fill_diagonal_(0)
    every = torch.ones(5, dtype=torch.float64)
    few, all_of_them = moments(rough, KINDS, 1e-5), moments(rough, KINDS, 0)
    assert len(few.signs) == 8
    assert len(all_of_them.signs) > 50
    assert few.stress(every) == pytest.approx(all_of_them.stress(every), abs=1e-4)


def test_of_many_records_the_leading_dimensions_are_found_without_all_of_them():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(700, 400, generator=generator).double() * torch.logspace(0, -3, 400)
    distances = (points[:, None] - points).square().sum(-1)
    one = moments(distances, torch.arange(700) % 5)
    assert len(one.signs) < 300
    expected = inpca(distances, 2).explained_stress
    assert one.stress(torch.ones(5, dtype=torch.float64)) == pytest.approx(float(expected), abs=1e-5)


def test_as_many_kinds_are_drawn_as_there_are():
    generator = torch.Generator().manual_seed(0)
    times = torch.stack([drawn(4, generator) for _ in range(500)])
    assert (times.sum(1) == 4).all()
    assert (times.mean(0) - 1).abs().max() < 0.15
    assert (times.max(1).values == 4).any(), "one kind alone"
