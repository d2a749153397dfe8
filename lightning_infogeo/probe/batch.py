"""A probe and the batch it was made from."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.lightnings import MisconfigurationException

LABEL_NAMES = ("label", "labels", "y", "target")


class ConfigurationError(MisconfigurationException, ValueError):
    """A set-up that cannot work, found before the first training step."""


class Probe:
    """Fixed samples on which a model's predictions are followed.

    Args:
        inputs: what the model is called with: a tensor whose first dimension counts the N samples, or any nesting of
            lists, tuples, mappings and dataclasses of such tensors (lists of N strings are cut like tensors).
        labels: class indices, shape (N,), or (N, …) where an input has several outputs (tokens, pixels, factors), of
            any integer type; floating ones where all are 0 or 1, for output="bernoulli". None where there are none.
            Without labels the quantities that need them are absent.

    Attributes:
        inputs: a copy of the inputs, on their device.
        labels: a copy of the labels as int64, or None.
        binary: whether labels were given as floating zeros and ones.
        fingerprint: SHA-256 of structure, shapes, types and contents of the inputs, 64 hexadecimal digits.

    Raises:
        ConfigurationError: where there are no samples, sizes disagree, or labels are not class indices.

    Example:
        >>> probe = Probe(torch.zeros(4, 2), labels=[0, 1, 1, 0])
        >>> len(probe), probe.labels
        (4, tensor([0, 1, 1, 0]))
    """

    def __init__(self, inputs: Any, labels: Any = None) -> None:
        self.inputs = map_leaves(_own, inputs)
        self._size = _count(self.inputs)
        self.labels: Tensor | None = None
        self.binary = False
        if labels is not None:
            self.labels, self.binary = _class_indices(labels, self._size)
        self.fingerprint = _fingerprint(self.inputs)

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else "labels"
        return f"Probe({self._size} samples, {labels}, fingerprint={self.fingerprint[:12]}…)"


def split(batch: Any) -> tuple[Any, Any]:
    """Returns inputs and labels of a batch.

    A tuple or list is (inputs, labels, ...). A mapping or dataclass has its labels under ``label``, ``labels``, ``y``
    or ``target``; its inputs are the one remaining value, or where several remain, the mapping without the labels, or
    the dataclass as it is.

    Raises:
        ConfigurationError: for any other batch.
    """
    if isinstance(batch, (tuple, list)) and not _is_plain(batch) and len(batch) >= 2 and not hasattr(batch, "_fields"):
        return batch[0], batch[1]
    fields = _fields(batch)
    name = next((name for name in LABEL_NAMES if name in fields), None)
    if name is None:
        if hasattr(batch, "_fields") and len(batch) >= 2:
            return batch[0], batch[1]
        raise ConfigurationError(
            f"`InfoGeometryMonitor(probes=...)`: cannot tell inputs from labels in a batch of type "
            f"`{type(batch).__name__}`{f' with {sorted(map(str, fields))}' if fields else ''}: expected (inputs, "
            f"labels, ...) or a mapping or dataclass with one of {', '.join(LABEL_NAMES)}. "
            "Give the samples yourself: probes=Probe(inputs, labels)."
        )
    others = {key: value for key, value in fields.items() if key != name}
    if len(others) == 1:
        return next(iter(others.values())), fields[name]
    return (_without(batch, name) if isinstance(batch, Mapping) else batch), fields[name]


def same_labels(labels: Tensor | None, others: Tensor | None) -> bool:
    """Returns whether both are absent, or equal."""
    if labels is None or others is None:
        return labels is others
    return torch.equal(labels, others)


def map_leaves(function: Callable[[Any], Any], structure: Any) -> Any:
    """Returns ``structure`` with ``function`` applied to every tensor and every list of plain values."""
    if isinstance(structure, (Tensor, np.ndarray)) or _is_plain(structure):
        return function(structure)
    if isinstance(structure, Mapping):
        mapped = {key: map_leaves(function, value) for key, value in structure.items()}
        return _updated(structure, mapped) if isinstance(structure, MutableMapping) else mapped
    if isinstance(structure, (tuple, list)):
        items = [map_leaves(function, item) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        result = copy.copy(structure)
        for name, value in _fields(structure).items():
            object.__setattr__(result, name, map_leaves(function, value))
        return result
    return structure


def leaves(structure: Any) -> Iterator[Any]:
    """Yields every tensor and every list of plain values in ``structure``."""
    found: list[Any] = []
    map_leaves(found.append, structure)
    yield from found


def concatenate(batches: list[Any]) -> Any:
    """Returns one batch holding the samples of several of the same structure."""
    columns = [list(leaves(batch)) for batch in batches]
    if any(len(column) != len(columns[0]) for column in columns):
        raise ConfigurationError(
            "`InfoGeometryMonitor(probes=...)`: the batches differ in structure and cannot be joined; "
            "give the samples yourself: probes=Probe(inputs, labels)."
        )
    joined = iter(
        torch.cat(parts) if isinstance(parts[0], Tensor) and parts[0].dim() else _chained(parts)
        for parts in zip(*columns, strict=True)
    )
    return map_leaves(lambda leaf: next(joined), batches[0])


def cut(structure: Any, start: int, stop: int) -> Any:
    """Returns samples ``start`` to ``stop`` (exclusive); tensors without dimensions are shared by all samples."""
    return map_leaves(
        lambda leaf: leaf if isinstance(leaf, Tensor) and not leaf.dim() else leaf[start:stop],
        structure,
    )


def _chained(parts: tuple[Any, ...]) -> Any:
    return parts[0] if isinstance(parts[0], Tensor) else [value for part in parts for value in part]


def _is_plain(structure: Any) -> bool:
    return (
        isinstance(structure, (tuple, list))
        and len(structure) > 0
        and all(isinstance(item, (str, bytes, int, float)) for item in structure)
    )


def _fields(batch: Any) -> dict[Any, Any]:
    if isinstance(batch, Mapping):
        return dict(batch.items())
    if hasattr(batch, "_fields"):
        return dict(zip(batch._fields, batch, strict=True))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return {}


def _updated(mapping: MutableMapping[Any, Any], items: Mapping[Any, Any]) -> Any:
    result = copy.copy(mapping)
    for key, value in items.items():
        result[key] = value
    return result


def _without(mapping: Mapping[Any, Any], name: str) -> Any:
    if not isinstance(mapping, MutableMapping):
        return {key: value for key, value in mapping.items() if key != name}
    result = copy.copy(mapping)
    del result[name]
    return result


def _own(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return torch.tensor(leaf)
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _count(inputs: Any) -> int:
    found = list(leaves(inputs))
    if any(isinstance(leaf, Tensor) and leaf.layout != torch.strided for leaf in found):
        raise ConfigurationError("`Probe(inputs=...)`: sparse tensors cannot be cut into batches; use .to_dense().")
    if not any(isinstance(leaf, Tensor) or isinstance(leaf[0], (str, bytes)) for leaf in found):
        found = []  # lists of numbers alone: are they samples, or the numbers of one?
    sizes = {len(leaf) for leaf in found if not isinstance(leaf, Tensor) or leaf.dim()}
    if not sizes:
        raise ConfigurationError(
            f"`Probe(inputs={type(inputs).__name__})`: no tensor with a first dimension that counts samples; "
            "give tensors, or lists, tuples, mappings or dataclasses of them."
        )
    if len(sizes) > 1:
        raise ConfigurationError(
            f"`Probe(inputs=...)`: first dimensions of {sorted(sizes)} disagree; every tensor must hold one entry a "
            "sample."
        )
    if sizes == {0}:
        raise ConfigurationError("`Probe(inputs=...)`: there are no samples; give at least one.")
    return int(sizes.pop())


def _class_indices(labels: Any, size: int) -> tuple[Tensor, bool]:
    try:
        indices = torch.as_tensor(labels).detach()
    except (TypeError, ValueError, RuntimeError):
        raise ConfigurationError(
            f"`Probe(labels={type(labels).__name__})`: must be class indices of shape ({size},); give a tensor of "
            "ints, or None where there are none."
        ) from None
    binary = indices.is_floating_point() and bool(((indices == 0) | (indices == 1)).all())  # as the loss wants them
    inexact = indices.is_complex() or (indices.is_floating_point() and not binary)
    if inexact or indices.shape[:1] != (size,):
        raise ConfigurationError(
            f"`Probe(labels=...)`: must be integer class indices of shape ({size},), got {indices.dtype} of shape "
            f"{tuple(indices.shape)}; convert them, or give None where there are none (classifiers only: targets of a "
            "regression are not supported)."
        )
    return indices.to(torch.int64, copy=True), binary


def _fingerprint(inputs: Any) -> str:
    digest = hashlib.sha256(type(inputs).__name__.encode())
    for leaf in leaves(inputs):
        if isinstance(leaf, Tensor):
            digest.update(f"{leaf.dtype}{tuple(leaf.shape)}".encode())
            contents = leaf.cpu().contiguous().reshape(-1)
            digest.update(contents.view(torch.uint8).numpy().tobytes())
        else:
            digest.update(repr(list(leaf)).encode())
    return digest.hexdigest()
