"""The callback: what a user gives and gets, and what a checkpoint keeps of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

import lightning_infogeo.lightnings as pl
from lightning_infogeo.distributions import Distribution
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.markers import Event, Marker
from lightning_infogeo.monitor import arguments
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.device.sample_markers import SampleMarkers
from lightning_infogeo.monitor.device.weight_densities import WeightDensities, groups_in
from lightning_infogeo.monitor.distributed.collectives import agreement
from lightning_infogeo.monitor.hooks import Hooks
from lightning_infogeo.monitor.host.announcements import Herald
from lightning_infogeo.monitor.host.embedding_plots import EmbeddingPlots
from lightning_infogeo.monitor.host.marker_runner import MarkerRunner
from lightning_infogeo.monitor.host.neuron_recorder import Neurons
from lightning_infogeo.monitor.host.record_log import RecordLog
from lightning_infogeo.monitor.host.run_archive import RunArchive
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.resume import resumable
from lightning_infogeo.monitor.settings import ArchiveSettings, EmbeddingSettings, bytes_of
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Chosen, Evaluator, Probe, discover, training_batch_size
from lightning_infogeo.reference.references import References
from lightning_infogeo.schedules import Schedule
from lightning_infogeo.topology import NeuronSettings
from lightning_infogeo.trainer.identity import TrainingIdentity
from lightning_infogeo.trainer.optimizer_steps import OptimizerSteps
from lightning_infogeo.trainer.spawned import SpawnedResults
from lightning_infogeo.trajectory.history import History

_CHUNK = 256

HOST = 2
"""Inputs of probes take at most so many times ``memory`` on the host."""


class InfoGeometryMonitor(Hooks):
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
        logits_fn: f(pl_module, inputs) -> logits, for a model not called as ``pl_module(inputs)``, with a mapping of
            its parameters by keyword, or with a tuple of as many as it needs.
        markers: what watches for events: "default" for one of each kind, a list of markers, or () for none.
        embedding: whether to keep a bounded history of records and draw it, by InPCA, as images in TensorBoard (or any
            logger with ``log_figure`` or ``log_image``); or an :class:`EmbeddingSettings`.
        parameters: whether to follow the weights' distribution too; or a :class:`ParameterDensity`.
        archive: "auto" to write everything recorded, predictions included, to a Zarr store beside the logs; a path or
            URL; or an :class:`ArchiveSettings`. :meth:`Trajectory.open` reads it back.
        neurons: whether to follow the incoming weights of neurons: True for all layers, a list of their names, or
            :class:`NeuronSettings`; their graphs and sheets are drawn at the end.
        reference: archive of a finished run, or several: the running one is measured by them at equal progress, as
            ``distance_to_reference`` and ``lead``, and drawn on their axes, which never move. Followed are the probes
            that they hold.
        precision: "full" evaluates without autocast, since half-precision logits overstate small steps several-fold;
            "training" in the trainer's own precision.
        memory: bytes on the device for all that is kept, as an int or such as "256MB"; decides how many records, and
            where samples are large how many of these: inputs take at most a quarter of it on an accelerator, beyond
            which they are brought there call by call, and twice as much on the host.
        distributed: under DDP with "rank_zero", which is "auto", the first process evaluates the model; with "shard"
            each process evaluates and keeps a part of every probe. Under FSDP2 all evaluate it, and the first records.
        split: f(batch) -> (inputs, labels), of batches in which these are not found by themselves (the first two of a
            tuple; labels under "label", "labels", "y", "target" or "targets" in mappings, dataclasses and objects).
        on_event: called with each :class:`Event` as it becomes known, in every process.
        on_overfitting: "flag", or "stop" to end the training when overfitting is flagged, in all processes at once.
        strict: whether a failing record, marker or logger, or logits that are not finite, raise instead of warning.
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

    .. note:: Several processes: DDP, FSDP2, tensor parallelism. All have the same trajectories and events;
        ``distributed`` says who does what.
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
        archive: str | os.PathLike[str] | ArchiveSettings | None = None,
        neurons: bool | Sequence[str] | NeuronSettings = False,
        reference: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        precision: Literal["full", "training"] = "full",
        memory: int | str = "256MB",
        distributed: Literal["auto", "rank_zero", "shard"] = "auto",
        split: Callable[..., Any] | None = None,
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
        self.archive = archive
        self.neurons = neurons
        self.reference = reference
        self.precision = precision
        self.memory = memory
        self.distributed = distributed
        self.split = split
        self.on_event = on_event
        self.on_overfitting = on_overfitting
        self.strict = strict
        self.prefix = prefix
        arguments.check_all(self)
        self._training = TrainingIdentity()
        self._parcel = SpawnedResults()
        self._start_afresh()

    @override
    def _start_afresh(self) -> None:
        before = self.__dict__.get("_archivist")
        publisher = LoggerWriter(self.prefix, self.strict)
        self._run = uuid.uuid4().hex
        self._planner = Planner(arguments.as_schedule(self.schedule), self.lag)
        self._steps = OptimizerSteps()
        self._neurons = Neurons(arguments.as_neurons(self.neurons), publisher)
        self._archivist = RunArchive(arguments.as_archive(self.archive), self.prefix, self.strict, self._neurons)
        if before is not None:
            self._archivist.replace(before)
        self._journal = RecordLog(
            publisher, MarkerRunner(arguments.as_markers(self.markers), self.strict), self._archivist
        )
        self._herald = Herald(self.on_event, self.on_overfitting, self.strict)
        self._references = References(arguments.as_paths(self.reference))
        self._album = EmbeddingPlots(arguments.as_settings(self.embedding), publisher, self._references.compose)
        self._recorder: Recorder | None = None
        self._outputs: ModelOutputs | None = None
        self._loaded: dict[str, Any] = {}
        self._broken = False

    @property
    @override
    def state_key(self) -> str:
        return f"{type(self).__name__}[{self.prefix}]"

    @override
    def state_dict(self) -> dict[str, Any]:
        self._training.state_saved()
        if self._planner.recorded < 0 or self._training.lost:
            return {}
        self._journal.receive()
        self._archivist.flush()
        return {
            "run": self._run,
            "steps": self._steps.state_dict(),
            "planner": self._planner.state_dict(),
            "trajectories": self._journal.state_dict(),
            "undelivered": self._journal.undelivered(),
            "watch": self._journal.watch.state_dict(),
            "recorder": self._loaded if self._recorder is None else self._recorder.state_dict(),
            "album": self._album.state_dict(),
            "archive": self._archivist.state_dict(),
            "neurons": self._neurons.state_dict(),
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not self._training.accept_state():
            return
        if self._training.running and state_dict.get("run", self._run) != self._run:
            self._lose_track("a checkpoint of another training was restored in the middle of the fit")
        else:
            self._restore(state_dict)

    def _restore(self, state_dict: Mapping[str, Any]) -> None:
        with resumable(self.state_key):
            self._tell_of_another(state_dict.get("run"))
            self._steps.load_state_dict(state_dict.get("steps", {}))
            self._planner.load_state_dict(state_dict["planner"])
            self._journal.load_state_dict(state_dict["trajectories"])
            self._journal.load_undelivered(state_dict.get("undelivered", []), again=self._training.running)
            self._journal.watch.load_state_dict(state_dict["watch"])
            self._loaded = state_dict["recorder"]
            self._album.load_state_dict(state_dict["album"])
            self._archivist.load_state_dict(state_dict.get("archive", {}))
            self._neurons.load_state_dict(state_dict.get("neurons", {}))
            if self._training.current is not None:
                self._take_over(*self._training.current, state_dict["recorder"])

    @override
    def _packed(self) -> dict[str, Any]:
        kept = {name: trajectory.history for name, trajectory in self.trajectories.items() if trajectory.kept}
        state = self.state_dict()
        if state:
            state["recorder"] = {}  # to be read, and not gone on from
        return {"state": state, "histories": {name: dict(h._asdict()) for name, h in kept.items()}}

    @override
    def _unpack(self, content: Mapping[str, Any]) -> None:
        if not content["state"]:
            return
        self._restore(content["state"])
        for name, fields in content["histories"].items():
            self._journal.trajectories[name].keep(partial(History, **fields))
        self._training.forget()  # of which the trainer here knows no more than its weights

    def _tell_of_another(self, run: str | None) -> None:
        """Says that what was recorded so far gives way to the state of another training."""
        recorded = self._planner.recorded
        if recorded > 0 and run not in (None, self._run):
            rank_zero_warn(
                "`InfoGeometryMonitor`: the checkpoint is of another training than the one recorded so far, up to step "
                f"{recorded}; the monitor goes on with that of the checkpoint, and no longer holds the other's records."
            )
        self._run = run or self._run

    @override
    def _choose(self, trainer: pl.Trainer) -> dict[str, Chosen]:
        chosen = {}
        memory = HOST * bytes_of(self.memory)
        if self.probes != "auto" or not self.reference:
            chosen = discover(self.probes, trainer, self.probe_size, memory, self.split)
        if self.reference:
            given = {name: found.probe for name, found in chosen.items()}
            chosen = {**discover(self._references.load(given or None), trainer, self.probe_size), **chosen}
        return chosen

    @override
    def _new_recorder(self, trainer: pl.Trainer, chosen: dict[str, Chosen]) -> Recorder:
        chunk = training_batch_size(trainer.train_dataloader) or _CHUNK
        recorder = Recorder(
            chosen,
            Evaluator(
                self.logits_fn, self.precision, chunk, arguments.as_distribution(self.output), agreement(trainer)
            ),
            chord=self.lag == 0,
            max_records=self._album.max_records,
            memory=bytes_of(self.memory) - self._references.nbytes,
            markers=SampleMarkers(self._journal.watch.sample_markers),
            weights=WeightDensities(arguments.as_density(self.parameters), groups_in(self._journal.trajectories)),
            references=self._references,
            shard=self._shard(trainer),
        )
        if self._loaded:
            recorder.load_state_dict(self._loaded)
        return recorder
