"""Which kinds of state an object of a given type has."""

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
from lightning_infogeo.probe.untouched.origin import CORE, is_not_followed, origin
from lightning_infogeo.probe.untouched.state_kind import MISSING, Parts, StateKind, module_of, mro_of, qualname_of

GENERATORS = frozenset({torch.Generator, np.random.Generator, np.random.RandomState, random.Random})
_LEAF = StateKind()
_KNOWN: dict[Any, StateKind] = {
    collections.OrderedDict: containers.Ordered(),
    dict: containers.Dict(),
    list: containers.List(),
    tuple: containers.Tuple(),
    set: containers.Set(),
    frozenset: containers.FrozenSet(),
    collections.deque: containers.Deque(),
    threading.local: containers.ThreadLocal(),
    bytearray: memory.ByteArray(),
    array.array: memory.Array(),
    memoryview: memory.BufferView(),
    ctypes._SimpleCData.__mro__[1]: memory.CType(),
    np.ndarray: memory.NdArray(),
    Tensor: memory.Tensors(),
    torch.Generator: streams.TorchGenerator(),
    np.random.Generator: streams.NumpyGenerator(),
    np.random.BitGenerator: streams.BitGenerator(),
    np.random.SeedSequence: streams.SeedSequence(),
    np.random.RandomState: streams.RandomState(),
    random.SystemRandom: _LEAF,
    random.Random: streams.PythonRandom(),
    contextvars.ContextVar: streams.ContextVariable(),
    _io.BytesIO: streams.InMemoryFile(),
    _io.StringIO: streams.InMemoryFile(),
    mmap.mmap: streams.MappedFile(),
    multiprocessing.managers.BaseProxy: proxies.Proxy(),
    types.CellType: code.ClosureCell(),
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
_KNOWN |= {kind: streams.FilePosition() for kind in FILES}
_CLASS = code.Class(GENERATORS)
_STATEFUL = frozenset({"zlib", "bz2", "lzma", "_bz2", "_lzma", "_hashlib", "sqlite3", "_codecs", "_multibytecodec"})
"""Python's own extension modules whose objects change with use."""


class Referents(StateKind):
    """The objects that one of an unknown built-in type refers to, according to the garbage collector."""

    def parts(self, owner: Any, before: Any) -> Parts:
        referents = gc.get_referents(owner)
        return [""] * len(referents), referents


_REFERENTS = Referents()


def state_kinds_of(kind: type) -> tuple[StateKind, ...]:
    """Returns the kinds of state of a type's objects; none where these are not followed."""
    mro = mro_of(kind)
    if type in mro:
        return (_CLASS,)
    known = next((_KNOWN[base] for base in mro if base in _KNOWN), None)
    if known is _LEAF or (known is None and is_not_followed(kind)):
        return ()
    state_kinds = [] if known is None else [known]
    descriptor = _dict_descriptor(mro)
    if descriptor is not None and not isinstance(known, (streams.FilePosition, proxies.Proxy)):
        hidden = frozenset({"_iterator"} if is_loader(kind) else ())
        state_kinds.append(containers.Attributes(descriptor, hidden))
    slots = _slots(mro)
    if slots:
        state_kinds.append(containers.Slots(slots))
    return tuple(state_kinds) or (_REFERENTS,)


def is_opaque(kind: type, state_kinds: tuple[StateKind, ...]) -> bool:
    """Whether objects of a type may change in a way that cannot be seen."""
    module = module_of(kind)
    return state_kinds == (_REFERENTS,) and (origin(module) != CORE or module.partition(".")[0] in _STATEFUL)


def is_loader(kind: type) -> bool:
    """Whether a type is a DataLoader or Lightning's CombinedLoader, whose ``_iterator`` is not followed."""
    return any(base is DataLoader or qualname_of(base) == "CombinedLoader" for base in mro_of(kind))


def _dict_descriptor(mro: tuple[type, ...]) -> Any:
    for base in mro:
        descriptor = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            return descriptor
    return None


def _slots(mro: tuple[type, ...]) -> dict[str, Any]:
    descriptors: dict[str, Any] = {}
    for base in mro:
        attributes = type.__dict__["__dict__"].__get__(base)
        if base is functools.partial:
            descriptors |= {name: attributes[name] for name in ("func", "args", "keywords")}
        elif attributes.get("__slots__", MISSING) is not MISSING:
            for name, value in attributes.items():
                if type(value) is types.MemberDescriptorType:
                    descriptors.setdefault(name, value)
    return descriptors
