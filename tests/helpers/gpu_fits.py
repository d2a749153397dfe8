"""Small trainings for either device, with nothing but torch and Lightning."""

import copy
import hashlib
import random

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor, Probe

CLASSES, FEATURES = 10, 64
_GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(256, FEATURES, generator=_GENERATOR)
Y = (X @ torch.randn(FEATURES, CLASSES, generator=_GENERATOR)).argmax(1)
PROBE = slice(192, 256)


class Net(pl.LightningModule):
    """BatchNorm and Dropout: a forward in training mode would change buffers and draw random numbers."""

    def __init__(self, classes=CLASSES, dropout=0.3):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Linear(FEATURES, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, classes))
        )

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


class Convolutional(Net):
    """On 8 × 8 pictures."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, CLASSES)),
        )


class NoisyInEvaluation(Net):
    """Draws random numbers on its device whatever the mode."""

    def forward(self, x):
        return self.net(x + 0.1 * torch.randn_like(x))


class Language(Net):
    """Logits of 32 tokens at each of 8 places."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Embedding(32, 16), nn.Linear(16, 32))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]).flatten(0, 1), batch[1].flatten())


def images(size=192, shuffle=False):
    return DataLoader(TensorDataset(X[:size], Y[:size]), batch_size=32, shuffle=shuffle)


def texts():
    ids = torch.arange(64 * 9).remainder(31).view(64, 9)
    return DataLoader(TensorDataset(ids[:, :-1], ids[:, 1:]), batch_size=16)


def watching(kind=InfoGeometryMonitor, **options):
    """A monitor that records at every step, and whose faults raise."""
    probe = {"probes": {"val": Probe(X[PROBE], Y[PROBE])}, "schedule": 1, "strict": True}
    return kind(**{**probe, **options})


def fit(callbacks, folder, accelerator, model=Net, loader=None, ckpt_path=None, **options):
    """Trains from a fixed seed; ``model`` is a function that makes one."""
    defaults = {
        "max_steps": 12,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "devices": 1,
        "default_root_dir": folder,
    }
    pl.seed_everything(7, verbose=False)
    module, loader = model(), images(shuffle=True) if loader is None else loader
    trainer = pl.Trainer(callbacks=list(callbacks), accelerator=accelerator, **{**defaults, **options})
    trainer.fit(module, loader, ckpt_path=ckpt_path)
    return trainer


def digest(trainer):
    """A hash of weights, buffers, the optimizer's state and every random stream."""
    sha = hashlib.sha256()

    def feed(value):
        if isinstance(value, torch.Tensor):
            sha.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                sha.update(str(key).encode())
                feed(value[key])
        else:
            sha.update(repr(value).encode())

    feed(trainer.lightning_module.state_dict())
    for optimizer in trainer.optimizers:
        feed(optimizer.state_dict()["state"])
    feed(str(streams()))
    return sha.hexdigest()


def streams():
    """The states of every global random stream, those of devices among them, comparable with ==."""
    devices = [state.tolist() for state in torch.cuda.get_rng_state_all()] if torch.cuda.is_available() else []
    return devices, torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()


class Weights(pl.Callback):
    """Keeps the weights of every step, on the CPU."""

    def __init__(self):
        self.at = {}

    def _keep(self, trainer, module):
        state = {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
        self.at.setdefault(trainer.global_step, copy.deepcopy(state))

    def on_train_start(self, trainer, pl_module):
        self._keep(trainer, pl_module)

    def on_train_batch_end(self, trainer, pl_module, *args):
        self._keep(trainer, pl_module)
