"""All that a training leaves behind and that a monitor must not change."""

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from tests.helpers.classifiers import Augmented, Classifier, digest, fit, noisy_net, random_streams


def outcome(callbacks, tmp_path, model=None, seed=7, **options):
    """Weights, buffers, optimizer state, random streams, flags, gradients and the order of the data."""
    order = Order()
    trainer = fit(
        [*callbacks, order],
        tmp_path,
        model or noisy,
        train=options.pop("train", None) or augmented(),
        seed=seed,
        **options,
    )
    model = trainer.lightning_module
    flags = [module.training for module in model.modules()]
    gradients = [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
    return digest(trainer), random_streams(), flags, gradients, order.seen


def noisy():
    return Classifier(noisy_net())


def augmented():
    return DataLoader(Augmented(), batch_size=16, shuffle=True)


class Order(pl.Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(batch[0].sum().item())
