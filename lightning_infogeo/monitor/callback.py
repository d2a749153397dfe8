"""The callback: what a user gives and gets, and what happens at each of Lightning's hooks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.distributions import Distribution
from lightning_infogeo.embedding.settings import EmbeddingSettings
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import Summary, summary_table
from lightning_infogeo.markers import Event, Marker, Verdict
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.host.neuron_log import NeuronTrajectory
from lightning_infogeo.monitor.recorded_training import RecordedTraining
from lightning_infogeo.monitor.resume import resumable
from lightning_infogeo.monitor.session import NOTHING_KEPT, Session
from lightning_infogeo.parameters import ParameterDensity
from lightning_infogeo.probe import Probe
from lightning_infogeo.schedules import Schedule
from lightning_infogeo.tab import TabSettings
from lightning_infogeo.theory import ProbeSpectrum
from lightning_infogeo.theory.probe_dimensions import FEATURES, dimensions_of
from lightning_infogeo.topology import NeuronSettings
from lightning_infogeo.trainer.identity import TrainingIdentity
from lightning_infogeo.trainer.spawned import SpawnedResults
from lightning_infogeo.trainer.strategies import check_packages, check_strategy
from lightning_infogeo.trajectory import Trajectory, export

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

_LENT = ("log", "log_dict")
"""Methods of the model that Lightning puts into callbacks: through them a copy would have a copy of the model."""


class InfoGeometryMonitor(pl.Callback):
    r"""Records the information geometry of a classifier's training, live beside its normal metrics.

    The model's predictions on a few fixed samples, a *probe*, are a point on a product of spheres. The callback follows
    that point through training and logs, to every logger and into ``trainer.callback_metrics``, as
    ``{prefix}/{probe}/{quantity}``, quantities that ``trajectory.extend`` defines; and as ``{prefix}/markers``,
    ``overfitting`` and ``overfitting_onset`` how many events there were, whether a flag stands, and since which step.
    Training is bit for bit what it is without, and all processes of it have the same trajectories and events.

    Args:
        probes: "auto" takes samples of the training and of every validation set; or a :class:`Probe`, a Dataset, a
            DataLoader, or a dict of these by name. Probes named ``train*`` count as trained on, all others as held out.
        probe_size: the most samples to take of a data set or loader.
        schedule: "log" (:class:`LogSpaced`), an int for every n optimizer steps, or a :class:`Schedule`; and both ends.
        lag: optimizer steps over which velocity is measured, from s − lag to s. With 0 over the recording interval:
            cheaper, but on a log-spaced schedule it falls by itself.
        output: logits of "categorical" classes (also of maps), "bernoulli", "tokens", or a :class:`Distribution`.
        logits_fn: f(pl_module, inputs) -> logits, for a model not called as ``pl_module(inputs)``, with a mapping of
            its parameters by keyword, or with a tuple of as many as it needs.
        markers: what watches for events: "default" for one of each kind, a list of markers, or () for none.
        embedding: whether to keep a bounded history and draw it for loggers; or an :class:`EmbeddingSettings`.
        parameters: whether to follow the weights' distribution too; or a :class:`ParameterDensity`.
        archive: "auto" to write all to a Zarr store beside the logs, which :meth:`Trajectory.open` reads; or a path,
            URL or :class:`ArchiveSettings`.
        neurons: whether to follow neurons' incoming weights: True, names of layers, or :class:`NeuronSettings`.
        reference: archives of finished runs, by which this one is measured at equal progress on their probes, as
            ``distance_to_reference`` and ``lead``, and drawn on their axes, which never move.
        precision: "full" without autocast (half precision overstates small steps several-fold), or "training" as there.
        memory: bytes on the device for all that is kept, as an int or such as "256MB"; decides how many records, and of
            what size. Inputs take up to a quarter of it there, twice as much on the host.
        distributed: under DDP the first process evaluates the model ("rank_zero", "auto"), or each a part of every
            probe ("shard"); under FSDP2 all do. All processes have the same trajectories and events.
        split: f(batch) -> (inputs, labels), where these are neither a tuple's first two nor labels under a usual name.
        budget: the most of the training's forwards for probes: short trainings have fewer records and samples; or None.
        flag_size: held-out samples that :class:`OverfittingOnset` sees: the probe's and more of its loader. "auto": up
            to 4,096, at 1 % of the training's forwards; kept when resumed; no more with ``distributed="shard"``.
        quantities: what loggers get of probes: "default" (distance_to_truth, velocity, length, progress, entropy),
            "all", or names; ``trajectories`` has all.
        tab: whether TensorBoard's tab gets what it shows; or a :class:`TabSettings`.
        on_event: called with each :class:`Event` as it becomes known, in every process.
        on_overfitting: "flag", or "stop" to end the training, in all processes at once, once a flag has stood.
        stop_after: share of the steps so far: 0.25 ends it by a flag known at 1,000 at the first record from 1,250.
        cuda_graph: whether what follows the probes' forwards is captured as a CUDA graph and launched at once, so that
            the host is free some milliseconds a record earlier; the graph has memory of its own.
        strict: whether a failing record, marker or logger, or logits that are not finite, raise instead of warning.
        prefix: what the keys begin with, and checkpoints name the state by; each monitor in a Trainer needs its own.

    Raises:
        ConfigurationError: for impossible arguments at once, for all else that cannot work before the first step.

    Example:
        >>> InfoGeometryMonitor(on_overfitting="stop").prefix  # Trainer(callbacks=[InfoGeometryMonitor()])
        'infogeo'
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
        budget: float | None = 0.25,
        flag_size: Literal["auto"] | int = "auto",
        quantities: Literal["default", "all"] | Sequence[str] = "default",
        tab: bool | TabSettings = True,
        on_event: Callable[[Event], object] | None = None,
        on_overfitting: Literal["flag", "stop"] = "flag",
        stop_after: float = 0.25,
        cuda_graph: bool = False,
        strict: bool = False,
        prefix: str = "infogeo",
    ) -> None:
        super().__init__()
        self.probes = probes
        self.probe_size = probe_size
        self.budget = budget
        self.flag_size = flag_size
        self.quantities = quantities
        self.tab = tab
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
        self.stop_after = stop_after
        self.cuda_graph = cuda_graph
        self.strict = strict
        self.prefix = prefix
        self._recorded = RecordedTraining(Arguments.of(self))
        self._identity = TrainingIdentity()
        self._spawned = SpawnedResults()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _LENT}

    # What a user reads.

    @property
    def trajectories(self) -> dict[str, Trajectory]:
        """What was recorded so far, by probe; waits for records still on their way from the device."""
        self._catch_up()
        return self._recorded.log.trajectories

    @property
    def events(self) -> list[Event]:
        """What the markers have seen so far, in the order in which it became known."""
        self._catch_up()
        return self._recorded.log.events

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Flagged, watch, clean or undecidable as of the last record, for each held-out probe with labels, by name."""
        self._catch_up()
        return self._recorded.log.runner.verdicts()

    @property
    def followed(self) -> dict[str, Probe]:
        """The probes by name, once training has started; empty in every process but the first."""
        if self._session is None or self._session.recorder is None:
            return {}
        return {name: chosen.probe for name, chosen in self._session.recorder.outputs.chosen.items()}

    @property
    def neuron_trajectories(self) -> dict[str, NeuronTrajectory]:
        """Steps and incoming weights of the neurons of each layer that ``neurons=`` follows; in the first process."""
        self._catch_up()
        return self._recorded.neurons.trajectories

    def picture(self, probe: str | None = None) -> Figure:
        """Returns a matplotlib figure of a probe's path, None for the first held-out one; in the first process only.

        Raises:
            KeyError: where there is no such probe.
            RuntimeError: where nothing has been kept.
        """
        self._catch_up()
        if self._session is None:
            raise RuntimeError(NOTHING_KEPT)
        return self._session.picture(probe)

    def to_frame(self, probe: str) -> pandas.DataFrame:
        """Returns what was recorded on ``probe``, one row a record, indexed by step.

        Raises:
            KeyError: where there is no such probe.
            ModuleNotFoundError: where pandas is not installed.
        """
        if probe not in self.trajectories:
            raise KeyError(f"`to_frame(probe={probe!r})`: there are {sorted(self.trajectories)}.")
        return export.to_frame(self.trajectories[probe])

    def to_csv(self, path: str | Path) -> None:
        """Writes all records of all probes to one file, a row each."""
        export.to_csv(self.trajectories, path)

    def dimensions(self, features: int = FEATURES) -> dict[str, ProbeSpectrum]:
        """Returns how many dimensions each trajectory had, beside what the linear theory predicts from the inputs.

        Of probes with labels, inputs that are one floating tensor, and a history that is kept; in the first process.

        Args:
            features: inputs with more of them are left out, since their spectrum takes seconds.
        """
        return dimensions_of(self.trajectories, self.followed, features)

    def summary(self) -> Summary:
        """Returns tables for the terminal: what was seen on each probe, its dimensions, and the events."""
        return summary_table(self.trajectories, self.events, self.verdicts, self.dimensions())

    # Lightning's hooks.

    @override
    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            check_packages(trainer, pl_module)
            check_strategy(trainer, self.distributed, parameters=self.parameters, neurons=self.neurons)
            self._identity.set_up()
            self._catch_up()

    @override
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with resumable(self.state_key, self._identity.loaded):
            session = self._recorded.open(Arguments.of(self), trainer, pl_module, self._identity)
        session.begin(trainer, pl_module)
        self._identity.begin(trainer, pl_module)
        if self._spawned.in_child:
            self._spawned.call_at_exit(partial(self._send_home, trainer))

    @override
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._session is not None:
            self._session.begin_epoch()

    @override
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._session is not None:
            self._session.after_batch(trainer, pl_module, batch_idx)

    @override
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Not before training, nor beside it.
        if self._session is not None and trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._session.deliver(trainer)

    @override
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._session is not None:  # no averaging callback has swapped the weights yet
            self._session.after_epoch(trainer, pl_module)

    @override
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._session is not None:
            self._session.after_training(trainer, pl_module)

    @override
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        try:
            if self._session is not None:
                self._session.break_off(trainer)
        except Exception as error:
            rank_zero_warn(f"`InfoGeometryMonitor`: {type(error).__name__} while writing the last records: {error}")
        finally:  # also where somebody interrupts once more
            self._send_home(trainer)
            try:
                self._close()  # Lightning calls no `teardown` after an exception
            except Exception as error:  # a device that has failed may give nothing back
                rank_zero_warn(f"`InfoGeometryMonitor`: {type(error).__name__} while leaving the device: {error}")

    @override
    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":
            self._send_home(trainer)
        self._close()

    # Checkpoints.

    @property
    @override
    def state_key(self) -> str:
        return f"{type(self).__name__}[{self.prefix}]"

    @override
    def state_dict(self) -> dict[str, Any]:
        self._identity.state_saved()
        return {} if self._identity.lost else self._recorded.state_dict()

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not self._identity.accept_state():
            return
        run = self._recorded.run
        if self._identity.running and state_dict.get("run", run) != run:
            self._lose_track("a checkpoint of another training was restored in the middle of the fit")
        else:
            with resumable(self.state_key):
                self._recorded.restore(state_dict, self._identity)

    @override
    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        known = bool((checkpoint.get("callbacks") or {}).get(self.state_key))
        self._identity.checkpoint_loaded(trainer.state.fn == "fit", known)
        if self._identity.running and self._identity.foreign:
            self._lose_track(
                "a checkpoint without this monitor's state was restored in the middle of the fit, so that what follows "
                "does not continue the path"
            )

    @override
    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # Not in `state_dict`, since a checkpoint is made by all processes, and this asks all of them.
        state = checkpoint.get("callbacks", {}).get(self.state_key)
        recorder = None if self._session is None else self._session.recorder
        if state and recorder and not recorder.join(state["recorder"], trainer.strategy.root_device):
            del checkpoint["callbacks"][self.state_key]  # a process has lost its part: nothing can go on from it

    @property
    def _session(self) -> Session | None:
        return self._recorded.session

    def _catch_up(self) -> None:
        if self._session is not None:
            self._session.receive()
        content = self._spawned.receive()
        if content is not None and content["state"]:
            self._recorded.take(content, self._identity)
            self._identity.forget()  # of which the trainer here knows no more than its weights

    def _send_home(self, trainer: pl.Trainer) -> None:
        """Leaves what was recorded to the process that has started this one; it is the same in all of them."""
        if not (self._spawned.in_child and trainer.local_rank == 0 and self._identity.running):
            return
        try:
            self._catch_up()
            self._spawned.send(self._recorded.to_hand_over(self.state_dict()))
        except Exception as error:
            rank_zero_warn(
                "`InfoGeometryMonitor`: what was recorded in this process cannot be handed to the one that started it "
                f'({type(error).__name__}: {error}); the loggers have its curves, and archive="auto" would keep all.'
            )

    def _lose_track(self, why: str) -> None:
        """Gives up recording, in every process, since training is not the one recorded any more."""
        self._identity.forget()
        if self._session is not None:
            self._session.end_records()
        message = (
            f"`InfoGeometryMonitor`: {why}. Training goes on without this monitor; what was recorded is kept, and is "
            "in no checkpoint from here on."
        )
        if self.strict:
            raise ConfigurationError(message)
        rank_zero_warn(message)

    def _close(self) -> None:
        """Leaves the model, the device and the archive; what was recorded can be read, and another fit can go on."""
        for name in _LENT:
            vars(self).pop(name, None)
        self._identity.end()
        if self._session is not None:
            self._session.close()
