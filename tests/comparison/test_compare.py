"""A whole comparison: its tables, its progress, its arguments."""

import math

import numpy as np
import pytest
import torch

from lightning_infogeo import bhattacharyya, inpca, pairwise_bhattacharyya
from lightning_infogeo.comparison import compare, joint_embedding, trajectory_distance
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from tests.helpers.synthetic_runs import CLASSES, beside_the_geodesic, on_the_geodesic, training


@pytest.fixture(scope="module")
def runs():
    return [
        training(2 * way + lr, way=way, stride=1 + way, optimizer={"lr": 0.1 * (1 + lr)})
        for way in range(3)
        for lr in range(2)
    ]


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(runs)


def test_two_identical_runs_coincide(runs):
    found = compare([runs[0], runs[1], runs[0]])
    first, third = (found.embedding.coordinates[found.embedding.member == k] for k in (0, 2))
    torch.testing.assert_close(first, third, rtol=0, atol=1e-9)
    assert found.distances[0, 2] < 1e-12 < found.distances[0, 1]
    assert found.names == ("w0-s0", "w0-s1", "w0-s0 (2)")
    assert set(found.tree[0, :2]) == {0, 2}


def test_the_embedding_is_that_of_all_points_together(runs, comparison):
    first = runs[0].amplitudes[0]
    way = geodesic(ignorance(first), truth(runs[0].labels, first), torch.linspace(0, 1, 11, dtype=torch.float64))
    points = torch.cat([*(run.amplitudes for run in runs), way])
    expected = inpca(pairwise_bhattacharyya(points), 3)
    found = comparison.embedding
    together = torch.cat([found.coordinates, found.milestones])
    torch.testing.assert_close(expected.aligned(together).coordinates, together, rtol=0, atol=1e-9)
    assert found.explained_stress == pytest.approx(float(expected.explained_stress))
    assert found.stress(3) == pytest.approx(found.explained_stress)
    two = inpca(pairwise_bhattacharyya(points), 2).explained_stress
    assert found.stress(2) == pytest.approx(float(two))
    assert float(found.distances[-11, -1]) == pytest.approx(math.log(5) / 2)  # ignorance to truth
    assert found.milestones[0, 0] < found.milestones[-1, 0]
    assert found.steps.tolist() == [int(step) for run in runs for step in run.steps]


def test_distances_are_those_of_pairs(runs, comparison):
    for i, j in ((0, 1), (1, 4)):
        assert float(comparison.distances[i, j]) == pytest.approx(trajectory_distance(runs[i], runs[j]), rel=1e-9)
    torch.testing.assert_close(comparison.distances, comparison.distances.T)


def test_ways_differ_more_than_rates_and_less_than_shuffled_samples_do(comparison):
    way, rate = comparison.groups["way"], comparison.groups["optimizer.lr"]
    assert way.alone > 3 * rate.alone
    assert way.between > 3 * way.within
    assert comparison.null.mean() > way.within
    assert set(comparison.groups) == {"way", "optimizer.lr"}  # the seed is another in every run
    assert comparison.group_by("seed").pairs[0] == 0
    pairs = [comparison.tree[k, 2] for k in range(3)]
    assert max(pairs) < comparison.tree[3, 2]  # runs of one way are joined first


def test_steps_to_progress_scale_with_the_speed_of_a_group(comparison):
    steps = comparison.group_speed("way")
    assert steps.shape == (3, 4)
    reached = steps[:, 1]  # half way; strides are 1, 2, 3
    assert 1.4 < float(reached[1] / reached[0]) < 2.8
    assert 2 < float(reached[2] / reached[0]) < 4.2


def test_tubes_of_groups_are_narrower_than_that_of_all(runs, comparison):
    assert set(comparison.tubes) == {"all"}
    found = compare(runs, group_by="way")
    assert list(found.tubes) == ["all", "way=w0", "way=w1", "way=w2"]
    assert found.tubes["way=w1"].mean.mean() < 0.5 * found.tubes["all"].mean.mean()
    assert (found.tubes["all"].largest >= found.tubes["all"].mean).all()


