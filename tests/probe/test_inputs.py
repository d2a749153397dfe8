"""Calls: batches together where they cannot be cut, cut where they can, dealt to processes between two calls."""

import itertools

import pytest
import torch

from lightning_infogeo.probe.inputs import Inputs
from lightning_infogeo.probe.structure import rows_of

FLAT = Inputs([torch.arange(10.0)[:6], torch.arange(10.0)[6:]], [6, 4])
LISTS = Inputs([[torch.zeros(k, 2) for k in range(1, 4)], [torch.zeros(5, 2)], [torch.zeros(1, 2)] * 2], [3, 1, 2])


def test_batches_are_called_as_they_are_and_cut_where_calls_are_smaller():
    assert [(a, b) for a, b, _ in FLAT.calls(100)] == [(0, 6), (6, 10)]
    assert [(a, b) for a, b, _ in FLAT.calls(4)] == [(0, 4), (4, 6), (6, 10)]
    assert torch.equal(torch.cat([part for *_, part in FLAT.calls(4)]), torch.arange(10.0))
    assert [(a, b, len(part)) for a, b, part in LISTS.calls(1)] == [(0, 3, 3), (3, 4, 1), (4, 6, 2)]
    assert (FLAT.largest(4), LISTS.largest(4)) == (4, 1)


@pytest.mark.parametrize("inputs", [FLAT, LISTS])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
def test_parts_cover_everything_once(inputs, ranks):
    bounds = [inputs.bounds(rank, ranks) for rank in range(ranks)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(inputs)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    assert sum(len(inputs.part(*bound)) for bound in bounds) == len(inputs)
    edges = {start for start, _, _ in inputs.calls(1)} | {len(inputs)}
    assert {edge for bound in bounds for edge in bound} <= edges


def test_a_part_that_begins_a_batch_has_all_of_it():
    assert len(LISTS.part(0, 1)) == 3
    assert len(FLAT.part(2, 8)) == 6


@pytest.mark.parametrize(
    ("batch", "rows"),
    [
        (torch.zeros(4, 2), 4),
        ({"a": torch.zeros(4, 2), "b": [torch.zeros(4), ["abcd"] * 4]}, 4),
        ([torch.zeros(3, 8, 8)] * 3, None),  # three images, or one tensor of each of three kinds?
        ([torch.zeros(3, 8, 8), torch.zeros(3).long()], 3),
        ([torch.zeros(2, 8), torch.zeros(2).long()], 2),
        ([torch.zeros(5, 2), torch.zeros(4, 2)], None),
        (torch.nn.utils.rnn.pack_sequence([torch.zeros(3), torch.zeros(2)]), None),
        ({"x": torch.zeros(4, 2), "graph": object()}, None),
        (torch.eye(3).to_sparse(), None),
        ({"x": torch.zeros(4, 2), "scale": torch.tensor(2.0), "name": "all", "none": None}, 4),
    ],
    ids=range(10),
)
def test_what_can_be_cut(batch, rows):
    assert rows_of(batch) == rows
