"""A probe: fixed samples, in the batches that the model is called with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe.labels import NONE, Labels, labels_of
from lightning_infogeo.probe.structure import (
    concatenate,
    is_dense,
    is_plain,
    leaves,
    owned,
    parts_of,
    rows_of,
    values_of,
)


class Probe:
    """Fixed samples on which a model's predictions are followed.

    Args:
        inputs: inputs of the model: a tensor whose first dimension counts the N samples, or any nesting of lists,
            tuples, mappings and dataclasses of such tensors (lists of N strings are cut like tensors).
        labels: class indices, shape (N,), or (N, …) where an input has several outputs (tokens, pixels, factors), of
            any integer type, or floating zeros and ones for output="bernoulli". None where there are none: quantities
            that need labels are then absent.

    Attributes:
        batches: copies of the inputs, in batches as for the calls of the model.
        counts: samples of each batch.
        fingerprint: SHA-256 of structure, shapes, types and contents of the inputs, 64 hexadecimal digits.

    Raises:
        ConfigurationError: where there are no samples, sizes disagree, or labels are not class indices.

    Example:
        >>> probe = Probe(torch.zeros(4, 2), labels=[0, 1, 1, 0])
        >>> len(probe), probe.labels
        (4, tensor([0, 1, 1, 0]))
    """

    def __init__(self, inputs: Any, labels: Any = None) -> None:
        self.batches = [owned(inputs)]
        self.counts = [_count(self.batches[0])]
        self.fingerprint = _fingerprint(self.batches)
        self._labels = NONE
        try:
            converted = labels_of([labels], self.counts)
        except ValueError as error:
            shown = "..." if hasattr(labels, "shape") else type(labels).__name__
            raise ConfigurationError(
                f"`Probe(labels={shown})`: {error}; convert them, or give None if there are none (classifiers only: "
                "targets of a regression are not supported)."
            ) from None
        if converted.missing:
            raise ConfigurationError(
                f"`Probe(labels=...)`: {converted.missing}, where class indices are expected; give labels.argmax(1), "
                "or None to follow the samples without labels."
            )
        self.label(converted)

    @classmethod
    def of(cls, batches: Sequence[Any], counts: Sequence[int]) -> Probe:
        """Returns a probe without labels of inputs in batches of ``counts`` samples, which are not copied."""
        probe = cls.__new__(cls)
        probe.batches, probe.counts, probe._labels = list(batches), list(counts), NONE
        probe.fingerprint = _fingerprint(probe.batches)
        return probe

    def label(self, labels: Labels) -> None:
        """Sets the labels, which may be known only after the batches have passed the model's hooks."""
        self._labels = labels

    @property
    def inputs(self) -> Any:
        """The inputs: one structure of all N samples, or a list of batches where these cannot be joined."""
        if len(self.batches) == 1:
            return self.batches[0]
        return concatenate(self.batches) if self.joinable else list(self.batches)

    @property
    def joinable(self) -> bool:
        """Whether all batches can be concatenated without changing a sample."""
        return len(self.batches) == 1 or _joinable(self.batches, self.counts)

    @property
    def labels(self) -> Tensor | None:
        """The labels as int64, or None; flattened and padded with −100 where batches differ in their shape."""
        return self._labels.values

    @property
    def binary(self) -> bool:
        """Whether labels were given as floating zeros and ones."""
        return self._labels.binary

    @property
    def ragged(self) -> bool:
        """Whether labels were flattened and padded, since batches differ in their shape."""
        return self._labels.ragged

    @property
    def about_labels(self) -> Labels:
        """The labels, with how they were given."""
        return self._labels

    def __len__(self) -> int:
        return sum(self.counts)

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else "labels"
        return f"Probe({len(self)} samples, {labels}, fingerprint={self.fingerprint[:12]}…)"


def same_labels(labels: Tensor | None, others: Tensor | None) -> bool:
    """Returns whether both are absent, or equal."""
    if labels is None or others is None:
        return labels is others
    return torch.equal(labels, others)


