"""The interface of a kind of state: it can be read, compared, and put back into the object that has it."""

from __future__ import annotations

import datetime
import decimal
import fractions
import itertools
import pathlib
import re
import types
import uuid
from collections.abc import Collection, Iterable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

Parts = tuple[Iterable[Any], Collection[Any]]
"""The objects that an object leads to: keys and, in the same order, values."""

NO_PARTS: Parts = ((), ())
MISSING: Any = object()
UNREADABLE: Any = object()
"""Returned by ``read`` where a state cannot be copied."""

PLAIN = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented), range, slice, object}
    | {datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone, decimal.Decimal}
    | {fractions.Fraction, uuid.UUID, re.Pattern, re.Match, types.CodeType, types.ModuleType, types.SimpleNamespace}
    - {types.SimpleNamespace}
    | {pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath}
    | {torch.dtype, torch.device, torch.layout, torch.Size}
    | {kind for kind in np.sctypeDict.values() if not issubclass(kind, (np.void, np.object_))}
)
"""Types whose objects never change and lead to no others."""

_DEPTH = 3


class Absolute(str):
    """A label at which a name begins: it belongs to a module or class, not to an object."""


class StateKind:
    """How one kind of state is read, compared and put back; one object serves all owners of a type.

    No code of the owner's class is called: methods are those of the built-in type, and values are compared by identity
    unless their type is known.
    """

    def size(self, owner: Any) -> int:
        """Returns the bytes that ``read`` copies; 0 where there are only references."""
        return 0

    def shared(self, owner: Any) -> bool:
        """Whether other processes may write it."""
        return False

    def read(self, owner: Any) -> Any:
        """Returns a copy of the state."""
        return None

    def same(self, before: Any, now: Any) -> bool:
        """Whether two states that were read are the same."""
        return True

    def changed(self, owner: Any, before: Any) -> bool:
        """Whether the owner is in another state than ``before``."""
        return not self.same(before, self.read(owner))

    def put_back(self, owner: Any, before: Any) -> None:
        """Brings the owner back to the state ``before``."""
        raise TypeError

    def parts(self, owner: Any, before: Any) -> Parts:
        """Returns the objects to be visited next."""
        return NO_PARTS

    def label(self, key: Any) -> str:
        """Returns how a part is written after the owner's name."""
        return ""

    def replace(self, owner: Any, key: Any, value: Any) -> None:
        """Puts another object in the place of a part."""
        raise TypeError


def equal(a: Any, b: Any) -> bool:
    """Whether two states made of plain values, containers, arrays and tensors are the same."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return bool(a == b)


def only_plain(values: Collection[Any]) -> bool:
    """Whether all values, and those in tuples among them, are of plain types; checks each at the speed of C."""
    for _ in range(_DEPTH):
        kinds = set(map(type, values))
        if kinds <= PLAIN:
            return True
        if not kinds <= PLAIN | {tuple}:
            return False
        inside = values if kinds == {tuple} else [value for value in values if type(value) is tuple]
        values = list(itertools.chain.from_iterable(inside))
    return False


def type_name(kind: type) -> str:
    """Returns the name of a type as its users write it."""
    first, *rest = module_of(kind).split(".")
    public = [first.lstrip("_"), *(part for part in rest if not part.startswith("_"))]
    return ".".join([part for part in public if part != "builtins"] + [qualname_of(kind)])


def module_of(kind: type) -> str:
    """Returns the name of the module in which a class says it was made."""
    module = type.__dict__["__module__"].__get__(kind)
    return module if type(module) is str else ""


def qualname_of(kind: type) -> str:
    """Returns the name of a class in its module, bypassing any metaclass."""
    return cast(str, type.__dict__["__qualname__"].__get__(kind))


def mro_of(kind: type) -> tuple[type, ...]:
    """Returns a class and its bases, bypassing any metaclass."""
    return cast(tuple[type, ...], type.__dict__["__mro__"].__get__(kind))
