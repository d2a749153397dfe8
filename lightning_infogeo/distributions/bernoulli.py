"""Binary outputs: binary and multi-label classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lightning_infogeo.distributions.distribution import Distribution, positive
from lightning_infogeo.distributions.suspicion import SIGMOID, Suspicion


@dataclass(frozen=True)
class Bernoulli(Distribution):
    """Logits (n,) or (n, C), or of any other shape, each with a label 0 or 1.

    An output of C logits is the product of C independent two-point distributions. Each factor is a sample of its own
    with two classes and logits (0, z), so all distances are means over the n·C factors: information adds over
    independent factors as it does over inputs, the geodesic distance of their product manifold is the root of the sum
    of squares, and one logit z is exactly a softmax over (0, z). Logits of ±∞ are certain answers.

    Args:
        ignore_index: the label of factors to leave out, such as −1 for unknown; None where every label is 0 or 1.
        max_factors: the most to follow where an input has several, spread evenly over all; None for all.
        seed: of the choice of factors.

    Raises:
        ValueError: where a size is not positive.

    Example:
        One logit is a softmax over two.

        >>> import torch
        >>> Bernoulli().logits(torch.tensor([[0.5]]))
        tensor([[0.0000, 0.5000]])
    """

    ignore_index: int | None = None
    max_factors: int | None = 2**18
    seed: int = 0

    name: ClassVar[str] = "bernoulli"
    suspicion: ClassVar[Suspicion | None] = SIGMOID

    def __post_init__(self) -> None:
        positive(self, max_factors=self.max_factors)

    @property
    def most(self) -> int | None:
        """The most factors to follow where an input has several."""
        return self.max_factors

    def label_error(self, labels: Tensor, given: torch.dtype) -> str:
        """Returns "": floating zeros and ones are answers to yes-or-no questions."""
        return ""

    def expected(self, inputs: int) -> str:
        """Returns a description of the outputs expected for ``inputs`` samples."""
        return f"floating logits of shape ({inputs},) or ({inputs}, C) for {inputs} samples"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Returns whether outputs of this shape are supported: all that are not empty."""
        return all(size > 0 for size in shape)

    def positions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape that the labels of one input must have."""
        return tuple(shape[1:])

    def arranged(self, outputs: Tensor) -> Tensor:
        """Returns outputs as (n, C, 1)."""
        return outputs.reshape(len(outputs), -1, 1)

    def logits(self, rows: Tensor) -> Tensor:
        """Returns (0, z), shape (N, 2), for logits z of shape (N, 1); for +∞, which no softmax takes, (−∞, 0).

        Example:
            >>> Bernoulli().logits(torch.tensor([[1.5], [float("-inf")], [float("inf")]]))
            tensor([[0.0000, 1.5000],
                    [0.0000,   -inf],
                    [  -inf, 0.0000]])
        """
        certain = rows == torch.inf
        no = torch.zeros_like(rows).masked_fill(certain, -torch.inf)
        return torch.cat([no, rows.masked_fill(certain, 0)], dim=-1)
