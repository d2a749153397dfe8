"""Numbers as JSON has them."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor


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
