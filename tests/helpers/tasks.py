"""Small trainings with outputs of every kind, that the tests share."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, noisy_net

VOCABULARY = 400


def sequences(size=40, places=9, seed=0):
    """Counting with gaps, part of the labels ignored."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 200, (size, 1), generator=generator)
    ids = first + torch.arange(places + 1) * torch.randint(1, 9, (size, 1), generator=generator)
    labels = ids[:, 1:].clone()
    labels[:, ::4] = -100
    return ids[:, :-1], labels


def maps(size=40):
    """Digits as maps of two levels, and which parts are dark; an edge is ignored."""
    images = IMAGES[:size].reshape(-1, 1, 8, 8)
    labels = (images[:, 0] > 0.5).long() + (images[:, 0] > 0.8)
    labels[:, 0] = 255
    return images, labels


class Task(Classifier):
    """The step decides the batch, as a resume needs it; ``loss`` what is learnt."""

    net_of = staticmethod(noisy_net)
    data = None
    loss = staticmethod(nn.functional.cross_entropy)

    def __init__(self):
        super().__init__(self.net_of())

    def training_step(self, batch, batch_idx):
        torch.manual_seed(self.global_step)
        inputs, labels = self.data
        places = (torch.arange(8) + 5 * self.global_step) % len(inputs)
        return self.loss(self(inputs[places]), labels[places])

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.loss(self(batch[0]), batch[1]))


class Language(Task):
    data = sequences()

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Embedding(VOCABULARY, 16), nn.Dropout(0.2), nn.Linear(16, VOCABULARY))

    @staticmethod
    def loss(logits, labels):
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


class Segmentation(Task):
    data = maps()

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))

    @staticmethod
    def loss(logits, labels):
        return nn.functional.cross_entropy(logits, labels, ignore_index=255)


class ManyLabels(Task):
    """Which of six properties a digit has; labels as floats, as the loss wants them."""

    data = IMAGES[:40], torch.stack([LABELS[:40] % k == 0 for k in range(2, 8)], 1).float()
    loss = staticmethod(nn.functional.binary_cross_entropy_with_logits)

    @staticmethod
    def net_of():
        return nn.Sequential(nn.Linear(64, 16), nn.Dropout(0.2), nn.Linear(16, 6))


class Binary(ManyLabels):
    data = IMAGES[:40], (LABELS[:40] % 2).float()

    def forward(self, x):
        return self.net(x)[:, 0]


def loader(task, size=40, start=0):
    return DataLoader(TensorDataset(*(part[start : start + size] for part in task.data)), batch_size=8)


def monitor_of(options, kind=InfoGeometryMonitor, **more):
    return kind(schedule=3, embedding=EmbeddingSettings(max_records=16), **{**options, **more})


def loaders(task):
    return {"train": loader(task, 24), "val": loader(task, 16, 24)}
