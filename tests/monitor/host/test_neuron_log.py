"""Incoming weights on the schedule of the records: the right ones, within the budget, resumed, archived, drawn."""

import re

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from lightning_infogeo import Archive, AtSteps, ConfigurationError, EveryNEpochs, InfoGeometryMonitor, LogSpaced
from lightning_infogeo.monitor.host.neuron_log import NeuronLog
from lightning_infogeo.schedules import Clock, EveryNSteps, foreseen
from lightning_infogeo.topology import NeuronSettings
from tests.helpers.classifiers import Classifier, digest, fit, random_streams
from tests.helpers.host_reads import Sentry
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING


class Noted(InfoGeometryMonitor):
    """Keeps the weights as they are at every step, read apart."""

    def on_train_batch_end(self, trainer, module, *args):
        super().on_train_batch_end(trainer, module, *args)
        weights = {name: module.get_submodule(name).weight.detach().clone() for name in ("net.0", "net.2")}
        self.seen = {**getattr(self, "seen", {}), trainer.global_step: weights}


def test_the_weights_of_every_record_are_kept_and_archived(tmp_path):
    monitor = Noted(schedule=3, neurons=True, archive=tmp_path / "a.zarr")
    fit(monitor, tmp_path)
    found = monitor.neuron_trajectories
    assert list(found) == ["net.0", "net.2"]
    archive = Archive(tmp_path / "a.zarr")
    assert archive.layers == ["net.0", "net.2"]
    assert archive.probes == ["train", "val"]
    for layer, (steps, vectors) in found.items():
        assert steps.tolist() == [0, 3, 6, 9, 12]
        for step, weights in zip(steps.tolist()[1:], vectors[1:], strict=True):
            assert torch.equal(weights, monitor.seen[step][layer])
        on_disk = archive.neurons(layer)
        assert on_disk[0].tolist() == steps.tolist()
        assert torch.equal(on_disk[1][:], vectors)


def test_layers_may_be_named(tmp_path):
    monitor = InfoGeometryMonitor(schedule=3, neurons=["net.2"])
    fit(monitor, tmp_path)
    assert list(monitor.neuron_trajectories) == ["net.2"]


def test_training_is_unchanged_and_no_record_reads_back(tmp_path):
    without = fit([], tmp_path / "a")
    streams = str(random_streams())
    monitor = Sentry(schedule=2, neurons=NeuronSettings(memory=4 * 7 * 26 * 40), strict=True)
    followed = fit(monitor, tmp_path / "b")
    assert monitor.neuron_trajectories["net.0"].vectors.shape[2] < 64  # projected
    assert digest(without) == digest(followed)
    assert streams == str(random_streams())
    assert monitor.audits > 6


def test_more_records_than_were_foreseen_are_thinned_out(tmp_path):
    monitor = InfoGeometryMonitor(schedule=1, neurons=NeuronSettings(["net.2"], memory=4 * 160 * 20))
    fit(monitor, tmp_path, max_steps=6)
    settings = NeuronSettings(["net.2"], memory=4 * 160 * 5)
    log = NeuronLog.start(settings, Classifier(), 5, {**monitor.state_dict()["neurons"], "planned": 5})
    log.receive()
    steps = log.trajectories["net.2"].steps.tolist()
    assert steps[0] == 0
    assert steps[-1] == 6
    assert len(steps) <= 5
    assert not monitor._session._vectors  # nothing waits for an archive that there is none of


@pytest.mark.parametrize("at", [7, 9])
def test_resumed_they_go_on(at, tmp_path):
    whole = InfoGeometryMonitor(schedule=2, neurons=True)
    checkpoints = saved(tmp_path / "c", every_n_train_steps=1)
    fit([whole, checkpoints], tmp_path, ByStep, max_steps=18, enable_checkpointing=True)
    resumed = InfoGeometryMonitor(schedule=2, neurons=True)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "c" / f"step={at}.ckpt", seed=99, max_steps=18)
    assert resumed.neuron_trajectories.keys() == whole.neuron_trajectories.keys() == {"net.0", "net.2"}
    for layer, (steps, vectors) in whole.neuron_trajectories.items():
        assert resumed.neuron_trajectories[layer].steps.tolist() == steps.tolist()
        assert torch.equal(resumed.neuron_trajectories[layer].vectors, vectors)


def test_tensorboard_gets_capacities_live_and_pictures_at_the_end(tmp_path):
    logger = TensorBoardLogger(tmp_path, version=0)
    fit(InfoGeometryMonitor(schedule=1, neurons=True), tmp_path, logger=logger, max_steps=60)
    read = EventAccumulator(logger.log_dir, size_guidance={"images": 0})
    read.Reload()
    for layer, neurons in (("net.0", 16), ("net.2", 10)):
        capacity = [event.value for event in read.Scalars(f"infogeo/neurons/{layer}/capacity")]
        assert capacity
        assert all(1 <= value <= neurons for value in capacity)
    for name in ("tree", "paths", "norms", "capacity", "sheets"):
        assert len(read.Images(f"infogeo/neurons/{name}")) == 1


def test_weights_that_explode_are_recorded_and_left_out_of_pictures(tmp_path):
    class Explodes(Classifier):
        def on_train_batch_end(self, *args):
            if self.global_step == 8:
                self.net[0].weight.data.fill_(torch.nan)

    monitor = InfoGeometryMonitor(schedule=1, neurons=True)
    with pytest.warns(UserWarning, match=r"not all finite"):
        fit(monitor, tmp_path, Explodes, logger=TensorBoardLogger(tmp_path))
    finite = monitor.neuron_trajectories["net.0"].vectors.isfinite().flatten(1).all(1)
    assert finite.tolist() == [True] * 9 + [False] * 4


@pytest.mark.parametrize("neurons", [3, [], "net.0"])
def test_impossible_neurons_are_refused_at_once(neurons):
    with pytest.raises(ConfigurationError, match=re.escape(f"neurons={neurons!r}")):
        InfoGeometryMonitor(neurons=neurons)


def test_unknown_layers_are_refused_before_training(tmp_path):
    with pytest.raises(ConfigurationError, match=r"'net.9' is no .* layer.*'net.0', 'net.2'"):
        fit(InfoGeometryMonitor(neurons=["net.9"]), tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no"):
        fit(InfoGeometryMonitor(neurons=True), tmp_path, lambda: Classifier(nn.Sequential(nn.Flatten(), Odd())))


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(64, 10))

    def forward(self, x):
        return x @ self.table


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kmapper" else find(name))
    with pytest.raises(ConfigurationError, match=r"pip install 'lightning-infogeo\[topology\]'"):
        InfoGeometryMonitor(neurons=True)


@pytest.mark.parametrize(
    ("schedule", "clock", "records"),
    [
        (EveryNSteps(10), Clock(0, final=100), 12),
        (LogSpaced(1), Clock(0, final=1000), 5),
        (AtSteps([3, 7]), Clock(0, final=100), 512),
        (EveryNEpochs(1), Clock(0, epoch_end=6, epoch_length=6, final=30), 7),
        (LogSpaced(), Clock(0), 512),
    ],
)
def test_how_many_records_there_will_be_is_foreseen(schedule, clock, records):
    assert foreseen(schedule, clock) == pytest.approx(records, abs=1)
