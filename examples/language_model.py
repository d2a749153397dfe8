"""A small character transformer that learns Python's own help texts by heart, watched token by token.

    python examples/language_model.py [--max-steps 1500] [--characters 40000] [--seed 0] [--logdir ...] [--fast]

The text is ``pydoc_data.topics``, which comes with Python. Training reads windows of --characters characters of it; the
held-out windows are of topics it never sees. All the monitor is told is ``output="tokens"``: every character of a probe
is a sample, 1,024 of them are followed, spread over 64 windows. Printed are the losses, how far along the way from
ignorance to the truth the predictions are, and the events: held-out predictions turn away while the training loss goes
on falling. A few minutes on two cores; --fast takes a smaller network and 120 steps, which shows that it runs.
"""

import argparse
from pathlib import Path
from pydoc_data import topics

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.figures import curves

WINDOW = 64


class Transformer(pl.LightningModule):
    def __init__(self, vocabulary: int, width: int = 96, layers: int = 2) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(WINDOW, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(WINDOW), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (n, t, V) of the character after each."""
        embedded = self.tokens(ids) + self.places.weight
        return self.head(self.layers(embedded, mask=self.mask, is_causal=True))

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]).flatten(0, 1), batch[1].flatten())

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def windows(text: str, alphabet: str, stride: int) -> TensorDataset:
    """All windows at distances of ``stride``, and the character after each of theirs."""
    ids = torch.tensor([alphabet.index(character) for character in text])
    cut = ids.unfold(0, WINDOW + 1, stride)
    return TensorDataset(cut[:, :-1].contiguous(), cut[:, 1:].contiguous())


def main(arguments: list[str] | None = None) -> InfoGeometryMonitor:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-steps", type=int, default=1500)
    parser.add_argument("--characters", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logdir", default="language_model")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args(arguments)
    pl.seed_everything(options.seed, verbose=False)
    text = "".join(topics.topics[name] for name in sorted(topics.topics))
    alphabet = "".join(sorted(set(text)))
    characters = 10_000 if options.fast else options.characters
    train = DataLoader(windows(text[:characters], alphabet, WINDOW // 4), batch_size=32, shuffle=True, drop_last=True)
    val = DataLoader(windows(text[-40_000:], alphabet, WINDOW), batch_size=32)

    monitor = InfoGeometryMonitor(output="tokens", probe_size=64)
    logger = TensorBoardLogger(options.logdir, name="")
    trainer = pl.Trainer(
        max_steps=120 if options.fast else options.max_steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=logger,
        callbacks=[monitor],
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    size = {"width": 32, "layers": 1} if options.fast else {}
    model = Transformer(len(alphabet), **size)
    trainer.fit(model, train, val)

    console = Console()
    console.print(f"{len(alphabet)} different characters, {sum(p.numel() for p in model.parameters()):,} weights")
    table = Table(title="Nats per character, and the way from ignorance to truth")
    for heading in ("step", "train: loss", "val: loss", "train: progress", "val: progress"):
        table.add_column(heading, justify="right")
    seen, held_out = monitor.trajectories["train"], monitor.trajectories["val"]
    for row in range(0, len(seen), max(1, len(seen) // 12)):
        values = (2 * seen.distance_to_truth, 2 * held_out.distance_to_truth, seen.progress, held_out.progress)
        table.add_row(str(int(seen.steps[row])), *(f"{float(value[row]):.3f}" for value in values))
    console.print(table, monitor.summary())
    picture = Path(logger.log_dir) / "curves.png"
    curves(monitor.trajectories, "A character transformer, token by token", monitor.events).savefig(picture, dpi=110)
    console.print(f"The curves, with every event: {picture}", highlight=False, soft_wrap=True)
    return monitor


if __name__ == "__main__":
    main()
