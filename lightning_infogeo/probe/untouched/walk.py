"""The walk over all that can be reached from some objects, breadth first."""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from lightning_infogeo.probe.untouched.code import class_name, is_core
from lightning_infogeo.probe.untouched.memory import Tensors
from lightning_infogeo.probe.untouched.state_kind import (
    PLAIN,
    UNREADABLE,
    Absolute,
    StateKind,
    mro_of,
    only_plain,
    type_name,
)
from lightning_infogeo.probe.untouched.state_kinds import is_opaque, state_kinds_of
from lightning_infogeo.probe.untouched.streams import REPLACEABLE

MAX_OBJECTS = 100_000
"""The most objects that a walk visits."""

MAX_COPY_BYTES = 12 * 2**20
"""The most bytes of an array, tensor or buffer that is copied."""

MAX_WALK_BYTES = 2**26
"""The most bytes that a walk copies."""

LONG_CONTAINER = 1000
"""Elements of a container above which its contents are visited at the end of the walk."""

_REGISTRY = re.compile(r"_(?:modules|parameters|buffers)\['([^']*)'\]")
"""The dicts in which an ``nn.Module`` holds what its users write as attributes."""

_RECORDS = PLAIN | {dict, list, tuple, set, frozenset}


class SavedState(NamedTuple):
    """The state of one kind that an object had."""

    node: int
    state_kind: StateKind
    before: Any


class Link(NamedTuple):
    """How an object is reached: from which other, by which kind of that one's state, under which key."""

    node: int
    state_kind: StateKind | None
    key: Any


class Walk:
    """All objects that can be reached from some roots, each once, with its state.

    Args:
        roots: where to begin.
        remember: whether to save states; without them only ``objects`` and ``name`` are of use.

    Attributes:
        objects: in the order of their distance from the roots.
        states: the saved states.
        links: to the iterators that can be replaced, by identity.
        unseen: names of objects whose changes cannot be seen.
        truncated: whether ``MAX_OBJECTS`` was reached before all was visited.
    """

    def __init__(self, roots: Iterable[Any], *, remember: bool = True) -> None:
        self.objects: list[Any] = []
        self.states: list[SavedState] = []
        self.links: dict[int, list[Link]] = {}
        self.unseen: list[str] = []
        self.truncated = False
        self._remember = remember
        self._first_links: list[Link] = []
        self._seen: set[int] = set()
        self._state_kinds: dict[type, tuple[StateKind, ...]] = {}
        self._opaque: set[type] = set()
        self._bytes_left = MAX_WALK_BYTES
        self._postponed: list[tuple[int, StateKind, Iterable[Any], Collection[Any]]] = []
        for root in roots:
            self._add(-1, None, [""], [root])
        collecting = gc.isenabled()
        gc.disable()  # the walk makes no garbage, and looking for it would take most of the time
        try:
            self._run()
        finally:
            if collecting:
                gc.enable()

    def name(self, node: int) -> str:
        """Returns the path to an object, in dots and brackets, and its type."""
        labels: list[str] = []
        here = node
        while here >= 0:
            link = self._first_links[here]
            if isinstance(link.key, Absolute):
                labels.append(link.key)
                break
            labels.append(link.state_kind.label(link.key) if link.state_kind is not None else "")
            here = link.node
        kind = type_name(type(self.objects[node]))
        path = _REGISTRY.sub(r"\1", "".join(reversed(labels)).lstrip("."))
        return f"{path} ({kind})" if path else kind

    def link(self, node: int) -> Link:
        """Returns the link by which an object was found first."""
        return self._first_links[node]

    def _run(self) -> None:
        node = 0
        while True:
            while node < len(self.objects):
                self._visit(node)
                node += 1
            if not self._postponed:
                break
            parent, state_kind, keys, values = self._postponed.pop(0)
            if len(self.objects) + len(values) > MAX_OBJECTS:
                self.unseen.append(f"{self.name(parent)}: {len(values):,} records")
                self.truncated |= not set(map(type, values)) <= _RECORDS
            else:
                self._append(parent, state_kind, keys, values)

    def _visit(self, node: int) -> None:
        owner = self.objects[node]
        kind = type(owner)
        state_kinds = self._state_kinds.get(kind)
        if state_kinds is None:
            state_kinds = self._state_kinds[kind] = self._first_met(node, kind)
        if kind in self._opaque:
            self.unseen.append(self.name(node))
        for state_kind in state_kinds:
            try:
                before = self._read(node, state_kind, owner)
                keys, values = state_kind.parts(owner, before)
            except Exception:  # an object that is closed, released, or not yet complete
                self.unseen.append(self.name(node))
                continue
            self._add(node, state_kind, keys, values)

    def _first_met(self, node: int, kind: type) -> tuple[StateKind, ...]:
        """Returns the kinds of state of a type met for the first time, and adds its classes to the walk."""
        state_kinds = state_kinds_of(kind)
        if is_opaque(kind, state_kinds):
            self._opaque.add(kind)
        if state_kinds:
            for base in mro_of(kind):
                if not is_core(base):
                    self._add(node, None, [class_name(base)], [base])
        return state_kinds

    def _read(self, node: int, state_kind: StateKind, owner: Any) -> Any:
        size = state_kind.size(owner)
        if not size <= min(MAX_COPY_BYTES, self._bytes_left) or (size and not self._remember):
            if isinstance(state_kind, Tensors):
                before: Any = state_kind.version_only(owner)
            else:
                self.unseen.append(f"{self.name(node)}: {size:,} bytes")
                return None
        else:
            self._bytes_left -= size
            before = state_kind.read(owner)
        if before is UNREADABLE:
            self.unseen.append(self.name(node))
        elif self._remember:
            self.states.append(SavedState(node, state_kind, before))
        return before

    def _add(self, parent: int, state_kind: StateKind | None, keys: Iterable[Any], values: Collection[Any]) -> None:
        if state_kind is not None and len(values) > LONG_CONTAINER:
            if only_plain(values):
                return
            # Most likely samples: transforms and other objects that may draw random numbers come first.
            self._postponed.append((parent, state_kind, keys, values))
            return
        self._append(parent, state_kind, keys, values)

    def _append(self, parent: int, state_kind: StateKind | None, keys: Iterable[Any], values: Collection[Any]) -> None:
        for key, value in zip(keys, values, strict=True):
            kind = type(value)
            if kind in PLAIN or (issubclass(kind, type) and is_core(value)):
                continue
            if kind in REPLACEABLE:
                self.links.setdefault(id(value), []).append(Link(parent, state_kind, key))
            if id(value) in self._seen:
                continue
            if len(self.objects) >= MAX_OBJECTS:
                self.truncated = True
                return
            self._seen.add(id(value))
            self.objects.append(value)
            self._first_links.append(Link(parent, state_kind, key))