def test_the_tube_around_runs_on_both_sides_is_the_distance_to_the_geodesic():
    at = torch.arange(1, 61, dtype=torch.float64) / 100
    sides = [beside_the_geodesic(at, angle) for angle in (0.1, -0.1, 0.05, -0.05)]
    tube = compare(sides).tubes["all"]
    middle = on_the_geodesic(at).amplitudes
    expected = [float(bhattacharyya(run.amplitudes[30], middle[30])) for run in sides]
    assert float(tube.mean[30]) == pytest.approx(np.mean(expected), rel=1e-6)
    assert float(tube.largest[30]) == pytest.approx(max(expected), rel=1e-6)


def test_tables_name_every_quantity_once(comparison):
    summary = comparison.summary()
    names = [row["quantity"] for row in summary]
    assert len(set(names)) == len(names)
    values = dict(zip(names, (row["value"] for row in summary), strict=True))
    assert values["runs"] == 6
    assert values["distance between trajectories, largest"] == float(comparison.distances.max())
    assert values["way: distance by this factor alone"] == comparison.groups["way"].alone
    assert values["geodesic from ignorance to truth"] == pytest.approx(2 * math.acos(5**-0.5))
    table = comparison.run_table()
    assert [row["run"] for row in table] == list(comparison.names)
    assert all(row.keys() == table[0].keys() for row in table)
    assert table[3]["steps to 0.5"] == float(comparison.speed[3, 1])


def test_a_run_on_the_geodesic_is_straight_and_as_long_as_it():
    found = compare([on_the_geodesic(torch.linspace(0, 1, 30))])
    (course,) = found.courses
    assert course.straightness == pytest.approx(1, abs=1e-6)
    assert float(course.fisher_rao[-1]) == pytest.approx(found.geodesic_length, rel=1e-6)
    assert found.geodesic_length == pytest.approx(2 * math.acos(CLASSES**-0.5))
    assert found.tree.shape == (0, 4)
    assert found.summary()[0] == {"quantity": "runs", "value": 1, "unit": ""}


def test_notes_say_what_limits_the_numbers(runs):
    half = runs[0]._replace(amplitudes=runs[0].amplitudes.numpy().astype("float16"), name="half")
    notes = compare([runs[0], half]).notes
    assert len(notes) == 1
    assert "1 of 2 runs are stored in half precision" in notes[0]
    assert "recorded at different steps" in compare([runs[0], runs[2]]).notes[0]
    assert compare([runs[0], runs[1]]).notes == ()
    short = runs[0]._replace(steps=runs[0].steps[:8], amplitudes=runs[0].amplitudes[:8])
    assert "1 of 1 runs never reach progress 0.8" in compare([short]).notes[0]


def test_landmarks_serve_where_asked_for_and_beyond_what_fits(runs, comparison, monkeypatch):
    found = joint_embedding(runs, landmarks=60)
    assert found.landmarks.shape == (60,)
    assert found.landmarks[0] == 150  # ignorance, the first point after 6 runs of 25 records
    assert found.distances is None
    assert found.explained_stress == pytest.approx(comparison.embedding.explained_stress, abs=0.03)
    monkeypatch.setattr("lightning_infogeo.comparison.joint._EXACT", 100)
    monkeypatch.setattr("lightning_infogeo.comparison.joint._LANDMARKS", 40)
    assert joint_embedding(runs).landmarks.shape == (40,)
    assert joint_embedding(runs, landmarks=0).landmarks is None
    assert joint_embedding(runs, landmarks=1000).landmarks is None


def test_progress_bars_are_told_of_every_job(runs, tmp_path):
    seen = {}

    def watch(stage, done, total):
        assert 1 <= done <= total
        seen[stage] = (done, total)

    compare(runs, landmarks=20, watch=watch, folder=tmp_path)
    stages = {"reading", "courses", "null", "equal-progress", "choosing landmarks", "tiles", "landmarks"}
    assert set(seen) == stages
    assert all(done == total for done, total in seen.values())


def test_float32_and_float64_records_give_the_same_comparison(runs, comparison):
    single = compare([run._replace(amplitudes=run.amplitudes.float().numpy()) for run in runs])
    torch.testing.assert_close(single.distances, comparison.distances, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(single.reindexed_lengths, comparison.reindexed_lengths, rtol=1e-4, atol=0)
