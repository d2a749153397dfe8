"""Whatever breaks, training goes on, what was recorded stays, and a message names what broke; ``strict`` raises."""

import copy
import errno
import warnings

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, Dataset

from lightning_infogeo import (
    ConfigurationError,
    EmbeddingSettings,
    InfoGeometryMonitor,
    Probe,
    Schedule,
    Trajectory,
)
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit, train_loader, val_loader
from tests.helpers.loggers import Minimal, records, scalars
from tests.helpers.markers import At


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
def test_where_memory_runs_out_ever_smaller_calls_are_tried_and_kept(since, error, tmp_path):
    class Model(ShortOfMemory):
        pass

    Model.since, Model.error = since, error
    whole, halved = (InfoGeometryMonitor(schedule=2, probe_size=32) for _ in range(2))
    without = fit(whole, tmp_path)
    made = fit(halved, tmp_path, Model)
    assert digest(made) == digest(without)
    asked = made.lightning_module.asked
    # A first call has four training batches, or the whole probe; the smallest half a training batch.
    assert sorted(set(asked)) == [8, 16, 32]
    assert set(asked[asked.index(8) :]) == {8}  # it never asks for too much again
    for name, kept in whole.trajectories.items():
        torch.testing.assert_close(
            kept.state_dict()["values"], halved.trajectories[name].state_dict()["values"], equal_nan=True
        )


def test_where_half_a_training_batch_is_too_much_too_it_is_switched_off_with_one_warning(tmp_path):
    class Model(ShortOfMemory):
        room = 0

    logger, monitor = Minimal(), InfoGeometryMonitor(schedule=2, probe_size=32)
    with pytest.warns(UserWarning, match=r"recording at step 6 raised OutOfMemoryError: CUDA out of memory") as warned:
        made = fit(monitor, tmp_path, Model, logger=logger)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert made.lightning_module.asked[-3:] == [32, 16, 8]
    assert digest(made) == digest(fit([], tmp_path))
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4]
    assert records(logger)[0] == [1, 3]
    assert made.lightning_module.training
    assert made.global_step == 12
    with pytest.raises(torch.OutOfMemoryError):
        fit(InfoGeometryMonitor(schedule=2, strict=True), tmp_path, Model)


def test_other_errors_are_not_tried_again(tmp_path):
    class Model(ShortOfMemory):
        room = 0

        @staticmethod
        def error(message):
            return RuntimeError("size mismatch")

    with pytest.warns(UserWarning, match="raised RuntimeError: size mismatch"):
        made = fit(InfoGeometryMonitor(schedule=2, probe_size=32), tmp_path, Model)
    assert 8 not in made.lightning_module.asked


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


def test_a_record_is_kept_where_what_goes_with_it_fails(tmp_path, monkeypatch):
    record = NeuronLog.record

    def fails(self, step, module):
        if step == 6:
            raise RuntimeError("no room for vectors")
        record(self, step, module)

    monkeypatch.setattr(NeuronLog, "record", fails)
    monitor = InfoGeometryMonitor(schedule=2, neurons=True)
    with pytest.warns(UserWarning, match="recording at step 6 raised RuntimeError: no room for vectors"):
        fit(monitor, tmp_path)
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4, 6]
    assert monitor.trajectories["val"].length.isfinite().all()


