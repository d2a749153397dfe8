"""An embedding by landmarks is close to the exact one."""

import numpy as np
import pytest
import torch

from lightning_infogeo import inpca, pairwise_bhattacharyya
from lightning_infogeo.comparison import Work
from lightning_infogeo.comparison.checkpoints import Checkpoints
from lightning_infogeo.comparison.landmarks import farthest_points, landmark_inpca
from tests.helpers.synthetic_runs import training

RUNS = [training(seed, records=60, way=seed // 2) for seed in range(6)]
POINTS = Checkpoints(RUNS)
EXACT = pairwise_bhattacharyya(torch.cat([run.amplitudes for run in RUNS]))


def by_definition(distances, count, first):
    chosen = [first]
    while len(chosen) < count:
        chosen.append(int(distances[:, chosen].min(1).values.argmax()))
    return chosen


def test_each_landmark_is_the_farthest_from_those_before():
    landmarks, weights = farthest_points(POINTS, 20, Work(memory=10**7), first=3)
    assert landmarks.tolist() == by_definition(EXACT, 20, 3)
    nearest = EXACT[:, landmarks].argmin(1)
    assert weights.tolist() == nearest.bincount(minlength=20).tolist()


def test_blocks_do_not_change_the_landmarks():
    """With room for 32 samples only, they are far from each other by all samples too."""
    landmarks, _ = farthest_points(POINTS, 20, Work(memory=1))
    spread = EXACT[landmarks][:, landmarks].add(torch.eye(20) * 99).amin()
    best = by_definition(EXACT, 20, 0)
    assert spread > 0.5 * EXACT[best][:, best].add(torch.eye(20) * 99).amin()
    assert spread > 5 * EXACT[:20, :20].add(torch.eye(20) * 99).amin()  # what the first 20 would give


def test_coinciding_checkpoints_are_not_taken_twice():
    twice = Checkpoints([RUNS[0], RUNS[0]])
    landmarks, weights = farthest_points(twice, 120, Work())
    assert len(landmarks) == 60
    assert (landmarks < 60).all()
    assert weights.eq(2).all()


@pytest.mark.parametrize("memory", [10**5, 10**8])
def test_the_landmarks_map_is_close_to_the_exact_one(memory):
    found = landmark_inpca(POINTS, 60, Work(memory))
    exact = inpca(EXACT, 3)
    aligned = exact.aligned(found.coordinates)
    scale = exact.coordinates.square().mean().sqrt()
    assert (found.coordinates - aligned.coordinates).square().mean().sqrt() < 0.08 * scale
    assert float(found.embedding.explained_stress) == pytest.approx(float(exact.explained_stress), abs=0.03)
    # Negative control: axes of sixty checkpoints of one run, each counted once, are others.
    first = inpca(EXACT[:60, :60], 3)
    placed = first.transform(EXACT[:, :60])
    turned = exact.aligned(placed).coordinates
    assert (placed - turned).square().mean().sqrt() > 0.2 * scale


def test_landmarks_lie_where_their_own_embedding_has_them():
    found = landmark_inpca(POINTS, 40, Work(10**5))
    torch.testing.assert_close(found.coordinates[found.landmarks], found.embedding.coordinates, atol=1e-9, rtol=0)


def test_the_error_is_that_of_exact_distances_between_checkpoints_that_are_no_landmarks():
    found = landmark_inpca(POINTS, 40, Work(10**6), held_out=30, seed=5)
    which = found.held_out
    assert len(which) == 30
    assert not set(which.tolist()) & set(found.landmarks.tolist())
    x, sign = found.coordinates[which].numpy(), found.embedding.eigenvalues.sign().numpy()
    placed = (((x[:, None] - x[None]) ** 2) * sign).sum(-1)
    exact = EXACT[which][:, which].numpy()
    assert found.error == pytest.approx(np.abs(placed - exact).sum() / exact.sum(), rel=1e-9)
    assert 0 < found.error < 0.2
    assert not torch.equal(landmark_inpca(POINTS, 40, Work(10**6), held_out=30, seed=6).held_out, which)


def test_with_all_axes_of_enough_landmarks_other_distances_are_close():
    found = landmark_inpca(POINTS, 200, Work(10**8), n_components=40)
    assert found.error < 0.02


def test_finished_blocks_are_taken_up(tmp_path, monkeypatch):
    work = Work(memory=10**5, folder=tmp_path)
    first = landmark_inpca(POINTS, 20, work, content="data")

    def fails(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr("lightning_infogeo.comparison.landmarks.pairwise_bhattacharyya", fails)
    monkeypatch.setattr("lightning_infogeo.comparison.exact_distances.pairwise_bhattacharyya", fails)
    again = landmark_inpca(POINTS, 20, work, content="data")
    assert torch.equal(again.coordinates, first.coordinates)
    assert again.error == first.error
    with pytest.raises(AssertionError):
        landmark_inpca(POINTS, 20, work, content="other data")
