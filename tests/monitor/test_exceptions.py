"""After an exception in ``fit``, which Lightning follows by no ``teardown``: the device is left, readings stay."""

import gc
import weakref

import lightning.pytorch as pl
import pytest
import torch

from lightning_infogeo import InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import ArchiveWriter, Folder
from lightning_infogeo.monitor.device.recorder import Recorder
from tests.helpers.classifiers import fit
from tests.helpers.reachable import handles, models, on_devices, plain
from tests.helpers.readings import readings
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep

pytestmark = REMARKS_ON_RESUMING


class Fails(ByStep):
    """Fails at step 7."""

    error = RuntimeError

    def on_train_batch_start(self, *args):
        if self.global_step == 7:
            raise self.error("a batch that cannot be read")


class Interrupted(Fails):
    error = KeyboardInterrupt


class Looks(pl.Callback):
    def __init__(self, monitor):
        self.monitor, self.held = monitor, []

    def on_train_batch_end(self, trainer, module, *args):
        if trainer.global_step == 6:
            self.held.append((bool(models(self.monitor)), bool(on_devices(self.monitor)), bool(handles(self.monitor))))


def options(tmp_path):
    return {"schedule": 2, "parameters": True, "neurons": True, "archive": tmp_path / "a.zarr"}


@pytest.mark.parametrize("accelerator", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("kind", [Fails, Interrupted])
def test_nothing_is_left_on_the_device_and_readings_stay(kind, accelerator, tmp_path):
    made, model = InfoGeometryMonitor(**options(tmp_path)), kind()
    looks = Looks(made)
    with pytest.raises((RuntimeError, SystemExit)):
        fit([made, looks], tmp_path, model, accelerator=accelerator)
    assert looks.held == [(True, accelerator == "cuda", True)]  # as long as training went on
    gone = weakref.ref(model)
    assert not handles(made)
    assert not models(made)
    assert not on_devices(made)
    del model, looks  # into which Lightning has put a method of the model
    gc.collect()
    assert gone() is None
    assert made.trajectories["val"].steps.tolist() == [0, 2, 4, 6]
    assert made.trajectories["val"].history.steps.tolist() == [0, 2, 4, 6]
    texts, trajectories, histories, _, table, neurons = readings(made)
    assert texts[0].startswith("val: ")
    assert set(histories) == {"train", "val"} < set(trajectories)
    assert "│ val " in table
    assert len(neurons["net.0"][0]) == 4
    assert Trajectory.open(tmp_path / "a.zarr").steps.tolist() == [0, 2, 4, 6]
    ArchiveWriter(Folder(tmp_path / "a.zarr"), {}).close()  # nobody holds it any more


class Saves(pl.Callback):
    """Saves a checkpoint as a training fails, as ``OnExceptionCheckpoint`` does."""

    def __init__(self, path):
        self.path = path

    def on_exception(self, trainer, module, exception):
        trainer.save_checkpoint(self.path)


def test_a_training_that_failed_is_gone_on_with_by_the_same_monitor(tmp_path):
    whole = InfoGeometryMonitor(schedule=2)
    fit(whole, tmp_path, ByStep)
    made = InfoGeometryMonitor(schedule=2)
    with pytest.raises(RuntimeError, match="cannot be read"):
        fit([made, Saves(tmp_path / "failed.ckpt")], tmp_path, Fails)
    at_failure = torch.load(tmp_path / "failed.ckpt", weights_only=True)["callbacks"][made.state_key]
    assert plain(at_failure) == plain(made.state_dict())
    fit(made, tmp_path, ByStep, ckpt_path=tmp_path / "failed.ckpt", seed=99)
    assert plain(made.trajectories["val"].state_dict()) == plain(whole.trajectories["val"].state_dict())


def test_a_device_that_gives_nothing_back_does_not_hide_what_went_wrong(tmp_path, monkeypatch):
    def to(self, device):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(Recorder, "to", to)
    made = InfoGeometryMonitor(**options(tmp_path))
    with (
        pytest.warns(UserWarning, match=r"RuntimeError while leaving the device: CUDA error"),
        pytest.raises(RuntimeError, match="cannot be read"),
    ):
        fit(made, tmp_path, Fails)
    assert made.trajectories["val"].steps.tolist() == [0, 2, 4, 6]
    assert not handles(made)
