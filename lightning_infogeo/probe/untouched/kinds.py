"""Which sorts of state an object of a given type has."""

from __future__ import annotations

import _io
import array
import collections
import contextvars
import ctypes
import functools
import gc
import gzip
import importlib
import itertools
import mmap
import multiprocessing.managers
import random
import tempfile
import threading
import types
import zipfile
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lightning_infogeo.probe.untouched import code, containers, memory, proxies, streams
from lightning_infogeo.probe.untouched.origin import CORE, origin, stops
from lightning_infogeo.probe.untouched.sorts import MISSING, Parts, Sort, module_of, mro_of, qualname_of

GENERATORS = frozenset({torch.Generator, np.random.Generator, np.random.RandomState, random.Random})
_LEAF = Sort()
_KNOWN: dict[Any, Sort] = {
    collections.OrderedDict: containers.Ordered(),
    dict: containers.Dict(),
    list: containers.List(),
    tuple: containers.Tuple(),
    set: containers.Set(),
    frozenset: containers.FrozenSet(),
    collections.deque: containers.Deque(),
    threading.local: containers.OfThisThread(),
    bytearray: memory.ByteArray(),
    array.array: memory.Array(),
    memoryview: memory.View(),
    ctypes._SimpleCData.__mro__[1]: memory.CType(),
    np.ndarray: memory.NdArray(),
    Tensor: memory.Tensors(),
    torch.Generator: streams.TorchGenerator(),
    np.random.Generator: streams.NumpyGenerator(),
    np.random.BitGenerator: streams.BitGenerator(),
    np.random.SeedSequence: streams.Seeds(),
    np.random.RandomState: streams.RandomState(),
    random.SystemRandom: _LEAF,
    random.Random: streams.PythonRandom(),
    contextvars.ContextVar: streams.Variable(),
    _io.BytesIO: streams.InMemory(),
    _io.StringIO: streams.InMemory(),
    mmap.mmap: streams.Mapped(),
    multiprocessing.managers.BaseProxy: proxies.Proxy(),
    types.CellType: code.Cell(),
    types.FunctionType: code.Function(GENERATORS),
    functools._lru_cache_wrapper: code.Cache(),
    itertools.count: _LEAF,
    itertools.cycle: _LEAF,
    types.GeneratorType: _LEAF,
    types.CoroutineType: _LEAF,
    types.AsyncGeneratorType: _LEAF,
    types.FrameType: _LEAF,
    types.TracebackType: _LEAF,
    types.ModuleType: _LEAF,
}
FILES: list[type] = [_io.TextIOWrapper, _io.BufferedReader, _io.BufferedRandom, _io.BufferedWriter, _io.FileIO]
FILES += [gzip.GzipFile, zipfile.ZipExtFile, tempfile.SpooledTemporaryFile]
for _module, _kind in (("bz2", "BZ2File"), ("lzma", "LZMAFile")):
    with suppress(ImportError):  # a Python may be built without
        FILES.append(getattr(importlib.import_module(_module), _kind))
_KNOWN |= {kind: streams.Position() for kind in FILES}
_CLASS = code.Class(GENERATORS)
_KEEP_STATE = frozenset({"zlib", "bz2", "lzma", "_bz2", "_lzma", "_hashlib", "sqlite3", "_codecs", "_multibytecodec"})
"""Python's own extension modules whose objects change with use."""


class Referents(Sort):
    """What an object of an unknown built-in type refers to, as the garbage collector sees it."""

    def parts(self, owner: Any, before: Any) -> Parts:
        found = gc.get_referents(owner)
        return [""] * len(found), found


_REFERENTS = Referents()


def sorts_of(kind: type) -> tuple[Sort, ...]:
    """Returns the sorts of state that objects of a type have; none where they are not to be followed."""
    mro = mro_of(kind)
    if type in mro:
        return (_CLASS,)
    known = next((_KNOWN[base] for base in mro if base in _KNOWN), None)
    if known is _LEAF or (known is None and stops(kind)):
        return ()
    found = [] if known is None else [known]
    descriptor = _dict_descriptor(mro)
    if descriptor is not None and not isinstance(known, (streams.Position, proxies.Proxy)):
        hidden = frozenset({"_iterator"} if is_loader(kind) else ())
        found.append(containers.Attributes(descriptor, hidden))
    slots = _slots(mro)
    if slots:
        found.append(containers.Slots(slots))
    return tuple(found) or (_REFERENTS,)


def is_opaque(kind: type, sorts: tuple[Sort, ...]) -> bool:
    """Whether objects of a type may change in a way that is not seen."""
    module = module_of(kind)
    return sorts == (_REFERENTS,) and (origin(module) != CORE or module.partition(".")[0] in _KEEP_STATE)


def is_loader(kind: type) -> bool:
    """Whether ``_iterator`` of an object is its own affair: of a DataLoader, and of Lightning's loader of loaders."""
    return any(base is DataLoader or qualname_of(base) == "CombinedLoader" for base in mro_of(kind))


def _dict_descriptor(mro: tuple[type, ...]) -> Any:
    for base in mro:
        descriptor = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            return descriptor
    return None


def _slots(mro: tuple[type, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in mro:
        held = type.__dict__["__dict__"].__get__(base)
        if base is functools.partial:
            found |= {name: held[name] for name in ("func", "args", "keywords")}
        elif held.get("__slots__", MISSING) is not MISSING:
            for name, value in held.items():
                if type(value) is types.MemberDescriptorType:
                    found.setdefault(name, value)
    return found
