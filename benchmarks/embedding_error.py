"""How much the bounded history costs the embedding: capped against exact, on real trajectories.

    python benchmarks/embedding_error.py [--steps 2000] [--cap 256] [--seeds 3]

Digits classifiers recorded at every step. Stress: difference of the explained stress of three axes. Procrustes: after
the best rotation, the weighted distance between the embedded points, ÷ their spread. Aims: ≤ 0.01 and ≤ 0.02. Beside
it the same records kept, but embedded without their weights, and what hindsight could do: as many records chosen from
all of them (k-medoids, the tightest of three starts), each weighted by the number of records nearest to it.

Where the third and the fourth eigenvalue are close, their axes mix, and the Procrustes error of three says little of
the history: eigenvalues 3 ÷ 4 tell how close, and "in 8 axes" is the error of the exact three found anywhere among the
first eight capped ones.
"""

import argparse
import itertools
import logging
import sys
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from table import report
from torch import Tensor

from lightning_infogeo import Embedding, EmbeddingSettings, inpca, pairwise_bhattacharyya
from lightning_infogeo.demo import DigitsClassifier, digits
from lightning_infogeo.trajectory.history import History

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.wrapped_records import WrappedRecords


class Sgd(DigitsClassifier):
    """The demo's network with another optimizer."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns SGD with momentum."""
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class Everything(WrappedRecords):
    """Keeps the logits of every record beside the capped history."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.logits: list[Tensor] = []

    def _record(self, *args, **kwargs) -> None:
        session = self._session
        before = session.planner.recorded
        super()._record(*args, **kwargs)
        if session.planner.recorded > before:
            self.logits.append(session.recorder._states[0].of("val").last.clone())


def procrustes(a: Tensor, b: Tensor, weights: Tensor) -> float:
    """The weighted distance of a from b after the best map of b, onto fewer axes where a has fewer, ÷ a's spread."""
    w = (weights / weights.sum()).sqrt()[:, None].double()
    a, b = w * (a - (w**2 * a).sum(0)), w * (b - (w**2 * b).sum(0))
    u, _, v = torch.linalg.svd(b.T @ a, full_matrices=False)
    return float((a - b @ (u @ v)).norm() / a.norm())


def medoids(distances: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """Records such that the sum of all distances to the nearest is small, how many each is nearest to, and the sum."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(distances), (1,), generator=generator)
    while len(chosen) < count:
        left = distances[:, chosen].amin(1).clamp_min(0)
        chosen = torch.cat([chosen, left.multinomial(1, generator=generator)])
    for _ in range(30):
        nearest = distances[:, chosen].argmin(1)
        cells = [(nearest == cell).nonzero()[:, 0] for cell in range(count)]
        moved = torch.stack([cell[distances[cell][:, cell].sum(1).argmin()] for cell in cells])
        if torch.equal(moved, chosen):
            break
        chosen = moved
    least, nearest = distances[:, chosen].min(1)
    return chosen, nearest.bincount(minlength=count), float(least.sum())


def compared(exact: Embedding, at: Tensor, distances: Tensor, weights: Tensor, known: Tensor) -> dict[str, object]:
    """The embedding of the records ``at`` some places of the exact one, and its errors, weighted by ``known``."""
    capped = inpca(distances, 8, weights=weights)
    three = inpca(distances, 3, weights=weights)
    wanted = exact.coordinates[at][:, :3]
    return {
        "stress, capped": float(three.explained_stress),
        "difference": abs(float(three.explained_stress - inpca(exact.distances, 3).explained_stress)),
        "Procrustes": procrustes(wanted, three.coordinates, known),
        "in 8 axes": procrustes(wanted, capped.coordinates, known),
    }


def trained(model: type[pl.LightningModule], seed: int, steps: int, cap: int) -> tuple[History, Tensor]:
    """What the monitor has kept, and the distances between all records, as it measures them."""
    pl.seed_everything(seed, verbose=False)
    monitor = Everything(schedule=1, embedding=EmbeddingSettings(max_records=cap))
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        callbacks=[monitor],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model(), *digits(seed))
    table = pairwise_bhattacharyya((torch.log_softmax(torch.stack(monitor.logits), -1) / 2).exp())
    return monitor.trajectories["val"].history, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--cap", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows: list[dict[str, object]] = []
    trainings = (("Adam", DigitsClassifier), ("SGD, momentum", Sgd))
    for (name, model), seed in itertools.product(trainings, range(options.seeds)):
        history, table = trained(model, seed, options.steps, options.cap)
        exact = inpca(table, 4)
        weights = history.weights
        best, counts, _ = min((medoids(table, len(weights), start) for start in range(3)), key=lambda found: found[2])
        ways = {
            "weighted": (history.steps, history.distances, weights, weights),
            "unweighted": (history.steps, history.distances, torch.ones_like(weights), weights),
            "hindsight": (best, table[best][:, best], counts, counts),
        }
        for how, way in ways.items():
            about = {"training": name, "seed": seed, "records": len(table), "kept": len(weights), "embedding": how}
            close = {"eigenvalues 3 ÷ 4": float(exact.eigenvalues[2] / exact.eigenvalues[3])}
            rows.append({**about, **close, **compared(exact, *way)})
    report("embedding_error", "The capped embedding against the exact one", rows)


if __name__ == "__main__":
    main()
