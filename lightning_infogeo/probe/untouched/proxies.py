"""State that a manager's process holds for all processes: lists, dicts, values and namespaces."""

from __future__ import annotations

from typing import Any

from lightning_infogeo.probe.untouched.sorts import UNREADABLE, Sort, equal

LONGEST = 10_000
"""Elements up to which a list or dict is fetched."""


class Proxy(Sort):
    """What a proxy of ``multiprocessing.Manager`` stands for, fetched whole."""

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
    """Returns a copy, which is made on the way from the other process."""
    value = owner._getvalue()
    if owner._token.typeid == "Value":
        return value.get()
    return vars(value) if owner._token.typeid == "Namespace" else value
