"""InPCA in NumPy against the library's, and its eigenpairs against all of them."""

import numpy as np
import pytest
import torch

import infogeo_tensorboard.eigenpairs as module
from infogeo_tensorboard.eigenpairs import leading_eigenpairs
from infogeo_tensorboard.inpca import inpca
from infogeo_tensorboard.milestones import milestones
from lightning_infogeo import inpca as library_inpca
from lightning_infogeo.geodesics import geodesic, ignorance, truth


def table(points=40, seed=0):
    """Returns distances with eigenvalues of both signs."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((points, 4)) * [3, 2, 1, 0.5]
    squares = np.square(x[:, None] - x) @ [1, -1, 1, -1]
    return squares - np.diag(np.diag(squares))


def test_coordinates_eigenvalues_and_stress_are_the_librarys():
    found, expected = inpca(table()), library_inpca(torch.tensor(table()), 3)
    signs = np.sign((found.coordinates * expected.coordinates.numpy()).sum(0))
    assert np.allclose(found.coordinates * signs, expected.coordinates, atol=1e-10)
    assert np.allclose(found.eigenvalues, expected.eigenvalues)
    assert (found.eigenvalues < 0).any()
    assert found.stress == pytest.approx(float(expected.explained_stress))
    others = np.abs(np.random.default_rng(1).standard_normal((5, 40)))
    assert np.allclose(found.flipped(signs).place(others), expected.transform(torch.tensor(others)), atol=1e-9)
    assert np.allclose(found.place(table()), found.coordinates)


def test_an_axis_without_length_places_nothing():
    found = inpca([[0, 1.0], [1.0, 0]])
    assert np.allclose(np.abs(found.coordinates), [[0.5, 0, 0]] * 2)
    assert np.allclose(found.place([[0.5, 0.5]]), 0)
    assert found.stress == 1
    assert inpca([[0.0]]).coordinates.tolist() == [[0, 0, 0]]


SPECTRA = {
    "falling": lambda n: np.exp(-0.3 * np.arange(n)) * np.where(np.arange(n) % 3 == 1, -1, 1),
    "slow": lambda n: 1 / (1 + np.arange(n)) * np.where(np.arange(n) % 2, -1, 1),
    "flat": lambda n: np.linspace(1, 0.9, n),
    "low rank": lambda n: np.where(np.arange(n) < 2, 2.0 - np.arange(n), 0),
}


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("guess", ["none", "good", "useless"])
def test_leading_eigenpairs_are_those_of_all(spectrum, guess):
    n = 420
    values = SPECTRA[spectrum](n)
    vectors = np.linalg.qr(np.random.default_rng(0).standard_normal((n, n)))[0]
    matrix = (vectors * values) @ vectors.T
    matrix = (matrix + matrix.T) / 2
    good = vectors[:, :3] + 1e-3 * np.random.default_rng(1).standard_normal((n, 3))
    start = {"none": None, "good": good, "useless": vectors[:, -3:]}[guess]
    found, pairs = leading_eigenpairs(matrix, 3, start)
    assert np.allclose(found, values[:3], atol=1e-9)
    known = values[:3] != 0
    overlaps = np.abs((pairs * vectors[:, :3]).sum(0))[known]
    assert np.allclose(overlaps, 1, atol=1e-9)  # so within 5e-5, and as a rule within 1e-8


def test_where_it_does_not_converge_all_are_computed(monkeypatch):
    monkeypatch.setattr(module, "_ROUNDS", 0)
    matrix = np.diag(np.arange(400.0))
    values, vectors = leading_eigenpairs(matrix, 2)
    assert values.tolist() == [399, 398]
    assert np.allclose(np.abs(vectors[[399, 398], [0, 1]]), 1)


@pytest.mark.parametrize("labelled", [True, False])
def test_milestones_are_points_of_the_geodesic(labelled):
    labels = torch.tensor([2, 0, 4])
    start = ignorance(torch.zeros(3, 5, dtype=torch.float64))
    way = geodesic(start, truth(labels, start), torch.linspace(0, 1, 11, dtype=torch.float64))
    found = milestones(3, 5, labels.tolist() if labelled else None)
    assert np.allclose(found, way if labelled else start[None], atol=1e-6)
    assert np.allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-6)
