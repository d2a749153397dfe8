"""The interface of a distribution: how a model's outputs become logits of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from lightning_infogeo.distributions.suspicion import SOFTMAX, Suspicion

IGNORED = -100
"""The label that PyTorch's losses ignore by default; it is never a class."""


class Distribution(ABC):
    """How a model's outputs and labels become N samples with logits of shape (N, C) and labels of shape (N,).

    A value: two with the same ``repr`` select and arrange alike, and a training resumes with no other. An output of one
    input holds P *positions*, each of which is a sample: one for plain classification, one a token, a pixel, or a
    factor. ``Selection`` says which are followed.

    One of your own defines ``expected``, ``fits``, ``positions`` and ``arranged``, and ``logits`` where the numbers the
    model returns are not logits of classes already. Nothing else in the package has to know it.

    Attributes:
        name: what messages call it; the name of the class where it is not set.
        suspicion: how outputs that are probabilities, where logits are expected, are recognised; None where no output
            is suspected.
        ignore_index: the label of positions to leave out; None for ``IGNORED``.
        sketch_dim: width of the sketches kept of records, or None for what ``memory`` allows.
        seed: of the choice of positions, and of sketches.
    """

    name: ClassVar[str]
    suspicion: ClassVar[Suspicion | None] = SOFTMAX
    ignore_index: int | None = None
    sketch_dim: int | None = None
    seed: int = 0

    def __init_subclass__(cls) -> None:
        if not hasattr(cls, "name"):
            cls.name = cls.__name__

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__qualname__}({given})"

    @property
    def ignored(self) -> int:
        """The label of positions to leave out."""
        return IGNORED if self.ignore_index is None else self.ignore_index

    @property
    def most(self) -> int | None:
        """The most positions to follow where an input has several, all inputs together; None for all."""
        return None

    def label_error(self, labels: Tensor, given: torch.dtype) -> str:
        """Returns what is wrong with labels given as floating zeros and ones, and the remedy; "" where nothing is.

        Other floating labels reach no distribution, and integers are checked against the number of classes. Here
        one-hot labels pass, since ``indices`` may understand them; a distribution that takes all zeros and ones
        returns "".

        Args:
            labels: of the probe, inputs first, int64.
            given: the type with which they were given.
        """
        if labels.dim() > 1 and bool((labels.sum(1) == 1).all()):
            return ""
        return (
            f'must be integer class indices, got {given}; convert them, or give output="bernoulli" where they answer a '
            "yes-or-no question each (classifiers only: targets of a regression are not supported)."
        )

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
