"""A disk that is full or read-only costs the archive alone, and is told of before training where it can be."""

import errno
import time

import lightning.pytorch as pl
import pytest
import torch
import zarr

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import Folder
from tests.helpers.classifiers import digest, fit


def full_disk(monkeypatch, where):
    """Every write of a kind fails, as on a disk that has filled up."""

    def fails(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*where, fails)


class FillsUp(pl.Callback):
    """Calls ``fill`` at step 10, once there is a record in the archive."""

    def __init__(self, path, fill):
        self.path, self.fill = path, fill

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.global_step == 10:
            for _ in range(6000):  # records are written beside the training, some at a time
                if len(Trajectory.open(self.path)):
                    break
                time.sleep(0.01)
            self.fill()


@pytest.mark.parametrize("where", [(Folder, "replace"), (zarr.storage.LocalStore, "set")], ids=["documents", "chunks"])
def test_a_full_disk_costs_the_rest_of_the_archive_alone(where, tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, archive=path)
    fills_up = FillsUp(path, lambda: full_disk(monkeypatch, where))
    with pytest.warns(UserWarning, match=r"archive=.*writing raised OSError: .*No space left on device") as warned:
        made = fit([monitor, fills_up], tmp_path, max_steps=30)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    monkeypatch.undo()
    assert digest(made) == digest(fit([], tmp_path, max_steps=30))
    live, kept = monitor.trajectories["val"], Trajectory.open(path)
    assert live.steps.tolist() == list(range(31))
    assert 1 <= len(kept) <= 11
    torch.testing.assert_close(kept.length, live.length[: len(kept)], rtol=0, atol=0)
    assert kept.amplitudes[:].isfinite().all()


def test_a_disk_that_is_full_before_training_is_refused(tmp_path, monkeypatch):
    full_disk(monkeypatch, (Folder, "replace"))
    with pytest.raises(ConfigurationError, match=r"archive=.*No space left on device"):
        fit(InfoGeometryMonitor(archive=tmp_path / "a.zarr"), tmp_path)


def test_a_place_where_nothing_can_be_written_is_refused_before_training(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"archive=.*file"):
        fit(InfoGeometryMonitor(archive=tmp_path / "file" / "a.zarr"), tmp_path)
    with pytest.raises(ConfigurationError, match=r"archive '/proc/.*': no file can be created there"):
        fit(InfoGeometryMonitor(archive="/proc/a.zarr"), tmp_path)

    def read_only(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", read_only)
    with pytest.raises(ConfigurationError, match=r"archive=.*Read-only file system"):
        fit(InfoGeometryMonitor(archive="auto"), tmp_path)
