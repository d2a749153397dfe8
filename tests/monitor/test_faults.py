"""Whatever breaks, training goes on, what was recorded is there, and the message names what broke."""

import errno
import random

import pytest
import torch
import zarr
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, Dataset

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe, Schedule, Trajectory
from lightning_infogeo.archive import Folder
from tests.classifiers import IMAGES, LABELS, Classifier, digest, fit
from tests.monitor import killed_run
from tests.monitor.test_archive import same_archives
from tests.monitor.test_events import At
from tests.monitor.test_logging import Minimal, records, scalars
from tests.monitor.test_resume import ByStep, pytestmark, saved  # noqa: F401

KILLS = 52


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if isinstance(a[key], dict):
            same(a[key], b[key])
        elif isinstance(a[key], torch.Tensor):
            torch.testing.assert_close(
                a[key], b[key], rtol=0, atol=0, equal_nan=True, msg=lambda m, key=key: f"{key} {m}"
            )
        else:
            assert a[key] == b[key], key


def test_killed_at_any_moment_and_resumed_a_run_is_the_uninterrupted_one(tmp_path):
    """Fifty kill −9, several to a run: weights, curves, history, events and archive are the same bit by bit."""
    whole = killed_run.finish(tmp_path / "whole")
    assert len(whole["events"]) > 20
    moments, kills, attempt = random.Random(0), 0, 0
    while kills < KILLS:
        folder = tmp_path / str(attempt)
        attempt += 1
        at = -1
        for _ in range(11):
            at = moments.randint(at, min(at + 4, killed_run.STEPS - 1))
            kills += killed_run.kill(folder, at, moments.uniform(0, 0.02))
        same(whole, killed_run.finish(folder))
        same_archives(tmp_path / "whole" / "run.zarr", folder / "run.zarr")


def test_what_a_checkpoint_knew_and_had_not_told_is_told_after_resuming(tmp_path):
    """ModelCheckpoint saves at the same hook that records, one hook before loggers and users are told."""
    told, first = [], InfoGeometryMonitor(schedule=2, markers=[At(6)])
    fit([first, saved(tmp_path, every_n_train_steps=6)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    logger = Minimal()
    resumed = InfoGeometryMonitor(schedule=2, markers=[At(6)], on_event=told.append)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "step=6.ckpt", max_steps=10, logger=logger)
    assert resumed.events == first.events
    assert told == first.events
    assert records(logger)[0] == [5, 7, 9]  # that of step 6 may be in the first session's file, or not


class ShortOfMemory(Classifier):
    """Has room for so many samples in evaluation, from some step on."""

    room, since, error = 8, 6, torch.OutOfMemoryError

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, x):
        if not self.training:
            self.asked.append(len(x))
            if self.global_step >= self.since and len(x) > self.room:
                raise self.error("CUDA out of memory. Tried to allocate 2 GiB.")
        return self.net(x)

    def validation_step(self, batch, batch_idx):
        pass


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
@pytest.mark.parametrize("since", [0, 6])
def test_where_memory_runs_out_half_the_chunk_is_tried_and_kept(since, error, tmp_path):
    class Model(ShortOfMemory):
        pass

    Model.since, Model.error = since, error
    whole, halved = (InfoGeometryMonitor(schedule=2, probe_size=32) for _ in range(2))
    without = fit(whole, tmp_path)
    made = fit(halved, tmp_path, Model)
    assert digest(made) == digest(without)
    asked = made.lightning_module.asked
    assert set(asked) == {16, 8}
    assert set(asked[asked.index(8) :]) == {8}  # it never asks for too much again
    for name, kept in whole.trajectories.items():
        torch.testing.assert_close(
            kept.state_dict()["values"], halved.trajectories[name].state_dict()["values"], equal_nan=True
        )


def test_where_half_is_too_much_too_it_is_switched_off_with_one_warning(tmp_path):
    class Model(ShortOfMemory):
        room = 0

    monitor = InfoGeometryMonitor(schedule=2, probe_size=32)
    with pytest.warns(UserWarning, match=r"recording at step 6 raised OutOfMemoryError: CUDA out of memory") as warned:
        made = fit(monitor, tmp_path, Model)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert made.lightning_module.asked[-2:] == [16, 8]
    assert digest(made) == digest(fit([], tmp_path))
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4]


