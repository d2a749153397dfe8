"""What JSON can say of values: rounded numbers for a page, everything for a document, names for metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

_DEEPEST = 8


def rounded(values: Any) -> Any:
    """Returns nested lists with six digits; None for NaN and ∞, which JSON has no word for.

    Example:
        >>> rounded([1.23456789, [float("nan")]])
        [1.23457, [None]]
    """
    if isinstance(values, Tensor):
        values = values.tolist()
    if isinstance(values, (list, tuple)):
        return [rounded(value) for value in values]
    return float(f"{values:.6g}") if math.isfinite(values) else None


def document_values(value: Any) -> Any:
    """Returns lists, mappings, numbers and texts with all their digits; None for NaN and ∞, ``str`` of the rest.

    Example:
        >>> document_values({"stress": (0.123456789, float("inf"))})
        {'stress': [0.123456789, None]}
    """
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): document_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [document_values(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def metadata_values(value: Any, depth: int = 0) -> Any:
    """Returns settings as they are shown to people: NaN and ∞ as text, and of all that is no value its name.

    Example:
        >>> metadata_values({"width": 64, "act": Tensor, "betas": (0.9, float("inf"))})
        {'width': 64, 'act': 'Tensor', 'betas': [0.9, 'inf']}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Tensor) and value.numel() == 1:
        return metadata_values(value.item())
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(key): metadata_values(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)) and depth < _DEEPEST:
        return [metadata_values(item, depth + 1) for item in value]
    return getattr(value, "__name__", None) or type(value).__name__
