"""Computations that are captured once and repeated give what they give one by one, whatever the states do between."""

from typing import NamedTuple

import pytest
import torch

from lightning_infogeo.monitor.device.captured import CapturedComputation
from tests.helpers.replayed import replayed


class State(NamedTuple):
    total: torch.Tensor
    table: torch.Tensor
    count: torch.Tensor


class Sums:
    """Sums what it is given, and writes it in place to the slots of a table in turn."""

    def __init__(self, scale=1.0):
        shared = torch.zeros(3)
        self.tensors = {"a": State(shared, torch.zeros(4, 3), torch.zeros((), dtype=torch.int64))}
        self.scale = scale

    def __call__(self, given):
        state = self.tensors["a"]
        total = state.total + self.scale * given
        state.table.index_copy_(0, state.count[None] % 4, total[None])
        self.tensors = {"a": State(total, state.table, state.count + 1)}
        return total * 2


def inputs():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, generator=generator) for _ in range(9)]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.tensors["a"], other.tensors["a"], strict=True))


def test_repeats_give_what_single_operations_give():
    plain, sums = Sums(), Sums()
    captured = CapturedComputation(sums, [sums], replayed)
    for given in inputs():
        expected, found = plain(given), captured("one", given.clone())
        assert torch.equal(found, expected)
        assert same(plain, sums)
    assert captured.captured == 1


def test_kinds_take_turns():
    plain, sums = Sums(), Sums()
    captured = CapturedComputation(sums, [sums], replayed)
    for k, given in enumerate(inputs()):
        plain.scale = sums.scale = 1.0 + k % 2
        assert torch.equal(captured(k % 2, given), plain(given))
        assert same(plain, sums)
    assert captured.captured == 2


def test_states_may_be_replaced_between():
    plain, sums = Sums(), Sums()
    captured = CapturedComputation(sums, [sums], replayed)
    for given in inputs():
        for one in (plain, sums):
            state = one.tensors["a"]
            one.tensors = {"a": state._replace(total=state.total.clone() + 1, table=state.table.clone())}
        assert torch.equal(captured("one", given), plain(given))
        assert same(plain, sums)


def test_a_python_value_that_changes_unseen_is_frozen():
    """Negative control: why such values must be part of the key."""
    plain, sums = Sums(), Sums()
    captured = CapturedComputation(sums, [sums], replayed)
    for k, given in enumerate(inputs()):
        plain.scale = sums.scale = 1.0 + k
        plain(given), captured("one", given)
    assert not same(plain, sums)


class Reads(Sums):
    def __call__(self, given):
        made = super().__call__(given)
        return made if float(made.sum()) < 1e9 else given


def test_what_cannot_be_captured_goes_on_one_by_one(capsys):
    plain, sums = Sums(), Reads()
    captured = CapturedComputation(sums, [sums], replayed)
    for given in inputs():
        assert torch.equal(captured("one", given), plain(given))
        assert same(plain, sums)
    assert captured.captured == 0
    with pytest.raises(RuntimeError, match="reads from the device"):
        raise captured.failed
