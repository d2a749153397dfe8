"""The state of every probe between two records: where its predictions were, and the history for the embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding.probe_history import LocalHistory, ProbeHistory
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.distributed.probe_shards import cut_state
from lightning_infogeo.monitor.distributed.sharded_history import ShardedHistory
from lightning_infogeo.monitor.resume import check_shape
from lightning_infogeo.trajectory import TrajectoryState, arcs_of, extend, history, start
from lightning_infogeo.trajectory.history import HistoryState
from lightning_infogeo.trajectory.observation import Observation, SampleMeasurements


class ProbeStates(Portable):
    """States of the trajectories by probe, of the samples that this process has.

    Args:
        outputs: of the model on the probes.
        like: a scalar of the logits' type, on the model's device.
        state: to go on from, of all samples; empty to begin.

    Attributes:
        made: records so far.
        histories: by probe; none where no pictures are made.

    Raises:
        ConfigurationError: where predictions so far are of another shape.
    """

    def __init__(self, outputs: ModelOutputs, like: Tensor, state: Mapping[str, Any]) -> None:
        whole: Mapping[str, Any] = state.get("probes", {})
        if state and outputs.shard.ranks > 1:
            mine = {name: (len(outputs.selections[name]), outputs.rows(name)) for name in whole}
            state = cut_state(dict(state), mine)
        saved: Mapping[str, Any] = state.get("probes", {})
        self.made: int = state.get("made", 0)
        self.histories: dict[str, ProbeHistory] = {}
        self._states: dict[str, TrajectoryState] = {}
        self._points: dict[int, dict[str, Tensor]] = {s: dict(points) for s, points in state.get("kept", {}).items()}
        for name in outputs.chosen:
            shape, entry = outputs.shape(name), saved.get(name)
            self._states[name] = TrajectoryState(**entry["state"]) if entry else start(like.expand(shape))
            check_shape(name, self._states[name].first, shape)
            if outputs.budget.records:
                kept, table = (entry or {}).get("history"), _table(whole.get(name, {}), outputs)
                self.histories[name] = _history(name, outputs, like, kept, table)
        self.to(like.device)

    @property
    def dtype(self) -> torch.dtype:
        """The type in which lengths are summed."""
        return next(iter(self._states.values())).length.dtype

    def keep(self, step: int, points: dict[str, Tensor] | None, steps: Iterable[int]) -> None:
        """Keeps the predictions at ``step``, where there are any to keep, and those of earlier ``steps``."""
        if points is not None:
            self._points[step] = points
        self._points = {kept: self._points[kept] for kept in steps if kept in self._points}

    def measured(
        self,
        name: str,
        logits: Tensor,
        make_point: Callable[[], Tensor],
        seen: Observation,
        before: int | None,
        sketched: bool,
    ) -> SampleMeasurements:
        """Returns what a prediction says of the samples of this process.

        Args:
            name: of the probe.
            logits: or sketches of them, as they are kept for the next record.
            make_point: returns what the history keeps of them.
            seen: observation of these samples.
            before: the step from which to measure velocity.
            sketched: whether ``logits`` are sketches.
        """
        earlier = self._before(name, before)
        arcs = arcs_of(self._states[name], logits, earlier and earlier[1], sketched)
        sums = self.histories[name].sums(make_point, self.made) if name in self.histories else logits.new_zeros(0)
        return SampleMeasurements(seen, arcs, sums)

    def advance(
        self,
        name: str,
        step: int,
        logits: Tensor,
        make_point: Callable[[], Tensor],
        measured: SampleMeasurements,
        before: int | None,
        chord: bool,
    ) -> Tensor:
        """Adds a record to a trajectory and its history; arguments as for ``measured`` and ``trajectory.extend``.

        Returns:
            The record.
        """
        self._states[name], record = extend(
            self._states[name],
            step,
            logits,
            before=self._before(name, before),
            chord=chord,
            observation=measured.observation,
            arcs=measured.arcs,
        )
        if name in self.histories:
            self.histories[name].extend(step, make_point(), measured)
        return record

    def count_record(self) -> None:
        """Counts a record of all probes."""
        self.made += 1

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        for kept in self.histories.values():
            kept.to(device)
        self._states = {n: TrajectoryState(*(tensor.to(device) for tensor in s)) for n, s in self._states.items()}
        self._points = {s: {n: logits.to(device) for n, logits in p.items()} for s, p in self._points.items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values to go on from."""
        return {
            "made": self.made,
            "kept": {s: {name: logits.cpu() for name, logits in points.items()} for s, points in self._points.items()},
            "probes": {
                name: {
                    "state": {field: tensor.to("cpu", copy=True) for field, tensor in state._asdict().items()},
                    **(self.histories[name].state_dict(self.made) if name in self.histories else {"history": {}}),
                }
                for name, state in self._states.items()
            },
        }

    def _before(self, name: str, step: int | None) -> tuple[int, Tensor] | None:
        return None if step is None or step not in self._points else (step, self._points[step][name])


def _table(entry: Mapping[str, Any], outputs: ModelOutputs) -> Tensor | None:
    """Returns the distances that a saved history of all samples has, or makes those a single process had no need of."""
    if outputs.shard.ranks == 1 or not entry.get("history"):
        return None
    if "table" in entry:
        table: Tensor = entry["table"]
        return table
    kept = HistoryState(**entry["history"])
    return history.table(kept, len(kept.amplitudes), outputs.floor)


def _history(
    name: str, outputs: ModelOutputs, like: Tensor, saved: Mapping[str, Tensor] | None, table: Tensor | None
) -> ProbeHistory:
    shape = outputs.shape(name, history=True)
    fresh = history.start(like.expand(shape), outputs.budget.records)
    begun = history.restored(HistoryState(**saved)) if saved else fresh
    check_shape(name, begun.amplitudes[0], shape)
    if outputs.shard.ranks == 1:
        return LocalHistory(begun, outputs.floor, outputs.sketch(name))
    selection, labelled = outputs.selections[name], outputs.labels(name) is not None
    first = outputs.rows(name).start
    return ShardedHistory(begun, table, labelled, len(selection), first, outputs.floor, outputs.sketch(name))
