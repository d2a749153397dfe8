"""Trajectories compared at equal progress, against closed forms and slow arithmetic."""

import math

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from lightning_infogeo import reindex
from lightning_infogeo.comparison import (
    Recording,
    Work,
    compare,
    dendrogram,
    leaf_order,
    shuffled_within_classes,
    trajectory_distance,
)
from lightning_infogeo.comparison.checkpoints import Checkpoints
from lightning_infogeo.comparison.course import courses
from lightning_infogeo.comparison.reindexed import ReindexedRun, at_equal_progress
from tests.helpers.synthetic_runs import (
    ARC,
    LABELS,
    Spy,
    beside_the_geodesic,
    on_the_geodesic,
    slow_distances,
    slow_reindexed,
    training,
)

GRID = torch.arange(1, 61, dtype=torch.float64) / 100


def reindexed(runs, n=100, memory=2**28):
    followed = courses(Checkpoints(runs), runs[0].labels, "arc", Work(memory), "")
    return [ReindexedRun(run, course.progress, n) for run, course in zip(runs, followed, strict=True)]


def test_progress_lengths_and_straightness_on_the_geodesic_are_known():
    at = [0.0, 0.1, 0.15, 0.5, 0.8, 0.95]
    (course,) = courses(Checkpoints([on_the_geodesic(at)]), LABELS, "arc", Work(), "")
    np.testing.assert_allclose(course.progress, at, atol=1e-6)
    np.testing.assert_allclose(course.fisher_rao, 2 * ARC * np.array(at), atol=1e-9)
    np.testing.assert_allclose(course.displacement, course.fisher_rao, atol=1e-9)
    hops = ARC * np.diff(at, prepend=0.0)
    np.testing.assert_allclose(course.riemann, np.cumsum(2 * np.sqrt(-np.log(np.cos(hops)))), atol=1e-9)
    np.testing.assert_allclose(course.distance_to_truth, -np.log(np.cos(ARC * (1 - np.array(at)))), atol=1e-12)
    assert course.straightness == pytest.approx(1, abs=1e-9)


def test_short_steps_have_a_riemann_length_of_the_fisher_rao_length_over_root_two():
    (course,) = courses(Checkpoints([on_the_geodesic(torch.linspace(0, 0.9, 500))]), LABELS, "arc", Work(), "")
    assert float(course.riemann[-1] / course.fisher_rao[-1]) == pytest.approx(0.5**0.5, rel=1e-5)


def test_beside_the_geodesic_progress_stays_and_the_path_is_a_small_circle():
    (course,) = courses(Checkpoints([beside_the_geodesic(GRID, 0.1)]), LABELS, "arc", Work(), "")
    np.testing.assert_allclose(course.progress, GRID, atol=1e-6)
    hop = 2 * math.acos(math.cos(0.1) ** 2 * math.cos(0.01 * ARC) + math.sin(0.1) ** 2)
    assert float(course.fisher_rao[-1]) == pytest.approx(59 * hop, rel=1e-6)


def test_runs_on_either_side_of_the_geodesic_have_a_known_distance_and_tube():
    left, right = beside_the_geodesic(GRID, 0.1), beside_the_geodesic(GRID, -0.1)
    assert trajectory_distance(left, right) == pytest.approx(-math.log(math.cos(0.2)), rel=1e-6)
    assert trajectory_distance(left, left) < 1e-15
    found = at_equal_progress(reindexed([left, right]), 100, {"all": [0, 1]}, Work())
    tubes = found.tubes
    assert float(found.distances[0, 1]) == pytest.approx(-math.log(math.cos(0.2)), rel=1e-6)
    np.testing.assert_allclose(tubes["all"].mean, -math.log(math.cos(0.1)), rtol=1e-6)
    np.testing.assert_allclose(tubes["all"].largest, -math.log(math.cos(0.1)), rtol=1e-6)


def test_a_run_that_stops_early_is_as_far_as_it_goes_and_no_farther():
    """Its last record repeated up to the end would make any run that underfits look far (CNN and linear: 2.6 times)."""
    whole, early = on_the_geodesic(torch.linspace(0, 1, 101)), on_the_geodesic(torch.linspace(0, 0.33, 34))
    beside = beside_the_geodesic(torch.linspace(0, 0.33, 34), 0.1)
    assert trajectory_distance(whole, early) < 1e-9
    repeated = np.mean([-math.log(math.cos(ARC * max(0, u / 100 - 0.33))) for u in range(1, 101)])
    assert trajectory_distance(whole, early, whole_range=True) == pytest.approx(repeated, rel=1e-5)
    assert trajectory_distance(whole, beside) == pytest.approx(-math.log(math.cos(0.1)), rel=1e-6)
    found = at_equal_progress(reindexed([whole, early, beside]), 100, {}, Work())
    assert float(found.distances[0, 2]) == pytest.approx(float(found.distances[1, 2]), rel=1e-6)
    assert found.whole_range[0, 2] > found.whole_range[1, 2]


