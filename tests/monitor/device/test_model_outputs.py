"""Whole trainings with every kind of output: unchanged, without host reads, resumed bit for bit."""

import lightning.pytorch as pl
import pytest
import torch

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor
from lightning_infogeo.distributions import Bernoulli, Categorical, Tokens
from tests.helpers.classifiers import fit
from tests.helpers.host_reads import Sentry
from tests.helpers.resuming import REMARKS_ON_RESUMING, same, saved
from tests.helpers.tasks import VOCABULARY, Binary, Language, ManyLabels, Segmentation, loaders, monitor_of
from tests.helpers.training_outcome import outcome

pytestmark = REMARKS_ON_RESUMING

SETTINGS = {
    "tokens": (Language, {"output": "tokens"}),
    "some tokens": (Language, {"output": Tokens(max_tokens=50)}),
    "sketched history": (Language, {"output": Tokens(sketch_dim=64)}),
    "sketched": (Language, {"output": "tokens", "memory": "3.2MB"}),
    "maps": (Segmentation, {"output": Categorical(ignore_index=255, max_positions=200)}),
    "several labels": (ManyLabels, {"output": "bernoulli"}),
    "binary": (Binary, {"output": "bernoulli"}),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_training_is_unchanged_and_nothing_is_read_back(setting, tmp_path):
    task, options = SETTINGS[setting]
    monitor = monitor_of(options, Sentry, strict=True)
    with_it = outcome([monitor], tmp_path, task, max_steps=10, **loaders(task))
    assert monitor.audits > 3
    assert monitor.trajectories["val"].steps.tolist() == [0, 3, 6, 9, 10]
    assert monitor.trajectories["val"].length[-1] > 0
    assert ("sketched" in monitor.trajectories["val"].precision) == (setting == "sketched")
    assert with_it == outcome([], tmp_path, task, max_steps=10, **loaders(task))


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_resumed_run_goes_on_bit_for_bit(setting, tmp_path):
    task, options = SETTINGS[setting]
    whole, resumed = monitor_of(options), monitor_of(options)
    saving = saved(tmp_path, every_n_train_steps=1)
    fit([whole, saving], tmp_path, task, max_steps=20, enable_checkpointing=True, **loaders(task))
    fit(resumed, tmp_path, task, ckpt_path=tmp_path / "step=8.ckpt", seed=99, max_steps=20, **loaders(task))
    same(whole.trajectories, resumed.trajectories)
    for name, trajectory in whole.trajectories.items():
        again = resumed.trajectories[name].history
        assert all(torch.equal(a, b) for a, b in zip(trajectory.history, again, strict=True))


class Snapshot(pl.Callback):
    """The state at one step, and a copy of it."""

    def __init__(self, monitor):
        self.monitor = monitor

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 5:
            self.kept = self.monitor.state_dict()["recorder"]["probes"]["val"]["state"]
            self.copied = {field: tensor.clone() for field, tensor in self.kept.items()}


def test_a_state_taken_during_training_is_not_written_later(tmp_path, monkeypatch):
    """Large logits are written in place."""
    monkeypatch.setattr("lightning_infogeo.distributions.chunks.ELEMENTS", 10 * VOCABULARY)
    monitor = monitor_of({"output": "tokens"})
    snapshot = Snapshot(monitor)
    fit([monitor, snapshot], tmp_path, Language, max_steps=10, **loaders(Language))
    assert all(torch.equal(snapshot.kept[field], copied) for field, copied in snapshot.copied.items())
    assert not torch.equal(monitor._session.recorder._states[0].of("val").last, snapshot.kept["last"])


@pytest.mark.parametrize("other", [Tokens(seed=1), Tokens(max_tokens=10), Tokens(sketch_dim=32)])
def test_resuming_with_another_output_is_an_error(other, tmp_path):
    saving = saved(tmp_path, every_n_train_steps=4)
    first = InfoGeometryMonitor(output="tokens")
    fit([first, saving], tmp_path, Language, max_steps=4, enable_checkpointing=True, **loaders(Language))
    resumed = InfoGeometryMonitor(output=other)
    with pytest.raises(ConfigurationError, match=r"was recorded with output=Tokens\(.*resume with the same"):
        fit(resumed, tmp_path, Language, ckpt_path=tmp_path / "step=4.ckpt", max_steps=6, **loaders(Language))


def test_resuming_with_less_memory_is_an_error(tmp_path):
    saving = saved(tmp_path, every_n_train_steps=4)
    first = monitor_of({"output": "tokens"})
    fit([first, saving], tmp_path, Language, max_steps=4, enable_checkpointing=True, **loaders(Language))
    resumed = monitor_of({"output": "tokens", "memory": "3.2MB"})
    with pytest.raises(ConfigurationError, match="resume with the same memory"):
        fit(resumed, tmp_path, Language, ckpt_path=tmp_path / "step=4.ckpt", max_steps=6, **loaders(Language))


@pytest.mark.parametrize("output", ["categorical", "tokens", "bernoulli", Bernoulli(ignore_index=-1)])
def test_the_argument_takes_strings_and_values(output):
    assert InfoGeometryMonitor(output=output).output == output
