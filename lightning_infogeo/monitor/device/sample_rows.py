"""What is written of the samples of a record: their amplitudes in a byte each, and what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.distributions.chunks import ELEMENTS
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.probe_stack import ProbeStack
from lightning_infogeo.tab import SampleLayout, coded
from lightning_infogeo.trajectory.observation import Observation

_SMALLEST = -6e4
"""Logarithms below it are no numbers of float16."""


class Predictions(NamedTuple):
    """What is known of a stack of probes at a record.

    Attributes:
        kept: logits or sketches of the samples of this process, shape (M, C).
        point: what histories keep of them; None where there are none.
        observation: of all samples.
    """

    kept: Tensor
    point: Tensor | None = None
    observation: Observation | None = None

    @property
    def known_amplitudes(self) -> Tensor | None:
        """The amplitudes, shape (M, C), where logits are kept and histories keep these; else None."""
        return self.point if self.point is not None and self.point.shape == self.kept.shape else None

    def amplitudes(self) -> Tensor:
        """Returns the amplitudes, shape (M, C), where logits are kept."""
        known = self.known_amplitudes
        return amplitudes(self.kept) if known is None else known


class _Written(NamedTuple):
    """Probes of one stack that are written alike.

    Attributes:
        stack: which.
        names: of the probes.
        layouts: of these.
        mine: which of this process's samples are written, shape (n,); None for all of the stack.
        all: where these stand among all samples; None for all.
        sketch: of what is written; None where it is written as it is kept.
    """

    stack: int
    names: list[str]
    layouts: list[SampleLayout]
    mine: Tensor | None
    all: Tensor | None
    sketch: Sketch | None


class SampleRows(Portable):
    """Packs a record into bytes on the device, so that one copy takes it to the host.

    Args:
        outputs: of the model on the probes.
        layouts: what is written of each probe, of the samples that this process has.
        stacks: the probes as they are measured.
        device: of the model.
    """

    def __init__(
        self,
        outputs: ModelOutputs,
        layouts: Mapping[str, SampleLayout],
        stacks: Sequence[ProbeStack],
        device: torch.device,
    ) -> None:
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
        self._written = [written for k, stack in enumerate(stacks) for written in self._alike(k, stack, device)]

    def __call__(self, latest: Sequence[Predictions]) -> Tensor:
        """Returns all probes of a record, one after the other: amplitudes, then answers."""
        parts: dict[str, list[Tensor]] = {}
        for written in self._written:
            sizes = [layout.written for layout in written.layouts]
            points = coded(self._points(written, latest[written.stack]), written.layouts[0].sketched)
            answers = self._answers(written, latest[written.stack].observation)
            of = (
                torch.split(bytes_of.flatten(), [size * bytes_of.shape[1] for size in sizes])
                for bytes_of in (points, answers)
            )
            parts |= {name: list(pair) for name, pair in zip(written.names, zip(*of, strict=True), strict=True)}
        return torch.cat([part for name in self._layouts for part in parts[name]])

    def to(self, device: torch.device) -> None:
        """Brings what is needed to pack records to a device."""
        self._indices = {name: indices.to(device) for name, indices in self._indices.items()}
        own = [written.sketch for written in self._written if written.sketch is not None]
        for sketch in (*self._sketches.values(), *own):
            sketch.to(device)
        self._written = [
            written._replace(
                mine=None if written.mine is None else written.mine.to(device),
                all=None if written.all is None else written.all.to(device),
            )
            for written in self._written
        ]

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

    def _alike(self, number: int, stack: ProbeStack, device: torch.device) -> list[_Written]:
        """Returns what is written of a stack: together where as many numbers of each sample are."""
        by_width: dict[tuple[int, int], list[int]] = {}
        for k, name in enumerate(stack.names):
            by_width.setdefault((self._layouts[name].kept, self._layouts[name].width), []).append(k)
        found = []
        for places in by_width.values():
            names = [stack.names[k] for k in places]
            layouts = [self._layouts[name] for name in names]
            chosen = [torch.arange(of.written) if of.indices is None else of.indices for of in layouts]
            mine, places_of_all = (
                torch.cat([indices + rows[k].start for k, indices in zip(places, chosen, strict=True)]).to(device)
                for rows in (stack.mine.rows, stack.places)
            )
            sketches = [self._sketches[name] for name in names if name in self._sketches]
            sketch = Sketch.joined([(own, slice(None)) for own in sketches]) if sketches else None
            everything = len(mine) == sum(stack.mine.sizes)
            whole = everything and len(mine) == sum(stack.all.sizes)
            at = None if everything else mine, None if whole else places_of_all
            found.append(_Written(number, names, layouts, *at, sketch))
        return found

    def _points(self, written: _Written, latest: Predictions) -> Tensor:
        """Returns amplitudes or sketches of the samples to be written."""
        exact, sketch = self._outputs.budget.exact, written.sketch
        few = latest.kept.numel() <= ELEMENTS
        points = latest.amplitudes() if exact and (few or sketch is None) else latest.kept
        points = points if written.mine is None else points.index_select(0, written.mine)
        if sketch is None:
            return points
        return sketch(points) if few or not exact else sketch.of_logits(points)

    def _answers(self, written: _Written, observed: Observation | None) -> Tensor:
        """Returns the answers of the samples to be written, bytes, shape (n, bytes of three numbers)."""
        assert observed is not None
        truth = observed.rivals * torch.nan if observed.distances is None else observed.distances * -2
        answers = torch.stack([truth, observed.rivals, observed.predicted], -1)
        answers = answers if written.all is None else answers.index_select(0, written.all)
        return answers.clamp_min(_SMALLEST).to(written.layouts[0].answer_type).view(torch.uint8)
