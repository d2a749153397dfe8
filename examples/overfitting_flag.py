"""Stop when an overfitting flag has stood for a while, and keep the weights from before it.

    python examples/overfitting_flag.py [--max-steps 4000] [--logdir overfitting_flag]

An ordinary classifier on digits, a quarter of its training labels wrong. Two callbacks are added to the Trainer: the
monitor, which ends the training once a flag has stood for a quarter of the steps so far, and Lightning's
ModelCheckpoint, which keeps the weights that were closest to the truth on held-out samples. Some seconds.
"""

import argparse
import warnings

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from rich.console import Console
from torch.utils.data import DataLoader

from lightning_infogeo import Event, InfoGeometryMonitor
from lightning_infogeo.demo import DigitsClassifier, digits


def tell(event: Event) -> None:
    """Whatever should happen at an event: here one more line, elsewhere a message to a chat."""
    print(f"seen at step {event.detected_at}: {event.name} on {event.probe}, at about step {event.step}")


@torch.no_grad()
def validation_loss(model: DigitsClassifier, val: DataLoader) -> float:
    samples, labels = val.dataset.tensors
    return float(torch.nn.functional.cross_entropy(model(samples), labels))


def main(arguments: list[str] | None = None) -> InfoGeometryMonitor:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-steps", type=int, default=4000)
    parser.add_argument("--logdir", default="overfitting_flag")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    pl.seed_everything(0, verbose=False)
    train, val = digits(seed=0)

    monitor = InfoGeometryMonitor(on_event=tell, on_overfitting="stop")
    best = ModelCheckpoint(
        monitor="infogeo/val/distance_to_truth",
        filename="{step}",
        every_n_train_steps=20,
        save_on_train_epoch_end=False,
    )
    trainer = pl.Trainer(
        max_steps=options.max_steps,
        accelerator="cpu",
        default_root_dir=options.logdir,
        callbacks=[monitor, best],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=10,
    )
    model = DigitsClassifier()
    trainer.fit(model, train, val)

    console = Console()
    console.print(monitor.summary())
    last = validation_loss(model, val)
    model.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])
    kept = validation_loss(model, val)
    console.print(f"stopped at step {trainer.global_step} of {options.max_steps}; kept {best.best_model_path}")
    console.print(f"validation loss: {last:.3f} at the end, {kept:.3f} with the weights kept")
    return monitor


if __name__ == "__main__":
    main()
