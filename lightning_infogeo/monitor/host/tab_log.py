"""What goes to TensorBoard's tab: rows of samples as they leave the device, joined with the record they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.loggers import HostCopies, LoggerWriter
from lightning_infogeo.loggers.plugin_tensors import PluginTensor
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.host.record_log import PendingRecord
from lightning_infogeo.tab import RecordBudget, SampleLayout

FORMAT = 1
STEP = "optimizer_step"


class TabProbe(NamedTuple):
    """One probe of the tab.

    Attributes:
        layout: of its rows.
        quantities: names of the numbers of a record.
        about: what describes its tags.
        once: what is written of it once, by the last part of the tag: an array, and what describes it beside ``about``.
    """

    layout: SampleLayout
    quantities: tuple[str, ...]
    about: dict[str, Any]
    once: dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]]


class TabLog(Portable):
    """Writes records for the tab, within a budget, as they reach the host; in the first process only.

    Args:
        prefix: what the tags of this monitor begin with.
        probes: by name, in the order in which the device packs them; none where nothing is written.
        budget: bytes.
        planned: optimizer steps of the training; None where that is not known.
        foreseen: records of the training; None where that is not known.
        state: to go on from; empty to begin.

    Attributes:
        fits: whether two records at least fit the budget.
    """

    def __init__(
        self,
        prefix: str,
        probes: Mapping[str, TabProbe],
        budget: int,
        planned: int | None,
        foreseen: int | None,
        state: Mapping[str, Any],
    ) -> None:
        self._prefix = prefix
        self._probes = dict(probes)
        self._planned = planned
        fixed = sum(len(json.dumps(probe.about)) * 3 for probe in probes.values())
        fixed += sum(array.nbytes for probe in probes.values() for array, _ in probe.once.values())
        each = sum(probe.layout.nbytes + 8 * len(probe.quantities) + _OVERHEAD for probe in probes.values())
        self.fits = budget - fixed >= 2 * each
        self._budget = RecordBudget(budget - fixed, max(each, 1), foreseen, int(state.get("seen", 0)))
        self._copies = HostCopies()
        self._arrived: dict[int, Tensor] = dict(state.get("waiting", {}))
        self._last = 0

    @property
    def active(self) -> bool:
        """Whether anything is written."""
        return bool(self._probes)

    def due(self, last: bool) -> bool:
        """Returns whether the next record is written; to be asked once a record, the last of a training among them."""
        return self.active and self._budget.takes(last)

    def start_copy(self, step: int, rows: Tensor) -> None:
        """Starts the copy of a record's rows, uint8, to the host, where they wait for their record."""
        self._copies.start_copy(step, None, rows)

    def receive(self) -> None:
        """Takes in what is on its way from the device; waits for copies that are not complete."""
        self._arrived.update({step: rows for step, _, rows in self._copies.finished()})

    def write(self, trainer: pl.Trainer, writer: LoggerWriter, record: PendingRecord) -> None:
        """Writes a record whose rows have arrived; does nothing for others."""
        rows = self._arrived.pop(record.step, None)
        self._last = max(self._last, record.step)
        if rows is None:
            return
        tensors, start = [], 0
        for name, probe in self._probes.items():
            layout, row = probe.layout, record.rows[name]
            stop = start + layout.nbytes
            if name not in record.lost:
                tensors += self._samples(name, rows[start:stop].numpy())
                tensors += [
                    PluginTensor(f"{self._prefix}/{name}/{kind}", array, {**probe.about, "kind": kind, **about}, True)
                    for kind, (array, about) in probe.once.items()
                ]
            numbers = np.array([record.step, *(row[quantity] for quantity in probe.quantities[1:])], np.float64)
            tensors.append(self._described(name, "numbers", numbers))
            start = stop
        writer.write_tensors(trainer, tensors, record.step)

    def write_events(
        self,
        trainer: pl.Trainer,
        writer: LoggerWriter,
        events: Sequence[Event],
        verdicts: Mapping[str, str],
        ended: bool = False,
    ) -> None:
        """Writes all that is known of events, where it has changed.

        Args:
            trainer: of the fit.
            writer: to its loggers.
            events: of the training so far.
            verdicts: in words, by probe.
            ended: whether the training has ended.
        """
        if not self.active:
            return
        told = [{**event._asdict(), "headline": event.headline} for event in events]
        # The last step is said at the end alone: otherwise the text would change with every record.
        steps = {"last": self._last if ended else None, "planned": self._planned}
        known = {"format": FORMAT, "events": told, "verdicts": dict(verdicts), "steps": steps, "ended": ended}
        text = json.dumps(known, separators=(",", ":"))
        about = {"format": FORMAT, "kind": "events", "monitor": self._prefix}
        writer.write_tensors(trainer, [PluginTensor(f"{self._prefix}/events", text, about)], self._last)

    def cut_back(self) -> None:
        """Forgets what has not been written: training goes on from an earlier step."""
        self.receive()
        self._arrived.clear()

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values to go on from."""
        self.receive()
        return {"seen": self._budget.seen, "waiting": dict(self._arrived)}

    def _samples(self, name: str, rows: np.ndarray[Any, Any]) -> list[PluginTensor]:
        layout = self._probes[name].layout
        size = layout.written * layout.width
        kind = np.float16 if layout.answer_type == torch.float16 else np.float32
        amplitudes = rows[:size].reshape(layout.written, layout.width)
        answers = rows[size:].view(kind).reshape(layout.written, 3)
        return [self._described(name, "amplitudes", amplitudes), self._described(name, "answers", answers)]

    def _described(self, name: str, kind: str, array: np.ndarray[Any, Any]) -> PluginTensor:
        return PluginTensor(f"{self._prefix}/{name}/{kind}", array, {**self._probes[name].about, "kind": kind})


_OVERHEAD = 300
"""Bytes of a record of one probe beside its numbers: names of tags, steps and checksums."""
