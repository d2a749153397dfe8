"""State that code holds: closures, defaults, caches of functions, attributes of classes, globals of modules."""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator
from typing import Any

from lightning_infogeo.probe.untouched.origin import CORE, LIBRARY, USER, is_module_of_lightning, origin
from lightning_infogeo.probe.untouched.sorts import (
    MISSING,
    NO_PARTS,
    PLAIN,
    Absolute,
    Parts,
    Sort,
    module_of,
    qualname_of,
)

_UNSTATED = frozenset({"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__orig_bases__"})


class Cell(Sort):
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


class Cache(Sort):
    """What ``functools.lru_cache`` keeps: emptied again where it was empty, else left, as only results are added."""

    def read(self, owner: Any) -> Any:
        return owner.cache_info().currsize

    def same(self, before: Any, now: Any) -> bool:
        return bool(before > 0 or now == 0)

    def put_back(self, owner: Any, before: Any) -> None:
        owner.cache_clear()


class Function(Sort):
    """A function: its closure, defaults, and the globals that it names, of the user's modules as far as they lead.

    Of an installed package only the random generators among the globals are looked at.
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
        found = [(f".{name}", cell) for name, cell in cells.items()]
        found += [(".__defaults__", owner.__defaults__), (".__kwdefaults__", owner.__kwdefaults__)]
        found += [(_global_name(namespace, name), value) for namespace, name, value in before if value is not MISSING]
        return [key for key, _ in found], [value for _, value in found]

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
        """Yields the globals looked up, of the module and of modules that it names by ``module.name``."""
        modules = [sys.modules[name] for name in imported if name in sys.modules and origin(name) != CORE]
        spaces = [namespace, *(vars(module) for module in modules if vars(module) is not namespace)]
        seen = {id(space) for space in spaces}
        while spaces:
            space = spaces.pop()
            whose = origin(space.get("__name__"))
            for name in looked_up if space is namespace else names:
                value = space.get(name, MISSING)
                if type(value) is types.ModuleType:
                    inside = vars(value)
                    if id(inside) not in seen and origin(value.__name__) != CORE:
                        seen.add(id(inside))
                        spaces.append(inside)
                elif whose == USER or (whose == LIBRARY and type(value) in self._generators):
                    yield space, name, value


class Class(Sort):
    """The attributes of a class of the user's; of an installed package's the plain ones."""

    def __init__(self, generators: frozenset[type]) -> None:
        self._generators = generators

    def read(self, owner: Any) -> dict[str, Any]:
        held = {
            name: value for name, value in type.__dict__["__dict__"].__get__(owner).items() if name not in _UNSTATED
        }
        return held if _whose(owner) == USER else {name: v for name, v in held.items() if self._counts(v)}

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
    """Whether the attributes of a class are not looked at."""
    return origin(module_of(kind)) == CORE


def _whose(kind: type) -> int:
    return LIBRARY if is_module_of_lightning(kind) else origin(module_of(kind))


def _names(code: types.CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Returns the globals that code, and code written inside it, looks up; all names in it; the modules it imports."""
    looked_up: set[str] = set()
    names: set[str] = set()
    imported: set[str] = set()
    left = [code]
    while left:
        one = left.pop()
        names.update(one.co_names)
        for step in dis.get_instructions(one):
            if step.opname == "IMPORT_NAME":
                imported.add(step.argval)
            elif step.opname.endswith(("_GLOBAL", "_NAME")):
                looked_up.add(step.argval)
        left += [constant for constant in one.co_consts if isinstance(constant, types.CodeType)]
    return frozenset(looked_up), frozenset(names), frozenset(imported)


def _global_name(namespace: dict[str, Any], name: str) -> Absolute:
    module = namespace.get("__name__")
    return Absolute(name if module == "__main__" else f"{module}.{name}")
