"""What the tab in TensorBoard gets of a training, decided before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.distances import OVERLAP_FLOOR
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.device.sample_rows import SampleRows
from lightning_infogeo.monitor.host.tab_log import FORMAT, STEP, TabLog, TabProbe
from lightning_infogeo.quantities import PROBE_QUANTITIES, names
from lightning_infogeo.schedules import Clock, planned_records
from lightning_infogeo.tab import SampleLayout, TabSettings, bounded, laid_out, names_of, pictures_of
from lightning_infogeo.trainer.run_metadata import metadata_of

_PICTURES = 4
"""One part in so many of the budget is for pictures."""

_WAY, _WAY_POINTS = 16, (3, 11)
"""One part in so many of the budget is for the way from ignorance to truth, and how many points it has."""

_DEEPEST = 8


def open_tab(
    arguments: Arguments,
    trainer: pl.Trainer,
    module: pl.LightningModule,
    run: str,
    recorder: Recorder | None,
    loggers: LoggerWriter,
    clock: Clock,
    state: Mapping[str, Any],
) -> TabLog:
    """Returns what writes for the tab, and has the recorder pack the records for it.

    Nothing is written where no logger is TensorBoard's, and where this process makes no records.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        module: the model.
        run: identity of what is recorded.
        recorder: of this process.
        loggers: that get it.
        clock: before the first step.
        state: of the tab so far; empty to begin.
    """
    settings = arguments.tab
    nothing = TabLog(arguments.prefix, {}, 0, None, None, {})
    if settings is None or recorder is None or not loggers.takes(trainer, "tensors"):
        return nothing
    try:  # what describes a run is read from objects of the user's own
        rows, log = _opened(arguments, settings, trainer, module, run, recorder, clock, state)
    except Exception as error:
        if arguments.strict:
            raise
        rank_zero_warn(
            f"`InfoGeometryMonitor(tab=...)`: {type(error).__name__}: {error}. TensorBoard's tab gets nothing of this "
            "training; everything else is recorded."
        )
        return nothing
    if not log.fits:
        rank_zero_warn(
            f"`TabSettings(budget={settings.budget!r})`: not even two records of {len(recorder.outputs.chosen)} probes "
            "fit, so TensorBoard's tab gets nothing; give more, or follow fewer probes."
        )
        return nothing
    recorder.rows = rows
    return log


def _opened(
    arguments: Arguments,
    settings: TabSettings,
    trainer: pl.Trainer,
    module: pl.LightningModule,
    run: str,
    recorder: Recorder,
    clock: Clock,
    state: Mapping[str, Any],
) -> tuple[SampleRows, TabLog]:
    outputs, classes = recorder.outputs, recorder.outputs.classes
    sizes = {name: (outputs.shape(name)[0], classes, outputs.shape(name)[1]) for name in outputs.chosen}
    room = settings.nbytes // _PICTURES if settings.pictures else 0
    layouts = laid_out(sizes, settings.nbytes - room)
    rows = SampleRows(outputs, layouts, recorder.stacks, module.device)
    metadata = metadata_of(trainer, module, arguments.archive or ArchiveSettings())
    told = bounded({key: value for key, value in metadata.items() if key != "versions"})
    of_run = {"id": run, "metadata": told}
    class_names = _class_names(trainer, classes)
    known = set(names(PROBE_QUANTITIES))
    probes = {}
    for series in recorder.layout.series:
        if series.name not in layouts:
            continue
        quantities = (STEP, *(quantity for quantity in series.quantities if quantity in known))
        about = _about(recorder, series.name, layouts[series.name])
        about |= {"format": FORMAT, "monitor": arguments.prefix, "trained": series.trained, "class_names": class_names}
        about |= {"quantities": quantities, "schedule": repr(arguments.schedule), "run": of_run}
        fewest, most = _WAY_POINTS
        fitting = settings.nbytes // _WAY // len(layouts) // (about["samples"] * about["width"])
        positions = torch.linspace(0, 1, max(fewest, min(fitting, most)), device=module.device)
        geodesic = rows.geodesic(series.name, positions)
        once = _pictures(recorder, series.name, about, room // len(layouts))
        if geodesic is not None:
            once["geodesic"] = (geodesic.cpu().numpy(), {})
        probes[series.name] = TabProbe(layouts[series.name], quantities, about, once)
    planned = planned_records(arguments.schedule, clock)
    return rows, TabLog(arguments.prefix, probes, settings.nbytes, clock.final, planned, state)


def _about(recorder: Recorder, name: str, layout: SampleLayout) -> dict[str, Any]:
    """Returns what describes the tags of a probe, but for what is the same for all probes."""
    outputs, mine, indices = recorder.outputs, recorder.outputs.rows(name), layout.indices
    selection, distribution = outputs.selections[name], outputs.evaluator.distribution
    written = torch.arange(mine.start, mine.stop) if indices is None else indices + mine.start
    labels, inputs = selection.labels, selection.inputs
    whole = len(written) == len(selection)
    return {
        "probe": name,
        "fingerprint": outputs.chosen[name].probe.fingerprint,
        "samples": layout.written,
        "of": len(selection),
        "indices": None if whole else written.tolist(),
        "classes": layout.classes,
        "labels": None if labels is None else labels.cpu()[written].tolist(),
        "inputs": None if inputs is None else inputs[written].tolist(),
        "width": layout.width,
        "sketch": {"seed": distribution.seed, "of": layout.kept} if layout.sketched else None,
        "floor": layout.width**-0.5 if layout.sketched else OVERLAP_FLOOR,
    }


def _pictures(
    recorder: Recorder, name: str, about: Mapping[str, Any], room: int
) -> dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]]:
    """Returns pictures of the samples of a probe, where each is an image of its own."""
    inputs = about["inputs"] or about["indices"] or list(range(about["samples"]))
    if not room or len(set(inputs)) < len(inputs):
        return {}
    pictures = pictures_of(recorder.outputs.chosen[name].probe.batches, room, torch.tensor(inputs))
    if pictures is None:
        return {}
    indices, images = pictures
    sample = {index: k for k, index in enumerate(inputs)}
    return {"pictures": (images.numpy(), {"samples": [sample[index] for index in indices.tolist()]})}


def _class_names(trainer: pl.Trainer, classes: int) -> list[str] | None:
    """Returns the names of classes, where the data set trained on has one for each."""
    dataset = getattr(trainer.train_dataloader, "dataset", None)
    for _ in range(_DEEPEST):  # subsets of subsets
        found = names_of(getattr(dataset, "classes", None), classes)
        if found is not None:
            return found
        dataset = getattr(dataset, "dataset", None)
    return None
