"""Training is bit for bit what it is without the monitor; each naive way of probing is not."""

import random
from contextlib import nullcontext
from unittest.mock import patch

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch import callbacks as lightning_callbacks
from torch import nn
from torch.utils.data import DataLoader

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import (
    Augmented,
    Classifier,
    TwoOptimizers,
    digest,
    fit,
    noisy_net,
    train_loader,
)
from tests.helpers.training_outcome import outcome


def every_step(**options):
    return InfoGeometryMonitor(schedule=1, probe_size=40, **options)


class FrozenBatchNorm(Classifier):
    """Part of the network is kept in evaluation mode, as in fine-tuning."""

    def __init__(self):
        super().__init__(noisy_net())
        self.net[1].eval()
        self.net[1].weight.requires_grad_(False)


class DropoutInEval(Classifier):
    """Draws random numbers whatever the mode."""

    def forward(self, x):
        x = nn.functional.dropout(x, 0.2) * (1 + 0.01 * np.random.rand()) * (1 + 0.01 * random.random())
        return self.net(x)


class CountingBuffer(Classifier):
    """Writes a buffer in every forward, whatever the mode, in place and by assignment."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("level", torch.ones(()))

    def forward(self, x):
        self.calls += 1
        self.level = 0.9 * self.level + 0.1 * x.mean().detach()
        return self.net(x) + 0.01 * self.calls + self.level


class Renormed(Classifier):
    """Writes parameters in every forward: an embedding with a bounded norm, weights clamped by hand and replaced."""

    def __init__(self):
        super().__init__(nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10)))
        self.places = nn.Embedding(64, 64, max_norm=0.5)
        self.calls = 0

    def forward(self, x):
        self.net[0].weight.data.clamp_(-0.1, 0.1)
        self.net[2].weight.data = self.net[2].weight.data * 0.999
        return self.net(x + 0.01 * self.places((x[:, 0] * 16).long()))


class Sometimes(Classifier):
    """Writes a buffer only when values call for it."""

    def __init__(self):
        super().__init__(lr=0.1)
        self.register_buffer("largest", torch.ones(()))

    def forward(self, x):
        z = self.net(x)
        if (top := z.detach().abs().max()) > self.largest:
            self.largest.fill_(top)
        return z / self.largest


class AccumulatesByHand(TwoOptimizers):
    """Keeps gradients over two batches."""

    def training_step(self, batch, batch_idx):
        self.manual_backward(nn.functional.cross_entropy(self(batch[0]), batch[1]))
        if batch_idx % 2:
            for optimizer in self.optimizers():
                optimizer.step()
                optimizer.zero_grad()


SETTINGS = {
    "default": {},
    "bf16-mixed": {"precision": "bf16-mixed"},
    "bf16-true": {"precision": "bf16-true"},
    "64-true": {"precision": "64-true"},
    "accumulate": {"accumulate_grad_batches": 3},
    "deterministic": {"deterministic": True},
    "clipped": {"gradient_clip_val": 0.1},
    "frozen": {"model": FrozenBatchNorm},
    "dropout-in-eval": {"model": DropoutInEval},
    "buffers": {"model": CountingBuffer},
    "parameters": {"model": Renormed},
    "sometimes": {"model": Sometimes, "max_steps": 30},
    "two-optimizers": {"model": TwoOptimizers, "max_steps": 24},
    "by-hand": {"model": AccumulatesByHand, "max_steps": 12},
    "workers": {"train": DataLoader(Augmented(), batch_size=16, shuffle=True, num_workers=1)},
    "several-epochs": {"max_steps": 20, "val_check_interval": 0.5},
}


@pytest.mark.filterwarnings("ignore:Found 1 module")  # Lightning's remark on a frozen BatchNorm
@pytest.mark.parametrize("setting", SETTINGS)
def test_training_is_bit_identical(setting, tmp_path):
    options = SETTINGS[setting]
    monitor = every_step()
    with_it = outcome([monitor], tmp_path, **options)
    assert len(monitor.trajectories["val"]) > 3
    assert with_it == outcome([], tmp_path, **options)


def test_with_a_schedule_of_default_and_training_precision_too(tmp_path):
    without = outcome([], tmp_path, precision="bf16-mixed")
    assert outcome([InfoGeometryMonitor(precision="training")], tmp_path, precision="bf16-mixed") == without


class Silent(Classifier):
    """Without ``self.log``, which Dynamo cannot trace through in this Lightning."""

    def __init__(self, net=None):
        super().__init__(noisy_net() if net is None else net)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])


def compiled(part):
    pl.seed_everything(3, verbose=False)
    if part == "module":
        return torch.compile(Silent(), backend="eager")
    return Silent(torch.compile(noisy_net(), backend="eager"))


def compiled_run(part, callbacks, tmp_path):
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    trainer = fit(callbacks, tmp_path, compiled(part), train=train_loader(shuffle=True), val=False)
    return digest(trainer), torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.parametrize("part", ["module", "submodule"])
def test_a_compiled_module_keeps_its_graphs_and_its_training(part, tmp_path):
    monitor = every_step()
    with_it = compiled_run(part, [monitor], tmp_path)
    assert len(monitor.trajectories["train"]) == 13
    assert with_it == compiled_run(part, [], tmp_path)


@pytest.mark.parametrize("part", ["module", "submodule"])
def test_without_force_eager_the_probe_would_compile_graphs_of_its_own(part, tmp_path):
    """Negative control for the test above."""
    expected = compiled_run(part, [], tmp_path)[1]
    unwatched = patch("lightning_infogeo.probe.write_guard._CopyOnWrite", lambda *args: nullcontext())
    with unwatched, patch("torch.compiler.set_stance", lambda stance: nullcontext()):
        assert compiled_run(part, [every_step()], tmp_path)[1] > expected


AVERAGING = {"stochastic": lambda: lightning_callbacks.StochasticWeightAveraging(swa_lrs=1e-2, swa_epoch_start=1)}
if hasattr(lightning_callbacks, "WeightAveraging"):  # since Lightning 2.6
    AVERAGING["exponential"] = lambda: lightning_callbacks.WeightAveraging(avg_fn=lambda a, b, n: 0.9 * a + 0.1 * b)


@pytest.mark.parametrize("averaging", AVERAGING)
def test_averaging_callbacks_beside_it_are_unchanged(averaging, tmp_path):
    options = {"max_steps": -1, "max_epochs": 4}
    monitor = every_step()
    with_it = outcome([monitor, AVERAGING[averaging]()], tmp_path, **options)
    assert with_it == outcome([AVERAGING[averaging]()], tmp_path, **options)
    # Stochastic weight averaging ends with a pass of its own over the data, which Lightning counts as a step.
    assert monitor.trajectories["val"].steps.tolist() == list(range(26 if averaging == "stochastic" else 25))


class Naive(pl.Callback):
    """What people write by hand; each variant lacks one precaution."""

    def __init__(self, how):
        self.how = how

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        loader = trainer.train_dataloader
        if self.how == "iterates a loader":
            next(iter(loader))
            return
        if self.how == "reads the augmented data":
            loader.dataset[0]
            return
        x = batch[0]
        if self.how == "stays in training mode":
            with torch.no_grad():
                pl_module(x)
        elif self.how == "toggles eval and train":
            pl_module.eval()
            with torch.no_grad():
                pl_module(x)
            pl_module.train()
        elif self.how == "trusts eval mode":
            modules = [m for m in pl_module.modules() if m.training]
            for module in modules:
                module.training = False
            with torch.no_grad():
                pl_module(x)
            for module in modules:
                module.training = True
        elif self.how == "keeps gradients":
            modules = [m for m in pl_module.modules() if m.training]
            for module in modules:
                module.training = False
            pl_module(x).sum().backward()
            for module in modules:
                module.training = True


@pytest.mark.filterwarnings("ignore:Found 1 module")
@pytest.mark.parametrize(
    ("how", "setting"),
    [
        ("iterates a loader", "default"),
        ("reads the augmented data", "default"),
        ("stays in training mode", "default"),
        ("stays in training mode", "bf16-mixed"),
        ("stays in training mode", "64-true"),
        ("stays in training mode", "deterministic"),
        ("toggles eval and train", "frozen"),
        ("trusts eval mode", "dropout-in-eval"),
        ("trusts eval mode", "buffers"),
        ("trusts eval mode", "parameters"),
        ("keeps gradients", "accumulate"),
        ("keeps gradients", "by-hand"),
    ],
)
def test_naive_probing_changes_training(how, setting, tmp_path):
    """Negative controls: without its precaution the same comparison fails."""
    options = SETTINGS[setting]
    assert outcome([Naive(how)], tmp_path, **options)[0] != outcome([], tmp_path, **options)[0]


def test_what_the_forward_logs_during_a_record_does_not_reach_the_log(tmp_path):
    class Talkative(Classifier):
        def forward(self, x):
            self.log("mean", x.mean())
            self.log_dict({"size": float(len(x))})
            return self.net(x)

    def logged(callbacks):
        return {k: v.item() for k, v in fit(callbacks, tmp_path, Talkative).logged_metrics.items() if k != "epoch"}

    assert logged([every_step()]) == logged([])
