"""What is written of the samples of a record: their amplitudes in a byte each, and what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.tab import SampleLayout, coded
from lightning_infogeo.trajectory.observation import Observation

_SMALLEST = -6e4
"""Logarithms below it are no numbers of float16."""


class SampleRows(Portable):
    """Packs a record into bytes on the device, so that one copy takes it to the host.

    Args:
        outputs: of the model on the probes.
        layouts: what is written of each probe, of the samples that this process has.
        device: of the model.
    """

    def __init__(self, outputs: ModelOutputs, layouts: Mapping[str, SampleLayout], device: torch.device) -> None:
        self._outputs = outputs
        self._layouts = dict(layouts)
        self._indices: dict[str, Tensor] = {}
        self._sketches: dict[str, Sketch] = {}
        for name, layout in layouts.items():
            if layout.indices is not None:
                self._indices[name] = layout.indices.to(device)
            if layout.width < layout.kept:
                seed = outputs.evaluator.distribution.seed
                self._sketches[name] = Sketch(layout.written, layout.kept, layout.width, seed, device)

    def __call__(self, kept: Mapping[str, Tensor], observed: Mapping[str, Observation]) -> Tensor:
        """Returns all probes of a record, one after the other: amplitudes, then answers.

        Args:
            kept: logits or sketches of the samples of this process.
            observed: what was observed of all samples.
        """
        parts = []
        for name in self._layouts:
            points = coded(self._points(name, kept[name]), self._layouts[name].sketched)
            parts += [points.flatten(), self._answers(name, observed[name])]
        return torch.cat(parts)

    def to(self, device: torch.device) -> None:
        """Brings what is needed to pack records to a device."""
        self._indices = {name: indices.to(device) for name, indices in self._indices.items()}
        for sketch in self._sketches.values():
            sketch.to(device)

    def geodesic(self, name: str, positions: Tensor) -> Tensor | None:
        """Returns points from ignorance to truth as a probe's sketches are coded, shape (K, n, m), uint8.

        Without labels ignorance alone; None where amplitudes are written as they are: anyone can make these points.

        Args:
            name: of the probe.
            positions: in [0, 1], shape (K,), on the model's device.
        """
        layout, whole = self._layouts[name], self._outputs.sketch(name)
        if not layout.sketched:
            return None
        labels, indices, own = self._outputs.labels(name), self._indices.get(name), self._sketches.get(name)
        if self._outputs.budget.exact:  # the monitor keeps all classes, and what is written is the first sketch
            assert own is not None
            chosen = labels if labels is None or indices is None else labels[indices]
            way = own.geodesic(chosen, positions)
        else:
            assert whole is not None
            way = whole.geodesic(self._outputs.selections[name].labels, positions)[:, self._outputs.rows(name)]
            way = way if indices is None else way[:, indices]
            way = way if own is None else torch.stack([own(point) for point in way])
        return coded(way, signed=True)

    def _points(self, name: str, kept: Tensor) -> Tensor:
        """Returns amplitudes or sketches of the samples to be written."""
        indices, sketch = self._indices.get(name), self._sketches.get(name)
        mine = kept if indices is None else kept.index_select(0, indices)
        if self._outputs.budget.exact:
            return amplitudes(mine) if sketch is None else sketch.of_logits(mine)
        return mine if sketch is None else sketch(mine)

    def _answers(self, name: str, observed: Observation) -> Tensor:
        own, indices = self._outputs.rows(name), self._indices.get(name)
        truth = observed.rivals * torch.nan if observed.distances is None else observed.distances * -2
        answers = torch.stack([truth, observed.rivals, observed.predicted], -1)[own]
        answers = answers if indices is None else answers.index_select(0, indices)
        return answers.clamp_min(_SMALLEST).to(self._layouts[name].answer_type).view(torch.uint8).flatten()
