"""State in code: closures, defaults, caches of functions, attributes of classes, globals of modules."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from typing import Any

from lightning_infogeo.probe.untouched.origin import CORE, LIBRARY, USER, is_module_of_lightning, origin
from lightning_infogeo.probe.untouched.state_kind import (
    MISSING,
    NO_PARTS,
    PLAIN,
    Absolute,
    Parts,
    StateKind,
    module_of,
    qualname_of,
)

_NOT_STATE = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__orig_bases__"}) | {
    "_abc_impl"  # of abstract classes and those derived from them: Python notes there what `isinstance` has found
}


class ClosureCell(StateKind):
    """A variable that a closure holds."""

    def read(self, owner: Any) -> Any:
        try:
            return owner.cell_contents
        except ValueError:
            return MISSING

    def same(self, before: Any, now: Any) -> bool:
        return before is now

    def put_back(self, owner: Any, before: Any) -> None:
        if before is MISSING:
            del owner.cell_contents
        else:
            owner.cell_contents = before

    def parts(self, owner: Any, before: Any) -> Parts:
        return ([""], [before]) if before is not MISSING else NO_PARTS

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        owner.cell_contents = value


class Cache(StateKind):
    """The cache of ``functools.lru_cache``: emptied if it was empty, else left, since only results are added to it."""

    def read(self, owner: Any) -> Any:
        return owner.cache_info().currsize

    def same(self, before: Any, now: Any) -> bool:
        return bool(before > 0 or now == 0)

    def put_back(self, owner: Any, before: Any) -> None:
        owner.cache_clear()


class Function(StateKind):
    """A function: its closure, defaults, and the globals that it names in the user's modules.

    Of globals in installed packages only random generators count.
    """

    def __init__(self, generators: frozenset[type]) -> None:
        self._generators = generators

    def read(self, owner: Any) -> list[tuple[dict[str, Any], str, Any]]:
        return list(self._globals(owner.__globals__, *_names(owner.__code__)))

    def changed(self, owner: Any, before: list[tuple[dict[str, Any], str, Any]]) -> bool:
        return any(namespace.get(name, MISSING) is not value for namespace, name, value in before)

    def put_back(self, owner: Any, before: list[tuple[dict[str, Any], str, Any]]) -> None:
        for namespace, name, value in before:
            if value is MISSING:
                namespace.pop(name, None)
            elif namespace.get(name, MISSING) is not value:
                namespace[name] = value

    def parts(self, owner: Any, before: list[tuple[dict[str, Any], str, Any]]) -> Parts:
        cells = dict(zip(owner.__code__.co_freevars, owner.__closure__ or (), strict=False))
        parts = [(f".{name}", cell) for name, cell in cells.items()]
        parts += [(".__defaults__", owner.__defaults__), (".__kwdefaults__", owner.__kwdefaults__)]
        parts += [(_global_name(namespace, name), value) for namespace, name, value in before if value is not MISSING]
        return [key for key, _ in parts], [value for _, value in parts]

    def label(self, key: Any) -> str:
        return str(key)

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        for namespace, name, _ in self.read(owner):
            if isinstance(key, Absolute) and _global_name(namespace, name) == key:
                namespace[name] = value
                return
        raise TypeError

    def _globals(
        self, namespace: dict[str, Any], looked_up: frozenset[str], names: frozenset[str], imported: frozenset[str]
    ) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """Yields the globals that a function looks up, in its module and, by ``module.name``, in others."""
        modules = [sys.modules[name] for name in imported if name in sys.modules and origin(name) != CORE]
        namespaces = [namespace, *(vars(module) for module in modules if vars(module) is not namespace)]
        seen = {id(current) for current in namespaces}
        while namespaces:
            current = namespaces.pop()
            owner = origin(current.get("__name__"))
            for name in looked_up if current is namespace else names:
                value = current.get(name, MISSING)
                if type(value) is types.ModuleType:
                    members = vars(value)
                    if id(members) not in seen and origin(value.__name__) != CORE:
                        seen.add(id(members))
                        namespaces.append(members)
                elif owner == USER or (owner == LIBRARY and type(value) in self._generators):
                    yield current, name, value


class Class(StateKind):
    """The attributes of a class: all of the user's classes, the plain ones of classes in installed packages."""

    def __init__(self, generators: frozenset[type]) -> None:
        self._generators = generators

    def read(self, owner: Any) -> dict[str, Any]:
        attributes = {
            name: value for name, value in type.__dict__["__dict__"].__get__(owner).items() if name not in _NOT_STATE
        }
        if _origin_of(owner) == USER:
            return attributes
        return {name: value for name, value in attributes.items() if self._counts(value)}

    def changed(self, owner: Any, before: dict[str, Any]) -> bool:
        now = self.read(owner)
        return before.keys() != now.keys() or any(now[name] is not value for name, value in before.items())

    def put_back(self, owner: Any, before: dict[str, Any]) -> None:
        now = self.read(owner)
        for name in now.keys() - before.keys():
            type.__delattr__(owner, name)
        for name, value in before.items():
            if now.get(name, MISSING) is not value:
                type.__setattr__(owner, name, value)

    def parts(self, owner: Any, before: dict[str, Any]) -> Parts:
        return before.keys(), before.values()

    def label(self, key: Any) -> str:
        return f".{key}"

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        type.__setattr__(owner, key, value)

    def _counts(self, value: Any) -> bool:
        return type(value) in PLAIN | self._generators | {types.FunctionType}


def class_name(kind: type) -> Absolute:
    """Returns the label of a class."""
    return Absolute(qualname_of(kind))


def is_core(kind: type) -> bool:
    """Whether a class is Python's or a framework's, whose attributes are ignored."""
    return origin(module_of(kind)) == CORE


def _origin_of(kind: type) -> int:
    return LIBRARY if is_module_of_lightning(kind) else origin(module_of(kind))


def _names(code: types.CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Returns the globals that code and code nested in it look up, all names in it, and the modules that it imports."""
    looked_up: set[str] = set()
    names: set[str] = set()
    imported: set[str] = set()
    waiting = [code]
    while waiting:
        current = waiting.pop()
        names.update(current.co_names)
        for step in dis.get_instructions(current):
            if step.opname == "IMPORT_NAME":
                imported.add(step.argval)
            elif step.opname.endswith(("_GLOBAL", "_NAME")):
                looked_up.add(step.argval)
        waiting += [constant for constant in current.co_consts if isinstance(constant, types.CodeType)]
    return frozenset(looked_up), frozenset(names), frozenset(imported)


def _global_name(namespace: dict[str, Any], name: str) -> Absolute:
    module = namespace.get("__name__")
    return Absolute(name if module == "__main__" else f"{module}.{name}")
