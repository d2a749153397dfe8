"""What the first evaluation of a probe shows of the model's outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_infogeo.distributions import Selection
from lightning_infogeo.distributions.chunks import chunk_size
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe import are_probabilities

SUSPICIOUS = 32
"""So many outputs between 0 and 1, and none outside, are hardly logits."""


class FirstEvaluation:
    """Reads the outputs of a first evaluation, call by call, from the device.

    Args:
        selection: which samples of the outputs are followed; settled by the first of them.
        name: of the probe.

    Attributes:
        classes: their number.
        dtype: of the outputs.
        shape: of the outputs of the first call, after the first dimension.
        probabilities: whether every row so far lies in [0, 1] and sums to 1.
        chances: whether every logit of a second class so far lies in (0, 1).
    """

    def __init__(self, selection: Selection, name: str) -> None:
        self.classes, self.dtype = 0, torch.float32
        self.shape: tuple[int, ...] = ()
        self.probabilities = self.chances = True
        self._selection = selection
        self._name = name

    def __call__(self, outputs: Tensor, start: int, stop: int, first: int = 0) -> None:
        """Takes note of the outputs of one call.

        Args:
            outputs: of inputs ``first + start`` to ``first + stop`` of the probe.
            start: see there.
            stop: see there.
            first: of those that are evaluated.

        Raises:
            ConfigurationError: where outputs and labels do not fit each other.
        """
        start, stop = start + first, stop + first
        try:
            self._selection.settle(outputs)
        except ValueError as error:
            raise ConfigurationError(f"`Probe(labels=...)` of {self._name!r}: {error}.") from None
        self.dtype, self.shape = outputs.dtype, tuple(outputs.shape[1:])
        self.classes = self._selection.classes(outputs)
        for _, logits in self._selection.parts(outputs, start, stop, chunk_size(self.classes)):
            self.probabilities = self.probabilities and are_probabilities(logits)
            second = logits[:, 1]
            self.chances = self.chances and bool(((second > 0) & (second < 1)).all())
