"""One of C classes for each input, or for each position of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lightning_infogeo.distributions.distribution import Distribution, positive


@dataclass(frozen=True)
class Categorical(Distribution):
    """Logits of one of C ≥ 2 classes: (n, C) with labels (n,), or maps (n, C, h, w, …) with labels (n, h, w, …).

    Every position of a map is a sample. At most ``max_positions`` are followed, spread evenly over all that have a
    label and chosen by ``seed``: the same in every process and after every resume.

    Args:
        ignore_index: the label of samples to leave out (255 in many segmentation data sets); None for −100, which
            PyTorch's cross-entropy leaves out.
        max_positions: the most positions of maps to follow, all inputs together; None for all.
        sketch_dim: numbers kept of each sample's amplitudes in the history; None for all C where ``memory`` allows.
        seed: of the choice of positions, and of sketches.

    Raises:
        ValueError: where a size is not positive.

    Example:
        Ten classes for each of eight inputs; one number for each is not enough.

        >>> Categorical().fits((8, 10)), Categorical().fits((8, 1))
        (True, False)
    """

    ignore_index: int | None = None
    max_positions: int | None = 2048
    sketch_dim: int | None = None
    seed: int = 0

    name: ClassVar[str] = "categorical"

    def __post_init__(self) -> None:
        positive(self, max_positions=self.max_positions, sketch_dim=self.sketch_dim)

    @property
    def most(self) -> int | None:
        """The most positions to follow where an input has several."""
        return self.max_positions

    def expected(self, inputs: int) -> str:
        """Returns a description of the outputs expected for ``inputs`` samples."""
        return f"floating logits of shape ({inputs}, C) with C ≥ 2 classes for {inputs} samples"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Returns whether outputs of this shape are supported: two dimensions, or four and more."""
        return len(shape) != 3 and len(shape) >= 2 and shape[1] >= 2

    def hint(self, shape: tuple[int, ...]) -> str:
        """Returns advice for outputs of another shape."""
        if len(shape) == 3:
            return (
                ' Logits of tokens, shape (n, t, V), need output="tokens"; of maps in one dimension, (n, C, l), the '
                "same with logits_fn=lambda module, inputs: module(inputs).movedim(1, -1)."
            )
        if len(shape) == 1 or (len(shape) >= 2 and shape[1] == 1):
            return ' One logit for yes or no needs output="bernoulli".'
        return ""

    def positions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape that the labels of one input must have."""
        return tuple(shape[2:])

    def indices(self, labels: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Returns the classes of one-hot labels, (n, C) or (n, C, h, w, …); class indices as they are."""
        if labels.dim() != len(shape) or labels.shape[1:] != shape[1:]:
            return labels
        one_hot = bool(((labels == 0) | (labels == 1)).all()) and bool((labels.sum(1) == 1).all())
        return labels.argmax(1) if one_hot else labels

    def arranged(self, outputs: Tensor) -> Tensor:
        """Returns outputs as (n, P, C)."""
        return outputs[:, None] if outputs.dim() == 2 else outputs.flatten(2).movedim(1, -1)
