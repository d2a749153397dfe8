"""Probes that are measured together, one after the other in the same tensors: those with labels, or those without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.trajectory.observation import Observation
from lightning_infogeo.trajectory.stack import Stack


class ProbeStack(Portable):
    """Where the samples of some probes stand among those of all of them.

    Args:
        outputs: of the model on the probes.
        names: of the probes, all with labels or all without.
        device: of the model.

    Attributes:
        names: as given.
        mine: the samples of this process.
        all: the samples of all processes.
        labels: of the samples of this process, shape (M,); None where there are none.
    """

    def __init__(self, outputs: ModelOutputs, names: Sequence[str], device: torch.device) -> None:
        self.names = tuple(names)
        self._rows = [outputs.rows(name) for name in names]
        self.all = Stack([len(outputs.selections[name]) for name in names], device)
        mine = [rows.stop - rows.start for rows in self._rows]
        self.mine = self.all if outputs.shard.ranks == 1 else Stack(mine, device)
        labels = [of for name in names if (of := outputs.labels(name)) is not None]
        self.labels = torch.cat(labels) if labels else None
        sketches = [sketch for name in names if (sketch := outputs.sketch(name)) is not None]
        self._sketch = Sketch.joined(list(zip(sketches, self._rows, strict=True))) if sketches else None
        self._exact = outputs.budget.exact

    @property
    def places(self) -> list[slice]:
        """Where the samples of this process stand among all of the stack, by probe."""
        pairs = zip(self.all.rows, self._rows, strict=True)
        return [slice(of.start + rows.start, of.start + rows.stop) for of, rows in pairs]

    def split(self, values: Tensor) -> dict[str, Tensor]:
        """Returns parts of values of this process's samples, shape (M, ...), by probe."""
        return dict(zip(self.names, torch.split(values, self.mine.sizes), strict=True))

    def point(self, kept: Tensor) -> Tensor:
        """Returns what the history keeps of a prediction, given logits or sketches, shape (M, C)."""
        if not self._exact:
            return kept
        return amplitudes(kept) if self._sketch is None else self._sketch.of_logits(kept)

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.labels = None if self.labels is None else self.labels.to(device)
        for part in (self.mine, self.all, self._sketch):
            if part is not None:
                part.to(device)


def stacked(outputs: ModelOutputs, device: torch.device) -> list[ProbeStack]:
    """Returns the probes in as few stacks as there can be."""
    by_labels: dict[bool, list[str]] = {}
    for name in outputs.chosen:
        by_labels.setdefault(outputs.labels(name) is not None, []).append(name)
    return [ProbeStack(outputs, names, device) for names in by_labels.values()]


def joined(names: Sequence[str], parts: Mapping[str, Tensor]) -> Tensor:
    """Returns the parts of some probes, shape (n, ...), one after the other."""
    return torch.cat([parts[name] for name in names])


def joined_observations(names: Sequence[str], parts: Mapping[str, Observation | None]) -> Observation | None:
    """Returns the observations of some probes as one, where there is one of each."""
    of = [part for name in names if (part := parts.get(name)) is not None]
    if not of:
        return None
    return Observation.of([torch.cat(columns) for columns in zip(*(part.columns for part in of), strict=True)])
