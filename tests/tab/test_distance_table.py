"""Distances against their definition written out, and what is computed of a table that grows."""

import numpy as np
import pytest

from infogeo_tensorboard.distance_table import DistanceTable
from infogeo_tensorboard.points import Points, on_sphere


def recorded(records, samples=5, width=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (records, samples, width), dtype=np.uint8)


def slowly(rows, columns, floor, sketched=False):
    distances = np.zeros((len(rows), len(columns)))
    for i, p in enumerate(rows.astype(float) - 128 * sketched):
        for j, q in enumerate(columns.astype(float) - 128 * sketched):
            for a, b in zip(p, q, strict=True):
                length = np.linalg.norm(a) * np.linalg.norm(b)
                overlap = a @ b / length if length else 0.0
                distances[i, j] -= np.log(max(overlap, floor)) / len(p)
    return distances


def without_diagonal(table):
    table = np.array(table, np.float64)
    np.fill_diagonal(table, 0)
    return table


@pytest.mark.parametrize(("floor", "sketched"), [(1e-38, False), (1e-12, False), (0.2, False), (0.2, True)])
def test_they_are_minus_mean_log_overlaps(floor, sketched):
    given = recorded(70, samples=37)
    given[3, :5] = 0  # nothing recorded: as far as the floor lets it
    given[4, :, 0], given[4, :, 1:] = 255, 0
    given[5, :, 1], given[5, :, [0, 2, 3]] = 255, 0  # disjoint from the one before
    table = DistanceTable()
    table.update(Points([given[:30], given[30:]], sketched, np.arange(37)), range(70), np.arange(70), floor)
    assert np.allclose(table.distances, without_diagonal(slowly(given, given, floor, sketched)), rtol=2e-5, atol=1e-6)
    if not sketched:
        assert table.distances[4, 5] == pytest.approx(-np.log(floor), rel=1e-6)


def test_only_the_samples_taken_count():
    given, taken = recorded(6), np.array([0, 3])
    table = DistanceTable()
    table.update(Points([given], False, taken), range(6), np.arange(6), 1e-12)
    assert np.allclose(table.distances, without_diagonal(slowly(given[:, taken], given[:, taken], 1e-12)), atol=1e-6)
    assert table.update(Points([given], False, np.arange(5)), range(6), np.arange(6), 1e-12) == 15
    assert np.allclose(table.distances, without_diagonal(slowly(given, given, 1e-12)), atol=1e-6)


CHANGES = {
    "one run grows": ([0, 1, 2, 3, 8], [0, 1, 2, 3, 8], 4),
    "a run comes between": ([0, 7, 9, 1, 2, 3], [0, 7, 9, 1, 2, 3], 9),
    "a run goes": ([0, 3], [0, 3], 0),
    "nothing new": ([0, 1, 2, 3], [0, 1, 2, 3], 0),
    "all others": ([5, 6], [5, 6], 1),
    "fewer span it": ([0, 1, 2, 3, 8], [0, 2], 2),
    "a new one spans it too": ([0, 1, 2, 3, 8, 9], [0, 2, 9], 7),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_changes_is_that_computed_at_once(change):
    every = recorded(10)
    after, spanning, new = CHANGES[change]
    table = DistanceTable()
    first = [0, 1, 2, 3]
    assert table.update(Points([every[first]], False, np.arange(5)), first, np.arange(4), 1e-12) == 6
    places = np.array([after.index(record) for record in spanning])
    assert table.update(Points([every[after]], False, np.arange(5)), after, places, 1e-12) == new
    expected = slowly(every[after], every[spanning], 1e-12)
    expected[places, np.arange(len(places))] = 0
    assert np.allclose(table.distances, expected, atol=1e-6)


def test_from_landmarks_it_grows_by_rows_and_by_columns():
    every = recorded(12)
    table = DistanceTable()
    grown = [list(range(6)), [*range(6), 6, 7], [*range(6), 6, 7, 8, 9], list(range(12))]
    for after, spanning in zip(grown, ([0, 2, 4], [0, 2, 4, 6], [0, 4, 8], [0, 1, 4, 8]), strict=True):
        places = np.array(spanning)
        table.update(Points([every[after]], False, np.arange(5)), after, places, 1e-12)
        expected = slowly(every[after], every[spanning], 1e-12)
        expected[places, np.arange(len(places))] = 0
        assert np.allclose(table.distances, expected, atol=1e-6)


def test_points_have_length_one_and_nothing_stays_nothing():
    given = np.array([[0, 3, 4], [0, 0, 0], [128, 128, 128]], np.uint8)
    assert np.allclose(on_sphere(given, False), [[0, 0.6, 0.8], [0, 0, 0], [3**-0.5] * 3])
    assert np.allclose(on_sphere(given, True)[2], 0)
    assert np.allclose(np.linalg.norm(on_sphere(given, True)[:2], axis=1), 1)
