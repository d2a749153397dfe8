"""Lightning's hooks, and which part of the package answers each."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from functools import partial
from typing import Any

from typing_extensions import override

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import takes_figures
from lightning_infogeo.monitor.beginning import Beginning
from lightning_infogeo.monitor.distributed.collectives import share
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE
from lightning_infogeo.monitor.host.announcements import Herald
from lightning_infogeo.monitor.resume import resumable
from lightning_infogeo.schedules import Clock
from lightning_infogeo.trainer.strategies import check_packages, check_strategy, in_parts

_LENT = ("log", "log_dict")
"""Methods of the model that Lightning puts into callbacks: through them a copy would have a copy of the model."""


class Hooks(Beginning, pl.Callback):
    """The acting side of ``InfoGeometryMonitor``, which fills in the parts."""

    strict: bool
    parameters: Any
    _herald: Herald

    def __getstate__(self) -> dict[str, Any]:
        """Returns the attributes of a copy."""
        return {name: value for name, value in vars(self).items() if name not in _LENT}

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            check_packages(trainer, pl_module)
            check_strategy(trainer, self.distributed, parameters=self.parameters, neurons=self.neurons)
            self._training.set_up()
            self._catch_up()

    @override
    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        known = bool((checkpoint.get("callbacks") or {}).get(self.state_key))
        self._training.checkpoint_loaded(trainer.state.fn == "fit", known)
        if self._training.running and self._training.foreign:
            self._lose_track(
                "a checkpoint without this monitor's state was restored in the middle of the fit, so that what follows "
                "does not continue the path"
            )

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with resumable(self.state_key, self._training.loaded):
            self._begin(trainer, pl_module)
        self._training.begin(trainer, pl_module)
        if self._parcel.in_child:
            self._parcel.call_at_exit(partial(self._send_home, trainer))

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
        self._steps.batch_ended(trainer, pl_module)
        step = self._steps.at(trainer)
        if self._journal.failed or (step < self._planner.wake and not trainer.is_last_batch):
            self._planner.pass_by(step)
        else:
            self._record(
                trainer, pl_module, self._clock(trainer, batch_idx), x=trainer.fit_loop.epoch_loop._batches_that_stepped
            )

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:  # not before training, nor beside it
            self._deliver(trainer)

    @override
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # An epoch may end without a last batch (skipped, or shorter than announced), and training with an epoch. Ask
        # here, where no averaging callback has swapped the weights yet.
        stops = trainer.should_stop and trainer.fit_loop._can_stop_early
        step = self._steps.at(trainer)
        self._late_record(trainer, pl_module, Clock(step, trainer.current_epoch, True, ended=stops))

    @override
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._late_record(trainer, pl_module, Clock(self._steps.at(trainer), ended=True))
        self._steps.end()
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
        self._send_home(trainer)
        try:
            self._release()  # Lightning calls no `teardown` after an exception
        except Exception as error:  # a device that has failed may give nothing back
            rank_zero_warn(f"`InfoGeometryMonitor`: {type(error).__name__} while leaving the device: {error}")

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            self._send_home(trainer)
        self._release()

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

    def _release(self) -> None:
        """Leaves the model, the device and the archive; what was recorded can be read, and another fit can go on."""
        for name in _LENT:
            vars(self).pop(name, None)
        self._steps.end()
        self._training.end()
        self._archivist.close()
        self._neurons.release()
        self._journal.publisher.release()
        if self._recorder is not None:
            self._recorder.release()
        elif self._outputs is not None:
            self._outputs.release()

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
            vector = share(trainer, values, self._journal.layout.size, self._prepared.dtype, pl_module.device, made)
            self._journal.post(trainer, clock.step, x, vector)
        if pictures is not None and x is not None:
            self._album.post(clock.step, x, pictures)
        if error is not None:
            self._fail(clock.step, error)

    @abstractmethod
    def _packed(self) -> dict[str, Any]:
        """Returns what was recorded, as tensors and plain values."""

    def _send_home(self, trainer: pl.Trainer) -> None:
        """Leaves what was recorded to the process that has started this one; it is the same in all of them."""
        if not (self._parcel.in_child and trainer.local_rank == 0 and self._training.running):
            return
        try:
            self._parcel.send(self._packed())
        except Exception as error:
            rank_zero_warn(
                "`InfoGeometryMonitor`: what was recorded in this process cannot be handed to the one that started it "
                f'({type(error).__name__}: {error}); the loggers have its curves, and archive="auto" would keep all.'
            )

    def _lose_track(self, why: str) -> None:
        """Gives up recording, in every process, since training is not the one recorded any more."""
        self._training.forget()
        self._broken = self._journal.failed = True
        message = (
            f"`InfoGeometryMonitor`: {why}. Training goes on without this monitor; what was recorded is kept, and is "
            "in no checkpoint from here on."
        )
        if self.strict:
            raise ConfigurationError(message)
        rank_zero_warn(message)

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
