"""Distances that shuffled predictions would have."""

import math

import pytest
import torch

from lightning_infogeo import fisher_rao, progress
from lightning_infogeo.comparison import Work, shuffled_within_classes
from lightning_infogeo.comparison.nulls import shuffle_null
from lightning_infogeo.comparison.reindexed import ReindexedRun
from lightning_infogeo.geodesics import ignorance, truth
from tests.helpers.synthetic_runs import LABELS, beside_the_geodesic, on_the_geodesic, training

GRID = torch.arange(1, 61, dtype=torch.float64) / 100


def null(run, at, draws=3, seed=0, memory=2**28):
    found, lengths = shuffle_null([ReindexedRun(run, at, 100)], run.labels, 100, draws, seed, Work(memory))
    return found[0], lengths[0]


def test_a_shuffle_keeps_every_label_in_its_place_and_is_a_permutation():
    labels = torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(0))
    order = shuffled_within_classes(labels, 3)
    assert torch.equal(labels[order], labels)
    assert torch.equal(order.sort().values, torch.arange(200))
    assert (order != torch.arange(200)).sum() > 180
    assert torch.equal(order, shuffled_within_classes(labels, 3))
    assert not torch.equal(order, shuffled_within_classes(labels, 4))


def test_a_shuffled_run_has_the_same_loss_and_progress():
    run = training(0)
    order = shuffled_within_classes(run.labels, 1)
    start, end = ignorance(run.amplitudes[0]), truth(run.labels, run.amplitudes[0])
    shuffled = run.amplitudes[:, order]
    torch.testing.assert_close(progress(shuffled, start, end), progress(run.amplitudes, start, end))
    torch.testing.assert_close(fisher_rao(shuffled, end), fisher_rao(run.amplitudes, end))
    assert (fisher_rao(shuffled, run.amplitudes) > 0.1).any()


def test_where_all_samples_of_a_class_learn_alike_the_null_is_zero():
    assert null(on_the_geodesic(GRID), GRID)[0].abs().max() < 1e-15


@pytest.mark.parametrize("memory", [1, 2**28])
def test_samples_on_either_side_of_the_geodesic_have_a_known_null(memory):
    side = torch.tensor([1, 1, 1, -1, -1, -1, 1, 1, -1, -1], dtype=torch.float64)
    found, _ = null(beside_the_geodesic(GRID, 0.1 * side), GRID, memory=memory)
    for draw, distance in enumerate(found.tolist()):
        moved = (side[shuffled_within_classes(LABELS, draw)] != side).double().mean()
        assert distance == pytest.approx(float(moved) * -math.log(math.cos(0.2)), rel=1e-9)
    assert len(set(found.tolist())) > 1


@pytest.mark.parametrize("memory", [1, 2**28])
def test_the_re_indexed_length_is_that_over_the_grid(memory):
    at = torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)
    _, length = null(on_the_geodesic(at), at, memory=memory)
    assert float(length) == pytest.approx(2 * math.acos(3**-0.5) * 0.99, rel=1e-9)


def test_a_class_of_one_sample_is_left_as_it_is():
    assert shuffled_within_classes(torch.tensor([2, 0, 1]), 0).tolist() == [0, 1, 2]


def test_no_draws_give_no_null():
    assert null(on_the_geodesic(GRID), GRID, draws=0)[0].shape == (0,)
