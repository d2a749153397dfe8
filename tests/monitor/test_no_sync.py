"""A record reads nothing from the device: an audit of everything dispatched during a real fit."""

from unittest.mock import patch

import pytest
import torch

from lightning_infogeo import InfoGeometryMonitor, ParameterDensity
from lightning_infogeo.loggers import HostCopies
from lightning_infogeo.monitor.device.recorder import Recorder
from tests.helpers.classifiers import Classifier, fit
from tests.helpers.host_reads import Sentry


class ShowsItsLoss(Classifier):
    """What is logged with ``prog_bar=True`` is read whenever anybody asks for ``trainer.callback_metrics``."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("shown", loss, prog_bar=True)
        return loss


@pytest.mark.parametrize(
    "options",
    [
        {"lag": 0},
        {"lag": 1},
        {"lag": 3},
        {"parameters": True},
        {"parameters": ParameterDensity("network", "histogram")},
    ],
)
def test_a_record_reads_nothing_back(options, tmp_path):
    monitor = Sentry(schedule=2, strict=True, **options)
    fit(monitor, tmp_path, ShowsItsLoss)
    assert monitor.audits > 6
    assert len(monitor.trajectories["val"]) == 7


@pytest.mark.parametrize(
    "read",
    [
        lambda t: t.sum().item(),
        lambda t: float(t.sum()),
        lambda t: bool(t.sum() > 0),
        lambda t: f"{t.sum():.2f}",
        lambda t: t.tolist(),
        lambda t: t.cpu(),
        lambda t: t[t > 0],
        lambda t: t.nonzero(),
        lambda t: torch.equal(t, t),
    ],
)
def test_the_audit_notices_a_read(read, tmp_path):
    """Negative control: one read slipped into a record fails it."""
    original = Recorder.step

    def step(self, *args):
        record = original(self, *args)
        if record is not None:
            read(record)
        return record

    with patch.object(Recorder, "step", step), pytest.raises(AssertionError, match="read"):
        fit(Sentry(schedule=2, strict=True), tmp_path)


def test_values_are_read_at_a_later_hook_only(tmp_path):
    """What a record starts to copy is read by the hook of the next batch, not its own."""
    events = []

    class Noted(InfoGeometryMonitor):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            events.append("batch")
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    start_copy, finish = HostCopies.start_copy, HostCopies.finish

    def noted_start(self, step, x, values):
        events.append("start_copy")
        start_copy(self, step, x, values)

    def noted_finish(self):
        found = finish(self)
        if found:
            events.append("finish")
        return found

    with patch.object(HostCopies, "start_copy", noted_start), patch.object(HostCopies, "finish", noted_finish):
        fit(Noted(schedule=1), tmp_path, max_steps=4)
    assert events == ["start_copy", *["batch", "finish", "start_copy"] * 4, "finish"]


def test_one_vector_a_record_leaves_the_device(tmp_path):
    posted = []
    with patch.object(HostCopies, "start_copy", lambda self, step, x, values: posted.append((step, values.shape))):
        fit(InfoGeometryMonitor(schedule=2), tmp_path, max_steps=6)
    # Whether all could measure, eight quantities of two probes, and what the marker of samples condenses the second to.
    assert posted == [(step, (1 + 2 * 8 + 201,)) for step in (0, 2, 4, 6)]
