"""Nested structures of tensors: visiting, copying, moving, joining and cutting them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

_SINGLE = (type(None), str, bytes, int, float, complex, type)


def map_leaves(function: Callable[[Any], Any], structure: Any) -> Any:
    """Returns ``structure`` with ``function`` applied to every tensor and every list of plain values."""
    return function(structure) if is_leaf(structure) else _rebuilt(lambda part: map_leaves(function, part), structure)


def leaves(structure: Any) -> Iterator[Any]:
    """Yields every tensor and every list of plain values in ``structure``."""
    leaf_list: list[Any] = []
    map_leaves(leaf_list.append, structure)
    yield from leaf_list


def is_leaf(structure: Any) -> bool:
    """Returns whether a structure is a leaf: a tensor, an array, or a list of plain values."""
    return isinstance(structure, (Tensor, np.ndarray)) or is_plain(structure)


def is_plain(structure: Any) -> bool:
    """Returns whether a structure is a list or tuple of strings and numbers only."""
    return (
        isinstance(structure, (tuple, list))
        and len(structure) > 0
        and all(isinstance(item, (str, bytes, int, float)) for item in structure)
    )


def fields_of(batch: Any) -> dict[Any, Any]:
    """Returns the values of a mapping, named tuple or dataclass by name; an empty dict for anything else."""
    if isinstance(batch, Mapping):
        return dict(batch.items())
    if hasattr(batch, "_fields"):
        return dict(zip(batch._fields, batch, strict=True))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return {}


def parts_of(structure: Any) -> Iterator[Any]:
    """Yields the direct parts of a nested structure; nothing for a leaf or for any other object."""
    if is_leaf(structure):
        return
    fields = fields_of(structure)
    if fields:
        yield from fields.values()
    elif isinstance(structure, (tuple, list)):
        yield from structure


def owned(structure: Any) -> Any:
    """Returns a copy that shares no memory, since a data set in memory may hand out views of itself."""
    if is_leaf(structure):
        return _copied(structure)
    if _is_object(structure):
        with suppress(Exception):  # what cannot be copied is used as it is
            return structure.clone() if hasattr(structure, "clone") else copy.deepcopy(structure)
    return _rebuilt(owned, structure)


def moved(structure: Any, device: torch.device) -> Any:
    """Returns ``structure`` on a device; the copy is asynchronous where its memory is pinned."""
    if isinstance(structure, Tensor):
        return structure.to(device, non_blocking=True)
    if hasattr(structure, "to") and not is_leaf(structure):  # packed sequences, for one, keep a part on the CPU
        with suppress(Exception):  # what cannot be moved is used as it is
            return structure.to(device)
    return structure if is_leaf(structure) else _rebuilt(lambda part: moved(part, device), structure)


def pinned(structure: Any) -> Any:
    """Returns ``structure`` in pinned memory, from which copies to an accelerator are asynchronous."""
    return map_leaves(lambda leaf: leaf.pin_memory() if isinstance(leaf, Tensor) else leaf, structure)


def contents_of(structure: Any) -> Iterator[Any]:
    """Yields tensors, arrays, strings and lists of plain values, also in attributes of objects such as graphs."""
    waiting, seen = [structure], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if is_leaf(current) or isinstance(current, (str, bytes)):
            yield current
        else:
            inside = list(parts_of(current))
            waiting += inside or list(getattr(current, "__dict__", {}).values())


def shallow_copy(structure: Any) -> Any:
    """Returns copies of containers and objects around the same tensors."""
    if _is_object(structure) and not is_leaf(structure):
        with suppress(Exception):  # what cannot be copied is used as it is
            return copy.copy(structure)
    return structure if is_leaf(structure) else _rebuilt(shallow_copy, structure)


def nbytes(structure: Any) -> int:
    """Returns the bytes of ``contents_of`` a structure."""
    return sum(_nbytes(content) for content in contents_of(structure))


def is_dense(leaf: Any) -> bool:
    """Returns whether a leaf is a dense tensor, neither sparse nor nested."""
    return isinstance(leaf, Tensor) and leaf.layout == torch.strided and not leaf.is_nested


def values_of(tensor: Tensor) -> Tensor:
    """Returns the values of a sparse or nested tensor as one tensor; a dense tensor as it is."""
    if is_dense(tensor):
        return tensor
    if tensor.layout == torch.sparse_coo:
        return tensor._values()
    return (
        tensor.values() if tensor.layout != torch.strided else torch.cat([part.flatten() for part in tensor.unbind()])
    )


def _nbytes(content: Any) -> int:
    if isinstance(content, Tensor):
        return int(values_of(content).nbytes)
    if isinstance(content, np.ndarray):
        return int(content.nbytes)
    return (
        len(content)
        if isinstance(content, (str, bytes))
        else sum(len(i) for i in content if isinstance(i, (str, bytes)))
    )


def rows_of(structure: Any) -> int | None:
    """Returns the number of samples of a batch that can be cut between any two of them; else None.

    It can be cut where all tensors and lists have that many entries. Other objects cannot be cut, nor can a list of as
    many tensors of one kind as there are samples, whose entries may be the samples.

    Example:
        >>> x = torch.zeros(4, 3)
        >>> rows_of((x, [0, 1, 2, 3])), rows_of([x, x, x, x]), rows_of({"x": x, "edges": torch.zeros(2, 9)})
        (4, None, None)
    """
    sizes: set[int] = set()
    lists: set[int] = set()
    if not _measure(structure, sizes, lists) or len(sizes) != 1:
        return None
    (size,) = sizes
    return None if size > 1 and size in lists else size


def _measure(part: Any, sizes: set[int], lists: set[int]) -> bool:
    """Adds the first dimensions of leaves and lengths of lists of tensors; returns whether there is nothing else."""
    if isinstance(part, Tensor):
        sizes.update({len(part)} if is_dense(part) and part.dim() else ())
        return is_dense(part)
    if is_leaf(part):
        sizes.add(len(part))
        return True
    inside = list(parts_of(part))
    kinds = {(item.dtype, item.dim()) if isinstance(item, Tensor) else None for item in inside}
    if not fields_of(part) and len(kinds) == 1 and None not in kinds:
        lists.add(len(inside))
    known = bool(inside) or isinstance(part, (*_SINGLE, tuple, list, Mapping))
    return known and all(_measure(item, sizes, lists) for item in inside)


def concatenate(batches: list[Any]) -> Any:
    """Returns one batch with the samples of several batches of the same structure.

    Raises:
        ValueError: where they differ in structure, or in shape beyond the first dimension.
    """
    columns = [list(leaves(batch)) for batch in batches]
    if any(len(column) != len(columns[0]) for column in columns):
        raise ValueError("the batches differ in structure and cannot be joined")
    joined = iter([_concatenated(parts) for parts in zip(*columns, strict=True)])
    return map_leaves(lambda leaf: next(joined), batches[0])


def cut(structure: Any, start: int, stop: int) -> Any:
    """Returns samples ``start`` to ``stop`` (exclusive); tensors without dimensions are shared by all samples."""
    return map_leaves(
        lambda leaf: leaf if isinstance(leaf, Tensor) and not leaf.dim() else leaf[start:stop],
        structure,
    )


def _rebuilt(function: Callable[[Any], Any], structure: Any) -> Any:
    """Returns a nested structure with ``function`` applied to its direct parts; anything else as it is."""
    if isinstance(structure, Mapping):
        mapped = {key: function(value) for key, value in structure.items()}
        return _updated(structure, mapped) if isinstance(structure, MutableMapping) else mapped
    if isinstance(structure, (tuple, list)):
        items = [function(item) for item in structure]
        kind: Any = type(structure)
        return kind._make(items) if hasattr(structure, "_fields") else kind(items)
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        result = copy.copy(structure)
        for name, value in fields_of(structure).items():
            object.__setattr__(result, name, function(value))
        return result
    return structure


def _is_object(structure: Any) -> bool:
    nesting = isinstance(structure, (Mapping, tuple, list)) or dataclasses.is_dataclass(structure)
    return not nesting and not isinstance(structure, _SINGLE)


def _copied(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return torch.tensor(leaf) if leaf.dtype != object else leaf
    return leaf.detach().clone() if isinstance(leaf, Tensor) else leaf


def _concatenated(parts: tuple[Any, ...]) -> Any:
    if not isinstance(parts[0], Tensor):
        return [value for part in parts for value in part]
    if not parts[0].dim():
        return parts[0]
    if any(part.shape[1:] != parts[0].shape[1:] or part.dtype != parts[0].dtype for part in parts):
        raise ValueError("the batches differ in shape and cannot be joined")
    return torch.cat(parts)


def _updated(mapping: MutableMapping[Any, Any], items: Mapping[Any, Any]) -> Any:
    result = copy.copy(mapping)
    for key, value in items.items():
        result[key] = value
    return result
