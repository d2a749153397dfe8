"""State held by reference: attributes, slots, and the elements of containers, compared by identity."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from operator import is_
from typing import Any, cast

from lightning_infogeo.probe.untouched.state_kind import MISSING, Parts, StateKind, only_plain


class Dict(StateKind):
    """Keys, values and their order, of a dict or a subclass."""

    def dict_of(self, owner: Any) -> dict[Any, Any]:
        """Returns the dict that holds the state."""
        return cast(dict[Any, Any], owner)

    def read(self, owner: Any) -> Any:
        return dict.copy(self.dict_of(owner))

    def changed(self, owner: Any, before: dict[Any, Any]) -> bool:
        now = self.dict_of(owner)
        return not (_same(dict.keys(now), before) and _same(dict.values(now), before.values()))

    def put_back(self, owner: Any, before: dict[Any, Any]) -> None:
        now = self.dict_of(owner)
        if not _same(dict.keys(now), before):
            dict.clear(now)
            dict.update(now, before)
        for key, value in before.items():
            if dict.get(now, key, MISSING) is not value:
                dict.__setitem__(now, key, value)

    def parts(self, owner: Any, before: dict[Any, Any]) -> Parts:
        if only_plain(before.keys()):
            return before.keys(), before.values()
        return [*before.keys(), *before.keys()], [*before.values(), *before.keys()]

    def label(self, key: Any) -> str:
        return f"[{key!r}]" if type(key) in (str, int) else "[…]"

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        dict.__setitem__(self.dict_of(owner), key, value)


class Ordered(Dict):
    """An OrderedDict, which holds its order apart from its entries."""

    def read(self, owner: Any) -> Any:
        return dict(OrderedDict.items(owner))

    def changed(self, owner: Any, before: dict[Any, Any]) -> bool:
        now = self.read(owner)
        return not (_same(now, before) and _same(now.values(), before.values()))

    def put_back(self, owner: Any, before: dict[Any, Any]) -> None:
        OrderedDict.clear(owner)
        for key, value in before.items():
            OrderedDict.__setitem__(owner, key, value)

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        OrderedDict.__setitem__(owner, key, value)


class Attributes(Dict):
    """The ``__dict__`` of an object, bypassing any ``__getattribute__`` and ``__setattr__`` of its class."""

    def __init__(self, descriptor: Any, hidden: frozenset[str] = frozenset()) -> None:
        self._descriptor = descriptor
        self._hidden = hidden

    def dict_of(self, owner: Any) -> dict[Any, Any]:
        return cast(dict[Any, Any], self._descriptor.__get__(owner))

    def parts(self, owner: Any, before: dict[Any, Any]) -> Parts:
        if self._hidden & before.keys():
            before = {key: value for key, value in before.items() if key not in self._hidden}
        return before.keys(), before.values()

    def label(self, key: Any) -> str:
        return f".{key}"


class ThreadLocal(Attributes):
    """The attributes of a ``threading.local`` in the current thread."""

    def __init__(self) -> None:
        super().__init__(None)

    def dict_of(self, owner: Any) -> dict[Any, Any]:
        return cast(dict[Any, Any], threading.local.__getattribute__(owner, "__dict__"))


class Slots(StateKind):
    """The attributes in ``__slots__``, read by their descriptors."""

    def __init__(self, descriptors: Mapping[str, Any]) -> None:
        self._descriptors = descriptors

    def read(self, owner: Any) -> dict[str, Any]:
        read = {}
        for name, descriptor in self._descriptors.items():
            try:
                read[name] = descriptor.__get__(owner)
            except AttributeError:
                read[name] = MISSING
        return read

    def same(self, before: dict[str, Any], now: dict[str, Any]) -> bool:
        return _same(before.values(), now.values())

    def put_back(self, owner: Any, before: dict[str, Any]) -> None:
        now = self.read(owner)
        for name, value in before.items():
            if value is MISSING and now[name] is not MISSING:
                self._descriptors[name].__delete__(owner)
            elif value is not now[name]:
                self._descriptors[name].__set__(owner, value)

    def parts(self, owner: Any, before: dict[str, Any]) -> Parts:
        return before.keys(), before.values()

    def label(self, key: Any) -> str:
        return f".{key}"

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        self._descriptors[key].__set__(owner, value)


class Elements(StateKind):
    """The elements of a sequence."""

    def same(self, before: list[Any], now: list[Any]) -> bool:
        return _same(before, now)

    def parts(self, owner: Any, before: list[Any]) -> Parts:
        return range(len(before)), before

    def label(self, key: Any) -> str:
        return f"[{key}]"


class List(Elements):
    """The elements of a list."""

    def read(self, owner: Any) -> list[Any]:
        return list.copy(owner)

    def changed(self, owner: Any, before: list[Any]) -> bool:
        return len(before) != list.__len__(owner) or not all(map(is_, before, list.__iter__(owner)))

    def put_back(self, owner: Any, before: list[Any]) -> None:
        list.__setitem__(owner, slice(None), before)

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        list.__setitem__(owner, key, value)


class Deque(Elements):
    """The elements of a deque."""

    def read(self, owner: Any) -> list[Any]:
        return list(deque.__iter__(owner))

    def put_back(self, owner: Any, before: list[Any]) -> None:
        deque.clear(owner)
        deque.extend(owner, before)

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        deque.__setitem__(owner, key, value)


class Set(Elements):
    """The members of a set, in the order of iteration."""

    def read(self, owner: Any) -> list[Any]:
        return list(set.__iter__(owner))

    def put_back(self, owner: Any, before: list[Any]) -> None:
        kept = set(map(id, before))
        for added in [each for each in set.__iter__(owner) if id(each) not in kept]:
            set.discard(owner, added)
        set.update(owner, before)
        if self.changed(owner, before):  # a set that is filled anew is in another order if it has been larger
            set.clear(owner)
            set.update(owner, before)

    def label(self, key: Any) -> str:
        return "[…]"


class Tuple(Elements):
    """A tuple: it cannot change itself, but leads to its elements."""

    def changed(self, owner: Any, before: Any) -> bool:
        return False

    def parts(self, owner: Any, before: Any) -> Parts:
        elements = list(tuple.__iter__(owner))
        return range(len(elements)), elements


class FrozenSet(Tuple):
    """A frozenset: it cannot change itself, but leads to its elements."""

    def parts(self, owner: Any, before: Any) -> Parts:
        elements = list(frozenset.__iter__(owner))
        return range(len(elements)), elements


def _same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(is_, a, b))
