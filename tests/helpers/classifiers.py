"""Small models, data and trainers that the tests share."""

import hashlib
import random

import lightning.pytorch as pl
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.distributed.tensor import DTensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

IMAGES, LABELS = (torch.tensor(values) for values in load_digits(return_X_y=True))
IMAGES = IMAGES.float() / 16
_AS_LOADED = {"IMAGES": (IMAGES, IMAGES.clone()), "LABELS": (LABELS, LABELS.clone())}


def put_back():
    """Undoes what was written into ``IMAGES`` and ``LABELS``, which tests share; returns which of them it was."""
    changed = [name for name, (now, loaded) in _AS_LOADED.items() if not torch.equal(now, loaded)]
    for name in changed:
        _AS_LOADED[name][0].copy_(_AS_LOADED[name][1])
    return changed


class Classifier(pl.LightningModule):
    """A digits classifier; ``net`` decides what is inside."""

    def __init__(self, net=None, lr=1e-2, optimizer=torch.optim.AdamW):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10)) if net is None else net
        self.lr, self.optimizer = lr, optimizer

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return self.optimizer(self.parameters(), lr=self.lr)


def noisy_net():
    """BatchNorm and Dropout: a forward in training mode would change buffers and draw random numbers."""
    return nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 10))


class TwoOptimizers(Classifier):
    """Manual optimization, two optimizer steps a batch."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(nn.functional.cross_entropy(self(batch[0]), batch[1]))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(self.net[0].parameters(), lr=0.1), torch.optim.SGD(self.net[2].parameters(), lr=0.1)]


class Augmented(Dataset):
    """Digits with noise drawn from every global stream, as augmentation does."""

    def __init__(self, size=96):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        noise = np.random.randn() + random.random() + torch.rand(()).item()
        return IMAGES[index] * (1 + 0.1 * noise), LABELS[index]


def train_loader(size=96, batch_size=16, shuffle=False):
    return DataLoader(TensorDataset(IMAGES[:size], LABELS[:size]), batch_size=batch_size, shuffle=shuffle)


def val_loader(size=48, start=1000):
    return DataLoader(TensorDataset(IMAGES[start : start + size], LABELS[start : start + size]), batch_size=32)


def trainer(callbacks, tmp_path, **options):
    defaults = {
        "max_steps": 12,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "accelerator": "cpu",
        "devices": 1,
        "default_root_dir": tmp_path,
    }
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return pl.Trainer(callbacks=list(callbacks), **{**defaults, **options})


def fit(callbacks, tmp_path, model=None, train=None, val=None, ckpt_path=None, seed=7, datamodule=None, **options):
    """Trains from a fixed seed and returns the trainer.

    ``model`` is a function that makes one, so that its weights come from the seed too; ``val=False`` for none.
    """
    pl.seed_everything(seed, verbose=False)
    model = model if isinstance(model, nn.Module) else (model or Classifier)()
    made = trainer(callbacks, tmp_path, **options)
    if datamodule is not None:
        made.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)
        return made
    train = train_loader() if train is None else train
    val = val_loader() if val is None else (None if val is False else val)
    made.fit(model, train, val, ckpt_path=ckpt_path)
    return made


def digest(trainer):
    """A hash of weights, buffers and optimizer state; of a model in parts to be asked for in all processes."""
    sha = hashlib.sha256()
    states = [
        trainer.lightning_module.state_dict(),
        *(optimizer.state_dict()["state"] for optimizer in trainer.optimizers),
    ]

    def feed(value):
        if isinstance(value, DTensor):
            value = value.full_tensor()
        if isinstance(value, torch.Tensor):
            sha.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                sha.update(str(key).encode())
                feed(value[key])
        else:
            sha.update(repr(value).encode())

    feed(dict(enumerate(states)))
    return sha.hexdigest()


def random_streams():
    """The states of every global random stream, comparable with ==."""
    return torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()
