"""Makes the records: evaluates the probes and extends what is followed, on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.markers import Marker
from lightning_infogeo.markers.sample_runner import SampleMarkers
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.probe_states import ProbeStates
from lightning_infogeo.monitor.device.sample_rows import SampleRows
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


class Recorder(Portable, left_behind={"_latest": {}, "_observed": {}}):
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
        references: as given.
        layout: of the record that ``step`` returns.
        rows: packs what TensorBoard's tab gets of samples; None where it gets nothing.
        dtype: of it.

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
        self._latest: dict[str, Tensor] = {}
        self._observed: dict[str, Observation] = {}
        self.rows: SampleRows | None = None
        like = torch.zeros((), dtype=outputs.dtype, device=module.device)
        if state:
            check_same_output(state.get("output"), outputs.evaluator.distribution)
            check_same_probes(state["probes"], outputs.chosen)
        self._states = ProbeStates(outputs, like, state)
        self.dtype = self._states.dtype
        self.references.to(module.device)
        for name in self._labels:
            self.references.check_shape(name, outputs.shape(name, history=True))
        probes = tuple(self._series(name, chosen) for name, chosen in outputs.chosen.items())
        zeros = {name: like.to(self.dtype).new_zeros(size) for name, size in self.watched.items()}
        watching = {series.name: _of_samples(markers, series) for series in probes}
        self._markers = SampleMarkers(watching, zeros, _on_the_same(outputs.further.fingerprints, state))
        self._weights = None if density is None else WeightDensities(density, module, state.get("weights", {}), groups)
        weights = () if self._weights is None else self._weights.series
        self.layout = RecordLayout((*probes, *weights), self._markers.widths)
        self._trained = next((series for series in probes if series.trained and "progress" in series.quantities), None)
        self._exchange: LocalExchange | ShardedExchange = LocalExchange()
        if outputs.shard.ranks > 1:
            tables = {name: self._table(name) for name in self._labels}
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
        return {name: amplitudes(logits) for name, logits in self._latest.items()} if self.exact else {}

    def packed(self) -> Tensor | None:
        """Returns what TensorBoard's tab gets of the samples of the last record, as one vector of bytes, uint8."""
        return None if self.rows is None else self.rows(self._latest, self._observed)

    def step(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision, keep: Iterable[int]
    ) -> Tensor | None:
        """Evaluates every probe once, keeps the logits of the steps in ``keep``, and makes a record if one is due.

        Further samples are evaluated for records only.

        Returns:
            The record as ``layout`` says; None where none is due.
        """
        logits: dict[str, Tensor] = {}
        seen: dict[str, Observation | None] = {}
        further: dict[str, Tensor] = {}
        measured = None
        try:
            with self.outputs.evaluator.together():
                for name in self._labels:
                    logits[name], seen[name] = self.outputs.observe(trainer, module, name, decision.record)
                if decision.record:
                    further = self.outputs.further.distances(trainer, module)
            if decision.record:
                measured = self._measured(logits, seen, decision.before)
        except Exception:
            if decision.record:
                self.absent()  # the others wait for this process all the same
            raise
        record = None
        if measured is not None:
            measured = self._exchange.gather(measured)
            self._latest = logits
            self._observed = {name: of.observation for name, of in measured.items()}
            record = self._record(step, logits, measured, decision.before, further)
        self._states.keep(step, logits if decision.keep else None, keep)
        return record

    def absent(self) -> None:
        """Takes the part of a process that cannot record in what the others do."""
        self._exchange.gather(None)
        if self.outputs.shard.ranks > 1:
            self._states.count_record()  # as in the others

    def mark(self, name: str, step: int) -> None:
        """Keeps the record nearest to ``step`` in the history of a series, where it has one."""
        if name in self._states.histories:
            self._states.histories[name].mark(step)

    def history(self, name: str) -> History:
        """Returns what is kept of one probe, in the order of time and on the CPU; waits for the device."""
        return self._states.histories[name].in_order(self._states.made)

    @torch.no_grad()
    def snapshots(self, groups: Iterable[tuple[str, ...]]) -> list[Snapshot]:
        """Returns what a picture of each group of probes needs, and one of each probe that references hold."""
        snapshots = []
        for probes in groups:
            joint = [self._states.histories[name] for name in probes]
            labels = self.outputs.selections[probes[0]].labels
            snapshots.append(Snapshot(probes, joint[0].snapshot(joint, labels, self._states.made), referred=False))
            for name, kept in zip(probes, joint, strict=True):
                matrix = self.references.snapshot(name, kept.state, min(self._states.made, len(kept.state.steps)))
                if matrix is not None:
                    snapshots.append(Snapshot((name,), matrix, referred=True))
        return snapshots

    def to(self, device: torch.device) -> None:
        """Brings to a device what is needed to read what was recorded, and lets go of the model."""
        self._latest, self._observed = {}, {}
        self._labels = {name: None if labels is None else labels.to(device) for name, labels in self._labels.items()}
        parts = self.outputs, self._states, self._markers, self._weights, self.references, self._exchange, self.rows
        for part in parts:
            if part is not None:
                part.to(device)

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values to go on from."""
        state = self._states.state_dict()
        for name, entry in state["probes"].items():
            probe = self.outputs.chosen[name].probe
            entry.update(fingerprint=probe.fingerprint, labels=probe.labels)
        return {
            "chunk": self.outputs.evaluator.chunk,
            "output": repr(self.outputs.evaluator.distribution),
            "markers": self._markers.state_dict(),
            "further": self.outputs.further.state_dict(),
            "weights": {} if self._weights is None else self._weights.state_dict(),
            **state,
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

    def _table(self, name: str) -> SampleTable:
        kept = self._states.histories.get(name)
        labelled, sums = self._labels[name] is not None, 0 if kept is None else kept.width
        return SampleTable(self.sizes[name], self.outputs.rows(name), labelled, sums)

    @torch.no_grad()
    def _measured(
        self, logits: dict[str, Tensor], seen: dict[str, Observation | None], before: int | None
    ) -> dict[str, SampleMeasurements]:
        sketched, earlier = not self.outputs.budget.exact, None if self._chord else before
        measured = {}
        for name, labels in self._labels.items():
            observation = seen[name] or observe(logits[name], labels)
            point = partial(self.outputs.point, name, logits[name])
            measured[name] = self._states.measured(name, logits[name], point, observation, earlier, sketched)
        return measured

    @torch.no_grad()
    def _record(
        self,
        step: int,
        logits: dict[str, Tensor],
        measured: dict[str, SampleMeasurements],
        before: int | None,
        further: Mapping[str, Tensor],
    ) -> Tensor:
        rows: dict[str, Tensor] = {}
        distances: dict[str, Tensor] = {}
        for series in self.layout.series:
            name = series.name
            if name not in self._labels:
                continue
            point = partial(self.outputs.point, name, logits[name])
            row = self._states.advance(name, step, logits[name], point, measured[name], before, self._chord)
            if self.references.quantities(name):
                compared = self.references.compared(name, step, logits[name], series.values(row)["progress"])
                row = torch.cat([row, compared.to(row)])
            rows[name] = row
            observed = measured[name].observation.distances
            if observed is not None:
                distances[name] = torch.cat([observed, further[name]]) if name in further else observed
        self._states.count_record()
        if self._weights is not None:
            rows.update(self._weights.extend(step, next(iter(rows.values()))))
        trained = {} if self._trained is None else self._trained.values(rows[self._trained.name])
        return self.layout.encode(rows, self._markers.extend(step, distances, trained))


def _of_samples(markers: Sequence[Marker], series: Series) -> list[Marker]:
    return [marker for marker in markers if marker.scope == "samples" and marker.applies_to(series)]


def _on_the_same(fingerprints: Mapping[str, str], state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the states of markers of samples, by probe; of those that saw other further samples, what was said."""
    states, before = dict(state.get("markers", {})), state.get("further", {})
    others = [name for name in states if before.get(name, {}).get("fingerprint") != fingerprints.get(name)]
    if others:
        say(f"the further samples beside {', '.join(map(repr, others))} are not those of the checkpoint.")
    said = ("firing", "recovery")
    return {
        name: {marker: {field: kept[field] for field in said if field in kept} for marker, kept in of_probe.items()}
        if name in others
        else of_probe
        for name, of_probe in states.items()
    }
