"""InPCA against closed forms and an eigendecomposition."""

import sys

import numpy as np
import pytest
import torch

from lightning_infogeo import amplitudes, inpca, pairwise_bhattacharyya, pairwise_hellinger
from tests.helpers.contracts import random_logits


def path(records=40, samples=30, classes=5, seed=0):
    return amplitudes(random_logits(records, samples, classes, seed=seed, scale=0.7, dtype=torch.float64).cumsum(0))


@pytest.fixture
def table():
    return pairwise_bhattacharyya(path())


def test_all_signed_axes_reproduce_the_distances(table):
    embedding = inpca(table, n_components=40)
    assert (embedding.eigenvalues < -1e-6).any()  # the table is not Euclidean, or this would show little
    torch.testing.assert_close(embedding.squared_distances, table, rtol=0, atol=1e-10)
    assert embedding.explained_stress.item() == pytest.approx(1)
    assert embedding.explained_distance.item() == pytest.approx(1)


def test_eigenvalues_and_explained_figures_agree_with_numpy(table):
    m = len(table)
    centring = np.eye(m) - 1 / m
    w = -0.5 * centring @ table.numpy() @ centring
    eigenvalues = sorted(np.linalg.eigvalsh(w), key=abs, reverse=True)
    embedding = inpca(table, n_components=3)
    np.testing.assert_allclose(embedding.eigenvalues, eigenvalues[:3], rtol=1e-10)
    stress = 1 - np.sqrt(1 - np.sum(np.square(eigenvalues[:3])) / (w**2).sum())
    assert embedding.explained_stress.item() == pytest.approx(stress)
    error = (embedding.squared_distances - table).abs().sum() / table.sum()
    assert embedding.explained_distance.item() == pytest.approx(1 - error.item())


def test_squared_hellinger_gives_plain_pca_without_negative_eigenvalues():
    history = path()
    flat = (history / np.sqrt(2 * history.shape[1])).flatten(1)
    embedding = inpca(pairwise_hellinger(history), n_components=4)
    singular = torch.linalg.svdvals(flat - flat.mean(0))
    torch.testing.assert_close(embedding.eigenvalues, singular[:4].square(), rtol=1e-8, atol=0)
    assert (
        torch.linalg.eigvalsh(inpca(pairwise_hellinger(history), 40).coordinates @ torch.eye(40).double())
        .isreal()
        .all()
    )
    assert (inpca(pairwise_hellinger(history), 40).eigenvalues > -1e-12).all()


def test_small_steps_near_ignorance_are_pca_of_logits():
    """Gaussian outputs near uniform: d_B ≈ ⅛ Σ (dp)²/p with p = 1/C, so InPCA is PCA of centred logits."""
    logits = 1e-3 * random_logits(12, 20, 6, scale=1.0, dtype=torch.float64)
    embedding = inpca(pairwise_bhattacharyya(amplitudes(logits)), n_components=5)
    flat = (logits - logits.mean(-1, keepdim=True)).flatten(1) / np.sqrt(8 * 20 * 6)
    pca = torch.linalg.svdvals(flat - flat.mean(0)).square()
    torch.testing.assert_close(embedding.eigenvalues, pca[:5], rtol=1e-3, atol=0)


def test_embedded_points_are_transformed_to_themselves(table):
    embedding = inpca(table, n_components=40)
    kept = embedding.eigenvalues.abs() > 1e-9  # what rounding has made of the axis that centring removed is none
    embedding = embedding._replace(coordinates=embedding.coordinates[:, kept], eigenvalues=embedding.eigenvalues[kept])
    assert (embedding.eigenvalues < 0).any()  # on a time-like axis the sign in the formula matters
    torch.testing.assert_close(embedding.transform(table), embedding.coordinates, rtol=0, atol=1e-10)
    torch.testing.assert_close(embedding.transform(table[7]), embedding.coordinates[7], rtol=0, atol=1e-10)


