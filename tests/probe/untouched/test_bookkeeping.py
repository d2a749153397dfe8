"""What Python notes for itself while samples are read, such as answers of ``isinstance``, is no change of the data."""

import abc
import collections.abc
import functools
import gc
from typing import Protocol, runtime_checkable

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from lightning_infogeo.probe.choosing import choose
from lightning_infogeo.probe.sampling import Amount
from lightning_infogeo.probe.untouched import untouched


def asked(kind):
    """Asks of an object of a class that nobody has seen whether it is of a kind."""
    return isinstance(type("New", (), {})(), kind)


class Stream(IterableDataset):
    """Derived from ``collections.abc.Iterable``, by way of torch's class."""

    def __iter__(self):
        asked(collections.abc.Iterable)
        return iter([(torch.tensor([float(i)]), i % 4) for i in range(20)])


class Abstract(abc.ABC):  # noqa: B024
    pass


class Concrete(Abstract):
    pass


@runtime_checkable
class Sized(Protocol):
    def __len__(self): ...


class Measured(Sized):
    def __len__(self):
        return 3


@functools.singledispatch
def shown(value):
    return str(value)


class Shows:
    def __call__(self):
        return shown(type("New", (), {})())


@pytest.mark.parametrize(
    ("root", "read"),
    [
        (Concrete(), lambda: asked(Abstract)),
        (Concrete, lambda: asked(Abstract)),
        (Measured(), lambda: asked(Sized)),
        (Stream(), lambda: asked(collections.abc.Iterable)),
        (shows := Shows(), shows),
    ],
    ids=["abstract class", "itself", "protocol", "stream", "single dispatch"],
)
def test_it_is_no_change(root, read):
    read()  # so that there is something noted already
    with untouched(root) as trace:
        read()
    assert trace.changed == []


@pytest.mark.parametrize("root", [Concrete(), Stream()], ids=["abstract class", "stream"])
def test_nor_is_what_it_forgets(root):
    kinds = [type("New", (), {}) for _ in range(200)]
    for kind in kinds:
        assert not any(isinstance(kind(), base) for base in (Abstract, collections.abc.Iterable))
    del kinds[::2], kind
    gc.collect()
    with untouched(root) as trace:
        kinds.clear()  # the notes go with them
        gc.collect()
        asked(Abstract)
        asked(collections.abc.Iterable)
    assert trace.changed == []


def test_samples_of_a_stream_that_asks_come_without_a_warning():
    asked(collections.abc.Iterable)
    found = choose(DataLoader(Stream(), batch_size=4), Amount(10))
    assert found.probe.inputs.flatten().tolist() == list(range(10))


def test_what_a_class_counts_is_put_back_still():
    class Counting(Abstract):
        count = 0

    with untouched(Counting()) as trace:
        asked(Abstract)
        Counting.count += 1
    assert (Counting.count, trace.changed) == (0, [])
