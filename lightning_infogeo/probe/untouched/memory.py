"""State in bytes: arrays, tensors, buffers, and shared memory."""

from __future__ import annotations

import array
import ctypes
import mmap
import multiprocessing.process
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lightning_infogeo.probe.untouched.state_kind import UNREADABLE, Parts, StateKind, equal

_NUMBERS = frozenset("cbBhHiIlLqQfdgu?")
"""Type codes of the ctypes that hold a number and not an address."""


class ByteArray(StateKind):
    """The bytes of a bytearray."""

    def size(self, owner: Any) -> int:
        return bytearray.__len__(owner)

    def read(self, owner: Any) -> Any:
        return bytearray.__getitem__(owner, slice(None))

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    def put_back(self, owner: Any, before: Any) -> None:
        bytearray.__setitem__(owner, slice(None), before)


class Array(StateKind):
    """The numbers of an ``array.array``."""

    def size(self, owner: Any) -> int:
        return array.array.__len__(owner) * int(owner.itemsize)

    def read(self, owner: Any) -> Any:
        return array.array.__getitem__(owner, slice(None))

    def same(self, before: Any, now: Any) -> bool:
        return bool(before.tobytes() == now.tobytes())

    def put_back(self, owner: Any, before: Any) -> None:
        array.array.__setitem__(owner, slice(None), before)


class BufferView(StateKind):
    """The bytes under a memoryview, such as that of ``multiprocessing.shared_memory``."""

    def size(self, owner: Any) -> int:
        return int(owner.nbytes)

    def shared(self, owner: Any) -> bool:
        return isinstance(owner.obj, mmap.mmap)

    def read(self, owner: Any) -> Any:
        return UNREADABLE if owner.readonly or not owner.contiguous else owner.tobytes()

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    def put_back(self, owner: Any, before: Any) -> None:
        owner.cast("B")[:] = before


class CType(StateKind):
    """A ctypes number, or an array or structure of these: what ``multiprocessing.Value`` and ``Array`` are made of."""

    def size(self, owner: Any) -> int:
        return ctypes.sizeof(owner)

    def shared(self, owner: Any) -> bool:
        return True

    def read(self, owner: Any) -> Any:
        if not _of_numbers(type(owner)):
            return UNREADABLE
        return ctypes.string_at(ctypes.addressof(owner), ctypes.sizeof(owner))

    def same(self, before: Any, now: Any) -> bool:
        return bool(before == now)

    def put_back(self, owner: Any, before: Any) -> None:
        ctypes.memmove(ctypes.addressof(owner), before, len(before))


class NdArray(StateKind):
    """The values of a NumPy array."""

    def size(self, owner: Any) -> int:
        return int(np.ndarray.nbytes.__get__(owner)) if np.ndarray.flags.__get__(owner).writeable else 0

    def shared(self, owner: Any) -> bool:
        base = owner
        while isinstance(base, np.ndarray):
            base = np.ndarray.base.__get__(base)
        return isinstance(base, (memoryview, mmap.mmap, ctypes.Array))

    def read(self, owner: Any) -> Any:
        return np.array(owner, copy=True, subok=False) if np.ndarray.flags.__get__(owner).writeable else None

    def same(self, before: Any, now: Any) -> bool:
        if before is None or now is None or not before.dtype.hasobject:
            return equal(before, now)
        if before.dtype != object:
            return True  # references inside records are not followed
        a, b = before.ravel().tolist(), now.ravel().tolist()
        return before.shape == now.shape and all(x is y for x, y in zip(a, b, strict=True))

    def put_back(self, owner: Any, before: Any) -> None:
        np.ndarray.__setitem__(owner, ..., before)

    def parts(self, owner: Any, before: Any) -> Parts:
        base = np.ndarray.base.__get__(owner)
        elements = before.ravel().tolist() if before is not None and before.dtype == object else []
        return [*range(len(elements)), ""], [*elements, base]

    def label(self, key: Any) -> str:
        return "" if key == "" else f"[{key}]"


class Tensors(StateKind):
    """The values of a small tensor that is no parameter; of any other, PyTorch's count of its changes."""

    def size(self, owner: Any) -> int:
        return owner.nbytes if _copied(owner) else 0

    def shared(self, owner: Any) -> bool:
        with torch._C.DisableTorchFunctionSubclass():
            return _copied(owner) and owner.is_shared()

    def read(self, owner: Any) -> list[Any]:
        with torch._C.DisableTorchFunctionSubclass():
            return [_version(owner), owner.detach().clone() if _copied(owner) else None]

    def changed(self, owner: Any, before: list[Any]) -> bool:
        with torch._C.DisableTorchFunctionSubclass():
            version, copied = before
            if copied is None or owner.device.type != "cpu":  # reading values from a device would wait for it
                return bool(version != _version(owner))
            same = owner.shape == copied.shape and owner.dtype == copied.dtype
            return not (same and _bytes(owner) == _bytes(copied))

    def put_back(self, owner: Any, before: list[Any]) -> None:
        if before[1] is None:
            raise TypeError
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            owner.data.copy_(before[1])
            before[0] = _version(owner)

    def version_only(self, owner: Any) -> list[Any]:
        """Returns the state of a tensor too large to be copied."""
        with torch._C.DisableTorchFunctionSubclass():
            return [_version(owner), None]


def other_processes() -> bool:
    """Whether there are child processes, such as a loader's workers, that may write to shared memory."""
    return any("Manager" not in child.name for child in multiprocessing.process.active_children())


def _of_numbers(kind: Any) -> bool:
    if issubclass(kind, ctypes.Array):
        return _of_numbers(kind._type_)
    if issubclass(kind, (ctypes.Structure, ctypes.Union)):
        return all(_of_numbers(field[1]) for base in kind.__mro__ for field in vars(base).get("_fields_", ()))
    return isinstance(getattr(kind, "_type_", None), str) and kind._type_ in _NUMBERS


def _copied(tensor: Any) -> bool:
    if type(tensor) not in (Tensor, nn.Buffer) or tensor.layout != torch.strided:
        return False
    return not (tensor.is_quantized or tensor.is_conj() or tensor.is_neg() or tensor.device.type == "meta")


def _version(tensor: Any) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _bytes(tensor: Tensor) -> bytes:
    dense = tensor.detach().contiguous()
    return ctypes.string_at(dense.data_ptr(), dense.nbytes)
