"""Principal axes, and farthest points, against their definitions."""

import numpy as np
import pytest
import torch

from lightning_infogeo.topology import (
    effective_capacity,
    farthest_points,
    learning_graph,
    learning_surface,
    neuron_cloud,
)
from tests.helpers.neuron_clouds import branching


def test_points_are_those_of_a_singular_value_decomposition():
    vectors = torch.randn(20, 10, 50, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -3, 50)
    found = neuron_cloud(vectors, dimensions=7)
    flat = vectors.double().flatten(0, 1).numpy()
    u, s, _ = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    np.testing.assert_allclose(found.points.abs(), np.abs(u * s)[:, :7], rtol=1e-6, atol=1e-9)
    assert found.explained == pytest.approx((s[:7] ** 2).sum() / (s**2).sum())


def test_all_axes_keep_all_distances():
    vectors = 1e-6 * torch.randn(4, 5, 12, generator=torch.Generator().manual_seed(0)).double() + 1
    points = neuron_cloud(vectors).points
    flat = vectors.flatten(0, 1)
    torch.testing.assert_close(torch.cdist(points, points), torch.cdist(flat, flat), rtol=1e-6, atol=1e-15)


def test_many_inputs_are_reduced_by_iteration_to_the_same_axes(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(10, 20, 300, generator=generator) * torch.logspace(0, -9, 300)
    exact = neuron_cloud(vectors)
    monkeypatch.setattr("lightning_infogeo.topology.cloud._EXACT", 100)
    state = torch.get_rng_state()
    iterated = neuron_cloud(vectors)
    assert torch.equal(state, torch.get_rng_state())
    assert iterated.explained == pytest.approx(exact.explained, rel=1e-3)
    torch.testing.assert_close(iterated.points[:, :5], exact.points[:, :5], rtol=0, atol=1e-3)


def test_records_are_read_in_parts(monkeypatch):
    vectors = torch.randn(1000, 100, 100, generator=torch.Generator().manual_seed(0))
    found = neuron_cloud(vectors)
    assert len(found.points) == 100_000
    assert found.points.mean(0).abs().max() < 1e-12
    torch.testing.assert_close(found.trajectories[7, 3], found.points[703])


def greedy(points, count):
    """The definition: each point is chosen farthest from those before."""
    kept = [int(points.norm(dim=1).argmax())]
    while len(kept) < count:
        kept.append(int(torch.cdist(points, points[kept]).min(1).values.argmax()))
    return kept


@pytest.mark.parametrize("dimension", [1, 2, 6])
def test_farthest_points_are_those_of_the_greedy_definition(dimension):
    points = torch.randn(500, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = farthest_points(points, 60)
    assert found.indices.tolist() == greedy(points, 60)
    gaps = torch.cdist(points, points[found.indices])
    assert torch.equal(gaps.argmin(1), found.nearest)
    assert found.radius == pytest.approx(float(gaps.min(1).values.max()))
    own = gaps[found.indices] + torch.eye(60) * 1e9
    assert own.min() >= found.radius
    assert found.weights.sum() == 500


def test_coinciding_points_are_kept_once():
    points = torch.tensor([[0.0], [1.0]]).repeat(50, 1)
    found = farthest_points(points, 10)
    assert sorted(points[found.indices].flatten().tolist()) == [0, 1]
    assert found.weights.tolist() == [50, 50]
    assert found.radius == 0


def test_a_cloud_serves_instead_of_its_vectors():
    vectors, steps = branching(records=40)
    layer = neuron_cloud(vectors, steps)
    assert torch.equal(effective_capacity(layer).clusters, effective_capacity(vectors, steps).clusters)
    assert set(learning_graph(layer).graph.edges) == set(learning_graph(vectors, steps).graph.edges)
    assert torch.equal(learning_surface(layer).coordinates, learning_surface(vectors, steps).coordinates)
