"""What the first evaluation of a probe shows of the model's outputs."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_infogeo.distributions import Distribution, Selection
from lightning_infogeo.distributions.chunks import chunk_size
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn

SUSPICIOUS = 32
"""So many outputs that look like probabilities are hardly logits."""


class FirstEvaluation:
    """Reads the outputs of a first evaluation, call by call, from the device.

    Args:
        selection: which samples of the outputs are followed; settled by the first of them.
        distribution: what the outputs mean.
        name: of the probe.

    Attributes:
        classes: their number.
        dtype: of the outputs.
        shape: of the outputs of the first call, after the first dimension.
        suspected: whether all outputs so far look like probabilities to the distribution.
    """

    def __init__(self, selection: Selection, distribution: Distribution, name: str) -> None:
        self.classes, self.dtype = 0, torch.float32
        self.shape: tuple[int, ...] = ()
        self.suspected = True
        self._suspicion = distribution.suspicion
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
            self.suspected = self.suspected and self._suspicion is not None and self._suspicion.recognises(logits)

    def check(self) -> None:
        """Says of a whole probe that its outputs look like probabilities, where they do.

        Raises:
            ConfigurationError: where they certainly are.
        """
        suspicion = self._suspicion
        if suspicion is None or not self.suspected:
            return
        if suspicion.certain:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(logits_fn=...)`: the output on probe {self._name!r} is probabilities "
                f"({suspicion.evidence}), where logits are expected: {suspicion.remedy}."
            )
        if len(self._selection) >= SUSPICIOUS:
            rank_zero_warn(
                f"`InfoGeometryMonitor(logits_fn=...)`: the output on probe {self._name!r} looks like probabilities "
                f"({suspicion.evidence}), where logits are expected. If that is so, {suspicion.remedy}."
            )
