"""The probes of one monitor and the state of their trajectories: what lives on the device."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from lightning_infogeo import history
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.history import HistoryState
from lightning_infogeo.monitor.album import AGAINST, landscape
from lightning_infogeo.monitor.arguments import check_same_output, check_same_probes
from lightning_infogeo.monitor.explained import explained
from lightning_infogeo.monitor.outputs import Outputs
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.monitor.references import References
from lightning_infogeo.monitor.sample_markers import SampleMarkers
from lightning_infogeo.monitor.weights import Weights
from lightning_infogeo.observation import Observation, observe
from lightning_infogeo.probe import Chosen, ConfigurationError, Evaluator, place
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, TrajectoryState, extend, start


class Recorder:
    """Evaluates the probes and extends their trajectories, without reading anything back.

    Args:
        chosen: the probes by name.
        evaluator: how the model is evaluated on them.
        chord: whether velocity is the chord over the recording interval (``lag=0``).
        max_records: records kept for the embedding on each probe; 0 to keep none.
        memory: bytes on the device for all that is kept.
        markers: those that look at every sample.
        weights: the densities of the model's weights.
        references: finished runs to measure by.

    Attributes:
        chosen: as given.
        evaluator: as given.
    """

    def __init__(
        self,
        chosen: Mapping[str, Chosen],
        evaluator: Evaluator,
        chord: bool,
        max_records: int = 0,
        memory: int = 2**28,
        markers: SampleMarkers | None = None,
        weights: Weights | None = None,
        references: References | None = None,
    ) -> None:
        self.chosen = chosen
        self.evaluator = evaluator
        self._chord = chord
        self._max_records = max_records
        self._outputs = Outputs(evaluator, max_records, memory)
        self._markers = markers or SampleMarkers(lambda probe: {})
        self._weights = weights or Weights(None)
        self._references = references or References()
        self._made = 0
        self._histories: dict[str, HistoryState] = {}
        self._placed: dict[str, tuple[Any, Tensor | None]] = {}
        self._states: dict[str, TrajectoryState] = {}
        self._kept: dict[int, dict[str, Tensor]] = {}
        self._latest: dict[str, Tensor] = {}

    @property
    def dtype(self) -> torch.dtype:
        """Of the vector that ``step`` returns; known after ``prepare``."""
        return next(iter(self._states.values())).length.dtype

    @property
    def sizes(self) -> dict[str, int]:
        """The samples followed on each probe; known after ``prepare``."""
        return {name: len(selection) for name, selection in self._outputs.selections.items()}

    @property
    def quantities(self) -> dict[str, tuple[str, ...]]:
        """What is recorded on each probe and of the weights, in the order of the vector that ``step`` returns."""
        probes = {
            name: QUANTITIES if chosen.probe.labels is None else LABELLED_QUANTITIES + self._references.quantities(name)
            for name, chosen in self.chosen.items()
        }
        return {**probes, **self._weights.quantities}

    @property
    def samples(self) -> dict[str, tuple[int, int, Tensor | None]]:
        """Number of samples and classes of each probe, and the samples' labels; known after ``prepare``."""
        return {name: (*self._outputs.shape(name), labels) for name, (_, labels) in self._placed.items()}

    def predictions(self) -> dict[str, Tensor]:
        """Returns the amplitudes of the last record, NaN where logits were not finite; none where they are sketched."""
        return {name: amplitudes(logits) for name, logits in self._latest.items()} if self.exact else {}

    @property
    def exact(self) -> bool:
        """Whether predictions are kept as they are, also in the history; known after ``prepare``."""
        return self._outputs.budget.width is None

    def prepare(self, trainer: pl.Trainer, module: pl.LightningModule) -> str:
        """Brings everything to the model's device, checks what the model returns there, and returns its precision.

        Raises:
            ConfigurationError: where the model cannot be followed on these probes.
        """
        tensors = itertools.chain(module.named_parameters(), module.named_buffers())
        lazy = [name for name, tensor in tensors if is_lazy(tensor)]
        if lazy:
            raise ConfigurationError(
                f"`InfoGeometryMonitor`: `{type(module).__name__}` has uninitialised lazy parameters, {lazy}, and the "
                "first call would draw random numbers; call the model once in `configure_model`."
            )
        with explained(module, "passing a probe through the batch-transfer hooks of"):
            inputs = {name: place(chosen, trainer, module) for name, chosen in self.chosen.items()}
        probes = {name: chosen.probe for name, chosen in self.chosen.items()}
        with explained(module, "calling"):
            dtype = self._outputs.prepare(trainer, module, inputs, probes)
        self._placed = {name: (inputs[name], self._outputs.selections[name].labels) for name in probes}
        budget = self._outputs.budget
        for name, (_, labels) in self._placed.items():
            like, shape = torch.zeros((), dtype=dtype, device=module.device), self._outputs.shape(name)
            if name not in self._states:
                self._states[name] = start(like.expand(shape))
            _check_shape(name, self._states[name].first, shape)
            if self._max_records:
                shape = self._outputs.shape(name, history=True)
                if name not in self._histories:
                    self._histories[name] = history.start(like.expand(shape), budget.records)
                _check_shape(name, self._histories[name].amplitudes[0], shape)
            if labels is not None:
                self._markers.prepare(name, self._states[name].length.new_zeros(shape[0]).to(module.device))
            self._references.check_shape(name, self._outputs.shape(name, history=True))
        self._weights.prepare(module)
        self._references.to(module.device)
        self._move(module.device)
        sketched = "" if budget.exact else f", sketched to {budget.width}"
        return f"{self.evaluator.precision} {str(dtype).removeprefix('torch.')}{sketched}"

    def step(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision, keep: Iterable[int]
    ) -> Tensor | None:
        """Evaluates every probe once, keeps the logits of the steps in ``keep``, and returns the record if one is due.

        Returns:
            The quantities of all probes and of the weights, one after the other, and the readings of markers; or None.
        """
        points, seen = {}, {}
        for name, (inputs, _) in self._placed.items():
            size = len(self.chosen[name].probe)
            points[name], seen[name] = self._outputs.observe(trainer, module, name, inputs, size, decision.record)
        record = self._record(step, points, seen, decision.before) if decision.record else None
        self._latest = points
        if decision.keep:
            self._kept[step] = points
        self._kept = {kept: self._kept[kept] for kept in keep if kept in self._kept}
        return record

    def mark(self, name: str, step: int) -> None:
        """Keeps the record nearest to ``step`` in the history of a probe."""
        if name in self._histories:
            self._histories[name] = history.mark(self._histories[name], step)

    def history(self, name: str) -> HistoryState:
        """Returns what is kept of one probe, in the order of time and on the CPU; waits for the device."""
        return history.in_order(self._histories[name])

    @torch.no_grad()
    def pictures(self, groups: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
        """Returns what a picture of each group of probes needs, as a matrix: see ``landscape``."""
        made = {}
        for name, members in groups.items():
            kept = [self._histories[member] for member in members]
            labels, sketch = self._outputs.selections[members[0]].labels, self._outputs.sketch(members[0])
            used = min(self._made, len(kept[0].steps))
            made[name] = landscape(kept, labels, used, sketch)
            for member, own in zip(members, kept, strict=True):
                beside = self._references.landscape(member, own, used)
                made.update({} if beside is None else {f"{member}{AGAINST}": beside})
        return made

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        self._placed.clear()
        self._latest = {}
        self._outputs.release()
        self._markers.release()
        self._weights.release()
        self._references.to(torch.device("cpu"))
        self._move(torch.device("cpu"))

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values from which ``load_state_dict`` goes on."""
        return {
            "chunk": self.evaluator.chunk,
            "output": repr(self.evaluator.distribution),
            "made": self._made,
            "markers": self._markers.state_dict(),
            "weights": self._weights.state_dict(),
            "kept": {step: {name: kept.cpu() for name, kept in logits.items()} for step, logits in self._kept.items()},
            "probes": {
                name: {
                    "fingerprint": self.chosen[name].probe.fingerprint,
                    "labels": self.chosen[name].probe.labels,
                    "state": {field: tensor.to("cpu", copy=True) for field, tensor in state._asdict().items()},
                    "history": self._history_state(name),
                }
                for name, state in self._states.items()
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off; to be followed by ``prepare``.

        Raises:
            ConfigurationError: where the probes are not the same.
        """
        saved = state["probes"]
        check_same_probes(saved, self.chosen)
        check_same_output(state.get("output"), self.evaluator.distribution)
        self.evaluator.chunk = state["chunk"]
        self._states = {name: TrajectoryState(**entry["state"]) for name, entry in saved.items()}
        self._kept = {step: dict(logits) for step, logits in state["kept"].items()}
        self._made = state["made"]
        self._markers.load_state_dict(state["markers"])
        self._weights.load_state_dict(state["weights"])
        if self._max_records:
            self._histories = {
                name: history.restored(HistoryState(**entry["history"]))
                for name, entry in saved.items()
                if entry["history"]
            }

    def _history_state(self, name: str) -> dict[str, Tensor]:
        kept = self._histories.get(name)
        if kept is None:
            return {}
        # A copy even on the CPU, since a history is written in place, and of no more slots than can be in use.
        shortened = kept._replace(amplitudes=kept.amplitudes[: self._made])
        return {field: tensor.cpu().clone() for field, tensor in shortened._asdict().items()}

    @torch.no_grad()
    def _record(
        self, step: int, points: dict[str, Tensor], seen: dict[str, Observation | None], before: int | None
    ) -> Tensor:
        records: dict[str, Tensor] = {}
        distances: dict[str, Tensor] = {}
        for name, (_, labels) in self._placed.items():
            earlier = None if before is None or before not in self._kept else (before, self._kept[before][name])
            observation = seen[name] or observe(points[name], labels)
            self._states[name], records[name] = extend(
                self._states[name],
                step,
                points[name],
                before=earlier,
                chord=self._chord,
                observation=observation,
                sketched=not self._outputs.budget.exact,
            )
            records[name] = self._references.extend(name, step, points[name], records[name])
            if observation.distances is not None:
                distances[name] = observation.distances
            if name in self._histories:
                kept, point = self._histories[name], self._outputs.point(name, points[name])
                self._histories[name] = history.extend(kept, step, point, self._made, self._outputs.floor)
        self._made += 1
        weights = self._weights.extend(step, next(iter(records.values())))
        return torch.cat([*records.values(), *weights, *self._markers.extend(step, distances, records)])

    def _move(self, device: torch.device) -> None:
        self._histories = {
            name: HistoryState(*(tensor.to(device) for tensor in kept)) for name, kept in self._histories.items()
        }
        self._states = {
            name: TrajectoryState(*(tensor.to(device) for tensor in state)) for name, state in self._states.items()
        }
        self._kept = {
            step: {name: kept.to(device) for name, kept in logits.items()} for step, logits in self._kept.items()
        }


def _check_shape(name: str, kept: Tensor, shape: tuple[int, ...]) -> None:
    if kept.shape != shape:
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: probe {name!r} has logits of shape {shape}, its trajectory so far of shape "
            f"{tuple(kept.shape)}; follow another model with a new monitor (and resume with the same memory)."
        )
