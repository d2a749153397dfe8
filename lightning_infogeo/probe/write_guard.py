"""Putting back parameters and buffers that a forward writes even in evaluation mode: counters, renormed embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_infogeo.probe.fsdp import local_part

SMALL = 2**24
"""The most bytes of buffers that are copied before every evaluation, whether they have been written or not."""

Key = tuple[str, str]


class WriteGuard:
    """Restores the parameters and buffers that a forward writes.

    In the first evaluation every operation is intercepted, and a tensor is copied just before it is first written, so
    that nothing else is copied. Later evaluations copy in advance the tensors that have been written before, and all
    buffers if they are small, since some are written only for certain values.
    """

    def __init__(self) -> None:
        self._written: set[Key] | None = None

    @contextmanager
    def protect(self, module: nn.Module) -> Iterator[None]:
        """Restores parameters and buffers of ``module`` after the block.

        Raises:
            RuntimeError: where a large one was written for the first time after the first evaluation, without a copy.
        """
        saved_tensors = list(_saved_tensors(module))
        copies = {} if self._written is None else self._copied(saved_tensors, self._written)
        try:
            with _CopyOnWrite(saved_tensors, copies) if self._written is None else nullcontext():
                yield
        finally:
            changed = {saved.key for saved in saved_tensors if saved.changed()}
            seen = set(copies) if self._written is None else self._written
            for saved in saved_tensors:
                saved.put_back(copies.get(saved.key) if saved.key in changed | seen else None)
            self._written = changed | seen
        if changed - copies.keys():
            names = sorted(".".join(key).strip(".") for key in changed - copies.keys())
            raise RuntimeError(f"the forward wrote {names}, as it had not done before, so they could not be put back")

    @staticmethod
    def _copied(saved_tensors: list[_SavedTensor], written: set[Key]) -> dict[Key, Tensor]:
        buffers = [saved for saved in saved_tensors if saved.is_buffer and saved.tensor is not None]
        small = sum(saved.data.nbytes for saved in buffers if saved.data is not None) <= SMALL
        chosen = [saved for saved in saved_tensors if saved.key in written or (small and saved.is_buffer)]
        return {saved.key: saved.data.clone() for saved in chosen if saved.data is not None}


class _SavedTensor(NamedTuple):
    """A parameter or buffer before a forward; of a sharded one, the local part."""

    key: Key
    registry: dict[str, Any]
    tensor: Tensor | None
    data: Tensor | None
    version: int

    @property
    def is_buffer(self) -> bool:
        return not isinstance(self.tensor, nn.Parameter)

    def changed(self) -> bool:
        return self.tensor is not None and _version(self.tensor) != self.version

    def put_back(self, copied: Tensor | None) -> None:
        self.registry[self.key[1]] = self.tensor
        if self.tensor is None or self.data is None:
            return
        is_whole = local_part(self.tensor) is self.tensor  # FSDP2 may move a local part for good in its first forward
        if is_whole and self.tensor.data_ptr() != self.data.data_ptr():
            self.tensor.data = self.data  # replaced by assignment to .data
        if copied is None:
            return
        if self.data.is_inference():
            self.registry[self.key[1]] = copied  # an inference tensor cannot be written to
        else:
            self.data.copy_(copied)


class _CopyOnWrite(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Copies a saved tensor just before the first operation that writes to its memory."""

    def __init__(self, saved_tensors: list[_SavedTensor], copies: dict[Key, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._copies = copies
        self._by_storage: dict[int, list[_SavedTensor]] = {}
        for saved in saved_tensors:
            if saved.data is not None and saved.data.layout == torch.strided:
                self._by_storage.setdefault(saved.data.untyped_storage().data_ptr(), []).append(saved)

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
                    assert saved.data is not None
                    self._copies[saved.key] = saved.data.clone()


def _saved_tensors(module: nn.Module) -> Iterator[_SavedTensor]:
    for path, owner in module.named_modules():
        for registry in (owner._parameters, owner._buffers):
            for name, tensor in registry.items():
                data = None if tensor is None else local_part(tensor.data)
                yield _SavedTensor((path, name), registry, tensor, data, -1 if tensor is None else _version(tensor))


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
