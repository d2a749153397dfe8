"""The inputs of a probe as arrays, and a JSON tree of their nesting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.archive.layout import TYPES

Tree = dict[str, Any]


def to_arrays(inputs: Any) -> tuple[Tree, list[np.ndarray[Any, Any]]] | None:
    """Returns tree and arrays; None unless inputs are tensors and plain values in lists, tuples and dicts.

    Example:
        >>> tree, arrays = to_arrays({"image": torch.zeros(2, 3), "text": ["a", "b"]})
        >>> tree
        {'dict': {'image': {'array': 0}, 'text': {'list': [{'value': 'a'}, {'value': 'b'}]}}}
    """
    arrays: list[np.ndarray[Any, Any]] = []
    try:
        return _tree_of(inputs, arrays), arrays
    except TypeError:
        return None


def from_arrays(tree: Tree, arrays: list[np.ndarray[Any, Any]]) -> Any:
    """Returns the inputs.

    Raises:
        ValueError: where the tree is not one that ``to_arrays`` makes.
    """
    if not isinstance(tree, Mapping) or len(tree) != 1:
        raise ValueError(f"not a tree of inputs: {tree!r}")
    ((kind, value),) = tree.items()
    if kind == "array" and type(value) is int and 0 <= value < len(arrays):
        return torch.from_numpy(arrays[value].copy())
    if kind == "value" and (value is None or isinstance(value, (str, int, float))):
        return value
    if kind == "list" and isinstance(value, list):
        return [from_arrays(item, arrays) for item in value]
    if kind == "tuple" and isinstance(value, list):
        return tuple(from_arrays(item, arrays) for item in value)
    if kind == "dict" and isinstance(value, Mapping):
        return {key: from_arrays(item, arrays) for key, item in value.items()}
    raise ValueError(f"not a tree of inputs: {kind!r}")


def _tree_of(inputs: Any, arrays: list[np.ndarray[Any, Any]]) -> Tree:
    if isinstance(inputs, Tensor):
        if str(inputs.dtype).removeprefix("torch.") not in TYPES or inputs.layout != torch.strided:
            raise TypeError
        arrays.append(inputs.detach().cpu().numpy())
        return {"array": len(arrays) - 1}
    if inputs is None or type(inputs) in (str, int, float, bool):
        return {"value": inputs}
    if type(inputs) in (list, tuple):
        return {type(inputs).__name__: [_tree_of(item, arrays) for item in inputs]}
    if type(inputs) is dict and all(type(key) is str for key in inputs):
        return {"dict": {key: _tree_of(item, arrays) for key, item in inputs.items()}}
    raise TypeError
