"""Nats per token as bits per byte of text, the unit in which language models of different tokenizers are compared."""

from __future__ import annotations

import math
from typing import TypeVar

from torch import Tensor

Nats = TypeVar("Nats", float, Tensor)


def bits_per_byte(nats: Nats, bytes_per_token: float) -> Nats:
    """Returns nats ÷ (ln 2 · bytes per token).

    The cross-entropy of a probe is twice its ``distance_to_truth``, in nats per token; bytes are those of the UTF-8
    text of the tokens.

    Args:
        nats: per token, a number or a tensor of any shape.
        bytes_per_token: mean length of a token's text, in bytes.

    Returns:
        Bits per byte, of the shape of ``nats``.

    Raises:
        ValueError: where ``bytes_per_token`` is not positive and finite.

    Example:
        A uniform guess among 256 tokens of a byte each is worth eight bits a byte.

        >>> bits_per_byte(math.log(256), 1)
        8.0
    """
    if not 0 < bytes_per_token < math.inf:
        raise ValueError(
            f"`bits_per_byte(nats, bytes_per_token={bytes_per_token!r})`: must be positive and finite, such as 4.2: "
            "the bytes of the text ÷ its tokens."
        )
    return nats / (math.log(2) * bytes_per_token)
