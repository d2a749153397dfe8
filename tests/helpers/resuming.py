"""Trainings that are interrupted and resumed, and what has to be the same then."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from tests.helpers.classifiers import IMAGES, LABELS, Classifier

REMARKS_ON_RESUMING = [  # Lightning's remarks on what these tests do on purpose
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),
    pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization"),
]


class ByStep(Classifier):
    """The batch is a function of the step: Lightning restores neither random streams nor the place in an epoch."""

    def training_step(self, batch, batch_idx):
        start = 13 * self.global_step % 500
        x, y = IMAGES[start : start + 16].to(self.device), LABELS[start : start + 16].to(self.device)
        return nn.functional.cross_entropy(self(x), y)


class Interrupt(pl.Callback):
    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def saved(tmp_path, **options):
    return ModelCheckpoint(tmp_path, filename="{step}", save_top_k=-1, **options)


def same(a, b):
    assert a.keys() == b.keys() != set()
    for name in a:
        assert a[name].steps.tolist() == b[name].steps.tolist()
        left, right = a[name].state_dict()["values"], b[name].state_dict()["values"]
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