def test_other_errors_are_not_tried_again(tmp_path):
    class Model(ShortOfMemory):
        room = 0

        @staticmethod
        def error(message):
            return RuntimeError("size mismatch")

    with pytest.warns(UserWarning, match="raised RuntimeError: size mismatch"):
        made = fit(InfoGeometryMonitor(schedule=2, probe_size=32), tmp_path, Model)
    assert 8 not in made.lightning_module.asked


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

    monkeypatch.setattr("lightning_infogeo.archive.writer.FileLock.acquire", read_only)
    with pytest.raises(ConfigurationError, match=r"archive=.*Read-only file system"):
        fit(InfoGeometryMonitor(archive="auto"), tmp_path)


@pytest.mark.parametrize("fails", ["log_metrics", "log_figure"])
def test_a_logger_that_fails_anywhere_is_left_out(fails, tmp_path):
    class Fails(Minimal):
        def log_figure(self, key, figure, step=None):
            pass

    class Quiet(Classifier):
        """Logs nothing of its own: where Lightning's own call fails, so does training, monitored or not."""

        def training_step(self, batch, batch_idx):
            return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, batch_idx):
            pass

    def read_only(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    setattr(Fails, fails, read_only)
    sound, monitor = Minimal(), InfoGeometryMonitor(schedule=4)
    with pytest.warns(UserWarning, match=r"`Fails` raised OSError: .*Read-only") as warned:
        made = fit(monitor, tmp_path, Quiet, logger=[Fails(), sound], max_steps=16)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert made.global_step == 16
    assert records(sound)[0] == [3, 7, 11, 15]


@pytest.mark.parametrize("broken", ["train", "val"])
def test_data_that_cannot_be_read_is_named_before_training(broken, tmp_path):
    class Broken(Dataset):
        def __len__(self):
            return 96

        def __getitem__(self, index):
            if index >= 40:
                raise OSError(f"corrupt JPEG {index}")
            return IMAGES[index], LABELS[index]

    with pytest.raises(ConfigurationError, match=rf"probe '{broken}' from `DataLoader` raised OSError: corrupt JPEG"):
        fit(InfoGeometryMonitor(), tmp_path, **{broken: DataLoader(Broken(), batch_size=8)})


def test_a_loader_that_raises_while_training_loses_nothing_recorded(tmp_path):
    class Breaks(Dataset):
        reads = 0

        def __len__(self):
            return 96

        def __getitem__(self, index):
            self.reads += 1
            if self.reads > 80 + 32:
                raise OSError("server gone")
            return IMAGES[index], LABELS[index]

    logger = Minimal()
    monitor = InfoGeometryMonitor({"val": Probe(IMAGES[:9], LABELS[:9])}, schedule=1, archive=tmp_path / "a.zarr")
    with pytest.raises(OSError, match="server gone"):
        fit(monitor, tmp_path, train=DataLoader(Breaks(), batch_size=16), val=False, logger=logger)
    assert monitor.trajectories["val"].steps.tolist() == Trajectory.open(tmp_path / "a.zarr").steps.tolist()
    assert monitor.trajectories["val"].steps[-1] == 7
    assert records(logger)[0] == list(range(7))


def test_weights_that_explode_and_recover_leave_a_gap(tmp_path):
    class Explodes(Classifier):
        def on_train_batch_start(self, batch, batch_idx):
            if self.global_step == 5:
                self.kept = self.net[0].weight.detach().clone()
                self.net[0].weight.data.fill_(torch.inf)
            if self.global_step == 8:
                self.net[0].weight.data.copy_(self.kept)
                self.net[0].bias.data.zero_()
                self.net[2].weight.data.normal_(0, 0.1)
                self.net[2].bias.data.zero_()
                self.trainer.optimizers[0].state.clear()

    logger = TensorBoardLogger(tmp_path)
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, archive=tmp_path / "a.zarr", parameters=True)
    with pytest.warns(UserWarning, match="at step 6 are not all finite") as warned:
        made = fit(monitor, tmp_path, Explodes, logger=logger, max_steps=20)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    for trajectory in (monitor.trajectories["val"], Trajectory.open(tmp_path / "a.zarr", "val")):
        assert trajectory.length.isnan().nonzero().flatten().tolist() == [6, 7, 8]
        assert (trajectory.length[9:] >= trajectory.length[5]).all()
    network = monitor.trajectories["parameters/network"].length
    assert network.isfinite()[[5, 9, 20]].all()
    assert len(scalars(logger.log_dir)["infogeo/val/length"]) == 20
    assert made.callback_metrics["infogeo/val/length"] == monitor.trajectories["val"].length[-1].float()


