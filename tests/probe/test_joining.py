"""Batches of a probe become fewer calls of the model, with the same samples in the same order, or stay as they are."""

from dataclasses import dataclass

import pytest
import torch

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.probe.joining import joined
from lightning_infogeo.probe.structure import leaves
from tests.helpers.classifiers import Classifier, fit, train_loader, val_loader

ALL = 2**30
"""More bytes than any batch here has."""


def cut(whole, *counts):
    return list(whole.split(counts))


def samples_of(batches):
    return torch.cat([leaf.flatten(1) for batch in batches for leaf in leaves(batch)])


@pytest.mark.parametrize("copied", [0, ALL])
def test_neighbours_in_memory_are_joined_without_a_copy(copied):
    whole = torch.randn(100, 3, 4)
    batches, counts = joined(cut(whole, 32, 32, 32, 4), [32, 32, 32, 4], copied)
    assert counts == [100]
    assert torch.equal(batches[0], whole)
    assert batches[0].data_ptr() == whole.data_ptr()


def test_others_are_joined_by_a_copy_where_they_are_small():
    parts = [torch.randn(n, 5) for n in (8, 8, 3)]
    batches, counts = joined(parts, [8, 8, 3], copied=19 * 5 * 4)
    assert counts == [19]
    assert torch.equal(batches[0], torch.cat(parts))
    batches, counts = joined(parts, [8, 8, 3], copied=19 * 5 * 4 - 1)
    assert counts == [8, 8, 3]
    assert all(one is other for one, other in zip(batches, parts, strict=True))


def test_what_differs_in_more_than_its_samples_stays_apart():
    parts = [torch.zeros(4, 5), torch.zeros(4, 6), torch.zeros(4, 6), torch.zeros(4, 6, dtype=torch.int64)]
    batches, counts = joined(parts, [4] * 4, ALL)
    assert counts == [4, 8, 4]
    assert [tuple(batch.shape) for batch in batches] == [(4, 5), (8, 6), (4, 6)]


@pytest.mark.parametrize("common", [torch.arange(4), torch.ones(4, 4).triu(1).bool()], ids=["positions", "mask"])
def test_tensors_as_long_as_a_batch_by_chance_stay_as_they_are(common):
    parts = [{"x": torch.randn(4, 4), "common": common.clone()} for _ in range(3)]
    batches, counts = joined(parts, [4] * 3, ALL)
    assert counts == [4] * 3
    assert all(batch["common"].equal(common) for batch in batches)


def test_values_that_all_samples_have_do_not_keep_batches_apart():
    parts = [{"x": torch.randn(4, 4), "unpadded": torch.ones(4, 4, dtype=torch.bool)} for _ in range(3)]
    assert joined(parts, [4] * 3, ALL)[1] == [12]


def test_fields_are_joined_one_by_one():
    parts = [{"ids": torch.full((n, 2), n), "mask": (torch.ones(n, 2, dtype=torch.bool),)} for n in (3, 2)]
    batches, counts = joined(parts, [3, 2], ALL)
    assert counts == [5]
    assert batches[0]["ids"][:, 0].tolist() == [3, 3, 3, 2, 2]
    assert batches[0]["mask"][0].shape == (5, 2)


@dataclass
class Graphs:
    """Two graphs as one: nodes of all, and to which of the graphs each belongs."""

    x: torch.Tensor
    batch: torch.Tensor


@pytest.mark.parametrize(
    "parts",
    [
        [Graphs(torch.zeros(7, 3), torch.tensor([0, 0, 0, 1, 1, 1, 1])) for _ in range(2)],
        [[torch.zeros(3), torch.zeros(3)] for _ in range(2)],
        [{"x": torch.zeros(2, 3), "scale": 1.0 + k} for k in range(2)],
        [torch.tensor(1.0), torch.tensor(2.0)],
    ],
    ids=["graphs", "lists of samples", "a value that belongs to no sample", "no sample axis"],
)
def test_what_cannot_be_cut_between_samples_stays_as_it_came(parts):
    batches, counts = joined(parts, [2, 2], ALL)
    assert counts == [2, 2]
    assert all(one is other for one, other in zip(batches, parts, strict=True))


def test_samples_keep_their_order_whatever_is_joined():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        counts = torch.randint(1, 9, (6,), generator=generator).tolist()
        whole = torch.randn(sum(counts), 4, generator=generator)
        parts = [part.clone() if torch.rand((), generator=generator) < 0.5 else part for part in cut(whole, *counts)]
        copied = ALL if torch.rand((), generator=generator) < 0.5 else 0
        batches, found = joined(parts, counts, copied)
        assert sum(found) == sum(counts)
        assert torch.equal(samples_of(batches), whole)


class Called(Classifier):
    """Keeps how many samples each evaluation had."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.calls = []

    def forward(self, x):
        if not self.training and not self.trainer.validating:
            self.calls.append(len(x))
        return super().forward(x)


@pytest.mark.parametrize(("batch", "calls"), [(64, {512}), (16, {256})])
def test_a_probe_of_512_is_one_or_two_calls(tmp_path, batch, calls):
    monitor = InfoGeometryMonitor(markers=(), embedding=False, budget=None)
    made = fit(monitor, tmp_path, Called, train_loader(1600, batch), val_loader(700), max_steps=4)
    # Before the first step each probe is tried with four training batches at once; from then on nothing changes.
    assert set(made.lightning_module.calls[-2 * 512 // max(calls) :]) == calls
