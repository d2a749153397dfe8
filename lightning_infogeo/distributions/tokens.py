"""One of V tokens at every position of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lightning_infogeo.distributions.distribution import Distribution, positive


@dataclass(frozen=True)
class Tokens(Distribution):
    """Logits (n, t, V) with labels (n, t): every token with a label is a sample with V classes.

    At most ``max_tokens`` are followed, spread evenly over all sequences, by ``seed``: the same in every process and
    after every resume. What is recorded equals a categorical probe of those tokens.

    Args:
        ignore_index: the label of tokens to leave out, such as padding or a prompt; None where every label counts.
        max_tokens: the most tokens to follow, all sequences together; None for all.
        shift: whether labels are the input tokens and not the next ones: logits at a position are then compared with
            the label at the next position.
        sketch_dim: numbers kept of each token's amplitudes in the history; None for all V where ``memory`` allows.
        seed: of the choice of tokens, and of sketches.

    Raises:
        ValueError: where a size is not positive.

    Example:
        Two sequences of 16 tokens, from a vocabulary of 100; labels are the inputs.

        >>> Tokens(ignore_index=0, shift=True).fits((2, 16, 100))
        True
    """

    ignore_index: int | None = -100
    max_tokens: int | None = 1024
    shift: bool = False
    sketch_dim: int | None = None
    seed: int = 0

    name: ClassVar[str] = "tokens"

    def __post_init__(self) -> None:
        positive(self, max_tokens=self.max_tokens, sketch_dim=self.sketch_dim)

    @property
    def most(self) -> int | None:
        """The most tokens to follow."""
        return self.max_tokens

    def expected(self, inputs: int) -> str:
        """Returns a description of the outputs expected for ``inputs`` sequences."""
        return f"floating logits of shape ({inputs}, t, V) with V ≥ 2 for {inputs} sequences of t tokens"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Returns whether outputs of this shape are supported: three dimensions."""
        return len(shape) == 3 and shape[1] > self.shift and shape[2] >= 2

    def hint(self, shape: tuple[int, ...]) -> str:
        """Returns advice for outputs of another shape."""
        return ' Logits of one class an input, shape (n, C), need output="categorical".' if len(shape) == 2 else ""

    def positions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape that the labels of one sequence must have."""
        return tuple(shape[1:2])

    def arranged(self, outputs: Tensor) -> Tensor:
        """Returns outputs as (n, t, V), with ``shift`` without the last position."""
        return outputs[:, :-1] if self.shift else outputs

    def aligned(self, labels: Tensor) -> Tensor:
        """Returns the label for each position, with ``shift`` that of the next position."""
        return labels[:, 1:] if self.shift else labels
