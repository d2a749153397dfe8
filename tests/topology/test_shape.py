"""Capacity and surfaces of clouds that are known."""

import math

import pytest
import torch

from lightning_infogeo.topology import effective_capacity, learning_surface, neuron_cloud
from tests.helpers.neuron_clouds import branching, rotation, sheet


def test_capacity_counts_the_branches():
    vectors, steps = branching()
    found = effective_capacity(vectors, steps)
    assert found.clusters[[0, 39, 60, 119]].tolist() == [1, 1, 2, 3]
    assert torch.equal(found.clusters, found.clusters.cummax(0).values)
    assert found.saturation == 3
    assert found.saturation_step == steps[int((found.clusters == 3).nonzero()[0])]
    assert 800 < found.saturation_step < 850
    assert torch.equal(found.clusters, effective_capacity(vectors[:, torch.randperm(30)], steps).clusters)


def test_capacity_agrees_with_single_linkage():
    from scipy.cluster.hierarchy import fcluster, linkage

    vectors = torch.randn(4, 300, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = effective_capacity(vectors, eps=0.15)
    for k in range(4):
        assert found.clusters[k] == fcluster(linkage(vectors[k].numpy()), 0.15, "distance").max()


def test_capacity_that_still_grows_has_not_settled():
    directions = torch.randn(50, 10, generator=torch.Generator().manual_seed(0))
    # one more neuron leaves the others at every record
    moves = (torch.arange(50)[:, None] > torch.arange(50)).float()
    found = effective_capacity(moves[..., None] * directions, eps=0.1)
    assert found.clusters.tolist() == [1, *range(2, 51)]
    assert math.isnan(found.saturation)
    assert math.isnan(found.saturation_step)


def test_neurons_that_become_equal_lose_capacity():
    vectors = torch.eye(5)[None] * torch.linspace(1, 0, 11)[:, None, None]
    clusters = effective_capacity(vectors, eps=0.3).clusters
    assert (clusters[0], clusters[-1]) == (5, 1)


@pytest.mark.parametrize("records", [1, 2])
def test_capacity_of_identical_neurons_is_one(records):
    assert effective_capacity(torch.ones(records, 4, 3)).clusters.tolist() == [1] * records


def test_a_half_cylinder_is_a_sheet_and_is_unrolled():
    vectors = sheet()
    found = learning_surface(vectors)
    assert found.dimension == 2
    assert found.flatness > 0.98
    assert found.spectrum.sum() == pytest.approx(1)
    assert found.stress > 0.95
    around = torch.linspace(0, 3, 40).double()
    measured = found.coordinates[-1, :, 0]
    measured = measured * (measured[-1] - measured[0]).sign()
    torch.testing.assert_close(measured - measured[0], around, rtol=0.05, atol=0.05)
    along = found.coordinates[:, 20, 1]
    assert abs(float(along[-1] - along[0])) == pytest.approx(2, rel=0.05)
    order = found.order[0]
    assert torch.equal(order, torch.arange(40)) or torch.equal(order, torch.arange(39, -1, -1))


def test_the_order_of_neurons_follows_them():
    vectors = sheet()
    mixed = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    found, same = learning_surface(vectors[:, mixed]), learning_surface(vectors)
    order = mixed[found.order[0]]
    assert torch.equal(order, same.order[0]) or torch.equal(order.flip(0), same.order[0])
    torch.testing.assert_close(found.spectrum, same.spectrum)


def test_a_sheet_swept_by_few_neurons_is_no_line():
    """Nearest points lie along trajectories: without landmarks of equal density the dimension would be 1."""
    vectors = sheet(records=400, neurons=12)
    assert learning_surface(vectors).dimension == 2
    points = neuron_cloud(vectors).points
    near = torch.cdist(points[::50], points).topk(21, largest=False).indices
    spread = torch.linalg.svdvals(points[near] - points[near].mean(1, keepdim=True)).square()
    naive = (spread / spread.sum(-1, keepdim=True)).mean(0)
    assert naive[0] > 0.9


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_dimensions_of_flat_clouds(dimension):
    generator = torch.Generator().manual_seed(0)
    cube = torch.rand(60, 50, dimension, generator=generator)
    assert learning_surface(cube @ rotation(dimension, 25)).dimension == dimension


@pytest.mark.parametrize("scale", [1e-6, 1e4])
def test_scale_scales_coordinates_and_nothing_else(scale):
    a, b = learning_surface(sheet().double()), learning_surface(scale * sheet().double())
    assert a.dimension == b.dimension
    torch.testing.assert_close(a.spectrum, b.spectrum)
    torch.testing.assert_close(a.coordinates[..., 0].abs() * scale, b.coordinates[..., 0].abs(), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("records", "neurons"), [(1, 1), (1, 2), (3, 1), (2, 2), (4, 5)])
def test_few_or_identical_points_have_sensible_surfaces(records, neurons):
    same = learning_surface(torch.ones(records, neurons, 3))
    assert same.dimension == 0
    assert same.coordinates.eq(0).all()
    few = learning_surface(torch.randn(records, neurons, 3, generator=torch.Generator().manual_seed(0)))
    assert few.coordinates.shape == (records, neurons, 2)
    assert few.coordinates.isfinite().all()
    assert few.order.shape == (2, neurons)


def test_islands_are_bridged():
    two = torch.cat([sheet(), sheet() + 5], dim=1)
    found = learning_surface(two)
    assert found.coordinates.isfinite().all()
    assert found.dimension == 2


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (effective_capacity, {"eps": 0.0}, "eps=0.0"),
        (effective_capacity, {"steps": [3, 1]}, "effective_capacity.*increasing"),
        (learning_surface, {"neighbours": 1}, "neighbours=1"),
        (learning_surface, {"steps": [3]}, "learning_surface.*2 records"),
    ],
)
def test_impossible_input_is_named(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(torch.ones(2, 3, 4), **options)
