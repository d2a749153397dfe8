"""The host never waits for the device during a record: CUDA raises where it would, evaluation included."""

from contextlib import contextmanager

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import ParameterDensity, TabSettings, Trajectory
from tests.helpers.gpu_fits import Convolutional, Language, Net, fit, images, texts, watching
from tests.helpers.wrapped_records import WrappedRecords

pytestmark = pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")


@contextmanager
def no_waiting(device):
    if device.type != "cuda":
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


class Sentry(WrappedRecords):
    """Everything between a due record and the copy to the host is watched."""

    records = 0

    def _record(self, trainer, pl_module, *args, **kwargs):
        with no_waiting(pl_module.device):
            super()._record(trainer, pl_module, *args, **kwargs)
        self.records += 1


class Reading(Sentry):
    """Negative control: a record that reads one number."""

    def _record(self, trainer, pl_module, *args, **kwargs):
        with no_waiting(pl_module.device):
            pl_module.net[0].weight.sum().item()


def wide():
    """2,000 classes: beyond a memory of some megabytes, what is kept is sketched."""
    return Net(classes=2000)


DENSITY = ParameterDensity("network", "histogram")
CASES = {
    "default": {},
    "chord": {"lag": 0},
    "lag of three": {"lag": 3},
    "training's precision": {"precision": "training"},
    "weights": {"parameters": True},
    "histogram of all weights": {"parameters": DENSITY},
    "history sketched": {"memory": "3MB", "model": wide},
    "all sketched": {"memory": "1MB", "model": wide},
    "few records kept": {"memory": 60_000},
    "pictures": {"logger": True},
    "TensorBoard's tab": {"logger": True, "embedding": False},
    "the tab, many classes": {"logger": True, "model": wide, "tab": TabSettings(100_000)},
    "the tab, all sketched": {"logger": True, "model": wide, "memory": "1MB"},
    "convolutions": {"model": Convolutional},
    "tokens": {"output": "tokens", "probes": "auto", "model": Language, "loader": texts},
    "bf16-mixed": {"trained": {"precision": "bf16-mixed"}},
    "deterministic": {"parameters": True, "trained": {"deterministic": True}},
}
HERE_ONLY = {  # Lightning knows no float16 on a CPU, and there are no graphs
    "16-mixed": {"trained": {"precision": "16-mixed"}},
    "captured": {"cuda_graph": True},
    "captured, pictures and the tab": {"cuda_graph": True, "logger": True},
}


def watched(folder, accelerator, case, kind=Sentry):
    given = {"model": Net, "loader": lambda: images(shuffle=True), "trained": {}, "logger": False, **case}
    model, loader, trained = (given.pop(name) for name in ("model", "loader", "trained"))
    logger = TensorBoardLogger(folder) if given.pop("logger") else False
    monitor = watching(kind, **given)
    fit([monitor], folder, accelerator, model, loader(), max_steps=16, logger=logger, **trained)
    return monitor


@pytest.mark.parametrize("name", CASES)
def test_a_record_waits_for_nothing(name, accelerator, tmp_path):
    monitor = watched(tmp_path, accelerator, CASES[name])
    assert monitor.records > 16
    assert all(len(trajectory) == 17 for trajectory in monitor.trajectories.values())


@pytest.mark.gpu
@pytest.mark.parametrize("name", HERE_ONLY)
def test_a_record_waits_for_nothing_on_cuda_alone(name, tmp_path):
    assert watched(tmp_path, "cuda", HERE_ONLY[name]).records > 16


def test_nor_one_that_is_archived(accelerator, tmp_path):
    pytest.importorskip("zarr")
    monitor = watched(tmp_path, accelerator, {"archive": tmp_path / "run.zarr"})
    assert monitor.records > 16
    assert len(Trajectory.open(tmp_path / "run.zarr", "val")) == 17


def test_nor_one_of_neurons(accelerator, tmp_path):
    for library in ("kmapper", "sklearn", "networkx"):
        pytest.importorskip(library)
    assert watched(tmp_path, accelerator, {"neurons": True}).records > 16


@pytest.mark.gpu
def test_the_watch_notices_a_read(tmp_path):
    with pytest.raises(RuntimeError, match="synchronizing CUDA operation"):
        watched(tmp_path, "cuda", {}, Reading)
