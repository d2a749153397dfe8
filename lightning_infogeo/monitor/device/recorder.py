"""Makes the records: evaluates the probes and extends what is followed, on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.markers import Marker
from lightning_infogeo.markers.sample_runner import SampleMarkers
from lightning_infogeo.monitor.device.captured import Capture, CapturedComputation
from lightning_infogeo.monitor.device.further_samples import of_other_samples
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.probe_stack import joined, joined_observations, stacked
from lightning_infogeo.monitor.device.probe_states import Earlier, ProbeStates
from lightning_infogeo.monitor.device.sample_rows import Predictions, SampleRows
from lightning_infogeo.monitor.device.weight_densities import WeightDensities
from lightning_infogeo.monitor.distributed.probe_shards import LocalExchange, SampleTable, ShardedExchange, join_state
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.monitor.record_layout import RecordLayout
from lightning_infogeo.monitor.resume import check_same_output, check_same_probes
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Chosen, held_out
from lightning_infogeo.reference import References
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, Series
from lightning_infogeo.trajectory.history import History
from lightning_infogeo.trajectory.observation import Observation, SampleMeasurements, observe
from lightning_infogeo.trajectory.step import Step


class Recorder(Portable, left_behind={"_latest": [], "repeated": None}):
    """Evaluates the probes and extends their trajectories, without reading anything back.

    Args:
        outputs: of the model on the probes.
        module: the model.
        state: to go on from; empty to begin.
        chord: whether velocity is the chord over the recording interval (``lag=0``).
        markers: of the monitor, of which those of samples run here.
        density: how to follow the model's weights; None for not at all.
        groups: of weights followed so far, where the state does not say.
        references: finished runs to measure by.

    Attributes:
        outputs: as given.
        stacks: the probes as they are measured.
        references: as given.
        layout: of the record that ``step`` returns.
        rows: packs what TensorBoard's tab gets of samples; None where it gets nothing.
        dtype: of it.
        repeated: what follows the forward, captured; None where it is done one operation at a time.

    Raises:
        ConfigurationError: where the state is of other probes, or of another output.
    """

    def __init__(
        self,
        outputs: ModelOutputs,
        module: pl.LightningModule,
        state: Mapping[str, Any],
        *,
        chord: bool,
        markers: Sequence[Marker] = (),
        density: ParameterDensity | None = None,
        groups: Sequence[str] = (),
        references: References | None = None,
    ) -> None:
        self.outputs = outputs
        self._chord = chord
        self.references = references or References()
        self._labels = {name: outputs.labels(name) for name in outputs.chosen}
        self._latest: list[Predictions] = []
        self.rows: SampleRows | None = None
        self.repeated: CapturedComputation[tuple[Tensor, list[Predictions]]] | None = None
        like = torch.zeros((), dtype=outputs.dtype, device=module.device)
        if state:
            check_same_output(state.get("output"), outputs.evaluator.distribution)
            check_same_probes(state["probes"], outputs.chosen)
        self.stacks = stacked(outputs, module.device)
        self._states = [ProbeStates(outputs, stack, like, state) for stack in self.stacks]
        self.dtype = self._states[0].dtype
        self.references.to(module.device)
        for name in self._labels:
            self.references.check_shape(name, outputs.shape(name, history=True))
        probes = tuple(self._series(name, chosen) for name, chosen in outputs.chosen.items())
        zeros = {name: like.to(self.dtype).new_zeros(size) for name, size in self.watched.items()}
        watching = {series.name: _of_samples(markers, series) for series in probes}
        anew = of_other_samples(state, outputs.further.fingerprints)
        self._markers = SampleMarkers(watching, zeros, state.get("markers", {}), anew)
        self._weights = None if density is None else WeightDensities(density, module, state.get("weights", {}), groups)
        weights = () if self._weights is None else self._weights.series
        self.layout = RecordLayout((*probes, *weights), self._markers.widths)
        self._trained = next((series for series in probes if series.trained and "progress" in series.quantities), None)
        self._exchange: LocalExchange | ShardedExchange = LocalExchange()
        if outputs.shard.ranks > 1:
            tables = [self._table(states) for states in self._states]
            scalar = torch.zeros((), dtype=self.dtype, device=module.device)
            self._exchange = ShardedExchange(outputs.shard.ranks, tables, scalar)

    @property
    def precision(self) -> str:
        """In which precision probes are evaluated, the type of the logits, and how they are sketched."""
        budget = self.outputs.budget
        sketched = "" if budget.exact else f", sketched to {budget.width}"
        return f"{self.outputs.evaluator.precision} {str(self.outputs.dtype).removeprefix('torch.')}{sketched}"

    @property
    def sizes(self) -> dict[str, int]:
        """The samples followed on each probe."""
        return {name: len(selection) for name, selection in self.outputs.selections.items()}

    @property
    def watched(self) -> dict[str, int]:
        """The samples that markers of samples see on each probe, further ones behind its own."""
        return {name: size + self.outputs.further.sizes.get(name, 0) for name, size in self.sizes.items()}

    @property
    def samples(self) -> dict[str, tuple[int, int, Tensor | None]]:
        """Number of samples and classes of each probe, and the samples' labels."""
        return {name: (*self.outputs.shape(name), labels) for name, labels in self._labels.items()}

    @property
    def exact(self) -> bool:
        """Whether predictions are kept as they are, also in the history."""
        return self.outputs.budget.width is None

    @property
    def complete(self) -> Tensor | float:
        """1, or NaN where a process could not measure its part of the last record."""
        return self._exchange.complete

    def predictions(self) -> dict[str, Tensor]:
        """Returns the amplitudes of the last record, NaN where logits were not finite; none where they are sketched."""
        if not self.exact:
            return {}
        of = zip(self.stacks, self._latest, strict=False)
        return {name: part for stack, latest in of for name, part in stack.split(latest.amplitudes()).items()}

    def packed(self) -> Tensor | None:
        """Returns what TensorBoard's tab gets of the samples of the last record, as one vector of bytes, uint8."""
        return None if self.rows is None else self.rows(self._latest)

    def step(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision, keep: Iterable[int]
    ) -> Tensor | None:
        """Evaluates every probe once, keeps the logits of the steps in ``keep``, and makes a record if one is due.

        Further samples are evaluated for records only.

        Returns:
            The record as ``layout`` says; None where none is due.
        """
        by_name: dict[str, Tensor] = {}
        seen: dict[str, Observation | None] = {}
        further: dict[str, Tensor] = {}
        measured = None
        try:
            with self.outputs.evaluator.together():
                for name in self._labels:
                    by_name[name], seen[name] = self.outputs.observe(trainer, module, name, decision.record)
                if decision.record:
                    further = self.outputs.further.distances(trainer, module)
            logits = [joined(stack.names, by_name) for stack in self.stacks]
            before = [states.before(decision.before) for states in self._states]
            if decision.record and self.repeated is None:
                latest = self._predictions(logits)
                measured = self._measured(latest, seen, before)
        except Exception:
            if decision.record:
                self.absent()  # the others wait for this process all the same
            raise
        record = None
        if measured is not None:
            measured = self._exchange.gather(measured)
            of_all = zip(latest, measured, strict=True)
            self._latest = [each._replace(observation=of.observation) for each, of in of_all]
            record = self._record(step, latest, measured, before, further)
        elif decision.record and self.repeated is not None:
            record, self._latest = self._repeat(self.repeated, step, logits, before, further)
        if record is not None:
            self._count_record()
        for states, of in zip(self._states, logits, strict=True):
            states.keep(step, of if decision.keep else None, keep)
        return record

    def capture(self, capture: Capture) -> bool:
        """Has what follows the forward captured, and repeated from then on, where it computes with tensors alone.

        Returns:
            Whether it does: not where a process has a part of the samples, where logits are sketched, and with
            references, densities of weights, or markers of samples that take no stacks.
        """
        more = self._weights is not None or any(self.references.quantities(name) for name in self._labels)
        possible = self.outputs.shard.ranks == 1 and self.outputs.budget.exact and self._markers.stack and not more
        if possible:
            self.repeated = CapturedComputation(self._made, [*self._states, self._markers], capture)
        return possible

    def absent(self) -> None:
        """Takes the part of a process that cannot record in what the others do."""
        self._exchange.gather(None)
        if self.outputs.shard.ranks > 1:
            self._count_record()  # as in the others

    def mark(self, name: str, step: int) -> None:
        """Keeps the record nearest to ``step`` in the history of a series, where it has one."""
        if name in self._labels and (histories := self._states_of(name).histories) is not None:
            histories.mark(name, step)

    def history(self, name: str) -> History:
        """Returns what is kept of one probe, in the order of time and on the CPU; waits for the device."""
        states = self._states_of(name)
        assert states.histories is not None
        return states.histories.in_order(name, states.made)

    @torch.no_grad()
    def snapshots(self, groups: Iterable[tuple[str, ...]]) -> list[Snapshot]:
        """Returns what a picture of each group of probes needs, and one of each probe that references hold."""
        snapshots = []
        for probes in groups:
            histories = [histories for name in probes if (histories := self._states_of(name).histories) is not None]
            joint = [kept.state(name) for name, kept in zip(probes, histories, strict=True)]
            labels, made = self.outputs.selections[probes[0]].labels, self._states_of(probes[0]).made
            matrix = histories[0].snapshot(probes[0], joint, labels, made)
            snapshots.append(Snapshot(probes, matrix, referred=False))
            for name, state in zip(probes, joint, strict=True):
                referred = self.references.snapshot(name, state, min(made, len(state.steps)))
                if referred is not None:
                    snapshots.append(Snapshot((name,), referred, referred=True))
        return snapshots

    def to(self, device: torch.device) -> None:
        """Brings to a device what is needed to read what was recorded, and lets go of the model."""
        self._latest, self.repeated = [], None
        self._labels = {name: None if labels is None else labels.to(device) for name, labels in self._labels.items()}
        parts = self.outputs, *self._states, self._markers, self._weights, self.references, self._exchange, self.rows
        for part in parts:
            if part is not None:
                part.to(device)

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values to go on from."""
        states = [states.state_dict() for states in self._states]
        probes = {name: entry for of in states for name, entry in of["probes"].items()}
        kept = {
            step: {n: p for of in states for n, p in of["kept"].get(step, {}).items()} for step in states[0]["kept"]
        }
        for name, entry in probes.items():
            probe = self.outputs.chosen[name].probe
            entry.update(fingerprint=probe.fingerprint, labels=probe.labels)
        return {
            "chunk": self.outputs.evaluator.chunk,
            "output": repr(self.outputs.evaluator.distribution),
            "markers": self._markers.state_dict(),
            "further": self.outputs.further.state_dict(),
            "weights": {} if self._weights is None else self._weights.state_dict(),
            "made": states[0]["made"],
            "kept": kept,
            "probes": {name: probes[name] for name in self._labels},
        }

    def join(self, state: dict[str, Any], device: torch.device) -> bool:
        """Completes what ``state_dict`` gave by the samples of all processes, in the first; to be called by all.

        Returns:
            Whether that was possible: not where a process has failed within the last record.
        """
        shard, rows = self.outputs.shard, self.outputs.rows
        if shard.ranks == 1:
            return True
        parts = {name: [rows(name, part) for part in shard.all] for name in state["probes"]}
        return join_state(state, parts, shard, device)

    def _series(self, name: str, chosen: Chosen) -> Series:
        labelled = (*LABELLED_QUANTITIES, *self.references.quantities(name))
        quantities = QUANTITIES if chosen.probe.labels is None else labelled
        return Series(name, "probe", quantities, trained=not held_out(name))

    def _states_of(self, name: str) -> ProbeStates:
        return next(states for states in self._states if name in states.stack.names)

    def _predictions(self, logits: Sequence[Tensor]) -> list[Predictions]:
        """Returns predictions with what the histories keep of them; None where there are no histories."""
        keeps, pairs = self.outputs.budget.records, zip(self.stacks, logits, strict=True)
        return [Predictions(of, stack.point(of) if keeps else None) for stack, of in pairs]

    @torch.no_grad()
    def _repeat(
        self,
        repeated: CapturedComputation[tuple[Tensor, list[Predictions]]],
        step: int,
        logits: Sequence[Tensor],
        before: Sequence[Earlier | None],
        further: Mapping[str, Tensor],
    ) -> tuple[Tensor, list[Predictions]]:
        def on_device(number: Step) -> Tensor:
            return torch.full((), int(number), dtype=torch.int64, device=logits[0].device)

        earlier = [(on_device(then), points) for then, points in filter(None, before)]
        kind = [(states.room, each is None) for states, each in zip(self._states, before, strict=True)]
        failed = repeated.failed
        made = repeated(tuple(kind), on_device(step), list(logits), earlier, dict(further))
        if repeated.failed is not failed:
            say(f"records are launched one operation at a time, they cannot be captured: {repeated.failed}")
        return made

    def _made(
        self, step: Tensor, logits: Sequence[Tensor], earlier: Sequence[Earlier], further: Mapping[str, Tensor]
    ) -> tuple[Tensor, list[Predictions]]:
        """Does what follows the forward, with all samples here; ``earlier`` is of all stacks or of none."""
        latest = self._predictions(logits)
        before: list[Earlier | None] = [*earlier] or [None for _ in latest]
        measured = self._measured(latest, {}, before)
        record = self._record(step, latest, measured, before, further)
        of_all = zip(latest, measured, strict=True)
        return record, [each._replace(observation=of.observation) for each, of in of_all]

    def _table(self, states: ProbeStates) -> SampleTable:
        stack, sums = states.stack, 0 if states.histories is None else states.histories.width
        return SampleTable(sum(stack.all.sizes), stack.places, stack.labels is not None, sums)

    def _count_record(self) -> None:
        for states in self._states:
            states.count_record()

    @torch.no_grad()
    def _measured(
        self,
        latest: Sequence[Predictions],
        seen: Mapping[str, Observation | None],
        before: Sequence[Earlier | None],
    ) -> list[SampleMeasurements]:
        sketched = not self.outputs.budget.exact
        measured = []
        for states, predictions, earlier in zip(self._states, latest, before, strict=True):
            stack, (logits, point, _) = states.stack, predictions
            observation = joined_observations(stack.names, seen)
            if observation is None:
                observation = observe(logits, stack.labels, predictions.known_amplitudes)
            measured.append(states.measured(logits, point, observation, None if self._chord else earlier, sketched))
        return measured

    @torch.no_grad()
    def _record(
        self,
        step: Step,
        latest: Sequence[Predictions],
        measured: Sequence[SampleMeasurements],
        before: Sequence[Earlier | None],
        further: Mapping[str, Tensor],
    ) -> Tensor:
        rows: dict[str, Tensor] = {}
        distances: dict[str, Tensor] = {}
        for states, (logits, point, _), of, earlier in zip(self._states, latest, measured, before, strict=True):
            stack = states.stack
            records = states.advance(step, logits, point, of, earlier, self._chord)
            rows.update(zip(stack.names, records.unbind(), strict=True))
            observed = of.observation.distances
            if observed is not None:
                distances.update(zip(stack.names, torch.split(observed, stack.all.sizes), strict=True))
            referring = [name for name in stack.names if self.references.quantities(name)]
            for name in referring:
                assert isinstance(step, int)
                row = rows[name]
                mine, progress = stack.split(logits)[name], row[LABELLED_QUANTITIES.index("progress")]
                rows[name] = torch.cat([row, self.references.compared(name, step, mine, progress).to(row)])
        if self._weights is not None:
            assert isinstance(step, int)
            rows.update(self._weights.extend(step, next(iter(rows.values()))))
        trained = {} if self._trained is None else self._trained.values(rows[self._trained.name])
        watched = {name: torch.cat([of, further[name]]) if name in further else of for name, of in distances.items()}
        return self.layout.encode(rows, self._markers.extend(step, watched, trained))


def _of_samples(markers: Sequence[Marker], series: Series) -> list[Marker]:
    return [marker for marker in markers if marker.scope == "samples" and marker.applies_to(series)]
