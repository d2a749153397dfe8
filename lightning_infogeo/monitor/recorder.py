"""The probes of one monitor and the state of their trajectories: what lives on the device."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.nn.parameter import is_lazy

from lightning_infogeo import history
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.history import HistoryState
from lightning_infogeo.monitor.album import landscape
from lightning_infogeo.monitor.arguments import check_same_probes
from lightning_infogeo.monitor.explained import explained
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.monitor.sample_markers import SampleMarkers
from lightning_infogeo.monitor.settings import LEAST_RECORDS
from lightning_infogeo.monitor.weights import Weights
from lightning_infogeo.probe import Chosen, ConfigurationError, Evaluator, check_logits, place
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
    ) -> None:
        self.chosen = chosen
        self.evaluator = evaluator
        self._chord = chord
        self._max_records = max_records
        self._memory = memory
        self._markers = markers or SampleMarkers(lambda probe: {})
        self._weights = weights or Weights(None)
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
    def quantities(self) -> dict[str, tuple[str, ...]]:
        """What is recorded on each probe and of the weights, in the order of the vector that ``step`` returns."""
        probes = {
            name: QUANTITIES if chosen.probe.labels is None else LABELLED_QUANTITIES
            for name, chosen in self.chosen.items()
        }
        return {**probes, **self._weights.quantities}

    @property
    def classes(self) -> int:
        """Of the predictions; known after ``prepare``."""
        return next(iter(self._states.values())).first.shape[-1]

    def predictions(self) -> dict[str, Tensor]:
        """Returns the amplitudes of the last record, NaN where its logits were not finite."""
        return {name: amplitudes(logits) for name, logits in self._latest.items()}

    def prepare(self, trainer: pl.Trainer, module: pl.LightningModule) -> torch.dtype:
        """Brings everything to the model's device, checks what the model returns there, and returns its dtype.

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
            self._placed = {name: place(chosen, trainer, module) for name, chosen in self.chosen.items()}
        with explained(module, "calling"):
            logits = self._first_evaluation(trainer, module)
        for name, chosen in self.chosen.items():
            check_logits(logits[name], chosen.probe.labels, name)
        classes = {name: values.shape[-1] for name, values in logits.items()}
        if len(set(classes.values())) > 1:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(probes=...)`: the model returns different numbers of classes, {classes}; follow "
                "such probes with a monitor each (and a prefix each)."
            )
        for name, values in logits.items():
            state = self._states.get(name)
            if state is None:
                self._states[name] = start(values)
            elif state.first.shape != values.shape:
                raise ConfigurationError(
                    f"`InfoGeometryMonitor`: probe {name!r} has logits of shape {tuple(values.shape)}, its trajectory "
                    f"so far of shape {tuple(state.first.shape)}; follow another model with a new monitor."
                )
            if self._max_records and name not in self._histories:
                self._histories[name] = history.start(amplitudes(values), self._capacity(logits))
            if self.chosen[name].probe.labels is not None:
                self._markers.prepare(name, values)
        self._weights.prepare(module)
        self._move(module.device)
        return next(iter(logits.values())).dtype

    def step(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision, keep: Iterable[int]
    ) -> Tensor | None:
        """Evaluates every probe once, keeps the logits of the steps in ``keep``, and returns the record if one is due.

        Returns:
            The quantities of all probes and of the weights, one after the other, and the readings of markers; or None.
        """
        logits = self._evaluate(trainer, module)
        record = self._record(step, logits, decision.before) if decision.record else None
        self._latest = logits
        if decision.keep:
            self._kept[step] = logits
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
            made[name] = landscape(kept, self._labels(members[0]), min(self._made, len(kept[0].steps)))
        return made

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        self._placed.clear()
        self._latest = {}
        self._markers.release()
        self._weights.release()
        self._move(torch.device("cpu"))

    def state_dict(self) -> dict[str, Any]:
        """Returns CPU tensors and plain values from which ``load_state_dict`` goes on."""
        return {
            "chunk": self.evaluator.chunk,
            "made": self._made,
            "markers": self._markers.state_dict(),
            "weights": self._weights.state_dict(),
            "kept": {step: {name: kept.cpu() for name, kept in logits.items()} for step, logits in self._kept.items()},
            "probes": {
                name: {
                    "fingerprint": self.chosen[name].probe.fingerprint,
                    "labels": self.chosen[name].probe.labels,
                    "state": {field: tensor.cpu() for field, tensor in state._asdict().items()},
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

    def _labels(self, name: str) -> Tensor | None:
        return self._placed[name][1] if name in self._placed else self.chosen[name].probe.labels

    def _history_state(self, name: str) -> dict[str, Tensor]:
        kept = self._histories.get(name)
        if kept is None:
            return {}
        # A copy even on the CPU, since a history is written in place, and of no more slots than can be in use.
        shortened = kept._replace(amplitudes=kept.amplitudes[: self._made])
        return {field: tensor.cpu().clone() for field, tensor in shortened._asdict().items()}

    def _capacity(self, logits: dict[str, Tensor]) -> int:
        """The records that fit beside the four sets of logits that each probe keeps anyway."""
        a_record = sum(4 * values.numel() for values in logits.values())
        capacity = min(self._max_records, self._memory // a_record - 4)
        if capacity < LEAST_RECORDS:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(memory={self._memory})`: holds {max(capacity, 0)} records of {a_record} bytes, "
                f"at least {LEAST_RECORDS} are needed; give more memory, a smaller probe_size, or embedding=False."
            )
        return capacity

    def _evaluate(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Tensor]:
        return {
            name: self.evaluator(trainer, module, inputs, len(self.chosen[name].probe))
            for name, (inputs, _) in self._placed.items()
        }

    def _first_evaluation(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Tensor]:
        try:
            return self._evaluate(trainer, module)
        except RuntimeError as error:
            if self.evaluator.precision == "training":
                raise
            self.evaluator.precision = "training"
            try:
                logits = self._evaluate(trainer, module)
            except Exception:
                raise error from None
            rank_zero_warn(
                f'`InfoGeometryMonitor(precision="full")`: the model cannot run without autocast ({error}); evaluating '
                'it in the precision of training instead. Say so yourself with precision="training".'
            )
            return logits

    @torch.no_grad()
    def _record(self, step: int, logits: dict[str, Tensor], before: int | None) -> Tensor:
        records: dict[str, Tensor] = {}
        for name, (_, labels) in self._placed.items():
            earlier = None if before is None or before not in self._kept else (before, self._kept[before][name])
            self._states[name], records[name] = extend(
                self._states[name], step, logits[name], labels=labels, before=earlier, chord=self._chord
            )
            if name in self._histories:
                kept = self._histories[name]
                self._histories[name] = history.extend(kept, step, amplitudes(logits[name]), self._made)
        self._made += 1
        labels_of = {name: labels for name, (_, labels) in self._placed.items() if labels is not None}
        weights = self._weights.extend(step, next(iter(records.values())))
        return torch.cat([*records.values(), *weights, *self._markers.extend(step, logits, labels_of, records)])

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
