"""State in the process of a ``multiprocessing.Manager``: lists, dicts, values and namespaces."""

from __future__ import annotations

from typing import Any

from lightning_infogeo.probe.untouched.state_kind import UNREADABLE, StateKind, equal

LONGEST = 10_000
"""The most elements of a list or dict that is fetched."""


class Proxy(StateKind):
    """The object behind a proxy of ``multiprocessing.Manager``, fetched whole."""

    def shared(self, owner: Any) -> bool:
        return True

    def read(self, owner: Any) -> Any:
        kind = owner._token.typeid
        if kind not in ("list", "dict", "Value", "Namespace") or (kind in ("list", "dict") and len(owner) > LONGEST):
            return UNREADABLE
        return _value(owner)

    def same(self, before: Any, now: Any) -> bool:
        return equal(before, now)

    def put_back(self, owner: Any, before: Any) -> None:
        kind, value, now = owner._token.typeid, before, _value(owner)
        if kind == "list":
            owner[:] = value
        elif kind == "dict":
            owner.clear()
            owner.update(value)
        elif kind == "Value":
            owner.set(value)
        else:
            for name in now.keys() - value.keys():
                delattr(owner, name)
            for name in value:
                setattr(owner, name, value[name])


def _value(owner: Any) -> Any:
    """Returns a copy of the object in the other process."""
    value = owner._getvalue()
    if owner._token.typeid == "Value":
        return value.get()
    return vars(value) if owner._token.typeid == "Namespace" else value
