"""The probes of one monitor and the state of their trajectories: what lives on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.embedding.snapshot import AGAINST, snapshot
from lightning_infogeo.markers import Marker
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.probe_states import ProbeStates
from lightning_infogeo.monitor.device.sample_markers import SampleMarkers
from lightning_infogeo.monitor.device.weight_densities import WeightDensities
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE, Measured, Pool, Room, Shard, join_state
from lightning_infogeo.monitor.distributed.sharded_distances import room_for, sums_of
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.monitor.record_layout import NOTHING, RecordLayout
from lightning_infogeo.monitor.resume import check_same_output, check_same_probes
from lightning_infogeo.probe import Chosen, Evaluator, held_out
from lightning_infogeo.reference.references import References
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, Series, history
from lightning_infogeo.trajectory.history import History
from lightning_infogeo.trajectory.observation import Observation, observe


class Recorder(Portable, left_behind={"_labels": {}, "_latest": {}}):
    """Evaluates the probes and extends their trajectories, without reading anything back.

    Args:
        chosen: the probes by name.
        evaluator: how the model is evaluated on them.
        chord: whether velocity is the chord over the recording interval (``lag=0``).
        max_records: records kept for the embedding on each probe; 0 to keep none.
        memory: bytes on the device for all that is kept.
        markers: of which those of scope "samples" are fed.
        weights: the densities of the model's weights.
        references: finished runs to measure by.
        shard: the part of this process in every probe.

    Attributes:
        chosen: as given.
        evaluator: as given.
        outputs: the model's, on the probes.
        pool: where processes bring together what they have measured.
    """

    def __init__(
        self,
        chosen: dict[str, Chosen],
        evaluator: Evaluator,
        chord: bool,
        max_records: int = 0,
        memory: int = 2**28,
        markers: Sequence[Marker] = (),
        weights: WeightDensities | None = None,
        references: References | None = None,
        shard: Shard = WHOLE,
    ) -> None:
        self.chosen = chosen
        self.evaluator = evaluator
        self._chord = chord
        self._max_records = max_records
        self.outputs = ModelOutputs(chosen, evaluator, max_records, memory, shard)
        self.pool = Pool(shard)
        self._kept = ProbeStates()
        self._loaded: dict[str, Any] | None = None
        self._listed = tuple(marker for marker in markers if marker.scope == "samples")
        self._markers = SampleMarkers({}, {})
        self._markers_state: dict[str, Any] = {}
        self._weights = weights or WeightDensities(None)
        self._references = references or References()
        self._labels: dict[str, Tensor | None] = {}
        self._latest: dict[str, Tensor] = {}
        self._layout = NOTHING
        self._like = torch.zeros(())

    @property
    def dtype(self) -> torch.dtype:
        """Of the vector that ``step`` returns; known after ``prepare``."""
        return next(iter(self._kept.states.values())).length.dtype

    @property
    def sizes(self) -> dict[str, int]:
        """The samples followed on each probe; known after ``prepare``."""
        return {name: len(selection) for name, selection in self.outputs.selections.items()}

    @property
    def layout(self) -> RecordLayout:
        """What is recorded on each probe and of the weights; known after ``prepare``."""
        probes = {
            name: QUANTITIES if chosen.probe.labels is None else LABELLED_QUANTITIES + self._references.quantities(name)
            for name, chosen in self.chosen.items()
        }
        return RecordLayout({**probes, **self._weights.quantities}, self._markers.widths)

    @property
    def samples(self) -> dict[str, tuple[int, int, Tensor | None]]:
        """Number of samples and classes of each probe, and the samples' labels; known after ``prepare``."""
        return {name: (*self.outputs.shape(name), labels) for name, labels in self._labels.items()}

    def predictions(self) -> dict[str, Tensor]:
        """Returns the amplitudes of the last record, NaN where logits were not finite; none where they are sketched."""
        return {name: amplitudes(logits) for name, logits in self._latest.items()} if self.exact else {}

    @property
    def exact(self) -> bool:
        """Whether predictions are kept as they are, also in the history; known after ``prepare``."""
        return self.outputs.budget.width is None

    def prepare(self, trainer: pl.Trainer, module: pl.LightningModule) -> str:
        """Gets ready for what the model returns on the probes, which have been placed, and returns its precision.

        Raises:
            ConfigurationError: where the model cannot be followed on these probes.
        """
        self._like = torch.zeros((), dtype=self.outputs.prepare(trainer, module), device=module.device)
        self._labels = {name: self.outputs.labels(name) for name in self.chosen}
        self._ready(module)
        budget = self.outputs.budget
        sketched = "" if budget.exact else f", sketched to {budget.width}"
        return f"{self.evaluator.precision} {str(self._like.dtype).removeprefix('torch.')}{sketched}"

    def restore(self, state: dict[str, Any], module: pl.LightningModule) -> None:
        """Goes on at once, between two records, from where ``state_dict`` left off; raises as ``prepare`` does."""
        self.load_state_dict(state)
        if self._labels:
            self._ready(module)

    def _ready(self, module: pl.LightningModule) -> None:
        """Brings everything to the device, what was loaded and what begins."""
        budget, like = self.outputs.budget, self._like
        if self._loaded is not None:  # of all samples, of which a process takes its own
            check_same_probes(self._loaded["probes"], self.chosen)
            mine = {name: (self.sizes[name], self.outputs.rows(name)) for name in self.chosen if self.pool.active}
            self._kept.load(self._loaded, mine, self._max_records > 0, self.outputs.floor)
            self._loaded = None
        for name, labels in self._labels.items():
            shape, labelled = self.outputs.shape(name, history=True), labels is not None
            self._kept.prepare(name, like, self.outputs.shape(name))
            if self._max_records:
                self._kept.prepare_history(name, like, shape, budget.records, labelled if self.pool.active else None)
            self._references.check_shape(name, shape)
        quantities = self.layout.quantities
        watching = {
            name: [m for m in self._listed if m.applies_to(Series(name, "probe", quantities[name], not held_out(name)))]
            for name, labels in self._labels.items()
        }
        distances = {name: like.to(self.dtype).new_zeros(self.sizes[name]) for name in watching}
        self._markers = SampleMarkers(watching, distances, self._markers_state or self._markers.state_dict())
        self._markers_state = {}
        self._weights.prepare(module)
        self._layout = self.layout
        self._references.to(module.device)
        self._kept.move(module.device)
        rooms = {
            n: Room(self.sizes[n], self.outputs.rows(n), labels is not None, room_for(self._kept.histories.get(n)))
            for n, labels in self._labels.items()
        }
        self.pool.prepare(rooms, torch.zeros((), dtype=self.dtype, device=module.device))

    def step(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision, keep: Iterable[int]
    ) -> Tensor | None:
        """Evaluates every probe once, keeps the logits of the steps in ``keep``, and returns the record if one is due.

        Returns:
            The record as ``layout`` says; or None.
        """
        points: dict[str, Tensor] = {}
        seen, measured, error = {}, None, None
        try:
            with self.evaluator.together():
                for name in self._labels:
                    points[name], seen[name] = self.outputs.observe(trainer, module, name, decision.record)
            measured = self._measured(points, seen, decision.before) if decision.record else None
        except Exception as raised:
            error = raised  # the others wait for this process all the same
        if decision.record:
            measured = self.pool.gather(measured)
        if error is not None:
            self._kept.made += decision.record and self.pool.active  # as in the others
            raise error
        self._latest = points
        record = None if measured is None else self._record(step, points, measured, decision.before)
        self._kept.keep(step, points if decision.keep else None, keep)
        return record

    def absent(self) -> None:
        """Takes the part of a process that cannot record any more in what the others do."""
        if self.pool.active:
            self.pool.gather(None)
            self._kept.made += 1

    def mark(self, name: str, step: int) -> None:
        """Keeps the record nearest to ``step`` in the history of a probe."""
        if name in self._kept.histories:
            self._kept.histories[name] = history.mark(self._kept.histories[name], step)

    def history(self, name: str) -> History:
        """Returns what is kept of one probe, in the order of time and on the CPU; waits for the device."""
        return self._kept.history(name, self.outputs.floor, self.pool.active)

    @torch.no_grad()
    def pictures(self, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
        """Returns what a picture of each group of probes needs, as a matrix: see ``snapshot``."""
        made = {}
        for name, members in groups.items():
            if self.pool.active:
                made[name] = self._kept.tables.snapshot(name, self._kept.histories[name])
                continue
            kept = [self._kept.histories[member] for member in members]
            of, used = members[0], self._kept.used(members[0])
            made[name] = snapshot(kept, self.outputs.selections[of].labels, used, self.outputs.sketch(of))
            for member, own in zip(members, kept, strict=True):
                beside = self._references.snapshot(member, own, used)
                made.update({} if beside is None else {f"{member}{AGAINST}": beside})
        return made

    def release(self) -> None:
        """Takes everything off the device; ``outputs.place`` and ``prepare`` bring it back."""
        self._labels.clear()
        self._latest = {}
        self.outputs.release()
        self.pool.release()
        self._like = self._like.cpu()
        self._markers.to(torch.device("cpu"))
        self._weights.release()
        self._references.to(torch.device("cpu"))
        self._kept.move(torch.device("cpu"))

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values from which ``load_state_dict`` goes on."""
        if self._loaded is not None:
            return self._loaded
        state = self._kept.state_dict(self.pool.active)
        for name, entry in state["probes"].items():
            probe = self.chosen[name].probe
            entry.update(fingerprint=probe.fingerprint, labels=probe.labels)
        return {
            "chunk": self.evaluator.chunk,
            "output": repr(self.evaluator.distribution),
            "markers": self._markers.state_dict(),
            "weights": self._weights.state_dict(),
            **state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; to be followed by ``prepare``.

        Raises:
            ConfigurationError: where the probes are not the same.
        """
        check_same_output(state.get("output"), self.evaluator.distribution)
        self.evaluator.chunk = state["chunk"]
        self._markers_state = dict(state["markers"])
        self._weights.load_state_dict(state["weights"])
        self._loaded = state

    def join(self, state: dict[str, Any], device: torch.device) -> bool:
        """Completes what ``state_dict`` gave by the samples of all processes, in the first; to be called by all."""
        if not self.pool.active or self._loaded is not None:
            return True
        shard, rows = self.pool.shard, self.outputs.rows
        parts = {name: [rows(name, part) for part in shard.all] for name in state["probes"]}
        return join_state(state, parts, shard, device)

    @torch.no_grad()
    def _measured(
        self, points: dict[str, Tensor], seen: dict[str, Observation | None], before: int | None
    ) -> dict[str, Measured]:
        sketched, measured = not self.outputs.budget.exact, {}
        for name, labels in self._labels.items():
            observation = seen[name] or observe(points[name], labels)
            measured[name] = self._kept.measured(
                name, points[name], observation, None if self._chord else before, sketched
            )
            if self.pool.active and name in self._kept.histories:
                kept, outputs, first = self._kept.histories[name], self.outputs, self.outputs.rows(name).start
                point, made = outputs.point(name, points[name]), self._kept.made
                sums = sums_of(kept, point, made, outputs.floor, self.sizes[name], first, outputs.sketch(name))
                measured[name] = measured[name]._replace(sums=sums)
        return measured

    @torch.no_grad()
    def _record(
        self, step: int, points: dict[str, Tensor], measured: dict[str, Measured], before: int | None
    ) -> Tensor:
        kept = self._kept
        records: dict[str, Tensor] = {}
        distances: dict[str, Tensor] = {}
        for name in self._labels:
            seen = measured[name].observation
            records[name] = kept.advance(name, step, points[name], measured[name], before, self._chord)
            records[name] = self._references.extend(name, step, points[name], records[name])
            if seen.distances is not None:
                distances[name] = seen.distances
            if name in kept.histories:
                point = self.outputs.point(name, points[name])
                kept.extend(name, step, point, self.outputs.floor, measured[name], self.pool.active)
        kept.made += 1
        weights = self._weights.extend(step, next(iter(records.values())))
        first = next((name for name in distances if not held_out(name)), None)
        trained = {} if first is None else dict(zip(self._layout.quantities[first], records[first], strict=True))
        return self._layout.pack({**records, **weights}, self._markers.extend(step, distances, trained))
