"""What is kept of the probes from one record to the next: where they were, and the history for the embedding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.monitor.distributed.probe_shards import Measured, cut_state
from lightning_infogeo.monitor.distributed.sharded_distances import ShardedDistances, row_in
from lightning_infogeo.monitor.resume import check_shape
from lightning_infogeo.trajectory import TrajectoryState, arcs_of, extend, history, start
from lightning_infogeo.trajectory.history import History, HistoryState
from lightning_infogeo.trajectory.observation import Observation


class ProbeStates(Portable):
    """States of the trajectories by probe, of the samples that this process has.

    Attributes:
        made: records so far.
        states: of the trajectories.
        histories: for the embedding; none where no pictures are made.
        tables: of distances, where processes share the probes.
    """

    def __init__(self) -> None:
        self.made = 0
        self.states: dict[str, TrajectoryState] = {}
        self.histories: dict[str, HistoryState] = {}
        self.tables = ShardedDistances()
        self._points: dict[int, dict[str, Tensor]] = {}

    def prepare(self, name: str, like: Tensor, shape: tuple[int, ...]) -> None:
        """Begins to follow a probe with predictions of this shape, and the type and device of the scalar ``like``.

        Raises:
            ConfigurationError: where those so far are of another shape.
        """
        if name not in self.states:
            self.states[name] = start(like.expand(shape))
        check_shape(name, self.states[name].first, shape)

    def prepare_history(
        self, name: str, like: Tensor, shape: tuple[int, ...], records: int, shared: bool | None
    ) -> None:
        """Begins a history of at most so many records of this shape.

        Args:
            name: of the probe.
            like: as for ``prepare``.
            shape: of a record.
            records: at most.
            shared: where processes share the probe, whether it has labels; else None.

        Raises:
            ConfigurationError: where those so far are of another shape.
        """
        if name not in self.histories:
            self.histories[name] = history.start(like.expand(shape), records)
        check_shape(name, self.histories[name].amplitudes[0], shape)
        if shared is not None:
            self.tables.prepare(name, self.histories[name], shared)

    def keep(self, step: int, points: dict[str, Tensor] | None, steps: Iterable[int]) -> None:
        """Keeps the predictions at ``step``, where there are any to keep, and those of earlier ``steps``."""
        if points is not None:
            self._points[step] = points
        self._points = {kept: self._points[kept] for kept in steps if kept in self._points}

    def before(self, name: str, step: int | None) -> tuple[int, Tensor] | None:
        """Returns a step and the prediction kept there; None where there is none."""
        return None if step is None or step not in self._points else (step, self._points[step][name])

    def measured(self, name: str, point: Tensor, seen: Observation, before: int | None, sketched: bool) -> Measured:
        """Returns what a prediction says beside those kept; ``before``: the step from which to measure velocity."""
        earlier = self.before(name, before)
        arcs = arcs_of(self.states[name], point, earlier and earlier[1], sketched)
        return Measured(seen, arcs, point.new_zeros(0))

    def advance(
        self, name: str, step: int, point: Tensor, measured: Measured, before: int | None, chord: bool
    ) -> Tensor:
        """Adds a record to a trajectory and returns it; arguments as for ``measured`` and ``trajectory.extend``."""
        seen, arcs = measured.observation, measured.arcs
        self.states[name], record = extend(
            self.states[name],
            step,
            point,
            before=self.before(name, before),
            chord=chord,
            observation=seen,
            arcs=arcs,
        )
        return record

    def extend(self, name: str, step: int, point: Tensor, floor: float, measured: Measured, shared: bool) -> None:
        """Adds a record to a history.

        Args:
            name: of the probe.
            step: optimizer steps taken.
            point: what is kept of it, shape (n, C).
            floor: of overlaps.
            measured: of all samples of the probe.
            shared: whether ``point`` is of some of them only.
        """
        kept = self.histories[name]
        if not shared:
            self.histories[name] = history.extend(kept, step, point, floor)
            return
        apart = partial(self.tables.apart, name, row_in(measured).to(kept.gaps))
        self.histories[name] = history.extend(kept, step, point, floor, apart, finite=measured.sums[0] == 0)
        self.tables.extend(name, self.histories[name], step, measured, floor)

    def used(self, name: str) -> int:
        """Returns how many slots of a history are in use at most."""
        return min(self.made, len(self.histories[name].steps))

    def history(self, name: str, floor: float, shared: bool) -> History:
        """Returns a history in the order of time; arguments as for ``extend``."""
        kept = self.histories[name]
        made = self.tables.distances(name, kept) if shared else history.table(kept, self.used(name), floor)
        return history.in_order(kept, made)

    def move(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.histories = {
            name: HistoryState(*(tensor.to(device) for tensor in kept)) for name, kept in self.histories.items()
        }
        self.states = {
            name: TrajectoryState(*(tensor.to(device) for tensor in state)) for name, state in self.states.items()
        }
        self._points = {
            step: {name: kept.to(device) for name, kept in points.items()} for step, points in self._points.items()
        }
        self.tables.tables = {name: table.to(device) for name, table in self.tables.tables.items()}

    def state_dict(self, shared: bool) -> dict[str, Any]:
        """Returns CPU tensors and plain values from which ``load`` goes on; ``shared``: with the tables."""
        return {
            "made": self.made,
            "kept": {
                step: {name: kept.cpu() for name, kept in points.items()} for step, points in self._points.items()
            },
            "probes": {
                name: {
                    "state": {field: tensor.to("cpu", copy=True) for field, tensor in state._asdict().items()},
                    "history": self._history_state(name),
                    **({"table": self.tables.tables[name].cpu()} if shared and self.histories else {}),
                }
                for name, state in self.states.items()
            },
        }

    def load(self, state: dict[str, Any], mine: Mapping[str, tuple[int, slice]], histories: bool, floor: float) -> None:
        """Goes on from where ``state_dict`` left off.

        Args:
            state: of all samples.
            mine: how many there are on each probe, and which are those of this process; empty where all are.
            histories: whether to go on with them, too.
            floor: of overlaps.
        """
        if mine and histories:  # before this process takes its own samples
            self.tables.load(state["probes"], floor)
        state = cut_state(state, mine) if mine else state
        saved = state["probes"]
        self.made = state["made"]
        self.states = {name: TrajectoryState(**entry["state"]) for name, entry in saved.items()}
        self._points = {step: dict(points) for step, points in state["kept"].items()}
        if histories:
            self.histories = {
                name: history.restored(HistoryState(**entry["history"]))
                for name, entry in saved.items()
                if entry["history"]
            }

    def _history_state(self, name: str) -> dict[str, Tensor]:
        kept = self.histories.get(name)
        if kept is None:
            return {}
        # A copy even on the CPU, since a history is written in place, and of no more slots than can be in use.
        shortened = kept._replace(amplitudes=kept.amplitudes[: self.made])
        return {field: tensor.cpu().clone() for field, tensor in shortened._asdict().items()}
