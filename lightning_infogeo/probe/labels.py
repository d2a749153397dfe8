"""Converting labels of any type and shape to class indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distributions import IGNORED


class Labels(NamedTuple):
    """The labels of one probe.

    Attributes:
        values: int64, shape (N, ...); (N, P), flattened and padded with ``IGNORED``, where batches differ in the shape
            of their labels; None where there are none.
        binary: whether they were given as floating zeros and ones.
        dtype: of the given labels.
        ragged: whether they were padded.
        missing: why there are none although batches have some, in words.
    """

    values: Tensor | None
    binary: bool = False
    dtype: torch.dtype | None = None
    ragged: bool = False
    missing: str = ""


NONE = Labels(None)


def labels_of(given: Sequence[Any], counts: Sequence[int]) -> Labels:
    """Returns the labels of batches of ``counts`` samples; without values for probabilities of classes (soft labels).

    Raises:
        ValueError: where they are not class indices, saying what they are.
    """
    if all(labels is None for labels in given):
        return NONE
    tensors = [_as_tensor(labels) for labels in given]
    for labels, count in zip(tensors, counts, strict=True):
        if labels.is_complex() or labels.shape[:1] != (count,):
            raise ValueError(_no_indices(labels, count))
    dtype = tensors[0].dtype
    if any(labels.is_floating_point() for labels in tensors):
        # As binary losses take them, with NaN for unknown ones.
        binary = all(bool(((labels == 0) | (labels == 1) | labels.isnan()).all()) for labels in tensors)
        soft = [_are_probabilities(labels) for labels in tensors if labels.is_floating_point()]
        if not binary and all(soft):  # also where only some batches are mixed
            return Labels(None, missing=f"they are probabilities of classes (soft labels, {dtype})")
        if not binary and not all(_is_index_map(labels) for labels in tensors):
            raise ValueError(_no_indices(tensors[0], counts[0]))
        binary = binary and not all(_is_index_map(labels) for labels in tensors)
    else:
        binary = False
    indices = [_indices(labels) for labels in tensors]
    shapes = {labels.shape[1:] for labels in indices}
    if len(shapes) == 1:
        return Labels(torch.cat(indices), binary, dtype)
    most = max(labels[0].numel() for labels in indices)
    flat = [torch.nn.functional.pad(i.flatten(1), (0, most - i[0].numel()), value=IGNORED) for i in indices]
    return Labels(torch.cat(flat), binary, dtype, ragged=True)


def _indices(labels: Tensor) -> Tensor:
    filled = labels.nan_to_num(IGNORED) if labels.is_floating_point() else labels
    return filled.to("cpu", torch.int64, copy=True)


def _as_tensor(labels: Any) -> Tensor:
    try:
        return torch.as_tensor(labels).detach().as_subclass(Tensor)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"must be class indices, got `{type(labels).__name__}`") from None


def _are_probabilities(labels: Tensor) -> bool:
    """Whether the numbers of each sample or position are non-negative and sum to 1 over the classes."""
    if labels.dim() < 2 or labels.shape[1] < 2:
        return False
    return bool((labels >= 0).all()) and bool(((labels.double().sum(1) - 1).abs() < 1e-2).all())


def _is_index_map(labels: Tensor) -> bool:
    """Whether these are whole numbers in one channel, (n, 1, h, w), as readers of medical images give them."""
    return labels.dim() > 2 and labels.shape[1] == 1 and bool((labels == labels.round()).all())


def _no_indices(labels: Tensor, count: int) -> str:
    return f"must be integer class indices of shape ({count},), got {labels.dtype} of shape {tuple(labels.shape)}"
