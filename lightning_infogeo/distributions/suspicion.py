"""Outputs that are probabilities where logits are expected: how they are recognised, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from lightning_infogeo.distributions.chunks import sample_chunks


class Suspicion(NamedTuple):
    """What gives outputs away that are no logits.

    Attributes:
        recognises: whether these logits, shape (k, C), may all be probabilities; may read from the device. It is asked
            of every part of a probe, and outputs are suspected where the answer is always yes.
        evidence: what it has seen, in words.
        remedy: what to change.
        certain: whether outputs that are recognised are refused. Otherwise a warning is given, of 32 samples or more.
    """

    recognises: Callable[[Tensor], bool]
    evidence: str
    remedy: str
    certain: bool


def are_probabilities(logits: Tensor) -> bool:
    """Returns whether every row, shape (N, C), lies in [0, 1] and sums to 1; reads from the device."""
    for rows in sample_chunks(*logits.shape):
        values = logits[rows].double() if logits.device.type != "mps" else logits[rows].float()
        if not ((values >= 0) & (values <= 1)).all() or not (values.sum(-1) - 1).abs().max() < 1e-2:
            return False
    return True


def _are_chances(logits: Tensor) -> bool:
    second = logits[:, 1]
    return bool(((second > 0) & (second < 1)).all())


SOFTMAX = Suspicion(
    are_probabilities,
    "every row lies in [0, 1] and sums to 1",
    "leave the final softmax to the loss, or give logits_fn=lambda module, inputs: module(inputs).log()",
    certain=True,
)
"""For logits of C classes: rows that sum to 1 are no chance."""

SIGMOID = Suspicion(
    _are_chances,
    "all lie between 0 and 1",
    "leave the final sigmoid to the loss, or give logits_fn=lambda module, inputs: module(inputs).logit()",
    certain=False,
)
"""For logits (0, z) of yes or no."""
