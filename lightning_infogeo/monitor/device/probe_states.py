"""The state of a stack of probes between two records: where predictions were, and the history for the embedding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding.probe_histories import LocalHistories, ProbeHistories
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.probe_stack import ProbeStack
from lightning_infogeo.monitor.distributed.probe_shards import cut_state
from lightning_infogeo.monitor.distributed.sharded_history import ShardedHistories, ShardedHistory
from lightning_infogeo.monitor.resume import check_shape
from lightning_infogeo.trajectory import TrajectoryState, arcs_of, extend, history, start
from lightning_infogeo.trajectory.history import HistoryState
from lightning_infogeo.trajectory.observation import Observation, SampleMeasurements
from lightning_infogeo.trajectory.step import Step

Earlier = tuple[Step, Tensor]
"""An earlier step, and the predictions there as they are kept."""

_OF_SAMPLES = ("first", "last")
"""Fields of a trajectory's state that are of samples; the others are of probes."""


class ProbeStates(Portable):
    """States of the trajectories of a stack, of the samples that this process has.

    Args:
        outputs: of the model on the probes.
        stack: the probes.
        like: a scalar of the logits' type, on the model's device.
        state: to go on from, by probe, of all samples; empty to begin.

    Attributes:
        made: records so far.
        stack: as given.
        histories: of the probes; None where no pictures are made.

    Raises:
        ConfigurationError: where predictions so far are of another shape.
    """

    def __init__(self, outputs: ModelOutputs, stack: ProbeStack, like: Tensor, state: Mapping[str, Any]) -> None:
        whole: Mapping[str, Any] = state.get("probes", {})
        if state and outputs.shard.ranks > 1:
            mine = {name: (len(outputs.selections[name]), outputs.rows(name)) for name in whole}
            state = cut_state(dict(state), mine)
        saved: Mapping[str, Any] = state.get("probes", {})
        self.made: int = state.get("made", 0)
        self.stack = stack
        self.histories: ProbeHistories | None = None
        states, kept = [], {}
        for name in stack.names:
            shape, entry = outputs.shape(name), saved.get(name)
            states.append(TrajectoryState(**entry["state"]) if entry else start(like.expand(shape)))
            check_shape(name, states[-1].first, shape)
            if outputs.budget.records:
                kept[name] = _history(name, outputs, like, entry)
        columns = zip(TrajectoryState._fields, zip(*states, strict=True), strict=True)
        self._state = TrajectoryState(
            *(torch.cat(tensors) if field in _OF_SAMPLES else torch.stack(tensors) for field, tensors in columns)
        )
        points = state.get("kept", {}).items()
        self._points = {s: torch.cat([of[name] for name in stack.names]) for s, of in points}
        self._nothing = like.new_zeros(0)
        self._capacity = min((len(of.steps) for of in kept.values()), default=0)  # a checkpoint's is as it was
        if kept and outputs.shard.ranks == 1:
            sketches = {name: outputs.sketch(name) for name in stack.names}
            self.histories = LocalHistories(kept, stack.mine, outputs.floor, sketches)
        elif kept:
            sharded = {name: _sharded(name, outputs, kept[name], whole.get(name, {})) for name in stack.names}
            self.histories = ShardedHistories(sharded, stack.mine.rows)
        self.to(like.device)

    @property
    def tensors(self) -> Any:
        """The states of trajectories and of histories that are local."""
        return self._state, *([self.histories.tensors] if isinstance(self.histories, LocalHistories) else [])

    @tensors.setter
    def tensors(self, tensors: Any) -> None:
        self._state, *rest = tensors
        if isinstance(self.histories, LocalHistories):
            (self.histories.tensors,) = rest

    @property
    def room(self) -> bool:
        """Whether histories have a free slot."""
        return self.histories is not None and self.made < self._capacity

    @property
    def dtype(self) -> torch.dtype:
        """The type in which lengths are summed."""
        return self._state.length.dtype

    def of(self, name: str) -> TrajectoryState:
        """Returns the state of one probe's trajectory, as views."""
        probe = self.stack.names.index(name)
        rows = self.stack.mine.rows[probe]
        fields = self._state._asdict().items()
        return TrajectoryState(*(of[rows] if field in _OF_SAMPLES else of[probe] for field, of in fields))

    def keep(self, step: int, points: Tensor | None, steps: Iterable[int]) -> None:
        """Keeps the predictions at ``step``, where there are any to keep, and those of earlier ``steps``."""
        if points is not None:
            self._points[step] = points
        self._points = {kept: self._points[kept] for kept in steps if kept in self._points}

    def measured(
        self, logits: Tensor, point: Tensor | None, seen: Observation, before: Earlier | None, sketched: bool
    ) -> SampleMeasurements:
        """Returns what predictions say of the samples of this process.

        Args:
            logits: or sketches of them, as they are kept for the next record.
            point: what the history keeps of them; None where there is no history.
            seen: observation of these samples.
            before: the step from which to measure velocity, and what was kept of it.
            sketched: whether ``logits`` are sketches.
        """
        arcs = arcs_of(self._state, logits, before and before[1], sketched)
        sums = self._nothing
        if self.histories is not None and point is not None and self.histories.width:
            sums = self.histories.sums(point, self.made)
        return SampleMeasurements(seen, arcs, sums)

    def advance(
        self,
        step: Step,
        logits: Tensor,
        point: Tensor | None,
        measured: SampleMeasurements,
        before: Earlier | None,
        chord: bool,
    ) -> Tensor:
        """Adds a record to trajectories and histories; arguments as for ``measured`` and ``trajectory.extend``.

        Returns:
            The records, a row for each probe.
        """
        self._state, records = extend(
            self._state,
            step,
            logits,
            before=before,
            chord=chord,
            observation=measured.observation,
            arcs=measured.arcs,
            samples=self.stack.all,
            mine=self.stack.mine,
        )
        if self.histories is not None and point is not None:
            self.histories.extend(step, point, measured, self._state.last_step == step, self.made)
        return records

    def count_record(self) -> None:
        """Counts a record of all processes, made here or not."""
        self.made += 1

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        if self.histories is not None:
            self.histories.to(device)
        self.stack.to(device)
        self._nothing = self._nothing.to(device)
        self._state = TrajectoryState(*(tensor.to(device) for tensor in self._state))
        self._points = {step: points.to(device) for step, points in self._points.items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values to go on from, by probe."""
        histories = self.histories
        return {
            "made": self.made,
            "kept": {
                s: {n: p.cpu() for n, p in self.stack.split(points).items()} for s, points in self._points.items()
            },
            "probes": {
                name: {
                    "state": {field: tensor.to("cpu", copy=True) for field, tensor in self.of(name)._asdict().items()},
                    **({"history": {}} if histories is None else histories.state_dict(name, self.made)),
                }
                for name in self.stack.names
            },
        }

    def before(self, step: int | None) -> Earlier | None:
        """Returns a step and what was kept of it; None where nothing was."""
        return None if step is None or step not in self._points else (step, self._points[step])


def _history(name: str, outputs: ModelOutputs, like: Tensor, entry: Mapping[str, Any] | None) -> HistoryState:
    shape, saved = outputs.shape(name, history=True), (entry or {}).get("history")
    begun = history.start(like.expand(shape), outputs.budget.records)
    begun = history.restored(HistoryState(**saved)) if saved else begun
    check_shape(name, begun.amplitudes[0], shape)
    return begun


def _sharded(name: str, outputs: ModelOutputs, begun: HistoryState, whole: Mapping[str, Any]) -> ShardedHistory:
    """Returns the history of a part of a probe; ``whole`` is what was saved of all of it."""
    table: Tensor | None = None
    if whole.get("history"):  # the distances that it has, or those that a single process had no need of
        kept = HistoryState(**whole["history"])
        table = whole["table"] if "table" in whole else history.table(kept, len(kept.amplitudes), outputs.floor)
    selection, labelled = outputs.selections[name], outputs.labels(name) is not None
    first = outputs.rows(name).start
    return ShardedHistory(begun, table, labelled, len(selection), first, outputs.floor, outputs.sketch(name))
