"""The callback: Lightning's hooks, and which part of the package answers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from lightning_infogeo.distributions import Distribution
from lightning_infogeo.markers import Event, Marker
from lightning_infogeo.monitor import arguments
from lightning_infogeo.monitor.album import Album
from lightning_infogeo.monitor.clock import read_clock
from lightning_infogeo.monitor.herald import Herald
from lightning_infogeo.monitor.journal import Journal
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.processes import first_process_decides, refuse_sharded, share
from lightning_infogeo.monitor.readings import Readings
from lightning_infogeo.monitor.recorder import Recorder
from lightning_infogeo.monitor.sample_markers import SampleMarkers
from lightning_infogeo.monitor.settings import EmbeddingSettings, bytes_of
from lightning_infogeo.monitor.watch import Watch
from lightning_infogeo.monitor.weights import Weights
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Evaluator, Probe, discover, training_batch_size
from lightning_infogeo.report import takes_figures
from lightning_infogeo.schedules import Clock, Schedule
from lightning_infogeo.trajectory import Trajectory

_CHUNK = 256


class InfoGeometryMonitor(Readings, pl.Callback):
    r"""Records the information geometry of a classifier's training, live beside its normal metrics.

    The model's predictions on a few fixed samples, a *probe*, are a point on a product of spheres. The callback follows
    that point through training and logs, to every logger of the Trainer and into ``trainer.callback_metrics``, as
    ``{prefix}/{probe}/{quantity}``: velocity, length, displacement, straightness, roughness, entropy and, for a probe
    with labels, distance_to_truth and progress (``trajectory.extend`` defines them); and as ``{prefix}/markers``,
    ``overfitting`` and ``overfitting_onset`` how many events the markers have seen, whether overfitting is among them,
    and its step. Training is bit for bit what it is without.

    Args:
        probes: "auto" takes samples of the training and of every validation set; or a :class:`Probe`, a Dataset, a
            DataLoader, or a dict of these by name. Probes named ``train*`` count as trained on, all others as held out.
        probe_size: the most samples to take of a data set or loader.
        schedule: when to record: "log" for :class:`LogSpaced`, an int for every n optimizer steps, or a
            :class:`Schedule`. The state before training and the last step are always recorded.
        lag: optimizer steps over which velocity is measured, from s − lag to s. With 0 it is the chord over the
            recording interval ÷ the interval: cheaper, but on a log-spaced schedule it falls by itself.
        output: logits of "categorical" classes (also of maps), "bernoulli", "tokens", or a :class:`Distribution`.
        logits_fn: f(pl_module, inputs) -> logits, for a model not called as ``pl_module(inputs)``.
        markers: what watches for events: "default" for one of each kind, a list of markers, or () for none.
        embedding: whether to keep a bounded history of records and draw it, by InPCA, as images in TensorBoard (or any
            logger with ``log_figure`` or ``log_image``); or an :class:`EmbeddingSettings`.
        parameters: whether to follow the weights' distribution too; or a :class:`ParameterDensity`.
        precision: "full" evaluates without autocast, since half-precision logits overstate small steps several-fold;
            "training" in the trainer's own precision.
        memory: bytes on the device for all that is kept, as an int or such as "256MB"; decides how many records.
        on_event: called with each :class:`Event` as it becomes known, in every process.
        on_overfitting: "flag", or "stop" to end the training when overfitting is flagged, in all processes at once.
        strict: whether a failing record or logger, or logits that are not finite, raise instead of warning.
        prefix: what the keys begin with.

    Attributes:
        trajectories: what was recorded, a :class:`Trajectory` for each probe by name.
        events: what the markers have seen, a list of :class:`Event`.
        verdicts: flagged, clean or undecidable, for each held-out probe with labels by name.

    Raises:
        ConfigurationError: for impossible arguments at once, for all else that cannot work before the first step.

    Example::

        trainer = Trainer(callbacks=[InfoGeometryMonitor()])

    .. tip:: Several monitors in one Trainer need a ``prefix`` each, which also names their state in checkpoints.

    .. note:: Several processes: DDP. The first evaluates the module and sends a small vector to the others.
    """

    def __init__(
        self,
        # Unsubscripted: jsonargparse finds no subclasses of Dataset[Any] for a class_path in YAML.
        probes: Literal["auto"]
        | Probe
        | Dataset  # type: ignore[type-arg]
        | DataLoader  # type: ignore[type-arg]
        | Mapping[str, Probe | Dataset | DataLoader] = "auto",  # type: ignore[type-arg]
        probe_size: int = 512,
        schedule: Literal["log"] | int | Schedule = "log",
        lag: int = 1,
        output: Literal["categorical", "bernoulli", "tokens"] | Distribution = "categorical",
        logits_fn: Callable[..., Any] | None = None,
        markers: Literal["default"] | Sequence[Marker] = "default",
        embedding: bool | EmbeddingSettings = True,
        parameters: bool | ParameterDensity = False,
        precision: Literal["full", "training"] = "full",
        memory: int | str = "256MB",
        on_event: Callable[[Event], object] | None = None,
        on_overfitting: Literal["flag", "stop"] = "flag",
        strict: bool = False,
        prefix: str = "infogeo",
    ) -> None:
        super().__init__()
        self.probes = probes
        self.probe_size = probe_size
        self.schedule = schedule
        self.lag = lag
        self.output = output
        self.logits_fn = logits_fn
        self.markers = markers
        self.embedding = embedding
        self.parameters = parameters
        self.precision = precision
        self.memory = memory
        self.on_event = on_event
        self.on_overfitting = on_overfitting
        self.strict = strict
        self.prefix = prefix
        arguments.check_all(self)
        self._planner = Planner(arguments.as_schedule(schedule), lag)
        self._journal = Journal(prefix, strict, Watch(arguments.as_markers(markers)))
        self._herald = Herald(on_event, on_overfitting, strict)
        self._album = Album(arguments.as_settings(embedding), self._journal.publisher)
        self._recorder: Recorder | None = None
        self._loaded: dict[str, Any] = {}
        self._dtype = torch.float32
        self._broken = False

    @property
    @override
    def state_key(self) -> str:
        return f"{type(self).__name__}[{self.prefix}]"

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            refuse_sharded(trainer)

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        arguments.check_same_training(self._planner.recorded, trainer.global_step)
        self._broken = False
        prepare = partial(self._prepare, trainer, pl_module)
        precision, self._dtype, quantities, sizes = first_process_decides(trainer, prepare)
        arguments.check_follows(self._journal.trajectories, quantities)
        for name, names in quantities.items():
            made = Trajectory(names, repr(self._planner.schedule), self.lag, precision)
            arguments.check_continues(self._journal.trajectories.setdefault(name, made), made)
            if self._recorder is not None and self._album.max_records and name in self._recorder.chosen:
                self._journal.trajectories[name].keep(partial(self._recorder.history, name))
        self._journal.watch.begin(self._journal.trajectories, sizes)
        self._journal.begin(trainer, self._dtype, pl_module.device)
        self._album.begin()
        if self._planner.recorded < 0:
            clock = read_clock(trainer, batch_idx=-1, stride=self._planner.stride)
            self._record(trainer, pl_module, clock, x=None)
        self._planner.wake = 0

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
        step = trainer.global_step
        if self._journal.failed or (step < self._planner.wake and not trainer.is_last_batch):
            self._planner.pass_by(step)
        else:
            clock = read_clock(trainer, batch_idx, self._planner.stride)
            self._record(trainer, pl_module, clock, x=trainer.fit_loop.epoch_loop._batches_that_stepped)

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
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
        if recorder is not None and self._album.max_records and takes_figures(trainer) and not self._broken:
            x = trainer.fit_loop.epoch_loop._batches_that_stepped - 1
            groups = self._album.groups(recorder.chosen)
            self._album.finish(trainer, self._planner.recorded, x, lambda: recorder.pictures(groups), self.events)

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        try:
            self._deliver(trainer)
        except Exception as error:
            rank_zero_warn(f"`InfoGeometryMonitor`: {type(error).__name__} while writing the last records: {error}")

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._recorder is not None:
            self._recorder.release()

    @override
    def state_dict(self) -> dict[str, Any]:
        if self._planner.recorded < 0:
            return {}
        return {
            "planner": self._planner.state_dict(),
            "trajectories": self._journal.state_dict(),
            "watch": self._journal.watch.state_dict(),
            "recorder": self._loaded if self._recorder is None else self._recorder.state_dict(),
            "album": self._album.state_dict(),
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._planner.load_state_dict(state_dict["planner"])
        self._journal.load_state_dict(state_dict["trajectories"])
        self._journal.watch.load_state_dict(state_dict["watch"])
        self._loaded = state_dict["recorder"]
        self._album.load_state_dict(state_dict["album"])
        if self._recorder is not None:
            self._recorder.load_state_dict(self._loaded)

    def _prepare(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Any:
        """Chooses probes where there are none yet and tries them; in the first process only."""
        if self._recorder is None:
            chunk = training_batch_size(trainer.train_dataloader) or _CHUNK
            self._recorder = Recorder(
                discover(self.probes, trainer, self.probe_size),
                Evaluator(self.logits_fn, self.precision, chunk, arguments.as_distribution(self.output)),
                chord=self.lag == 0,
                max_records=self._album.max_records,
                memory=bytes_of(self.memory),
                markers=SampleMarkers(self._journal.watch.sample_markers),
                weights=Weights(arguments.as_density(self.parameters)),
            )
            if self._loaded:
                self._recorder.load_state_dict(self._loaded)
        recorder = self._recorder
        arguments.check_joint(self._album.joint, self.followed)
        precision = recorder.prepare(trainer, pl_module)
        return precision, recorder.dtype, recorder.quantities, recorder.sizes

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

    def _record(self, trainer: pl.Trainer, pl_module: pl.LightningModule, clock: Clock, x: int | None) -> None:
        decision = self._planner.observe(clock)
        values, error, pictures = None, None, None
        if self._recorder is not None and not self._broken and (decision.record or decision.keep):
            try:
                values = self._recorder.step(trainer, pl_module, clock.step, decision, self._planner.kept)
                if decision.record and x is not None and self._album.due(trainer, clock.step):
                    pictures = self._recorder.pictures(self._album.groups(self._recorder.chosen))
            except Exception as raised:
                error = raised
        if decision.record:
            vector = share(trainer, values, self._journal.size, self._dtype, pl_module.device)
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
        rank_zero_warn(
            f"`InfoGeometryMonitor`: recording at step {step} raised {type(error).__name__}: {error}. Training goes on "
            "without this monitor; what was recorded is kept."
        )
