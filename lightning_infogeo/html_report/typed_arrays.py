"""Numbers as the page's script reads them: base64 of their bytes, a third of what their digits take."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

_LARGEST = 2**31 - 1


def packed(values: Tensor) -> dict[str, str]:
    """Returns one array, named by its type: "f4", or for integers "i4" where they fit and "f8" where they do not.

    Args:
        values: of any shape; the script gets them flat. NaN and ∞ stay what they are.

    Example:
        >>> packed(torch.tensor([1.0, float("nan")]))
        {'f4': 'AACAPwAAwH8='}
    """
    if values.is_floating_point():
        kind, dtype = "f4", torch.float32
    elif values.numel() and int(values.abs().max()) > _LARGEST:
        kind, dtype = "f8", torch.float64
    else:
        kind, dtype = "i4", torch.int32
    array = values.detach().cpu().to(dtype).contiguous().numpy()
    return {kind: base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()}


def floats(values: Tensor) -> dict[str, Any]:
    """Returns ``packed`` values without ∞, which no axis can show: NaN in its place."""
    return packed(torch.where(values.isfinite(), values, torch.nan))
