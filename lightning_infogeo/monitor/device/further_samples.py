"""Further samples beside those of probes, for markers of samples alone: of each its distance to truth at a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import Selection, log_probabilities, minus_half_logs, precise
from lightning_infogeo.distributions.chunks import chunk_size
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe import Chosen, Evaluator, Inputs, check_labels, nbytes, without_further
from lightning_infogeo.probe.first_evaluation import FirstEvaluation


class FurtherSamples(Portable, left_behind={"_inputs": {}}):
    """Evaluates a model on further samples.

    Args:
        chosen: the probes by name, with what they have of further samples.
        inputs: of these samples.
        evaluator: how the model is evaluated.
    """

    def __init__(self, chosen: Mapping[str, Chosen], inputs: Mapping[str, Inputs], evaluator: Evaluator) -> None:
        self._chosen = {name: one.further for name, one in chosen.items() if one.further and name in inputs}
        self._inputs = {name: inputs[name] for name in self._chosen}
        self._evaluator = evaluator
        self._selections: dict[str, Selection] = {}
        self._classes = 1
        self._dtype = torch.float32

    @property
    def sizes(self) -> dict[str, int]:
        """How many there are beside each probe that has some, as samples of the outputs."""
        return {name: len(selection) for name, selection in self._selections.items()}

    @property
    def fingerprints(self) -> dict[str, str]:
        """Which they are, inputs and labels, beside each probe that has some."""
        return {name: _fingerprint(self._chosen[name]) for name in self._selections}

    def described(self, name: str) -> str:
        """Returns in words how many inputs are taken beside a probe; nothing where none are."""
        return f" (and {len(self._chosen[name].probe):,} more for the flag)" if name in self._selections else ""

    def try_out(self, trainer: pl.Trainer, module: pl.LightningModule, classes: int) -> None:
        """Calls the model on all twice; those whose outputs do not fit labels or probes, or are NaN, are left out."""
        self._classes = classes
        for name, chosen in list(self._chosen.items()):
            selection = Selection(
                self._evaluator.distribution, len(chosen.probe), chosen.probe.labels, chosen.probe.ragged
            )
            look = FirstEvaluation(selection, self._evaluator.distribution, name)
            try:
                self._evaluator.calls(trainer, module, self._inputs[name], look)
                check_labels(selection.labels, look.classes, name)
                if look.classes != classes:
                    raise ConfigurationError(f"the model returns {look.classes} classes, and {classes} on the probes.")
                self._selections[name], self._dtype = selection, look.dtype
                if self._distances(trainer, module, name).isnan().any():
                    raise ConfigurationError("logits on them are not all finite before the first step.")
            except ConfigurationError as error:
                without_further(name, error)
                self._selections.pop(name, None)
                del self._inputs[name], self._chosen[name]

    def keep_on(self, device: torch.device, room: int) -> None:
        """Keeps inputs on an accelerator as long as there is room, in bytes; others are brought there call by call."""
        for name, inputs in self._inputs.items():
            size = nbytes(inputs.batches)
            if device.type != "cpu" and size <= room:
                self._inputs[name] = inputs.on(device)
                room -= size

    def distances(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Tensor]:
        """Returns every sample's distance to truth, shape (M,), nats, beside each probe; reads nothing back."""
        sizes = [len(self._selections[name]) for name in self._inputs]
        if sum(sizes) > chunk_size(self._classes) or not sizes:
            return {name: self._distances(trainer, module, name) for name in self._inputs}
        parts = [self._evaluator(trainer, module, self._inputs[n], self._selections[n]) for n in self._inputs]
        labels = [labels for name in self._inputs if (labels := self._selections[name].labels) is not None]
        several = len(parts) > 1
        with torch.no_grad(), torch.autocast(parts[0].device.type, enabled=False):
            log_p = log_probabilities(torch.cat(parts) if several else parts[0])
            found = minus_half_logs(log_p, torch.cat(labels) if several else labels[0])
        if not several:
            return {name: found for name in self._inputs}
        return dict(zip(self._inputs, torch.split(found, sizes), strict=True))

    def accompany(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Calls the model as ``distances`` does, for processes that have the rest of it."""
        for inputs in self._inputs.values():
            self._evaluator.calls(trainer, module, inputs, lambda *_: None)

    def to(self, device: torch.device) -> None:
        """Brings to a device what is not inputs, and lets go of these."""
        self._inputs = {}
        for selection in self._selections.values():
            selection.to(device)

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """Returns plain values by which a resumed training takes the same samples, beside each probe by name."""
        return {
            name: {"asked": self._chosen[name].asked, "samples": self.sizes[name], "fingerprint": fingerprint}
            for name, fingerprint in self.fingerprints.items()
        }

    def _distances(self, trainer: pl.Trainer, module: pl.LightningModule, name: str) -> Tensor:
        like = precise(torch.empty(0, dtype=self._dtype, device=module.device))
        found = like.new_empty(len(self._selections[name]))
        self._evaluator.calls(trainer, module, self._inputs[name], partial(self._measure, name, found))
        return found

    def _measure(self, name: str, found: Tensor, outputs: Tensor, start: int, stop: int) -> None:
        selection = self._selections[name]
        assert selection.labels is not None
        with torch.autocast(outputs.device.type, enabled=False):
            for rows, logits in selection.parts(outputs, start, stop, chunk_size(self._classes, outputs)):
                found[rows] = minus_half_logs(log_probabilities(logits), selection.labels[rows])


def of_other_samples(state: Mapping[str, Any], fingerprints: Mapping[str, str]) -> set[str]:
    """Returns the probes beside which a recorder's state had other further samples than these, or none, or these none.

    Args:
        state: of the recorder; empty where it begins, or is another process's.
        fingerprints: as of ``FurtherSamples``.
    """
    if not state:
        return set()
    before = {name: of.get("fingerprint") for name, of in state.get("further", {}).items()}
    return {name for name in {*before, *fingerprints} if before.get(name) != fingerprints.get(name)}


def _fingerprint(chosen: Chosen) -> str:
    digest, labels = hashlib.sha256(chosen.probe.fingerprint.encode()), chosen.probe.labels
    if labels is not None:
        digest.update(repr(tuple(labels.shape)).encode())
        digest.update(labels.contiguous().numpy().tobytes())
    return digest.hexdigest()
