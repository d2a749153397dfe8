"""What a monitor has recorded, from one fit to the next: in its last session, or in a state that was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import lightning_infogeo.lightnings as pl
from lightning_infogeo.embedding.live_axes import LiveAxes
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.monitor import resume
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.budget import Afforded
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from lightning_infogeo.monitor.host.neuron_plots import NeuronPlots
from lightning_infogeo.monitor.host.record_log import RecordLog
from lightning_infogeo.monitor.opening import open_session, reopen_session
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.session import Session
from lightning_infogeo.trainer.identity import TrainingIdentity
from lightning_infogeo.trainer.optimizer_steps import counted_in
from lightning_infogeo.trajectory.history import History


class RecordedTraining:
    """Everything recorded by a monitor, and whether a training may go on with it.

    Args:
        arguments: of the monitor.

    Attributes:
        log: trajectories and events.
        session: of the fit that runs, or of the last one; None before the first, and after a state was loaded.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self._forget()

    def _forget(self) -> None:
        self._state: Mapping[str, Any] = {}
        self.log = self._log_of({})
        self.session: Session | None = None

    @property
    def last_step(self) -> int:
        """The step of the last record; −1 before the first."""
        if self.session is not None:
            return self.session.planner.recorded
        return int(self._state["planner"]["recorded"]) if self._state else -1

    @property
    def run(self) -> str | None:
        """The identity of what is recorded; None before the first record."""
        return self._state.get("run") if self.session is None else self.session.run

    @property
    def neurons(self) -> NeuronLog:
        """What was recorded of neurons."""
        return NeuronLog(self._state.get("neurons", {})) if self.session is None else self.session.neurons

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values to go on from; empty before the first record."""
        if self.last_step < 0:
            return {}
        return dict(self._state) if self.session is None else self.session.state_dict()

    def open(
        self, arguments: Arguments, trainer: pl.Trainer, module: pl.LightningModule, identity: TrainingIdentity
    ) -> Session:
        """Returns the session of a fit that begins, with the arguments as they are now.

        It goes on with the training recorded, or begins anew where nothing but its beginning was recorded.

        Raises:
            ConfigurationError: where it is another training, or cannot be followed.
        """
        self._arguments = arguments
        overwritable = None if self._goes_on(trainer, module, identity) else self._begin_anew()
        before = self.session
        state = self._state if before is None else before.state_dict()
        followed = None if before is None or before.outputs is None else before.outputs.chosen
        self.session = open_session(self._arguments, trainer, module, state, self.log, followed, overwritable)
        self._state = {}
        return self.session

    def restore(self, state: Mapping[str, Any], identity: TrainingIdentity) -> None:
        """Goes on from a state, at once where training runs.

        Raises:
            Exception: of any kind, where the state is damaged.
        """
        log = self._log_of(state)
        self._check(state)
        if self.session is not None and identity.current is not None:
            self.session, self.log = reopen_session(self.session, *identity.current, state, log), log
            return
        if self.last_step > 0 and state.get("run") not in (None, self.run):
            rank_zero_warn(
                "`InfoGeometryMonitor`: the checkpoint is of another training than the one recorded so far, up to "
                f"step {self.last_step}; the monitor goes on with that of the checkpoint, and no longer holds the "
                "other's records."
            )
        self._state, self.log, self.session = state, log, None

    def to_hand_over(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns what another process can read of it, and not go on from, given its state."""
        kept = {name: each.history for name, each in self.log.trajectories.items() if each.kept}
        histories = {name: dict(history._asdict()) for name, history in kept.items()}
        return {"state": {**state, "recorder": {}} if state else {}, "histories": histories}

    def take(self, handed_over: Mapping[str, Any], identity: TrainingIdentity) -> None:
        """Takes what ``to_hand_over`` returned in another process."""
        self.restore(handed_over["state"], identity)
        for name, fields in handed_over["histories"].items():
            self.log.trajectories[name].keep(partial(History, **fields))

    def _goes_on(self, trainer: pl.Trainer, module: pl.LightningModule, identity: TrainingIdentity) -> bool:
        """Returns whether a fit goes on with what was recorded; raises where it can do neither that nor begin anew."""
        counted = counted_in(self._state.get("steps", {})) if self.session is None else self.session.steps.counted
        same, recorded = identity.is_of(trainer, module), self.last_step
        known = identity.loaded or (same and counted is not None)
        if recorded < 0 or (recorded == trainer.global_step == 0 and not known):
            return False
        if not identity.loaded and not same:
            resume.check_same_training(recorded, trainer.global_step)
        if identity.foreign or not (identity.loaded or same):
            resume.refuse_other_training(recorded, trainer.global_step)
        resume.check_same_training(recorded, trainer.global_step if counted is None else counted)
        return True

    def _begin_anew(self) -> str | None:
        """Forgets everything, and returns the run of the archive that is thereby free to be written over."""
        archive = None if self.session is None else self.session.archive
        self._forget()
        return archive.run if archive is not None and archive.owned else None

    def _log_of(self, state: Mapping[str, Any]) -> RecordLog:
        return RecordLog(self._arguments.markers, self._arguments.strict, state)

    def _check(self, state: Mapping[str, Any]) -> None:
        """Raises an error where this is not a state of a session, before anything depends on it."""
        Planner(self._arguments.schedule, self._arguments.lag, state["planner"])
        NeuronLog(state.get("neurons", {}))
        NeuronPlots(LoggerWriter("", strict=False), state.get("neurons", {}))
        LiveAxes(state["album"].get("places", {}))
        counted_in(state.get("steps", {}))
        Afforded.from_state(state)
        for part in ("trajectories", "watch", "recorder", "album"):
            dict(state[part])
