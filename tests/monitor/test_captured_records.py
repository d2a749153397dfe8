"""Records whose part behind the forward is captured and repeated are, bit for bit, those that are made one by one.

On the CPU a capture is played by ``replayed``, which repeats operations on the memory they were recorded with, as a
CUDA graph does; the graph itself is tested in tests/gpu.
"""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit
from tests.helpers.replayed import replayed
from tests.helpers.resuming import REMARKS_ON_RESUMING

pytestmark = REMARKS_ON_RESUMING


class Captured(InfoGeometryMonitor):
    def on_train_start(self, trainer, pl_module):
        super().on_train_start(trainer, pl_module)
        self.possible = self._session.recorder.capture(replayed)

    def on_train_end(self, trainer, pl_module):
        self.repeated = self._session.recorder.repeated
        super().on_train_end(trainer, pl_module)


def loader(classes, rows):
    return DataLoader(TensorDataset(IMAGES[rows], LABELS[rows] % classes), batch_size=16)


def train(kind, folder, classes=4, steps=200, held_out=300, checkpoint=None, **options):
    """Trains from a fixed seed, as ``fit`` does, and leaves a checkpoint of the end."""
    monitor = kind(probe_size=64, budget=None, strict=True, **options)

    def model():
        net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, classes))
        return Classifier(net, 0.5, torch.optim.SGD)

    loaders = loader(classes, slice(128)), loader(classes, slice(200, 200 + held_out))
    fit(monitor, folder, model, *loaders, ckpt_path=checkpoint, max_steps=steps).save_checkpoint(folder / "end.ckpt")
    return monitor


CASES = {
    "everything at its default": {},
    "a history that is full": {"embedding": EmbeddingSettings(max_records=12), "schedule": 3},
    "velocity over the interval": {"lag": 0},
    "every step": {"schedule": 1, "steps": 60},
    "probes of one size": {"held_out": 64},
    "no pictures": {"embedding": False},
    "two classes": {"classes": 2},
}


@pytest.mark.parametrize("name", CASES)
def test_records_are_the_same(name, tmp_path):
    plain, captured = (train(kind, tmp_path, **CASES[name]) for kind in (InfoGeometryMonitor, Captured))
    assert captured.possible
    assert captured.repeated.failed is None
    assert captured.repeated.captured >= 1
    for probe, trajectory in plain.trajectories.items():
        other = captured.trajectories[probe]
        assert trajectory.steps.tolist() == other.steps.tolist()
        for quantity in trajectory.quantities:
            a, b = (getattr(of, quantity) for of in (trajectory, other))
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert plain.events == captured.events
    assert plain.verdicts == captured.verdicts


def test_histories_are_the_same(tmp_path):
    plain, captured = (
        train(kind, tmp_path, embedding=EmbeddingSettings(max_records=12), schedule=3)
        for kind in (InfoGeometryMonitor, Captured)
    )
    for probe in plain.trajectories:
        one, other = (monitor.trajectories[probe].history for monitor in (plain, captured))
        assert len(one.steps) == 12
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("records", [10, 60])
def test_a_history_resumed_with_other_settings_is_full_when_it_was_to_be(records, tmp_path):
    made = []
    for kind in (InfoGeometryMonitor, Captured):
        train(kind, tmp_path, steps=60, schedule=3, embedding=EmbeddingSettings(max_records=25))
        options = {"embedding": EmbeddingSettings(max_records=records), "checkpoint": tmp_path / "end.ckpt"}
        made.append(train(kind, tmp_path, steps=120, schedule=3, **options))
    assert made[1].repeated.captured >= 1
    for probe in made[0].trajectories:
        one, other = (monitor.trajectories[probe].history for monitor in made)
        assert len(one.steps) == 25
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("options", [{"parameters": True}, {"classes": 2000, "memory": "2MB"}])
def test_what_needs_more_than_tensors_is_not_captured(options, tmp_path):
    assert not train(Captured, tmp_path, steps=20, **options).possible
