"""Putting back parameters and buffers that a forward writes even in evaluation mode: counters, renormed embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_infogeo.copies import Portable
from lightning_infogeo.probe.fsdp import local_part

SMALL = 2**24
"""The most bytes of buffers that are copied before every evaluation, whether they have been written or not."""

Key = tuple[str, str]

_PLAIN = (Tensor, nn.Parameter)
"""Types of which a tensor is what its memory says."""


class WriteGuard(Portable, left_behind={"_copies": {}}):
    """Restores the parameters and buffers that a forward writes.

    In the first evaluation every operation is intercepted, and a tensor is copied just before it is first written, so
    that nothing else is copied. Later evaluations copy in advance the tensors that have been written before, and all
    buffers if they are small, since some are written only for certain values.

    Attributes:
        restored: where the memory begins that was written to after the last evaluation, to put it back.
    """

    def __init__(self) -> None:
        self.restored: set[int] = set()
        self._written: set[Key] | None = None
        self._copies: dict[Key, Tensor] = {}

    def to(self, device: torch.device) -> None:
        """Lets go of the copies; the next evaluation makes others where the model is then."""
        self._copies = {}

    @contextmanager
    def protect(self, module: nn.Module) -> Iterator[None]:
        """Restores parameters and buffers of ``module`` after the block.

        Raises:
            RuntimeError: where a large one was written for the first time after the first evaluation, without a copy.
        """
        registries = list(_registries(module))
        missing = [(of, name) for _, of in registries for name, tensor in of.items() if tensor is None]
        saved_tensors = list(_saved_tensors(registries))
        copies = {} if self._written is None else self._copied(saved_tensors, self._written)
        try:
            with _CopyOnWrite(saved_tensors, copies) if self._written is None else nullcontext():
                yield
        finally:
            changed = {saved.key for saved in saved_tensors if saved.changed()}
            seen = set(copies) if self._written is None else self._written
            self.restored = set()
            for saved in saved_tensors:
                copied = copies.get(saved.key) if saved.key in changed | seen else None
                saved.put_back(copied)
                if copied is not None and copied.layout == torch.strided:
                    self.restored.add(saved.data().untyped_storage().data_ptr())
            self._written = changed | seen
            for registry, name in missing:
                registry[name] = None
        if changed - copies.keys():
            names = sorted(".".join(key).strip(".") for key in changed - copies.keys())
            raise RuntimeError(f"the forward wrote {names}, as it had not done before, so they could not be put back")

    def _copied(self, saved_tensors: list[_SavedTensor], written: set[Key]) -> dict[Key, Tensor]:
        """Returns copies of what may be written; of plain small buffers in memory that is kept from call to call."""
        small = sum(saved.nbytes for saved in saved_tensors if saved.is_buffer) <= SMALL
        copies: dict[Key, Tensor] = {}
        together: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for saved in saved_tensors:
            tensor, is_small = saved.tensor, small and saved.is_buffer
            if is_small and saved.is_plain and not tensor.is_inference():
                before = self._copies.get(saved.key)
                if before is None or (before.shape, before.dtype, before.device) != _form(tensor):
                    before = self._copies[saved.key] = torch.empty_like(tensor)
                copies[saved.key] = before
                targets, sources = together.setdefault(tensor.dtype, ([], []))
                targets.append(before)
                sources.append(tensor)
            elif is_small or saved.key in written:
                copies[saved.key] = saved.data().clone()
        with torch.no_grad():
            for targets, sources in together.values():
                torch._foreach_copy_(targets, sources)
        return copies


class _SavedTensor(NamedTuple):
    """A parameter or buffer before a forward; of a sharded one, the local part.

    Most are never looked at again: ``data`` makes a tensor of the memory only when it is asked to.
    """

    key: Key
    registry: dict[str, Any]
    tensor: Tensor
    data: Callable[[], Tensor]
    pointer: int
    version: int

    @classmethod
    def of(cls, key: Key, registry: dict[str, Any], tensor: Tensor) -> _SavedTensor:
        if _is_plain(tensor):
            storage, offset = tensor.untyped_storage(), int(tensor.storage_offset())
            data = partial(_at, tensor.dtype, storage, offset, tensor.shape, tensor.stride())
            return cls(key, registry, tensor, data, tensor.data_ptr(), _version(tensor))
        part = local_part(tensor.data)
        return cls(key, registry, tensor, lambda: part, _pointer(part), _version(tensor))

    @property
    def is_buffer(self) -> bool:
        return not isinstance(self.tensor, nn.Parameter)

    @property
    def nbytes(self) -> int:
        return self.tensor._values().nbytes if self.tensor.is_sparse else self.tensor.nbytes

    @property
    def is_plain(self) -> bool:
        return _is_plain(self.tensor)

    def changed(self) -> bool:
        return _version(self.tensor) != self.version

    def put_back(self, copied: Tensor | None) -> None:
        self.registry[self.key[1]] = self.tensor
        is_whole = local_part(self.tensor) is self.tensor  # FSDP2 may move a local part for good in its first forward
        if is_whole and _pointer(self.tensor) != self.pointer:
            self.tensor.data = self.data()  # replaced by assignment to .data
        if copied is None:
            return
        if self.tensor.is_inference():
            self.registry[self.key[1]] = copied  # an inference tensor cannot be written to
        else:
            _copy(self.data(), copied)


def _is_plain(tensor: Tensor) -> bool:
    """Returns whether storage, offset, shape and strides are all there is to a tensor."""
    strided = type(tensor) in _PLAIN and tensor.layout == torch.strided
    return strided and not (tensor.is_nested or tensor.is_conj() or tensor.is_neg())


def _pointer(tensor: Tensor) -> int:
    """Returns where the memory of a tensor begins; 0 where it is not one piece."""
    return tensor.data_ptr() if tensor.layout == torch.strided else 0


def _copy(target: Tensor, source: Tensor) -> None:
    """Writes ``source`` to ``target``, of which an expanded dimension is written once."""
    if target.layout == torch.strided and not target.is_nested:
        for dimension, stride in enumerate(target.stride()):
            if not stride and target.shape[dimension]:
                target, source = (tensor.narrow(dimension, 0, 1) for tensor in (target, source))
    target.copy_(source)


def _form(tensor: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return tensor.shape, tensor.dtype, tensor.device


def _at(
    dtype: torch.dtype, storage: torch.UntypedStorage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> Tensor:
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, shape, stride)


class _CopyOnWrite(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Copies a saved tensor just before the first operation that writes to its memory."""

    def __init__(self, saved_tensors: list[_SavedTensor], copies: dict[Key, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._copies = copies
        self._by_storage: dict[int, list[_SavedTensor]] = {}
        for saved in saved_tensors:
            if (data := saved.data()).layout == torch.strided:
                self._by_storage.setdefault(data.untyped_storage().data_ptr(), []).append(saved)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._schema.is_mutable:
            for index, argument in enumerate(func._schema.arguments):
                if argument.is_write:
                    self._save(args[index] if index < len(args) else kwargs.get(argument.name))
        return func(*args, **kwargs)

    def _save(self, target: Any) -> None:
        for tensor in target if isinstance(target, (list, tuple)) else [target]:
            if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
                for saved in self._by_storage.pop(local_part(tensor).untyped_storage().data_ptr(), []):
                    self._copies[saved.key] = saved.data().clone()


def _registries(module: nn.Module) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, owner in module.named_modules():
        yield from ((path, owner._parameters), (path, owner._buffers))


def _saved_tensors(registries: list[tuple[str, dict[str, Any]]]) -> Iterator[_SavedTensor]:
    for path, of in registries:
        yield from (_SavedTensor.of((path, name), of, tensor) for name, tensor in of.items() if tensor is not None)


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