def _joinable(batches: Sequence[Any], counts: Sequence[int]) -> bool:
    """Whether batches can be concatenated without changing a sample."""
    if any(rows_of(batch) != count for batch, count in zip(batches, counts, strict=True)):
        return False
    columns = [list(leaves(batch)) for batch in batches]
    shapes = [[_form(leaf) for leaf in column] for column in columns]
    return all(shape == shapes[0] for shape in shapes)


def _form(leaf: Any) -> Any:
    return (leaf.dtype, leaf.shape[1:], leaf.dim()) if isinstance(leaf, Tensor) else type(leaf)


def _count(inputs: Any) -> int:
    parts = list(leaves(inputs))
    if any(isinstance(leaf, Tensor) and leaf.layout != torch.strided for leaf in parts):
        raise ConfigurationError("`Probe(inputs=...)`: sparse tensors cannot be cut into batches; use .to_dense().")
    if not any(isinstance(leaf, Tensor) or isinstance(leaf[0], (str, bytes)) for leaf in parts):
        parts = []  # lists of numbers only may be samples, or the numbers of one sample
    sizes = {len(leaf) for leaf in parts if not isinstance(leaf, Tensor) or leaf.dim()}
    if not sizes:
        raise ConfigurationError(
            f"`Probe(inputs={type(inputs).__name__})`: no tensor with a first dimension that counts samples; "
            "give tensors, or lists, tuples, mappings or dataclasses of them."
        )
    if len(sizes) > 1:
        raise ConfigurationError(
            f"`Probe(inputs=...)`: first dimensions of {sorted(sizes)} disagree; every tensor must hold one entry a "
            "sample. For samples of varying size give the loader that makes batches of them, probes={...: loader}, or "
            "a probe of their indices, Probe(torch.arange(n), labels), with a logits_fn that looks them up."
        )
    if sizes == {0}:
        raise ConfigurationError("`Probe(inputs=...)`: there are no samples; give at least one.")
    return int(sizes.pop())


def _fingerprint(batches: Sequence[Any]) -> str:
    """Returns the fingerprint; that of batches that can be joined does not depend on how samples are batched."""
    digest = hashlib.sha256(type(batches[0]).__name__.encode())
    columns = [list(leaves(batch)) for batch in batches]
    dense = all(is_dense(leaf) or not isinstance(leaf, Tensor) for column in columns for leaf in column)
    whole = all(rows_of(batch) is not None for batch in batches) and all(
        [_form(a) for a in column] == [_form(a) for a in columns[0]] for column in columns
    )
    if not dense or (len(batches) > 1 and not whole):
        for batch in batches:
            for content in _contents(batch):
                digest.update(content)
        return digest.hexdigest()
    for parts in zip(*columns, strict=True):
        if not isinstance(parts[0], Tensor):
            digest.update(repr([value for part in parts for value in part]).encode())
            continue
        length = (sum(len(part) for part in parts),) if parts[0].dim() else ()
        digest.update(f"{parts[0].dtype}{(*length, *parts[0].shape[1:])}".encode())
        for part in parts if parts[0].dim() else parts[:1]:
            digest.update(_bytes(part))
    if not columns[0]:
        for content in _contents(batches[0]):
            digest.update(content)
    return digest.hexdigest()


def _contents(structure: Any, depth: int = 0) -> Iterator[bytes]:
    """Yields everything in which two batches can differ, including attributes of objects such as graphs."""
    if isinstance(structure, Tensor):
        yield f"{structure.dtype}{tuple(structure.shape) if is_dense(structure) else structure.layout}".encode()
        yield _bytes(values_of(structure))
    elif structure is None or isinstance(structure, (str, bytes, int, float)) or is_plain(structure):
        yield repr(structure).encode()
    else:
        yield type(structure).__name__.encode()
        inside = list(parts_of(structure))
        if not inside and depth < 8:
            inside = [value for _, value in sorted(getattr(structure, "__dict__", {}).items())]
        for part in inside:
            yield from _contents(part, depth + 1)


def _bytes(tensor: Tensor) -> bytes:
    contents = tensor.as_subclass(Tensor).cpu().contiguous().reshape(-1)
    return contents.view(torch.uint8).numpy().tobytes()
