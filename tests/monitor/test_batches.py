"""Batches of every kind, through the module's own batch-transfer hooks, as in validation."""

import dataclasses
from collections import namedtuple

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lightning_infogeo import InfoGeometryMonitor, Probe
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, train_loader, val_loader


@dataclasses.dataclass
class Batch:
    image: torch.Tensor
    label: torch.Tensor


@dataclasses.dataclass
class Rich:
    image: torch.Tensor
    extra: dict
    target: torch.Tensor


Named = namedtuple("Named", "x y")
FORMS = {
    "tuple": (lambda x, y: (x, y), lambda inputs: inputs),
    "list": (lambda x, y: [x, y, 1], lambda inputs: inputs),
    "dict": (lambda x, y: {"image": x, "label": y}, lambda inputs: inputs),
    "named tuple": (Named, lambda inputs: inputs),
    "dataclass": (Batch, lambda inputs: inputs),
    "nested tuple": (lambda x, y: ({"a": x[:, :32], "b": [x[:, 32:]]}, y), lambda i: torch.cat([i["a"], i["b"][0]], 1)),
    "several keys": (lambda x, y: {"l": x[:, :32], "r": x[:, 32:], "y": y}, lambda i: torch.cat([i["l"], i["r"]], 1)),
    "rich dataclass": (lambda x, y: Rich(x, {"scale": torch.ones(len(x), 1)}, y), lambda i: i.image * i.extra["scale"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_batch_gives_the_same_trajectory(form, tmp_path):
    pack, unpack = FORMS[form]

    class Takes(Classifier):
        def forward(self, inputs):
            return self.net(unpack(inputs))

        def training_step(self, batch, batch_idx):
            x, y = self.trainer.train_dataloader.unpacked[batch_idx]
            return nn.functional.cross_entropy(self.net(x), y)

        def validation_step(self, batch, batch_idx):
            pass

    def loader(size):
        def collate(items):
            x, y = torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])
            return pack(x, y)

        made = DataLoader(TensorDataset(IMAGES[:size], LABELS[:size]), batch_size=16, collate_fn=collate)
        made.unpacked = [(IMAGES[i : i + 16], LABELS[i : i + 16]) for i in range(0, size, 16)]
        return made

    monitor, plain = InfoGeometryMonitor(schedule=1), InfoGeometryMonitor(schedule=1)
    fit(monitor, tmp_path, Takes, train=loader(48), val=loader(16), max_steps=3, max_epochs=1)
    fit(plain, tmp_path, train=train_loader(48), val=train_loader(16), max_steps=3, max_epochs=1)
    for name in ("train", "val"):
        for quantity in plain.trajectories[name].quantities:
            got, expected = getattr(monitor.trajectories[name], quantity), getattr(plain.trajectories[name], quantity)
            torch.testing.assert_close(got, expected, equal_nan=True)


def test_a_datamodule_with_iterable_data(tmp_path):
    class Stream(IterableDataset):
        def __init__(self, start, stop):
            self.range = range(start, stop)

        def __iter__(self):
            return iter([(IMAGES[i], LABELS[i]) for i in self.range])

    class Data(pl.LightningDataModule):
        def train_dataloader(self):
            return DataLoader(Stream(0, 64), batch_size=16)

        def val_dataloader(self):
            return {
                "near": DataLoader(Stream(64, 96), batch_size=16),
                "far": DataLoader(Stream(900, 960), batch_size=8),
            }

    monitor = InfoGeometryMonitor(probe_size=40)
    fit(monitor, tmp_path, datamodule=Data(), max_steps=6)
    assert {name: len(probe) for name, probe in monitor.followed.items()} == {
        "train": 40,
        "val_near": 32,
        "val_far": 40,
    }
    torch.testing.assert_close(monitor.followed["train"].inputs, IMAGES[:40])


def test_inputs_pass_once_through_the_transfer_hooks_in_the_state_of_validation(tmp_path):
    seen = []

    class Hooks(Classifier):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            seen.append(("before", dataloader_idx, self.trainer.validating, self.training, len(batch[0])))
            return batch

        def on_after_batch_transfer(self, batch, dataloader_idx):
            x = batch[0] + (torch.rand_like(batch[0]) if self.trainer.training else 0)
            return x * 2, batch[1]

    class Doubled(Classifier):
        def forward(self, x):
            return self.net(2 * x)

    monitor, plain = InfoGeometryMonitor(budget=None), InfoGeometryMonitor(budget=None)
    val = [val_loader(20), val_loader(10, start=1200)]
    made = fit(monitor, tmp_path, Hooks, train=train_loader(48), val=val, max_steps=1)
    train, first, second = [(0, True, False, 16)] * 3, [(0, True, False, 20)], [(1, True, False, 10)]
    assert seen[:5] == [("before", *one) for one in (*train, *first, *second)]
    assert made.lightning_module.training
    fit(plain, tmp_path, Doubled, train=train_loader(48), val=val, max_steps=1)
    got, expected = monitor.trajectories["val_1"], plain.trajectories["val_1"]
    torch.testing.assert_close(got.entropy[0], expected.entropy[0])
    torch.testing.assert_close(monitor.followed["val_1"].inputs, IMAGES[1200:1210])  # the probe itself is as loaded


def test_hooks_that_change_batches_in_place_do_not_reach_the_probe(tmp_path):
    class InPlace(Classifier):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            batch[0].sub_(0.3).mul_(2)
            return batch

    probe = Probe(IMAGES[:20], LABELS[:20])
    monitors = [InfoGeometryMonitor(probe), InfoGeometryMonitor(probe, prefix="other")]
    made = fit(monitors, tmp_path, lambda: InPlace(lr=0.0, optimizer=torch.optim.SGD), val=False, max_steps=2)
    made.fit_loop.epoch_loop.max_steps = 4
    made.fit(made.lightning_module, train_loader())
    torch.testing.assert_close(probe.inputs, IMAGES[:20])
    for monitor in monitors:
        assert monitor.trajectories["probe"].length[-1] == 0
        assert monitor.trajectories["probe"].entropy.unique().numel() == 1


def test_the_probe_does_not_move_when_the_data_set_is_changed_in_place(tmp_path):
    images = IMAGES[:32].clone()

    class Spoils(Classifier):
        def on_train_batch_end(self, *args):
            images.mul_(0.5)

    loader = DataLoader(images, batch_size=16, collate_fn=lambda items: (images[:], LABELS[:32]))
    monitor = InfoGeometryMonitor(schedule=1)
    model = lambda: Spoils(lr=0.0, optimizer=torch.optim.SGD)  # noqa: E731
    fit(monitor, tmp_path, model, train=loader, val=False, max_steps=3)
    assert monitor.trajectories["train"].length[-1] == 0


def test_texts_are_joined_and_cut_like_tensors(tmp_path):
    texts = [str(k) * (1 + k % 3) for k in range(40)]
    sizes = []

    class Reads(Classifier):
        def forward(self, texts):
            sizes.append(len(texts))
            return self.net(torch.stack([IMAGES[int(text[:1])] * len(text) for text in texts]))

    loader = DataLoader(list(zip(texts, LABELS[:40].tolist(), strict=True)), batch_size=4)
    monitor = InfoGeometryMonitor(budget=None)
    fit(monitor, tmp_path, Reads, train=loader, val=False, max_steps=1)
    assert sizes[:3] == [16, 16, 8]  # four batches of the training joined, then what is left
    assert len(monitor.followed["train"]) == 40
