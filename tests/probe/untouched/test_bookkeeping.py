"""What Python notes of classes while samples are read, as ``isinstance`` does, is no change of the data."""

import abc
import collections.abc
import gc
from typing import Protocol, runtime_checkable

import pytest
from torch.utils.data import IterableDataset

from lightning_infogeo.probe.untouched import untouched


class Abstract(abc.ABC):
    @abc.abstractmethod
    def stored(self): ...


class Concrete(Abstract):
    count = 0

    def stored(self):
        return 0


@runtime_checkable
class Sized(Protocol):
    def __len__(self): ...


class Measured(Sized):
    def __len__(self):
        return 3


class Stream(IterableDataset):
    """Derived from ``collections.abc.Iterable``, by way of torch's class."""

    def __iter__(self):
        return iter(range(20))


def noted(base):
    """Returns a list of classes after asking of each, and of as many that are gone, whether it derives from a base."""
    kinds = [type("New", (), {}) for _ in range(200)]
    assert not any([isinstance(kind(), base) for kind in kinds])
    kinds[:] = kinds[::2]
    gc.collect()
    return kinds


def forget_and_note(kinds, base):
    kinds.clear()
    gc.collect()
    assert not isinstance(type("New", (), {})(), base)


def gone(kind):
    """Returns how many classes that are gone Python's notes of a class name: none, if nobody else writes there."""
    return sum(reference() is None for references in abc._get_dump(kind)[:3] for reference in references)


@pytest.mark.parametrize(
    ("kind", "base"),
    [(Concrete, Abstract), (Measured, Sized), (Stream, collections.abc.Iterable)],
    ids=["abstract class", "protocol", "stream"],
)
def test_it_is_no_change(kind, base):
    kinds = noted(base)
    with untouched(kind()) as trace:
        forget_and_note(kinds, base)
    assert (gone(kind), trace.changed) == (0, [])


def test_what_a_class_counts_is_put_back_still():
    kinds = noted(Abstract)
    with untouched(Concrete()) as trace:
        forget_and_note(kinds, Abstract)
        Concrete.count += 1
    assert (Concrete.count, gone(Concrete), trace.changed) == (0, 0, [])
