"""Building a session whole: at the start of a fit, and anew where a state is restored in the middle of one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive import ArchiveWriter
from lightning_infogeo.console import say
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.markers import Marker
from lightning_infogeo.markers.event import OVERFITTING
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.budget import within_budget
from lightning_infogeo.monitor.device.further_samples import of_other_samples
from lightning_infogeo.monitor.distributed.collectives import first_process_decides
from lightning_infogeo.monitor.host.archive_opening import ArchivedProbe, ArchiveOpening
from lightning_infogeo.monitor.host.embedding_plots import EmbeddingPlots
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from lightning_infogeo.monitor.host.neuron_plots import NeuronPlots
from lightning_infogeo.monitor.host.record_log import RecordLog
from lightning_infogeo.monitor.host.run_archive import RunArchive
from lightning_infogeo.monitor.marker_states import placed
from lightning_infogeo.monitor.planner import Planner
from lightning_infogeo.monitor.preparation import new_recorder, prepare
from lightning_infogeo.monitor.prepared import Agreed, Prepared
from lightning_infogeo.monitor.session import Session
from lightning_infogeo.monitor.tab_opening import open_tab
from lightning_infogeo.probe import Chosen
from lightning_infogeo.quantities import PROBE_QUANTITIES, names
from lightning_infogeo.reference import References
from lightning_infogeo.trainer.clock import read_clock
from lightning_infogeo.trainer.optimizer_steps import OptimizerSteps, counted_in
from lightning_infogeo.trainer.run_folder import ArchiveLocation, place
from lightning_infogeo.trainer.run_metadata import metadata_of
from lightning_infogeo.trajectory import Series, Trajectory


def open_session(
    arguments: Arguments,
    trainer: pl.Trainer,
    module: pl.LightningModule,
    state: Mapping[str, Any],
    log: RecordLog,
    followed: dict[str, Chosen] | None = None,
    overwritable: str | None = None,
) -> Session:
    """Returns the session of a fit that begins; to be called in all processes.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        module: the model.
        state: to go on from, as ``Session.state_dict`` gives it; empty to begin.
        log: what was recorded so far.
        followed: the probes of the training's first fit, which a further one goes on with; None in a first fit.
        overwritable: the run of an archive that may be begun anew.

    Raises:
        ConfigurationError: in all processes, where one of them cannot follow the model, or what was recorded cannot be
            gone on with.
    """
    run = first_process_decides(trainer, lambda: state.get("run") or uuid.uuid4().hex)
    location = _location(arguments, trainer)
    state = placed(state, arguments.markers)
    counted = counted_in(state.get("steps", {}))
    step = trainer.global_step if counted is None else counted
    arguments = within_budget(arguments, trainer, state, step)
    planner = Planner(arguments.schedule, arguments.lag, state.get("planner"))
    clock = read_clock(trainer, -1, planner.stride, step, counted is not None)
    prepared = prepare(arguments, trainer, module, state, log.trajectories, followed, clock)
    _follow(log, prepared, arguments, state)
    _tell_of_no_flag(arguments.markers, prepared.agreed.layout.series)
    loggers = LoggerWriter(arguments.prefix, arguments.strict, _unlogged(arguments, prepared.agreed))
    plots = _plots(arguments, loggers, prepared, state)

    def open_archive() -> ArchiveWriter | None:
        if prepared.recorder is None or arguments.archive is None or getattr(trainer, "fast_dev_run", False):
            return None  # a fast run leaves no logs and no checkpoints either
        metadata = metadata_of(trainer, module, arguments.archive)
        opening = ArchiveOpening(arguments.archive, location, metadata, state.get("archive", {}), overwritable)
        probes = {
            name: ArchivedProbe(prepared.recorder.outputs.chosen[name].probe, *about)
            for name, about in prepared.recorder.samples.items()
        }
        neurons, exact = prepared.neurons.recorder, prepared.recorder.exact
        return opening.open(planner.recorded, log.trajectories, probes, neurons, exact)

    writer: list[ArchiveWriter | None] = []  # open in the first process, and not for the others
    first_process_decides(trainer, lambda: writer.append(open_archive()))
    half = arguments.archive is not None and arguments.archive.dtype == "float16"
    archive = RunArchive(writer[0] if writer else None, state.get("archive", {}), half, arguments.strict)
    _restore_metrics(loggers, trainer, module, prepared.agreed, log)
    tab = open_tab(arguments, trainer, module, run, prepared.recorder, loggers, clock, state.get("tab", {}))
    if planner.recorded < 0 and step > 0:
        say(f"begins at step {step} of a training under way: lengths count from there.")
    # Last, since nothing after it may fail: it watches all optimizers until it is closed.
    steps = OptimizerSteps(trainer, module, state.get("steps", {}))
    return Session(run, arguments, prepared, planner, steps, log, loggers, *plots, archive, tab)


def reopen_session(
    session: Session, trainer: pl.Trainer, module: pl.LightningModule, state: Mapping[str, Any], log: RecordLog
) -> Session:
    """Returns a session that goes on from a state restored in the middle of a fit, with the same probes and loggers.

    Args:
        session: so far; not to be used afterwards.
        trainer: of the fit.
        module: the model.
        state: restored.
        log: of the same state.
    """
    arguments, before = session.arguments, session.recorder
    state = placed(state, arguments.markers)
    planner = Planner(arguments.schedule, arguments.lag, state["planner"])
    recorder, neurons = None, NeuronLog(state.get("neurons", {}))
    if before is not None:
        outputs, references = before.outputs, before.references
        recorder = new_recorder(arguments, outputs, module, state["recorder"], log.trajectories, references)
        recorder.rows = before.rows
    if session.neurons.recorder is not None and arguments.neurons is not None:
        neurons = NeuronLog.start(arguments.neurons, module, 0, state.get("neurons", {}))
    prepared = Prepared(session.agreed, session.outputs, recorder, neurons)
    _follow(log, prepared, arguments, state)
    log.replace(session.log)
    session.steps.load_state_dict(state.get("steps", {}))
    session.archive.cut_back(planner.recorded, log.events)
    _restore_metrics(session.writer, trainer, module, session.agreed, log)
    plots = _plots(arguments, session.writer, prepared, state, session.plots)
    session.tab.cut_back()
    parts = planner, session.steps, log, session.writer, *plots, session.archive, session.tab, session
    return Session(state.get("run", session.run), arguments, prepared, *parts)


def _follow(log: RecordLog, prepared: Prepared, arguments: Arguments, state: Mapping[str, Any]) -> None:
    """Has the trajectories there are, or new ones, take the records to come."""
    agreed, recorder = prepared.agreed, prepared.recorder
    how = repr(arguments.schedule), arguments.lag, agreed.precision
    series = agreed.layout.series
    made = {each.name: Trajectory(each.quantities, *how, each.kind) for each in series}
    anew = of_other_samples(state.get("recorder", {}), agreed.further)
    watched = agreed.sizes, arguments.markers, arguments.strict, agreed.dtype
    log.follow(series, made, *watched, anew, state.get("watch"))
    if recorder is not None and recorder.outputs.budget.records:
        for name in recorder.outputs.chosen:
            log.trajectories[name].keep(partial(recorder.history, name))


def _tell_of_no_flag(markers: Sequence[Marker], series: Sequence[Series]) -> None:
    """Says that no overfitting can be seen where a marker of it has nothing to watch."""
    of_overfitting = [marker for marker in markers if marker.name == OVERFITTING]
    if not of_overfitting or any(marker.applies_to(one) for marker in of_overfitting for one in series):
        return
    held_out = [repr(one.name) for one in series if one.kind == "probe" and not one.trained]
    if held_out:
        say(
            f"no flag of overfitting: the monitor knows no labels of {', '.join(held_out)}. Are there any? Give them "
            "by split=lambda batch: (inputs, labels), or by probes=Probe(inputs, labels)."
        )
    else:
        say(
            "no flag of overfitting: no held-out samples are followed. Give the Trainer validation data, and the "
            'module a `validation_step`; or the monitor probes={"train": ..., "val": ...}.'
        )


def _plots(
    arguments: Arguments,
    loggers: LoggerWriter,
    prepared: Prepared,
    state: Mapping[str, Any],
    replaced: EmbeddingPlots | None = None,
) -> tuple[EmbeddingPlots | None, NeuronPlots]:
    references = References() if prepared.recorder is None else prepared.recorder.references
    embedding, album = arguments.embedding, state.get("album", {})
    plots = None if embedding is None else EmbeddingPlots(embedding, loggers, references, album, replaced)
    return plots, NeuronPlots(loggers, state.get("neurons", {}))


def _unlogged(arguments: Arguments, agreed: Agreed) -> list[tuple[str, str]]:
    """Returns series and name of the quantities of probes that loggers do not get."""
    on_request = set(names(PROBE_QUANTITIES)) - set(arguments.quantities)
    probes = (one for one in agreed.layout.series if one.kind == "probe")
    return [(one.name, quantity) for one in probes for quantity in one.quantities if quantity in on_request]


def _restore_metrics(
    loggers: LoggerWriter, trainer: pl.Trainer, module: pl.LightningModule, agreed: Agreed, log: RecordLog
) -> None:
    """Puts what was last logged back into ``callback_metrics``, which a new fit begins without."""
    last: dict[tuple[str, ...], float] = {
        (name, quantity): log.trajectories[name].last_finite(quantity) for name, quantity in agreed.layout.keys
    }
    loggers.restore(trainer, last, torch.empty(0, dtype=agreed.dtype, device=module.device))
    loggers.write_scalars(trainer, None, log.runner.scalars())


def _location(arguments: Arguments, trainer: pl.Trainer) -> ArchiveLocation:
    """Returns where the archive of this training belongs, in all processes."""
    if arguments.archive is None:
        return ArchiveLocation("", "")
    given, name = os.fspath(arguments.archive.path), f"{arguments.prefix.replace('/', '_')}.zarr"
    there = ArchiveLocation(given, given)
    located: ArchiveLocation = first_process_decides(
        trainer, lambda: place(trainer, name) if given == "auto" else there
    )
    return located
