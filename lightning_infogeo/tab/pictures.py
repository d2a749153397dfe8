"""Small copies of the samples of a probe, where its inputs are images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

SIDE = 32
"""Pixels of the longer side, at most; larger images are averaged down."""

_LEAST = 4


def pictures_of(batches: Sequence[Any], room: int, among: Tensor | None = None) -> tuple[Tensor, Tensor] | None:
    """Returns pictures of as many inputs as there is room for, evenly among all.

    Grey levels are those between the smallest and largest number of each colour in the pictures returned.

    Args:
        batches: of the inputs of a probe.
        room: bytes for all pictures together.
        among: the inputs to choose from, shape (n,), increasing; None for all.

    Returns:
        Indices of inputs, shape (k,), int64, and pictures of these, shape (k, h, w, c), uint8, with one colour or
        three; None where inputs are no images of one size, or there is no room for one.

    Example:
        >>> indices, pictures = pictures_of([torch.rand(100, 1, 64, 48)], room=40_000)
        >>> indices.shape, pictures.shape, pictures.min(), pictures.max()
        (torch.Size([52]), torch.Size([52, 32, 24, 1]), tensor(0, dtype=torch.uint8), tensor(255, dtype=torch.uint8))
    """
    images = [found for batch in batches if (found := _images(batch)) is not None]
    if len(images) < len(batches) or len({batch.shape[1:] for batch in images}) != 1:
        return None
    candidates = torch.arange(sum(map(len, images))) if among is None else among.cpu()
    colours, height, width = images[0].shape[1:]
    shrunk = max(height, width) / SIDE
    height, width = (max(1, round(size / max(shrunk, 1))) for size in (height, width))
    count = min(len(candidates), room // (height * width * colours))
    if count < 1:
        return None
    chosen = candidates[torch.arange(count) * len(candidates) // count]
    parts, start = [], 0
    for batch in images:
        here = chosen[(chosen >= start) & (chosen < start + len(batch))] - start
        part = batch[here.to(batch.device)].detach().float().nan_to_num(0, 0, 0).cpu()
        parts.append(torch.nn.functional.adaptive_avg_pool2d(part, (height, width)) if shrunk > 1 else part)
        start += len(batch)
    picked = torch.cat(parts)
    low, high = picked.transpose(0, 1).flatten(1).aminmax(dim=1)
    spread = (high - low).clamp_min(torch.finfo(torch.float32).tiny)
    levels = (picked - low[:, None, None]) / spread[:, None, None] * 255
    return chosen, levels.round().to(torch.uint8).movedim(1, -1).contiguous()


def _images(inputs: Any) -> Tensor | None:
    """Returns inputs as images, (N, c, h, w), or None where they are none."""
    if not isinstance(inputs, Tensor) or inputs.is_complex() or inputs.dtype == torch.bool:
        return None
    if inputs.dim() == 3 and inputs.shape[1] == inputs.shape[2]:
        inputs = inputs[:, None]
    if inputs.dim() != 4:
        return None
    if inputs.shape[1] not in (1, 3) and inputs.shape[-1] in (1, 3):
        inputs = inputs.movedim(-1, 1)
    return inputs if inputs.shape[1] in (1, 3) and min(inputs.shape[2:]) >= _LEAST else None
