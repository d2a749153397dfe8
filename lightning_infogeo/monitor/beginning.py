"""What happens before the first step of a fit, and again where a state is restored in the middle of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.monitor import arguments, resume
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.device.weight_densities import NETWORK
from lightning_infogeo.monitor.distributed.collectives import all_decide, first_process_decides
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE, Shard
from lightning_infogeo.monitor.host.marker_runner import MarkerRunner
from lightning_infogeo.monitor.host.neuron_recorder import foreseen
from lightning_infogeo.monitor.host.run_archive import RunArchive
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.readings import Readings
from lightning_infogeo.monitor.record_layout import RecordLayout
from lightning_infogeo.probe import Chosen, held_out
from lightning_infogeo.schedules import Clock
from lightning_infogeo.trainer.clock import read_clock
from lightning_infogeo.trainer.identity import TrainingIdentity
from lightning_infogeo.trainer.optimizer_steps import OptimizerSteps
from lightning_infogeo.trainer.strategies import in_parts
from lightning_infogeo.trajectory import WEIGHTS, Kind, Series, Trajectory


class Prepared(NamedTuple):
    """What all processes know of the records to come.

    Attributes:
        precision: of the model's outputs on the probes.
        dtype: of the vector of a record.
        layout: of this vector.
        sizes: the samples followed on each probe.
    """

    precision: str
    dtype: torch.dtype
    layout: RecordLayout
    sizes: dict[str, int]


class Beginning(Readings):
    """Decides whether a fit goes on with what was recorded, and gets everything ready for its records."""

    lag: int
    strict: bool
    distributed: str
    neurons: Any
    _planner: Planner
    _archivist: RunArchive
    _training: TrainingIdentity
    _steps: OptimizerSteps
    _run: str
    _broken: bool
    _outputs: ModelOutputs | None
    _prepared: Prepared

    @abstractmethod
    def _start_afresh(self) -> None:
        """Forgets everything recorded."""

    @abstractmethod
    def _choose(self, trainer: pl.Trainer) -> dict[str, Chosen]:
        """Returns probes chosen for this training."""

    @abstractmethod
    def _new_recorder(self, trainer: pl.Trainer, chosen: dict[str, Chosen]) -> Recorder:
        """Returns a recorder of these probes."""

    @abstractmethod
    def _record(self, trainer: pl.Trainer, pl_module: pl.LightningModule, clock: Clock, x: int | None) -> None:
        """Makes a record, if one is due."""

    def _begin(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._identify(trainer, pl_module)
        self._broken = self._journal.failed = False
        self._run = first_process_decides(trainer, lambda: self._run)
        self._archivist.locate(trainer)
        all_call = in_parts(trainer) or self._shard(trainer) is not WHOLE
        if all_call:
            # Every process has a loader of its own: the samples are those that the first one would follow.
            self._take(trainer, first_process_decides(trainer, partial(self._choose, trainer)))
            assert self._outputs is not None
            evaluator = self._outputs.evaluator
            evaluator.chunk = first_process_decides(trainer, lambda: evaluator.chunk)
        decide = all_decide if all_call else first_process_decides
        decide(trainer, partial(self._place, trainer, pl_module, all_call))
        self._prepared = Prepared(*decide(trainer, partial(self._prepare, trainer, pl_module)))
        self._link(trainer, pl_module)
        first_process_decides(trainer, partial(self._open_archive, trainer, pl_module))
        self._album.begin()
        self._steps.begin(trainer, pl_module)
        if self._planner.recorded < 0:
            if self._steps.at(trainer) > 0:
                say(f"begins at step {self._steps.at(trainer)} of a training under way: lengths count from there.")
            self._record(trainer, pl_module, self._clock(trainer, batch_idx=-1), x=None)
        self._planner.wake = 0

    def _identify(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Goes on where this is the training recorded, begins anew where nothing but its beginning was recorded.

        Raises:
            ConfigurationError: where it is another one.
        """
        recorded, step = self._planner.recorded, self._steps.at(trainer)
        loaded, same = self._training.loaded, self._training.is_of(trainer, pl_module)
        goes_on = loaded or (same and self._steps.own)
        if recorded < 0 or (recorded == trainer.global_step == 0 and not goes_on):
            if recorded == 0 or self._outputs is not None or self._journal.trajectories:
                self._start_afresh()
        elif not loaded and not same:
            resume.check_same_training(recorded, trainer.global_step)
            resume.refuse_other_training(recorded, trainer.global_step)
        elif self._training.foreign:
            resume.refuse_other_training(recorded, trainer.global_step)
        else:
            resume.check_same_training(recorded, step)
            if loaded:  # its probes are those of the checkpoint, to be compared with those there are now
                self._recorder = self._outputs = None

    def _clock(self, trainer: pl.Trainer, batch_idx: int) -> Clock:
        return read_clock(trainer, batch_idx, self._planner.stride, self._steps.at(trainer), self._steps.own)

    def _shard(self, trainer: pl.Trainer) -> Shard:
        """Returns the part of this process in every probe."""
        shared = self.distributed == "shard" and trainer.world_size > 1
        return Shard(trainer.global_rank, trainer.world_size) if shared else WHOLE

    def _take(self, trainer: pl.Trainer, chosen: dict[str, Chosen]) -> None:
        """Makes what this process needs to call the model on these probes and, unless another does that, record."""
        if self._outputs is not None:  # a further fit of the same training
            resume.check_still_followed(self._outputs.chosen, chosen)
            return
        # In the order in which they were followed so far: what is trained on is the first of its kind.
        known = [name for name in self._journal.trajectories if name in chosen]
        recorder = self._new_recorder(trainer, {name: chosen[name] for name in [*known, *chosen]})
        self._outputs = recorder.outputs
        if trainer.is_global_zero or not in_parts(trainer):
            self._recorder = recorder

    def _place(self, trainer: pl.Trainer, pl_module: pl.LightningModule, taken: bool) -> None:
        """Brings the probes to the device, choosing them unless they are taken; in every process that is to call."""
        if not taken:
            self._take(trainer, self._choose(trainer))
        assert self._outputs is not None
        self._outputs.place(trainer, pl_module)
        arguments.check_joint(self._album.joint, {name: c.probe for name, c in self._outputs.chosen.items()})

    def _prepare(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Prepared | None:
        """Tries the probes; in every process that is to call."""
        if self._recorder is None:
            assert self._outputs is not None
            self._outputs.prepare(trainer, pl_module)
            return None
        recorder = self._recorder
        precision = recorder.prepare(trainer, pl_module)
        if trainer.is_global_zero and self.neurons:
            self._neurons.prepare(pl_module, foreseen(self._planner.schedule, self._clock(trainer, batch_idx=-1)))
        return Prepared(precision, recorder.dtype, recorder.layout, recorder.sizes)

    def _link(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Has the trajectories there are, or new ones, take the records to come."""
        precision, dtype, layout, sizes = self._prepared
        trajectories = self._journal.trajectories
        resume.check_follows(trajectories, layout.quantities)
        for name, names in layout.quantities.items():
            made = Trajectory(names, repr(self._planner.schedule), self.lag, precision)
            resume.check_continues(trajectories.setdefault(name, made), made)
            if self._recorder is not None and self._album.max_records and name in self._recorder.chosen:
                trajectories[name].keep(partial(self._recorder.history, name))
        series = [
            Series(name, _kind(name), names, trained=_kind(name) == "probe" and not held_out(name))
            for name, names in layout.quantities.items()
        ]
        watch = self._journal.watch
        self._journal.watch = MarkerRunner(watch.markers, self.strict, series, sizes, watch.state_dict())
        self._journal.begin(trainer, layout, dtype, pl_module.device)

    def _open_archive(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._recorder is not None:
            recorder = self._recorder
            self._archivist.begin(
                trainer, pl_module, self._journal.trajectories, self.followed, recorder.samples, recorder.exact
            )

    def _take_over(self, trainer: pl.Trainer, pl_module: pl.LightningModule, state: Mapping[str, Any]) -> None:
        """Goes on at once from a state restored in the middle of a fit, of which the host has its part already."""
        self._link(trainer, pl_module)
        if self._recorder is not None:
            self._recorder.restore(dict(state), pl_module)
        self._archivist.cut_back(self._planner.recorded, self.events)


def _kind(series: str) -> Kind:
    return "weights" if series == NETWORK else "weight_group" if series.startswith(WEIGHTS) else "probe"
