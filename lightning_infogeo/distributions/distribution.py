"""The interface of a distribution: how a model's outputs become logits of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

IGNORED = -100
"""The label that PyTorch's losses ignore by default; it is never a class."""


class Distribution(ABC):
    """How a model's outputs and labels become N samples with logits of shape (N, C) and labels of shape (N,).

    Equal distributions behave alike. The output of one input has P *positions*, each of which is a sample: one for
    plain classification, else one for each token, pixel or factor. ``Selection`` decides which are followed.

    Attributes:
        name: the string that stands for it in ``InfoGeometryMonitor(output=...)``.
        ignore_index: the label of positions to leave out; None for ``IGNORED``.
        sketch_dim: width of the sketches kept of records, or None for what ``memory`` allows.
        seed: of the choice of positions, and of sketches.
    """

    name: ClassVar[str]
    ignore_index: int | None = None
    sketch_dim: int | None = None
    seed: int = 0

    @property
    def ignored(self) -> int:
        """The label of positions to leave out."""
        return IGNORED if self.ignore_index is None else self.ignore_index

    @property
    def most(self) -> int | None:
        """The most positions to follow where an input has several, all inputs together; None for all."""
        return None

    def indices(self, labels: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Returns class indices for labels in another form, given the shape of the outputs; others as they are."""
        return labels

    @abstractmethod
    def expected(self, inputs: int) -> str:
        """Returns a description of the outputs expected for ``inputs`` samples."""

    @abstractmethod
    def fits(self, shape: tuple[int, ...]) -> bool:
        """Returns whether outputs of this shape, inputs first, are supported."""

    def hint(self, shape: tuple[int, ...]) -> str:
        """Returns advice for outputs of a shape that does not fit, as a sentence after a blank, or ""."""
        return ""

    @abstractmethod
    def positions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape that the labels of one input must have, for outputs of this shape."""

    @abstractmethod
    def arranged(self, outputs: Tensor) -> Tensor:
        """Returns outputs as (inputs, P, R), a view of them wherever there is one."""

    def aligned(self, labels: Tensor) -> Tensor:
        """Returns labels with one entry for each position, inputs first."""
        return labels

    def logits(self, rows: Tensor) -> Tensor:
        """Returns logits of shape (N, C) for positions of arranged outputs, shape (N, R)."""
        return rows


def positive(distribution: object, **values: int | None) -> None:
    """Raises ``ValueError`` for a value of a distribution that is neither None nor a positive int."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"`{type(distribution).__name__}({name}={value!r})`: must be a positive int, or None.")
