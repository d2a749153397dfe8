"""A record that fails never costs a training; under ``strict`` it says so by raising."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import Classifier, digest, fit
from tests.helpers.loggers import Minimal, records, scalars


class Flaky(Classifier):
    """Fails in evaluation from some step on, as a probe that no longer fits into memory does."""

    def forward(self, x):
        if not self.training and self.global_step >= 6:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return self.net(x)

    def validation_step(self, batch, batch_idx):
        pass


def test_a_record_that_raises_warns_once_and_training_goes_on(tmp_path):
    logger, monitor = Minimal(), InfoGeometryMonitor(schedule=2)
    with pytest.warns(UserWarning, match=r"recording at step 6 raised OutOfMemoryError: CUDA out of memory") as warned:
        trainer = fit(monitor, tmp_path, Flaky, logger=logger, max_steps=12)
    assert len([w for w in warned if "InfoGeometryMonitor" in str(w.message)]) == 1
    assert trainer.global_step == 12
    assert monitor.trajectories["val"].steps.tolist() == [0, 2, 4]
    assert records(logger)[0] == [1, 3]
    assert trainer.lightning_module.training
    assert digest(trainer) == digest(fit([], tmp_path, max_steps=12))


def test_under_strict_it_raises(tmp_path):
    with pytest.raises(torch.cuda.OutOfMemoryError):
        fit(InfoGeometryMonitor(schedule=2, strict=True), tmp_path, Flaky)


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
    assert [x for x, _ in scalars(logger.log_dir)["infogeo/val/length"]] == [1, 3, 5, 7, 9, 11]
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


class Full(Minimal):
    def log_metrics(self, metrics, step=None):
        if any("infogeo" in key for key in metrics):
            raise OSError("No space left on device")


def test_a_logger_that_raises_loses_only_that_logger(tmp_path):
    sound, monitor = Minimal(), InfoGeometryMonitor(schedule=3)
    with pytest.warns(UserWarning, match="`Full` raised OSError: No space left on device") as warned:
        fit(monitor, tmp_path, logger=[Full(), sound], max_steps=9)
    assert len([w for w in warned if "No space" in str(w.message)]) == 1
    assert records(sound)[0] == [2, 5, 8]
    assert len(monitor.trajectories["val"]) == 4


def test_under_strict_the_logger_stops_training(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        fit(InfoGeometryMonitor(schedule=3, strict=True), tmp_path, logger=Full())


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


def test_a_failing_logger_does_not_hide_the_exception_that_stopped_training(tmp_path):
    class Breaks(pl.Callback):
        def on_train_batch_end(self, trainer, *args):
            raise ZeroDivisionError

    monitor = InfoGeometryMonitor(schedule=1, strict=True)
    with pytest.warns(UserWarning, match="while writing the last records"), pytest.raises(ZeroDivisionError):
        fit([monitor, Breaks()], tmp_path, logger=Full())
    assert len(monitor.trajectories["val"]) == 2


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
