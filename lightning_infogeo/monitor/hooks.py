"""Lightning's hooks, and which part of the package answers each."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn
from typing_extensions import override

from lightning_infogeo.monitor import arguments
from lightning_infogeo.monitor.archivist import Archivist
from lightning_infogeo.monitor.clock import read_clock
from lightning_infogeo.monitor.explained import resumable
from lightning_infogeo.monitor.herald import Herald
from lightning_infogeo.monitor.neurons import foreseen
from lightning_infogeo.monitor.outputs import Outputs
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.processes import all_decide, check_strategy, first_process_decides, in_parts, share
from lightning_infogeo.monitor.readings import Readings
from lightning_infogeo.monitor.recorder import Recorder
from lightning_infogeo.monitor.shards import WHOLE, Shard
from lightning_infogeo.probe import Chosen
from lightning_infogeo.report import takes_figures
from lightning_infogeo.schedules import Clock
from lightning_infogeo.trajectory import Trajectory


class Hooks(Readings, pl.Callback, ABC):
    """The acting side of ``InfoGeometryMonitor``, which fills in the parts."""

    lag: int
    strict: bool
    parameters: Any
    neurons: Any
    distributed: str
    _planner: Planner
    _herald: Herald
    _archivist: Archivist
    _loaded: dict[str, Any]
    _dtype: torch.dtype
    _broken: bool
    _resumed: bool
    _outputs: Outputs | None

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            check_strategy(trainer, self.distributed, parameters=self.parameters, neurons=self.neurons)

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with resumable(self.state_key, self._resumed):
            self._begin(trainer, pl_module)
        self._resumed = False

    @override
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._planner.wake = 0  # the length of epochs may have changed, and with it what was foreseen

    @override
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._journal.waiting:
            self._deliver(trainer)
        if self._album.waiting:
            self._album.attempt(lambda: self._album.deliver(trainer, self.events))
        self._neurons.show(trainer, self._planner.recorded, trainer.fit_loop.epoch_loop._batches_that_stepped - 1)
        step = trainer.global_step
        if self._journal.failed or (step < self._planner.wake and not trainer.is_last_batch):
            self._planner.pass_by(step)
        else:
            clock = read_clock(trainer, batch_idx, self._planner.stride)
            self._record(trainer, pl_module, clock, x=trainer.fit_loop.epoch_loop._batches_that_stepped)

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:  # not before training, nor beside it
            self._deliver(trainer)

    @override
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # An epoch may end without a last batch (skipped, or shorter than announced), and training with an epoch. Ask
        # here, where no averaging callback has swapped the weights yet.
        stops = trainer.should_stop and trainer.fit_loop._can_stop_early
        self._late_record(trainer, pl_module, Clock(trainer.global_step, trainer.current_epoch, True, ended=stops))

    @override
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._late_record(trainer, pl_module, Clock(trainer.global_step, ended=True))
        recorder = self._recorder
        self._neurons.finish(trainer, trainer.fit_loop.epoch_loop._batches_that_stepped - 1)
        if recorder is not None and self._album.max_records and takes_figures(trainer) and not self._broken:
            x = trainer.fit_loop.epoch_loop._batches_that_stepped - 1
            take = partial(self._album.take, recorder.chosen, recorder.pictures)
            self._album.finish(trainer, self._planner.recorded, x, take, self.events)

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        try:
            self._deliver(trainer)
        except Exception as error:
            rank_zero_warn(f"`InfoGeometryMonitor`: {type(error).__name__} while writing the last records: {error}")
        self._archivist.close()  # Lightning calls no `teardown` after an exception

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._recorder is not None:
            self._recorder.release()
        elif self._outputs is not None:
            self._outputs.release()
        self._neurons.release()
        self._journal.publisher.release()
        self._archivist.close()

    @override
    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # Here and not in `state_dict`, since a checkpoint is made by all processes, and this asks all of them.
        state = checkpoint.get("callbacks", {}).get(self.state_key)
        if self._recorder is not None and state:
            joined = self._recorder.join(state["recorder"], trainer.strategy.root_device)
            if not joined:  # a process has lost its part of the last record: there is nothing to go on from
                del checkpoint["callbacks"][self.state_key]

    def _shard(self, trainer: pl.Trainer) -> Shard:
        """Returns the part of this process in every probe."""
        shared = self.distributed == "shard" and trainer.world_size > 1
        return Shard(trainer.global_rank, trainer.world_size) if shared else WHOLE

    @abstractmethod
    def _choose(self, trainer: pl.Trainer) -> dict[str, Chosen]:
        """Returns probes chosen for this training."""

    @abstractmethod
    def _new_recorder(self, trainer: pl.Trainer, chosen: dict[str, Chosen]) -> Recorder:
        """Returns a recorder of these probes."""

    def _begin(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        arguments.check_same_training(self._planner.recorded, trainer.global_step)
        self._broken = False
        self._archivist.locate(trainer)
        all_call = in_parts(trainer) or self._shard(trainer) is not WHOLE
        if all_call:
            if self._outputs is None:
                # Every process has a loader of its own: the samples are those that the first one would follow.
                self._take(trainer, first_process_decides(trainer, partial(self._choose, trainer)))
            assert self._outputs is not None
            evaluator = self._outputs.evaluator
            evaluator.chunk = first_process_decides(trainer, lambda: evaluator.chunk)
        decide = all_decide if all_call else first_process_decides
        decide(trainer, partial(self._place, trainer, pl_module))
        precision, self._dtype, quantities, sizes = decide(trainer, partial(self._prepare, trainer, pl_module))
        arguments.check_follows(self._journal.trajectories, quantities)
        for name, names in quantities.items():
            made = Trajectory(names, repr(self._planner.schedule), self.lag, precision)
            arguments.check_continues(self._journal.trajectories.setdefault(name, made), made)
            if self._recorder is not None and self._album.max_records and name in self._recorder.chosen:
                self._journal.trajectories[name].keep(partial(self._recorder.history, name))
        first_process_decides(trainer, partial(self._open_archive, trainer, pl_module))
        self._journal.watch.begin(self._journal.trajectories, sizes)
        self._journal.begin(trainer, self._dtype, pl_module.device)
        self._album.begin()
        if self._planner.recorded < 0:
            clock = read_clock(trainer, batch_idx=-1, stride=self._planner.stride)
            self._record(trainer, pl_module, clock, x=None)
        self._planner.wake = 0

    def _take(self, trainer: pl.Trainer, chosen: dict[str, Chosen]) -> None:
        """Makes what this process needs to call the model on these probes and, unless another does that, record."""
        recorder = self._new_recorder(trainer, chosen)
        self._outputs = recorder.outputs
        if trainer.is_global_zero or not in_parts(trainer):
            self._recorder = recorder

    def _place(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Brings the probes to the device, choosing them where there are none yet; in every process that is to call."""
        if self._outputs is None:
            self._take(trainer, self._choose(trainer))
        assert self._outputs is not None
        self._outputs.place(trainer, pl_module)
        arguments.check_joint(self._album.joint, {name: c.probe for name, c in self._outputs.chosen.items()})

    def _prepare(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Any:
        """Tries the probes; in every process that is to call."""
        if self._recorder is None:
            assert self._outputs is not None
            self._outputs.prepare(trainer, pl_module)
            return None
        recorder = self._recorder
        precision = recorder.prepare(trainer, pl_module)
        if trainer.is_global_zero and self.neurons:
            clock = read_clock(trainer, batch_idx=-1, stride=self._planner.stride)
            self._neurons.prepare(pl_module, foreseen(self._planner.schedule, clock))
        return precision, recorder.dtype, recorder.quantities, recorder.sizes

    def _open_archive(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._recorder is not None:
            recorder = self._recorder
            self._archivist.begin(
                trainer, pl_module, self._journal.trajectories, self.followed, recorder.samples, recorder.exact
            )

    def _late_record(self, trainer: pl.Trainer, pl_module: pl.LightningModule, clock: Clock) -> None:
        """Makes what turns out to be due after Lightning has counted the batch, and delivers everything."""
        self._deliver(trainer)
        if not self._journal.failed:
            self._record(trainer, pl_module, clock, x=trainer.fit_loop.epoch_loop._batches_that_stepped - 1)
            self._deliver(trainer)

    def _deliver(self, trainer: pl.Trainer) -> None:
        """Publishes what has reached the host, and announces the events in it."""
        for event in self._journal.deliver(trainer):
            if self._recorder is not None:
                self._recorder.mark(event.probe, event.step)
            self._herald.announce(trainer, event)
        if self._journal.failed and not self._broken and self._shard(trainer) is not WHOLE:
            self._broken = True
            rank_zero_warn(
                "`InfoGeometryMonitor`: recording failed in another process, which says why. Training goes on without "
                "this monitor; what was recorded is kept."
            )

    def _record(self, trainer: pl.Trainer, pl_module: pl.LightningModule, clock: Clock, x: int | None) -> None:
        try:
            decision = self._planner.observe(clock)
        except Exception as raised:  # by a schedule of the user's own, and so in every process
            self._journal.failed = True
            self._fail(clock.step, raised)
            return
        values, error, pictures = None, None, None
        due = decision.record or decision.keep
        if self._recorder is not None and not self._broken and due:
            try:
                values = self._recorder.step(trainer, pl_module, clock.step, decision, self._planner.kept)
                if decision.record:
                    self._neurons.record(clock.step, pl_module)
                if decision.record and self._archivist.active:
                    self._archivist.ship(clock.step, self._recorder.predictions())
                if decision.record and x is not None and self._album.due(trainer, clock.step):
                    pictures = self._album.take(self._recorder.chosen, self._recorder.pictures)
            except Exception as raised:
                error = raised
        elif self._outputs is not None and in_parts(trainer) and due:
            try:
                self._outputs.accompany(trainer, pl_module)
            except Exception as raised:  # as in the first process, which says so
                error = raised if self.strict else None
        elif self._recorder is not None and decision.record:
            self._recorder.absent()
        if decision.record:
            made = 1.0 if self._recorder is None else self._recorder.pool.agreed
            vector = share(trainer, values, self._journal.size, self._dtype, pl_module.device, made)
            self._journal.post(trainer, clock.step, x, vector)
        if pictures is not None and x is not None:
            self._album.post(clock.step, x, pictures)
        if error is not None:
            self._fail(clock.step, error)

    def _fail(self, step: int, error: Exception) -> None:
        """Gives up recording. Other processes wait for the next record: it will be NaN and say so to them."""
        if self.strict:
            raise error
        self._broken = True
        warnings.warn(  # not of the first process alone: this may be another
            f"`InfoGeometryMonitor`: recording at step {step} raised {type(error).__name__}: {error}. Training goes on "
            "without this monitor; what was recorded is kept.",
            stacklevel=2,
        )
