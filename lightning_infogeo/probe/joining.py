"""Joining the batches of a probe, which a loader has cut for training: fewer and larger calls of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lightning_infogeo.probe.structure import concatenate, fields_of, is_leaf, leaves, map_leaves, nbytes, rows_of


def joined(batches: Sequence[Any], counts: Sequence[int], copied: int) -> tuple[list[Any], list[int]]:
    """Returns fewer batches with the same samples in the same order, and how many each has.

    Neighbours become one where both can be cut between any two samples and differ in nothing but these, and where all
    tensors are of samples: not where both have the same positions or mask, as long as a batch only by chance. Those
    that lie side by side in memory, as ``BatchStorage`` puts them, are joined without a copy.

    Args:
        batches: inputs of the model.
        counts: samples of each batch.
        copied: the most bytes of all batches together for which others are copied.

    Example:
        >>> import torch
        >>> x = torch.arange(6.0)
        >>> batches, counts = joined([x[:2], x[2:4], torch.zeros(3, 5)], [2, 2, 3], copied=0)
        >>> batches[0], counts
        (tensor([0., 1., 2., 3.]), [4, 3])
    """
    may_copy = nbytes(list(batches)) <= copied
    groups: list[list[Any]] = []
    sizes: list[int] = []
    before: Any = None
    for batch, count in zip(batches, counts, strict=True):
        form = _form(batch) if rows_of(batch) == count else None
        fits = form is not None and form == before
        if fits and (may_copy or _adjoining(groups[-1][-1], batch)) and not _in_common(groups[-1][-1], batch):
            groups[-1].append(batch)
            sizes[-1] += count
        else:
            groups.append([batch])
            sizes.append(count)
        before = form
    return [_as_one(group) for group in groups], sizes


def _form(part: Any) -> Any:
    """Returns what two batches must have in common to be joined; never equal where a value belongs to no sample."""
    if isinstance(part, Tensor):
        return (part.dtype, part.device, tuple(part.shape[1:])) if type(part) is Tensor and part.dim() else object()
    if is_leaf(part):
        return type(part)
    inside = fields_of(part) or (dict(enumerate(part)) if isinstance(part, (tuple, list)) else None)
    return (type(part), part) if inside is None else (type(part), [(key, _form(each)) for key, each in inside.items()])


def _adjoining(first: Any, second: Any) -> bool:
    """Returns whether the tensors of the second batch begin in memory where those of the first end."""
    return all(
        isinstance(a, Tensor)
        and a.is_contiguous()
        and b.is_contiguous()
        and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
        and a.storage_offset() + a.numel() == b.storage_offset()
        for a, b in zip(leaves(first), leaves(second), strict=True)
    )


def _in_common(first: Any, second: Any) -> bool:
    """Returns whether a tensor is the same in both batches, although its rows are not all the same."""
    pairs = zip(leaves(first), leaves(second), strict=True)
    return any(isinstance(a, Tensor) and a.equal(b) and not a.eq(a[:1]).all() for a, b in pairs)


def _as_one(group: list[Any]) -> Any:
    first, *others = group
    if not others:
        return first
    if not all(_adjoining(a, b) for a, b in zip(group, others, strict=False)):
        return concatenate(group)
    rows = sum(len(next(leaves(batch))) for batch in group)
    return map_leaves(lambda leaf: leaf.as_strided((rows, *leaf.shape[1:]), leaf.stride()), first)
