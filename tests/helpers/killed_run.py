"""A training that may be killed at any moment and begun again: it goes on from its last checkpoint."""

import multiprocessing
import os
import shutil
import signal
import time
import warnings

import lightning.pytorch as pl
import scipy.linalg  # noqa: F401 — what a session would import is there before it is forked
import torch
import xarray  # noqa: F401
import zarr  # noqa: F401
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor, OverfittingOnset, ParameterDensity, Probe
from tests.helpers.classifiers import IMAGES, LABELS, digest, fit
from tests.helpers.markers import At
from tests.helpers.resuming import ByStep

STEPS = 20


class Progress(pl.Callback):
    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, *args):
        self.step.value = trainer.global_step


def run(folder, step):
    """Trains to the end from wherever the last session got to, and leaves what it knows in ``done.pt``."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    saved = sorted((folder / "checkpoints").glob("*.ckpt"), key=lambda path: int(path.stem.partition("=")[2]))
    archive = folder / "run.zarr"
    if not saved:
        shutil.rmtree(archive, ignore_errors=True)
    probes = {name: Probe(IMAGES[a:b], LABELS[a:b]) for name, a, b in (("train", 0, 30), ("val", 900, 940))}
    monitor = InfoGeometryMonitor(
        probes,
        schedule=1,
        lag=3,
        archive=archive,
        parameters=ParameterDensity(groups="network"),
        embedding=EmbeddingSettings(max_records=8),
        markers=[OverfittingOnset(), At(*range(4, STEPS, 5)), At(*range(2, STEPS, 3), name="often")],
    )
    checkpoint = ModelCheckpoint(folder / "checkpoints", filename="{step}", every_n_train_steps=2, save_top_k=-1)
    made = fit(
        [monitor, checkpoint, Progress(step)],
        folder,
        ByStep,
        ckpt_path=saved[-1] if saved else None,
        seed=len(saved),
        max_steps=STEPS,
        logger=CSVLogger(folder),
        enable_checkpointing=True,
    )
    outcome = {
        "digest": digest(made),
        "trajectories": {name: kept.state_dict() for name, kept in monitor.trajectories.items()},
        "histories": {name: monitor.trajectories[name].history._asdict() for name in probes},
        "events": [list(event) for event in monitor.events],
    }
    torch.save(outcome, folder / "done.partial")
    os.replace(folder / "done.partial", folder / "done.pt")


def started(folder):
    """Returns a process that trains, and the step it is at; −1 before the first."""
    context = multiprocessing.get_context("fork")
    step = context.Value("q", -1)
    process = context.Process(target=run, args=(folder, step))
    process.start()
    return process, step


def kill(folder, at, seconds):
    """Trains, kills the process so many seconds after it has begun step ``at``; returns whether it lived as long."""
    process, step = started(folder)
    while step.value < at and process.is_alive():
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def finish(folder):
    """Trains to the end and returns the outcome."""
    process, _ = started(folder)
    process.join()
    assert process.exitcode == 0
    return torch.load(folder / "done.pt", weights_only=True)
