"""One fit of a monitor: from the start of training to its end, what is done at every step."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.console import say
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter
from lightning_infogeo.loggers.live_view import LiveView
from lightning_infogeo.markers.runner import announce, moment
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.distributed.collectives import share
from lightning_infogeo.monitor.host.embedding_plots import EmbeddingPlots
from lightning_infogeo.monitor.host.neuron_plots import NeuronPlots
from lightning_infogeo.monitor.host.record_log import PendingRecord, RecordLog, describe_not_finite
from lightning_infogeo.monitor.host.run_archive import RunArchive
from lightning_infogeo.monitor.host.tab_log import TabLog
from lightning_infogeo.monitor.planner import Decision, Planner
from lightning_infogeo.monitor.prepared import Prepared
from lightning_infogeo.schedules import Clock
from lightning_infogeo.trainer.clock import logging_step, read_clock, stops_early
from lightning_infogeo.trainer.optimizer_steps import OptimizerSteps
from lightning_infogeo.trainer.strategies import in_parts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING_KEPT = "`InfoGeometryMonitor.picture()`: nothing has been kept to draw in this process."


class Session(Portable, left_behind={"_closed": True}):
    """What lives while a training is recorded; it is built whole and closed once.

    Records go one way: the planner says which step is due, the recorder makes its vector on the device, all processes
    get it, it is copied to the host, the log takes it in, and loggers, archive and plots get it from there. Each method
    is called in every process at the same hook.

    Args:
        run: identity of what is recorded, from its first record on.
        arguments: of the monitor.
        prepared: what this process records with, whose parts are attributes, too.
        planner: decides when.
        steps: counts optimizer steps.
        log: what was recorded.
        writer: to the loggers.
        plots: of the embedding; None for none.
        neuron_plots: of the neurons.
        archive: of the run.
        tab: what TensorBoard's tab gets.
        replaced: the session of the same fit that this one replaces: what has failed there stays so.

    Attributes:
        failed: whether there will be no more records, in any process.
    """

    def __init__(
        self,
        run: str,
        arguments: Arguments,
        prepared: Prepared,
        planner: Planner,
        steps: OptimizerSteps,
        log: RecordLog,
        writer: LoggerWriter,
        plots: EmbeddingPlots | None,
        neuron_plots: NeuronPlots,
        archive: RunArchive,
        tab: TabLog,
        replaced: Session | None = None,
    ) -> None:
        self.run = run
        self.arguments = arguments
        self.agreed, self.outputs, self.recorder, self.neurons = prepared
        self.planner = planner
        self.steps = steps
        self.log = log
        self.writer = writer
        self.plots = plots
        self.neuron_plots = neuron_plots
        self.archive = archive
        self.tab = tab
        self.failed: bool = replaced is not None and replaced.failed
        self._failed_here: bool = replaced is not None and replaced._failed_here
        self._warned_not_finite: bool = replaced is not None and replaced._warned_not_finite
        self._closed = False
        self._copies = HostCopies()
        self._vectors: dict[int, dict[str, Tensor]] = {}

    # At the hooks.

    def begin(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Records the state before the first step."""
        if self.planner.recorded < 0:
            self._record(trainer, module, self.clock(trainer, batch_idx=-1), x=None)
        self.planner.reconsider()
        pictures = () if self.plots is None else ("curves", "embedding")
        about = self.agreed.layout.series, self.arguments.quantities, pictures, self.tab.active
        view = LiveView.of(self.arguments.prefix, *about)
        for line in self.writer.begin(trainer, view):
            say(line)
        self.tab.write_events(trainer, self.writer, self.log.events, self.log.runner.words())

    def begin_epoch(self) -> None:
        """Looks at the schedule anew: the length of epochs may have changed, and with it what was foreseen."""
        self.planner.reconsider()

    def after_batch(self, trainer: pl.Trainer, module: pl.LightningModule, batch_idx: int) -> None:
        """Writes what has reached the host since the last batch, and makes a record if one is due."""
        self.deliver(trainer)
        if self.plots is not None and self.plots.waiting:
            self.plots.deliver(trainer, self.log)
        if self.neurons.recorder is not None and self.neuron_plots.due(self.planner.recorded):
            self.receive()
            x = logging_step(trainer) - 1
            self.neuron_plots.show(trainer, self.planner.recorded, x, lambda: self.neurons.trajectories)
        self.steps.batch_ended(trainer, module)
        step = self.steps.at(trainer)
        if self.failed or (step < self.planner.wake and not trainer.is_last_batch):
            self.planner.pass_by(step)
        else:
            self._record(trainer, module, self.clock(trainer, batch_idx), logging_step(trainer))

    def after_epoch(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Makes a record that turns out to be due, and writes everything.

        An epoch may end without a last batch (skipped, or shorter than announced), and training with an epoch.
        """
        step = self.steps.at(trainer)
        self._late_record(trainer, module, Clock(step, trainer.current_epoch, True, ended=stops_early(trainer)))

    def after_training(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Makes the last record and draws what is drawn at the end."""
        self._late_record(trainer, module, Clock(self.steps.at(trainer), ended=True))
        self.steps.close()
        x = logging_step(trainer) - 1
        if self.neurons.recorder is not None:
            self.receive()
            self.neuron_plots.finish(trainer, x, lambda: self.neurons.trajectories)
        self._conclude(trainer)

    def break_off(self, trainer: pl.Trainer) -> None:
        """Writes and draws what there is where training ends by an exception."""
        self.deliver(trainer)
        self._conclude(trainer)

    def _conclude(self, trainer: pl.Trainer) -> None:
        """Draws the last record that there is, once, waits for the loggers to have all pictures, and tells the tab."""
        x = logging_step(trainer) - 1
        if x >= 0 and self.recorder and self.plots and self.writer.takes(trainer, "figures"):
            take = None if self._failed_here else self._snapshots
            self.plots.finish(trainer, self.planner.recorded, x, take, self.log)
        self.tab.write_events(trainer, self.writer, self.log.events, self.log.runner.words(), ended=True)

    def deliver(self, trainer: pl.Trainer) -> None:
        """Writes what has reached the host to the loggers, and tells of the events in it.

        Raises:
            FloatingPointError: under ``strict``, where logits were not finite.
        """
        if self._copies:
            self.receive()
        while (record := self.log.pop_pending()) is not None:
            self._write(trainer, record)
        if self.failed and not self._failed_here and self.outputs is not None and self.outputs.shard.ranks > 1:
            self._failed_here = True
            rank_zero_warn(
                "`InfoGeometryMonitor`: recording failed in another process, which says why. Training goes on without "
                "this monitor; what was recorded is kept."
            )

    def receive(self) -> None:
        """Takes in what is on its way from the device; waits for copies that are not complete."""
        self.tab.receive()
        arrived = self.neurons.receive()
        if self.archive.active:
            self._vectors.update(arrived)
        for step, x, (complete, *values) in self._copies.finish():
            vectors = self._vectors.pop(step, {})
            if complete != complete:  # NaN
                self.failed = True
                continue
            record = self.agreed.layout.decode(step, values)
            self.log.append(x, record)
            self.archive.append(record, vectors, self.log.events)

    def end_records(self) -> None:
        """Makes no more records, in this process, as in all others."""
        self.failed = self._failed_here = True

    def close(self) -> None:
        """Leaves the model, the device and the archive; what was recorded can be read."""
        if self._closed:
            return
        self._closed = True
        device_part = self.recorder or self.outputs
        with ExitStack() as stack:  # from the last to the first, each also where another raises
            if device_part is not None:
                stack.callback(device_part.to, torch.device("cpu"))
            drawing = () if self.plots is None else (self.plots.close,)
            for leave in (
                self.writer.release,
                *drawing,
                self.neurons.close,
                self.archive.close,
                self.receive,
                self.steps.close,
            ):
                stack.callback(leave)

    # What is asked of it.

    def clock(self, trainer: pl.Trainer, batch_idx: int) -> Clock:
        """Returns where training stands after a batch, −1 before the first."""
        return read_clock(trainer, batch_idx, self.planner.stride, self.steps.at(trainer), self.steps.own)

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values to go on from; everything in it is on disk where there is an archive."""
        self.receive()
        self.archive.flush()
        return {  # "album" and "watch", of plots and markers, are keys of checkpoints: they stay
            "run": self.run,
            "steps": self.steps.state_dict(),
            "planner": self.planner.state_dict(),
            "budget": dict(self.arguments.afforded or {}),
            **self.log.state_dict(),
            "recorder": {} if self.recorder is None else self.recorder.state_dict(),
            "album": {} if self.plots is None else self.plots.state_dict(),
            "archive": self.archive.state_dict(),
            "tab": self.tab.state_dict(),
            "neurons": {**self.neurons.state_dict(), **self.neuron_plots.state_dict()},
        }

    def picture(self, probe: str | None = None) -> Figure:
        """Returns the trajectory of a probe kept so far as a figure; changes nothing in those to come.

        Args:
            probe: its name; None for the one that the loggers get a picture of.

        Raises:
            KeyError: where there is no such probe.
            RuntimeError: where nothing is kept.
        """
        if self.recorder is None or self.plots is None or self.arguments.embedding is None:
            raise RuntimeError(NOTHING_KEPT)
        if probe is not None and probe not in self.recorder.outputs.chosen:
            raise KeyError(f"`picture(probe={probe!r})`: there are {sorted(self.recorder.outputs.chosen)}.")
        group = self._drawn()[0] if probe is None else (probe,)
        snapshot = self.recorder.snapshots([group])[0]
        path = self.plots.axes.embed(snapshot.probes, snapshot.matrix.float().cpu())
        if path is None:
            raise RuntimeError(NOTHING_KEPT)
        title, colour = figures.answer(group[0], self.log.trajectories[group[0]], self.log.events)
        return figures.embedding(path, title, self.log.events, colour)

    # One record.

    def _record(self, trainer: pl.Trainer, module: pl.LightningModule, clock: Clock, x: int | None) -> None:
        try:
            decision = self.planner.observe(clock)
        except Exception as error:  # by a schedule of the user's own, and so in every process
            self.failed = True
            self._give_up(clock.step, error)
            return
        if not (decision.record or decision.keep):
            return
        values, snapshots, failure = None, None, None
        try:
            values = self._own_record(trainer, module, clock.step, decision)
            if values is not None:
                snapshots = self._copied(trainer, module, clock, x)
        except Exception as error:
            failure = error  # the others wait for this process all the same, and a record that was made is kept
        if decision.record:
            complete = 1.0 if self.recorder is None else self.recorder.complete
            size, dtype = 1 + self.agreed.layout.size, self.agreed.dtype
            blank = partial(torch.full, (size,), torch.nan, dtype=dtype, device=module.device)
            vector = share(trainer, values, blank, complete)
            self._copies.start_copy(clock.step, x, vector)
            # At once, still on the device: a callback that scores the weights of this step must not score them by the
            # record before.
            self.writer.replace_metrics(trainer, self.agreed.layout.keys, self.agreed.layout.values(vector, 1))
        if snapshots is not None and self.plots is not None and x is not None:
            self.plots.post(clock.step, x, snapshots)
        if failure is not None:
            self._give_up(clock.step, failure)

    def _own_record(
        self, trainer: pl.Trainer, module: pl.LightningModule, step: int, decision: Decision
    ) -> Tensor | None:
        """Returns this process's record, where one is due and it makes it."""
        if self.recorder is not None and not self._failed_here:
            return self.recorder.step(trainer, module, step, decision, self.planner.kept)
        if self.outputs is not None and in_parts(trainer):
            # The first process needs this one's part of the model; it says what went wrong in all of them.
            with nullcontext() if self.arguments.strict else suppress(Exception):
                self.outputs.accompany(trainer, module, decision.record)
        elif self.recorder is not None and decision.record:
            self.recorder.absent()
        return None

    def _copied(
        self, trainer: pl.Trainer, module: pl.LightningModule, clock: Clock, x: int | None
    ) -> list[Snapshot] | None:
        """Starts the copies of what goes with a record; returns what a picture of it needs, where one is due."""
        assert self.recorder is not None
        self.neurons.record(clock.step, module)
        if self.archive.active:
            self.archive.start_copy(clock.step, self.recorder.predictions())
        if self.tab.due(clock.ended or clock.step == clock.final) and (rows := self.recorder.packed()) is not None:
            self.tab.start_copy(clock.step, rows)
        drawn = self.plots is not None and x is not None and self.plots.due(trainer, clock.step, clock.final)
        return self._snapshots() if drawn else None

    def _snapshots(self) -> list[Snapshot]:
        assert self.recorder is not None
        assert self.plots is not None
        with self.plots.budget.spending():
            return self.recorder.snapshots(self._drawn())

    def _drawn(self) -> list[tuple[str, ...]]:
        """Which probes are drawn, and which of them together."""
        assert self.recorder is not None
        assert self.arguments.embedding is not None
        held_out = [one.name for one in self.agreed.layout.series if one.kind == "probe" and not one.trained]
        return self.arguments.embedding.drawn(list(self.recorder.outputs.chosen), held_out)

    def _late_record(self, trainer: pl.Trainer, module: pl.LightningModule, clock: Clock) -> None:
        """Makes what turns out to be due after Lightning has counted the batch, and writes everything."""
        self.deliver(trainer)
        if not self.failed:
            self._record(trainer, module, clock, logging_step(trainer) - 1)
            self.deliver(trainer)

    def _write(self, trainer: pl.Trainer, record: PendingRecord) -> None:
        self.writer.write_scalars(trainer, record.x, record.scalars)
        words = self.log.runner.words()
        self.tab.write(trainer, self.writer, record)
        self.tab.write_events(trainer, self.writer, self.log.events, words)
        self.writer.show_verdict(trainer, moment(words))
        self.writer.write_events(trainer, self.log.events, record.events, record.x)
        for event in record.events:
            if self.recorder is not None:
                self.recorder.mark(event.probe, event.step)
        if record.lost:
            self._report_not_finite(record)
        for event in record.events:
            announce(event, self.arguments.on_event, strict=self.arguments.strict)
        share = self.arguments.stop_after
        if share is not None and not trainer.should_stop and self.log.runner.flag_has_stood(record.step, share):
            trainer.should_stop = True
            say(f"stops the training at step {record.step}: a flag of overfitting stands (stop_after={share:g}).")

    def _report_not_finite(self, record: PendingRecord) -> None:
        message = describe_not_finite(record.step, record.lost, self.log.trajectories)
        if self.arguments.strict:
            raise FloatingPointError(message)
        if not self._warned_not_finite:
            self._warned_not_finite = True
            rank_zero_warn(message)

    def _give_up(self, step: int, error: Exception) -> None:
        """Gives up recording. Other processes wait for the next record: it will be NaN and say so to them."""
        if self.arguments.strict:
            raise error
        self._failed_here = True
        warnings.warn(  # not of the first process alone: this may be another
            f"`InfoGeometryMonitor`: recording at step {step} raised {type(error).__name__}: {error}. Training goes on "
            "without this monitor; what was recorded is kept.",
            stacklevel=2,
        )