def test_runs_that_get_nowhere_are_compared_at_the_first_value():
    at = torch.tensor([0.001, 0.002])
    assert trajectory_distance(on_the_geodesic(at), beside_the_geodesic(at, 0.2)) == pytest.approx(
        -math.log(math.cos(0.2)), rel=1e-3
    )


@pytest.mark.parametrize("memory", [1, 2**28])
def test_the_distance_from_a_shuffled_other_run_is_that_from_the_shuffled_run(memory):
    runs = [training(seed, way=seed, samples=20, records=10) for seed in range(3)]
    order = shuffled_within_classes(runs[0].labels, 7)
    found = at_equal_progress(reindexed(runs, 10, memory), 10, {}, Work(memory), shuffle=order)
    for i, a in enumerate(runs):
        for j, b in enumerate(runs):
            other = b._replace(amplitudes=b.amplitudes[:, order])
            assert float(found.shuffled[i, j]) == pytest.approx(trajectory_distance(a, other, n=10), rel=1e-6)


def test_speed_does_not_matter_to_the_distance():
    slow, fast = on_the_geodesic(torch.linspace(0, 1, 40)), on_the_geodesic(torch.linspace(0, 1, 7) ** 2)
    assert trajectory_distance(slow, fast) < 1e-9


@pytest.mark.parametrize("memory", [1, 2**28])
def test_distances_agree_with_the_definition_in_slow_arithmetic(memory):
    runs = [training(seed, way=seed // 2, samples=20) for seed in range(4)]
    for k, stop in ((0, 25), (1, 25), (2, 18), (3, 14)):
        runs[k] = runs[k]._replace(steps=runs[k].steps[:stop], amplitudes=runs[k].amplitudes[:stop])
    found = at_equal_progress(reindexed(runs, 25, memory), 25, {}, Work(memory))
    distances, expected = found.distances, slow_distances(runs, 25)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.whole_range, slow_distances(runs, 25, whole_range=True), rtol=1e-5, atol=1e-9)
    assert abs(found.whole_range[0, 3] / distances[0, 3] - 1) > 0.1  # the runs do stop early
    tree = dendrogram(distances)
    np.testing.assert_allclose(tree, linkage(squareform(expected, checks=False), "complete"), rtol=1e-5)
    assert {frozenset(leaf_order(tree)[:2]), frozenset(leaf_order(tree)[2:])} == {frozenset({0, 1}), frozenset({2, 3})}


def test_reading_a_few_values_gives_what_reindexing_the_whole_gives():
    run = training(3, records=40)
    (course,) = courses(Checkpoints([run]), run.labels, "arc", Work(), "")
    lazy = ReindexedRun(run, course.progress, 50)
    expected = reindex(run.amplitudes, course.progress, 50)
    torch.testing.assert_close(lazy.read(slice(0, 50)), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(lazy.read(slice(7, 12), slice(3, 9)), expected[7:12, 3:9], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(expected, slow_reindexed(run, 50), atol=1e-5)


def test_a_course_does_not_depend_on_the_blocks_it_is_read_in():
    run = training(1, records=50)
    whole, parts = (courses(Checkpoints([run]), run.labels, "arc", Work(m), "")[0] for m in (2**28, 1))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a.double(), b.double(), rtol=1e-12, atol=1e-12)


def test_pieces_are_read_within_the_memory():
    runs = [training(seed, samples=200) for seed in range(8)]
    spies = [Spy(run.amplitudes) for run in runs]
    lazy = reindexed([run._replace(amplitudes=spy) for run, spy in zip(runs, spies, strict=True)])
    for spy in spies:
        spy.reads.clear()
    memory = 4 * 10**5
    at_equal_progress(lazy, 100, {}, Work(memory))
    assert sum(max(spy.reads) for spy in spies) <= memory
    assert 8 * runs[0].amplitudes[0].numel() * 8 <= memory < 8 * runs[0].amplitudes.numel() * 8


def test_runs_of_one_record_and_one_sample_compare():
    labels = torch.tensor([1])
    runs = [
        Recording(str(k), torch.tensor([0]), torch.tensor([[a]]), labels) for k, a in ((0, [0.6, 0.8]), (1, [0.8, 0.6]))
    ]
    assert trajectory_distance(*runs) == pytest.approx(-math.log(0.96), rel=1e-6)
    assert compare(runs).courses[0].straightness == 1


def test_runs_without_labels_have_no_progress():
    run = training(0)._replace(labels=None)
    with pytest.raises(ValueError, match=r"`trajectory_distance\(a, b\)`: progress needs labels"):
        trajectory_distance(run, run)
