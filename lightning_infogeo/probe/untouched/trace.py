"""Restoring all state that reading data has changed."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader

from lightning_infogeo.probe.untouched.memory import other_processes
from lightning_infogeo.probe.untouched.state_kind import mro_of
from lightning_infogeo.probe.untouched.streams import (
    REPLACEABLE,
    TorchGenerator,
    copied_iterator,
    position_of_iterator,
    reseed,
)
from lightning_infogeo.probe.untouched.walk import SavedState, Walk


class Trace:
    """The state before a read, and after it what could not be put back.

    Attributes:
        changed: names and types of the objects that have changed and could not be put back.
        unseen: names of objects whose changes cannot be seen: large arrays, objects of extension modules.
        truncated: whether there were more objects than are visited, so that nothing is known of the rest.
    """

    def __init__(self, roots: tuple[Any, ...], generators_only: bool = False) -> None:
        self._generators_only = generators_only
        self.changed: list[str] = []
        self._walk = Walk(roots)
        self.unseen = self._walk.unseen
        self.truncated = self._walk.truncated
        self._other_processes = other_processes()
        self._loaders = [reached for reached in self._walk.objects if DataLoader in mro_of(type(reached))]
        self._iterators = [vars(loader).get("_iterator") for loader in self._loaders]
        self._copies = [
            (reached, copied_iterator(reached), position_of_iterator(reached))
            for reached in self._walk.objects
            if not generators_only and type(reached) in REPLACEABLE and copied_iterator(reached) is not None
        ]

    def begin(self, seed: int | None) -> None:
        """Seeds generators, and detaches running workers from their loaders, so that a read starts its own."""
        if seed is not None:
            for reached in self._walk.objects:
                reseed(reached, seed)
        for loader, iterator in zip(self._loaders, self._iterators, strict=True):
            if iterator is not None:
                vars(loader)["_iterator"] = None

    def put_back(self) -> None:
        """Puts back what has changed, and compares it once more."""
        self._end_workers()
        states = [
            saved
            for saved in self._walk.states
            if not self._generators_only or isinstance(saved.state_kind, TorchGenerator)
        ]
        changed = [saved for saved in states if self._differs(saved)]
        for saved in changed:
            self._put_back(saved)
        not_restored = [saved.node for saved in changed if self._differs(saved)]
        not_restored += [
            node for iterator, copy, position in self._copies for node in self._replace(iterator, copy, position)
        ]
        self.changed = [self._walk.name(node) for node in dict.fromkeys(not_restored)]
        del self._walk, self._copies, self._loaders, self._iterators

    def _end_workers(self) -> None:
        for loader, before in zip(self._loaders, self._iterators, strict=True):
            now = vars(loader).get("_iterator")
            if now is not before and hasattr(now, "_shutdown_workers"):
                now._shutdown_workers()

    def _differs(self, saved: SavedState) -> bool:
        try:
            return saved.state_kind.changed(self._walk.objects[saved.node], saved.before)
        except Exception:  # closed or released since
            return True

    def _put_back(self, saved: SavedState) -> None:
        owner = self._walk.objects[saved.node]
        try:
            if not (self._other_processes and saved.state_kind.shared(owner)):
                saved.state_kind.put_back(owner, saved.before)
        except Exception:  # put_back names it
            return

    def _replace(self, iterator: Any, copy: Any, position: Any) -> list[int]:
        """Replaces an iterator that has advanced by its copy; returns its node where that cannot be done."""
        if position_of_iterator(iterator) == position:
            return []
        node = next(node for node, reached in enumerate(self._walk.objects) if reached is iterator)
        if _held_by_a_frame(iterator):
            return [node]
        for link in self._walk.links[id(iterator)]:
            try:
                assert link.state_kind is not None
                link.state_kind.replace(self._walk.objects[link.node], link.key, copy)
            except Exception:  # in a tuple, or given itself
                return [node]
        return []


@contextmanager
def untouched(*roots: Any, seed: int | None = None, generators_only: bool = False) -> Iterator[Trace]:
    """Restores the state of everything that can be reached from the roots, however the block ends.

    State is saved before the block and put back in place after it: attributes, elements of containers, random
    generators, positions in files, small arrays and tensors, closures, attributes of the user's classes, globals that
    the user's code names. ``changed`` of the yielded object names what could not be put back.

    The global random streams are not included. No other thread should use the roots meanwhile. An iterator made inside
    the block must be dropped inside it, so that its workers end before anything is put back.

    Args:
        roots: objects from which everything can be reached.
        seed: for the random generators, so that the block draws the same numbers whatever was drawn before; None to
            leave them as they are.
        generators_only: whether only random generators are put back.

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
    trace = Trace(roots, generators_only)
    trace.begin(seed)
    try:
        yield trace
    finally:
        trace.put_back()


def _held_by_a_frame(iterator: Any) -> bool:
    """Whether a suspended generator refers to the iterator, which no copy can replace there."""
    import gc

    return any(
        type(referrer) is types.GeneratorType
        # Before Python 3.11 the frame refers to it in place of the generator.
        or (type(referrer) is types.FrameType and referrer.f_code.co_flags & inspect.CO_GENERATOR)
        for referrer in gc.get_referrers(iterator)
    )