class Explodes(Classifier):
    """Logits of one sample are not finite for a while, on the probe only."""

    bad = float("nan")

    def forward(self, x):
        z = self.net(x)
        if not self.training and 4 <= self.global_step < 8:
            z = z.index_fill(0, torch.tensor([3]), self.bad)
        return z

    def validation_step(self, batch, batch_idx):
        pass


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_counted_and_later_records_go_on(bad, tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(schedule=2)

    class Model(Explodes):
        pass

    Model.bad = bad
    with pytest.warns(UserWarning, match="probe train, val at step 4 are not all finite") as warned:
        trainer = fit(monitor, tmp_path, Model, logger=logger)
    assert len([w for w in warned if "not all finite" in str(w.message)]) == 1
    trajectory = monitor.trajectories["val"]
    assert trajectory.steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert trajectory.length.isnan().tolist() == [False, False, True, True, False, False, False]
    assert trajectory.skipped == 2
    assert trajectory.velocity[4].isnan()  # step 7 was not finite
    assert [x for x, _ in scalars(logger.log_dir)["infogeo/val/length"]] == [1, 7, 9, 11]
    assert trainer.callback_metrics["infogeo/val/length"].isfinite()
    clean = InfoGeometryMonitor(schedule=2)
    fit(clean, tmp_path)
    torch.testing.assert_close(clean.trajectories["val"].displacement[-1], trajectory.displacement[-1])


def test_under_strict_they_raise(tmp_path):
    with pytest.raises(FloatingPointError, match="at step 4 are not all finite"):
        fit(InfoGeometryMonitor(schedule=2, strict=True), tmp_path, Explodes)


def test_a_model_that_is_never_finite_is_recorded_as_such(tmp_path):
    class Never(Classifier):
        def forward(self, x):
            return self.net(x) * (1 if self.training else torch.nan)

    monitor = InfoGeometryMonitor()
    with pytest.warns(UserWarning, match="at step 0 are not all finite"):
        fit(monitor, tmp_path, Never, max_steps=3)
    assert monitor.trajectories["val"].skipped == 4


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
    logged = scalars(logger.log_dir)
    assert [x for x, _ in logged["infogeo/val/length"]] == [x for x in range(20) if x not in (5, 6, 7)]
    assert [x for x, _ in logged["infogeo/markers"]] == list(range(20))
    assert made.callback_metrics["infogeo/val/length"] == monitor.trajectories["val"].length[-1].float()


class Late(Classifier):
    """Begins to write a buffer at step 5, where nobody expects it any more."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        if self.global_step > 4:
            self.calls += 1
        return self.net(x) + 0.1 * self.calls


def test_small_buffers_that_begin_to_change_later_are_put_back(tmp_path):
    monitor = InfoGeometryMonitor(schedule=2)
    trainer = fit(monitor, tmp_path, Late, val=False)
    assert len(monitor.trajectories["train"]) == 7
    assert digest(trainer) == digest(fit([], tmp_path, Late, val=False))


def test_large_ones_that_could_not_be_put_back_switch_the_monitor_off(tmp_path, monkeypatch):
    monkeypatch.setattr("lightning_infogeo.probe.write_guard.SMALL", 0)
    monitor = InfoGeometryMonitor(schedule=2)
    with pytest.warns(UserWarning, match=r"the forward wrote \['calls'\], as it had not done before"):
        fit(monitor, tmp_path, Late, val=False)
    assert monitor.trajectories["train"].steps.tolist() == [0, 2, 4]


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
    assert monitor.trajectories["val"].steps.tolist() == [0, 4, 8, 12, 16]


class Full(Minimal):
    def log_metrics(self, metrics, step=None):
        if any("infogeo" in key for key in metrics):
            raise OSError("No space left on device")


def test_under_strict_the_logger_stops_training(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        fit(InfoGeometryMonitor(schedule=3, strict=True), tmp_path, logger=Full())


def test_a_failing_logger_does_not_hide_the_exception_that_stopped_training(tmp_path):
    class Breaks(pl.Callback):
        def on_train_batch_end(self, trainer, *args):
            raise ZeroDivisionError

    monitor = InfoGeometryMonitor(schedule=1, strict=True)
    with pytest.warns(UserWarning, match="while writing the last records"), pytest.raises(ZeroDivisionError):
        fit([monitor, Breaks()], tmp_path, logger=Full())
    assert len(monitor.trajectories["val"]) == 2


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


@pytest.mark.parametrize("error", [ValueError("bad batch"), KeyboardInterrupt()])
def test_nothing_recorded_is_lost_when_training_raises(error, tmp_path):
    class Breaks(pl.Callback):
        def on_train_batch_end(self, trainer, *args):
            if trainer.global_step == 7:
                raise error

    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(schedule=1)
    with pytest.raises((ValueError, SystemExit)):
        fit([monitor, Breaks()], tmp_path, logger=logger)
    assert monitor.trajectories["val"].steps.tolist() == list(range(8))
    assert [x for x, _ in scalars(logger.log_dir)["infogeo/val/length"]] == list(range(7))


class Raises(At):
    """Fails where it is told to."""

    def __init__(self, where):
        super().__init__(3, 6, name="raises")
        self.where = where

    def extend(self, state, step, observation, trained):
        if self.where == "extend" and step == 6:
            raise ZeroDivisionError("in a marker")
        return super().extend(state, step, observation, trained)

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


def test_a_record_that_was_made_is_kept_where_what_goes_with_it_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(Recorder, "snapshots", lambda self, groups: 1 / 0)
    monitor = InfoGeometryMonitor(schedule=5, probe_size=32, embedding=EmbeddingSettings(share=1))
    with pytest.warns(UserWarning, match="recording at step 5 raised ZeroDivisionError"):
        fit(monitor, tmp_path, logger=TensorBoardLogger(tmp_path), max_steps=20, max_epochs=-1)
    assert monitor.trajectories["val"].steps.tolist() == [0, 5]
    assert monitor.state_dict()["recorder"]["made"] == 2


class Widened(Classifier):
    def on_train_batch_start(self, batch, batch_idx):
        if self.global_step == 4:
            self.net[0], self.net[2] = nn.Linear(64, 17), nn.Linear(17, 10)


def test_layers_that_change_their_shape_are_not_shown_and_training_goes_on(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, neurons=True)
    with pytest.warns(UserWarning, match="showing them raised RuntimeError"):
        trainer = fit(monitor, tmp_path, Widened, logger=TensorBoardLogger(tmp_path), max_steps=20, max_epochs=-1)
    assert trainer.global_step == 20
    assert monitor.trajectories["val"].steps.tolist() == list(range(21))


class GoesBack(pl.Callback):
    """To a state of this fit, between two steps."""

    def __init__(self, monitor, since, at):
        self.monitor, self.since, self.at = monitor, since, at

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.since:
            self.state = copy.deepcopy(self.monitor.state_dict())
        if trainer.global_step == self.at:
            self.monitor.load_state_dict(self.state)


def test_what_has_failed_stays_so_when_a_state_is_restored_in_the_middle_of_a_fit(tmp_path):
    class Model(ShortOfMemory):
        room, since = 0, 7  # one step before a record

    monitor = InfoGeometryMonitor(schedule=4, probe_size=32)
    callbacks = [monitor, GoesBack(monitor, since=5, at=7)]
    with pytest.warns(UserWarning, match="recording at step 7 raised") as warned:
        fit(callbacks, tmp_path, Model, logger=TensorBoardLogger(tmp_path), max_steps=20, max_epochs=-1)
    assert len([w for w in warned if "recording" in str(w.message)]) == 1
    assert monitor.trajectories["val"].steps.tolist() == [0, 4]


def test_a_marker_that_has_raised_watches_no_more_in_a_second_fit_and_after_a_restore(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1, probe_size=32, markers=[Raises("extend"), At(9)])
    callbacks = [monitor, GoesBack(monitor, since=3, at=8)]
    with pytest.warns(UserWarning, match="'raises' raised"):
        trainer = fit(callbacks, tmp_path, max_steps=7)
    trainer.fit_loop.epoch_loop.max_steps = 12
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*'raises' raised")
        trainer.fit(trainer.lightning_module, train_loader(), val_loader())
    assert monitor.events[-1].name == "at"
