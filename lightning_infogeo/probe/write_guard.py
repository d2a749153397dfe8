"""Putting back the parameters and buffers that a forward writes, whatever the mode: counters, renormed embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_infogeo.probe.fsdp import part_here

SMALL = 2**24
"""Bytes of buffers that are copied at every evaluation whether they were seen to be written or not."""

Key = tuple[str, str]


class WriteGuard:
    """Restores what a forward writes into parameters and buffers.

    At the first evaluation every operation is watched, and a tensor is copied just before it is first written to, so
    that nothing is copied that need not be. From then on the tensors seen to be written are copied in advance, and all
    buffers where they are small, since some are written only when values call for it.
    """

    def __init__(self) -> None:
        self._written: set[Key] | None = None

    @contextmanager
    def protect(self, module: nn.Module) -> Iterator[None]:
        """Leaves parameters and buffers of ``module`` as they were.

        Raises:
            RuntimeError: where a large one was written for the first time, so that there was no copy of it.
        """
        held = list(_held(module))
        copies = {} if self._written is None else self._copied(held, self._written)
        try:
            with _CopyOnWrite(held, copies) if self._written is None else nullcontext():
                yield
        finally:
            changed = {one.key for one in held if one.changed()}
            seen = set(copies) if self._written is None else self._written
            for one in held:
                one.put_back(copies.get(one.key) if one.key in changed | seen else None)
            self._written = changed | seen
        if changed - copies.keys():
            names = sorted(".".join(key).strip(".") for key in changed - copies.keys())
            raise RuntimeError(f"the forward wrote {names}, as it had not done before, so they could not be put back")

    @staticmethod
    def _copied(held: list[_Held], written: set[Key]) -> dict[Key, Tensor]:
        buffers = [one for one in held if one.is_buffer and one.tensor is not None]
        small = sum(one.data.nbytes for one in buffers if one.data is not None) <= SMALL
        chosen = [one for one in held if one.key in written or (small and one.is_buffer)]
        return {one.key: one.data.clone() for one in chosen if one.data is not None}


class _Held(NamedTuple):
    """One parameter or buffer as it stands before a forward; of one in parts, the part in this process."""

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
        whole = part_here(self.tensor) is self.tensor  # a part FSDP2 may move, for good, in its first forward
        if whole and self.tensor.data_ptr() != self.data.data_ptr():
            self.tensor.data = self.data  # replaced by assignment to .data
        if copied is None:
            return
        if self.data.is_inference():
            self.registry[self.key[1]] = copied  # may not be written to
        else:
            self.data.copy_(copied)


class _CopyOnWrite(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Copies a watched tensor just before the first operation that writes to its memory."""

    def __init__(self, held: list[_Held], copies: dict[Key, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._copies = copies
        self._watched: dict[int, list[_Held]] = {}
        for one in held:
            if one.data is not None and one.data.layout == torch.strided:
                self._watched.setdefault(one.data.untyped_storage().data_ptr(), []).append(one)

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
                for one in self._watched.pop(part_here(tensor).untyped_storage().data_ptr(), []):
                    assert one.data is not None
                    self._copies[one.key] = one.data.clone()


def _held(module: nn.Module) -> Iterator[_Held]:
    for path, owner in module.named_modules():
        for registry in (owner._parameters, owner._buffers):
            for name, tensor in registry.items():
                data = None if tensor is None else part_here(tensor.data)
                yield _Held((path, name), registry, tensor, data, -1 if tensor is None else _version(tensor))


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version