def test_further_points_are_placed_without_moving_the_axes():
    """In a Euclidean table the place of a point left out is known."""
    x = torch.randn(15, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distances = torch.cdist(x, x).square()
    embedding = inpca(distances[:14, :14], n_components=3)
    placed = embedding.transform(distances[14, :14])
    gaps = (embedding.coordinates - placed).square().sum(-1)
    torch.testing.assert_close(gaps, distances[14, :14])


def test_a_point_of_weight_two_is_two_points(table):
    twice = torch.tensor([0, 1, 1, 2, 3, 3, 3])
    repeated = inpca(table[twice][:, twice], 3)
    weighted = inpca(table[:4, :4], 3, weights=torch.tensor([1, 2, 1, 3]))
    torch.testing.assert_close(weighted.squared_distances[twice][:, twice], repeated.squared_distances)
    torch.testing.assert_close(weighted.explained_stress, repeated.explained_stress)
    torch.testing.assert_close(weighted.explained_distance, repeated.explained_distance)
    torch.testing.assert_close(weighted.eigenvalues * 7, repeated.eigenvalues * 4)
    torch.testing.assert_close(weighted.transform(table[:4, :4]), weighted.coordinates)


def test_order_of_points_changes_nothing_but_their_order(table):
    order = torch.randperm(40)
    a, b = inpca(table, 3), inpca(table[order][:, order], 3)
    torch.testing.assert_close(b.eigenvalues, a.eigenvalues)
    torch.testing.assert_close(b.coordinates.abs(), a.coordinates[order].abs(), rtol=1e-6, atol=1e-9)


def test_axes_keep_their_side_when_a_trajectory_grows(table):
    before = inpca(table[:30, :30], 3)
    after = inpca(table, 3)
    flipped = after._replace(coordinates=after.coordinates * torch.tensor([-1.0, 1.0, -1.0]))
    for embedding in (after, flipped):
        shared = torch.full((40, 3), torch.nan, dtype=torch.float64)
        shared[:30] = before.coordinates
        overlap = (embedding.aligned(shared).coordinates[:30] * before.coordinates).sum(0)
        assert (overlap > 0).all()


def test_many_points_by_lanczos_iteration_agree_with_all_eigenpairs(monkeypatch):
    table = pairwise_bhattacharyya(path(records=150))
    whole = inpca(table, 6)
    monkeypatch.setattr(sys.modules["lightning_infogeo.embedding.inpca"], "_ALL_EIGENPAIRS", 100)
    leading = inpca(table, 6)
    torch.testing.assert_close(leading.eigenvalues, whole.eigenvalues, rtol=1e-9, atol=0)
    torch.testing.assert_close(leading.coordinates, whole.coordinates, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(leading.explained_stress, whole.explained_stress)


@pytest.mark.parametrize("points", [1, 2, 3])
def test_degenerate_tables_give_sensible_output(points, table):
    alone = inpca(table[:points, :points])
    assert alone.coordinates.shape == (points, points)
    torch.testing.assert_close(alone.squared_distances, table[:points, :points])
    same = inpca(torch.zeros(points, points))
    assert same.coordinates.eq(0).all()
    assert (same.explained_stress, same.explained_distance) == (1, 1)
    assert same.transform(torch.zeros(points)).eq(0).all()


@pytest.mark.parametrize(
    ("distances", "options", "message"),
    [
        (torch.zeros(2, 3), {}, r"shape \(T, T\)"),
        (torch.zeros(0, 0), {}, r"T ≥ 1"),
        (torch.tensor([[0.0, 1], [2, 0]]), {}, "not symmetric"),
        (torch.full((2, 2), torch.nan), {}, "NaN"),
        (torch.zeros(2, 2), {"n_components": 0}, r"n_components=0"),
    ],
)
def test_impossible_tables_are_named(distances, options, message):
    with pytest.raises(ValueError, match=message):
        inpca(distances, **options)
