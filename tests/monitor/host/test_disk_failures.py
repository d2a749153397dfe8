"""A disk that is full or read-only costs the archive alone, and is told of before training where it can be."""

import errno

import pytest
import torch
import zarr

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Trajectory
from lightning_infogeo.archive import Folder
from tests.helpers.classifiers import digest, fit


def full_disk(monkeypatch, where, after):
    """Every write of a kind fails from the n-th on, as on a disk that has filled up."""
    place, name = where
    write, count = getattr(place, name), iter(range(10**6))

    def fails(*args, **options):
        if next(count) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args, **options)

    monkeypatch.setattr(place, name, fails)


@pytest.mark.parametrize("where", ["documents", "chunks"])
def test_a_full_disk_costs_the_rest_of_the_archive_alone(where, tmp_path, monkeypatch):
    kinds = {"documents": (Folder, "replace"), "chunks": (zarr.storage.LocalStore, "set")}
    full_disk(monkeypatch, kinds[where], after=30)
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, archive=tmp_path / "a.zarr")
    with pytest.warns(UserWarning, match=r"archive=.*writing raised OSError: .*No space left on device") as warned:
        made = fit(monitor, tmp_path, max_steps=30)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    monkeypatch.undo()
    assert digest(made) == digest(fit([], tmp_path, max_steps=30))
    live, kept = monitor.trajectories["val"], Trajectory.open(tmp_path / "a.zarr")
    assert live.steps.tolist() == list(range(31))
    assert 1 <= len(kept) < 31
    torch.testing.assert_close(kept.length, live.length[: len(kept)], rtol=0, atol=0)
    assert kept.amplitudes[:].isfinite().all()


def test_a_disk_that_is_full_before_training_is_refused(tmp_path, monkeypatch):
    full_disk(monkeypatch, (Folder, "replace"), after=0)
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