class Vocabulary(Classifier):
    """Knows ten words; reads its batches elsewhere."""

    def __init__(self):
        super().__init__(torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Flatten(), torch.nn.Linear(8, 10)))

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[1][:, None].expand(-1, 2)), batch[1])


def test_a_sample_on_which_the_model_raises_is_refused_before_training(tmp_path):
    words = torch.tensor([[1, 2], [3, 99]])
    with pytest.raises(ConfigurationError, match=r"calling `Vocabulary` raised IndexError: index out of range"):
        fit(InfoGeometryMonitor(Probe(words, [0, 1])), tmp_path, Vocabulary, val=False)


def test_one_on_which_it_raises_later_switches_the_monitor_off(tmp_path):
    class Shrinks(Vocabulary):
        def forward(self, x):
            if not self.training and self.global_step == 5:
                x = x + 90
            return self.net(x)

    monitor = InfoGeometryMonitor(Probe(torch.tensor([[1, 2], [3, 4]]), [0, 1]), schedule=1)
    with pytest.warns(UserWarning, match=r"recording at step 5 raised IndexError: index out of range"):
        made = fit(monitor, tmp_path, Shrinks, val=False)
    assert monitor.trajectories["probe"].steps.tolist() == [0, 1, 2, 3, 4]
    assert digest(made) == digest(fit([], tmp_path, Vocabulary, val=False))


class Raises(At):
    """Fails where it is told to."""

    def __init__(self, where):
        super().__init__(3, 6, name="raises")
        self.where = where

    def extend(self, state, step, observation):
        if self.where == "extend" and step == 6:
            raise ZeroDivisionError("in a marker")
        return super().extend(state, step, observation)

    def message(self, event):
        if self.where == "message" and event.detected_at == 6:
            raise ZeroDivisionError("in a marker")
        return super().message(event)


@pytest.mark.parametrize("where", ["extend", "message"])
def test_a_marker_that_raises_watches_no_more(where, tmp_path):
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, markers=[Raises(where), At(9)])
    with pytest.warns(UserWarning, match=r"markers=.*'raises' raised ZeroDivisionError: in a marker") as warned:
        made = fit(monitor, tmp_path)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert {(event.name, event.detected_at) for event in monitor.events} == {("raises", 3), ("at", 9)}
    assert monitor.trajectories["val"].steps.tolist() == list(range(13))
    assert digest(made) == digest(fit([], tmp_path))
    with pytest.raises(ZeroDivisionError):
        fit(InfoGeometryMonitor(schedule=1, markers=[Raises(where)], strict=True), tmp_path)


def test_a_schedule_that_raises_ends_the_recording_alone(tmp_path):
    class Raises(Schedule):
        def next_step(self, after, clock):
            if clock.step == 5 and clock.epoch_end is not None and clock.final == 12 and after == 4:
                raise ZeroDivisionError("in a schedule")
            return after + 1

    monitor = InfoGeometryMonitor(schedule=Raises(), probe_size=32)
    with pytest.warns(UserWarning, match=r"recording at step 5 raised ZeroDivisionError: in a schedule") as warned:
        made = fit(monitor, tmp_path)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert made.global_step == 12
    assert monitor.trajectories["val"].steps.tolist() == [0, 1, 2, 3, 4]
    assert made.callback_metrics["infogeo/val/length"].isfinite()


def test_a_fast_dev_run_takes_no_path(tmp_path):
    for options in ({"fast_dev_run": 2, "max_steps": -1}, {}):
        monitor = InfoGeometryMonitor(schedule=1, probe_size=32, archive=tmp_path / "a.zarr")
        fit(monitor, tmp_path, **options)
        assert (tmp_path / "a.zarr").exists() == (not options)
