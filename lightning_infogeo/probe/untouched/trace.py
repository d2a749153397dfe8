"""Reading data and leaving everything as it was."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader

from lightning_infogeo.probe.untouched.memory import other_processes
from lightning_infogeo.probe.untouched.sorts import mro_of
from lightning_infogeo.probe.untouched.streams import (
    REPLACED,
    TorchGenerator,
    copied_iterator,
    place_of_iterator,
    reseed,
)
from lightning_infogeo.probe.untouched.walk import Memory, Walk


class Trace:
    """What is known of a read, after it.

    Attributes:
        changed: names of what is not as it was before, with its type: it could not be put back.
        unseen: names of what may have changed unseen: large arrays, objects of extension modules.
        cut: whether there was more to visit than is visited, so that nothing is known of the rest.
    """

    def __init__(self, roots: tuple[Any, ...], generators_alone: bool = False) -> None:
        self._alone = generators_alone
        self.changed: list[str] = []
        self._walk = Walk(roots)
        self.unseen = self._walk.unseen
        self.cut = self._walk.cut
        self._others = other_processes()
        self._loaders = [one for one in self._walk.objects if DataLoader in mro_of(type(one))]
        self._running = [vars(loader).get("_iterator") for loader in self._loaders]
        self._copies = [
            (one, copied_iterator(one), place_of_iterator(one))
            for one in self._walk.objects
            if not generators_alone and type(one) in REPLACED and copied_iterator(one) is not None
        ]

    def begin(self, seed: int | None) -> None:
        """Lets a loader whose workers are running be read by workers of the read's own, and seeds generators."""
        if seed is not None:
            for one in self._walk.objects:
                reseed(one, seed)
        for loader, iterator in zip(self._loaders, self._running, strict=True):
            if iterator is not None:
                vars(loader)["_iterator"] = None

    def put_back(self) -> None:
        """Puts back what changed, and compares it once more."""
        self._end_workers()
        watched = [
            memory for memory in self._walk.memories if not self._alone or isinstance(memory.sort, TorchGenerator)
        ]
        touched = [memory for memory in watched if self._differs(memory)]
        for memory in touched:
            self._put_back(memory)
        still = [memory.node for memory in touched if self._differs(memory)]
        still += [node for one, copy, place in self._copies for node in self._replace(one, copy, place)]
        self.changed = [self._walk.name(node) for node in dict.fromkeys(still)]
        del self._walk, self._copies, self._loaders, self._running

    def _end_workers(self) -> None:
        for loader, before in zip(self._loaders, self._running, strict=True):
            now = vars(loader).get("_iterator")
            if now is not before and hasattr(now, "_shutdown_workers"):
                now._shutdown_workers()

    def _differs(self, memory: Memory) -> bool:
        try:
            return memory.sort.changed(self._walk.objects[memory.node], memory.before)
        except Exception:  # closed or released in the meantime
            return True

    def _put_back(self, memory: Memory) -> None:
        owner = self._walk.objects[memory.node]
        try:
            if not (self._others and memory.sort.shared(owner)):
                memory.sort.put_back(owner, memory.before)
        except Exception:  # it will be named
            return

    def _replace(self, iterator: Any, copy: Any, place: Any) -> list[int]:
        """Puts the copy of an iterator that moved on in its place; returns the node where that cannot be done."""
        if place_of_iterator(iterator) == place:
            return []
        node = next(node for node, one in enumerate(self._walk.objects) if one is iterator)
        if _held_by_a_frame(iterator):
            return [node]
        for at in self._walk.places[id(iterator)]:
            try:
                assert at.sort is not None
                at.sort.replace(self._walk.objects[at.node], at.key, copy)
            except Exception:  # in a tuple, or given itself
                return [node]
        return []


@contextmanager
def untouched(*roots: Any, seed: int | None = None, generators_alone: bool = False) -> Iterator[Trace]:
    """Leaves all that can be reached from the roots as it was, however the block ends.

    State is remembered before and put back in place after: attributes, elements of containers, random generators,
    positions in files, small arrays and tensors, closures, attributes of the user's classes, globals that the user's
    code names. What changed and could not be put back is named in ``changed`` of the object given.

    The global random streams are not among it. No other thread should use the roots meanwhile. An iterator made
    inside the block is to be dropped inside it, so that its workers end before anything is put back.

    Args:
        roots: from which everything can be reached.
        seed: for the random generators found, so that the block draws the same whatever was drawn before it; None to
            leave them where they are.
        generators_alone: whether only random generators are put back.

    Example:
        >>> class Data:
        ...     reads = 0
        ...     def __getitem__(self, index):
        ...         self.reads += 1
        ...         return index
        >>> data = Data()
        >>> with untouched(data) as trace:
        ...     data[3], data.reads
        (3, 1)
        >>> data.reads, trace.changed
        (0, [])
    """
    trace = Trace(roots, generators_alone)
    trace.begin(seed)
    try:
        yield trace
    finally:
        trace.put_back()


def _held_by_a_frame(iterator: Any) -> bool:
    """Whether a generator in mid-course reads the iterator too, in which no copy can take its place."""
    import gc

    return any(type(one) is types.GeneratorType for one in gc.get_referrers(iterator))
