"""The walk over all that can be reached from some objects, breadth first."""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from lightning_infogeo.probe.untouched.code import class_name, is_core
from lightning_infogeo.probe.untouched.kinds import is_opaque, sorts_of
from lightning_infogeo.probe.untouched.memory import Tensors
from lightning_infogeo.probe.untouched.sorts import PLAIN, UNREADABLE, Absolute, Sort, mro_of, only_plain, type_name
from lightning_infogeo.probe.untouched.streams import REPLACED

VISITED = 100_000
"""The most objects that one walk visits."""

EACH = 12 * 2**20
"""Bytes of an array, tensor or buffer up to which it is copied."""

COPIED = 2**26
"""Bytes copied by one walk, in all."""

LONG = 1000
"""Elements from which on a container of plain records is left for the end of the walk."""

_REGISTRY = re.compile(r"_(?:modules|parameters|buffers)\['([^']*)'\]")
"""Where an ``nn.Module`` keeps what is written as its attribute."""

_RECORDS = PLAIN | {dict, list, tuple, set, frozenset}


class Memory(NamedTuple):
    """The state of one sort that one object had."""

    node: int
    sort: Sort
    before: Any


class Place(NamedTuple):
    """Where an object hangs: on which other, by which sort of its state, under which key."""

    node: int
    sort: Sort | None
    key: Any


class Walk:
    """All that was found, each object once, with the state it had.

    Args:
        roots: where to begin.
        remember: whether states are kept; without, only ``objects`` and ``name`` are of use.

    Attributes:
        objects: in the order of their distance from the roots.
        memories: their states.
        places: of iterators that can be replaced, by identity.
        unseen: names of what may change unseen.
        cut: whether the bound was reached before all was visited.
    """

    def __init__(self, roots: Iterable[Any], *, remember: bool = True) -> None:
        self.objects: list[Any] = []
        self.memories: list[Memory] = []
        self.places: dict[int, list[Place]] = {}
        self.unseen: list[str] = []
        self.cut = False
        self._remember = remember
        self._places: list[Place] = []
        self._seen: set[int] = set()
        self._sorts: dict[type, tuple[Sort, ...]] = {}
        self._opaque: set[type] = set()
        self._room = COPIED
        self._later: list[tuple[int, Sort, Iterable[Any], Collection[Any]]] = []
        for root in roots:
            self._add(-1, None, [""], [root])
        collecting = gc.isenabled()
        gc.disable()  # nothing here is garbage, and looking for it takes most of the time
        try:
            self._run()
        finally:
            if collecting:
                gc.enable()

    def name(self, node: int) -> str:
        """Returns the way to an object, in dots and brackets, and its type."""
        labels: list[str] = []
        at = node
        while at >= 0:
            place = self._places[at]
            if isinstance(place.key, Absolute):
                labels.append(place.key)
                break
            labels.append(place.sort.label(place.key) if place.sort is not None else "")
            at = place.node
        kind = type_name(type(self.objects[node]))
        path = _REGISTRY.sub(r"\1", "".join(reversed(labels)).lstrip("."))
        return f"{path} ({kind})" if path else kind

    def place(self, node: int) -> Place:
        """Returns where an object was found first."""
        return self._places[node]

    def _run(self) -> None:
        at = 0
        while True:
            while at < len(self.objects):
                self._visit(at)
                at += 1
            if not self._later:
                break
            parent, sort, keys, values = self._later.pop(0)
            if len(self.objects) + len(values) > VISITED:
                self.unseen.append(f"{self.name(parent)}: {len(values):,} records")
                self.cut |= not set(map(type, values)) <= _RECORDS
            else:
                self._append(parent, sort, keys, values)

    def _visit(self, node: int) -> None:
        owner = self.objects[node]
        kind = type(owner)
        sorts = self._sorts.get(kind)
        if sorts is None:
            sorts = self._sorts[kind] = self._met(node, kind)
        if kind in self._opaque:
            self.unseen.append(self.name(node))
        for sort in sorts:
            try:
                before = self._read(node, sort, owner)
                keys, values = sort.parts(owner, before)
            except Exception:  # closed, released, half made: whatever keeps an object from being read
                self.unseen.append(self.name(node))
                continue
            self._add(node, sort, keys, values)

    def _met(self, node: int, kind: type) -> tuple[Sort, ...]:
        """The sorts of a type met for the first time, whose classes are then visited too."""
        sorts = sorts_of(kind)
        if is_opaque(kind, sorts):
            self._opaque.add(kind)
        if sorts:
            for base in mro_of(kind):
                if not is_core(base):
                    self._add(node, None, [class_name(base)], [base])
        return sorts

    def _read(self, node: int, sort: Sort, owner: Any) -> Any:
        size = sort.size(owner)
        if not size <= min(EACH, self._room) or (size and not self._remember):
            if isinstance(sort, Tensors):
                before: Any = sort.version_only(owner)
            else:
                self.unseen.append(f"{self.name(node)}: {size:,} bytes")
                return None
        else:
            self._room -= size
            before = sort.read(owner)
        if before is UNREADABLE:
            self.unseen.append(self.name(node))
        elif self._remember:
            self.memories.append(Memory(node, sort, before))
        return before

    def _add(self, parent: int, sort: Sort | None, keys: Iterable[Any], values: Collection[Any]) -> None:
        if sort is not None and len(values) > LONG:
            if only_plain(values):
                return
            # Samples, most likely: transforms and whatever else may draw numbers come first.
            self._later.append((parent, sort, keys, values))
            return
        self._append(parent, sort, keys, values)

    def _append(self, parent: int, sort: Sort | None, keys: Iterable[Any], values: Collection[Any]) -> None:
        for key, value in zip(keys, values, strict=True):
            kind = type(value)
            if kind in PLAIN or (issubclass(kind, type) and is_core(value)):
                continue
            if kind in REPLACED:
                self.places.setdefault(id(value), []).append(Place(parent, sort, key))
            if id(value) in self._seen:
                continue
            if len(self.objects) >= VISITED:
                self.cut = True
                return
            self._seen.add(id(value))
            self.objects.append(value)
            self._places.append(Place(parent, sort, key))
