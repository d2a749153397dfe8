"""How much the bounded history costs the embedding: capped against exact, on real trajectories.

    python benchmarks/embedding_error.py [--steps 2000] [--cap 256]

Digits classifiers recorded at every step. Stress: difference of the explained stress of three axes. Procrustes: after
the best rotation, the weighted distance between the embedded points, ÷ their spread. Aims: ≤ 0.01 and ≤ 0.02. Beside
it the same records kept, but embedded without their weights.
"""

import argparse
import logging
import warnings

import lightning.pytorch as pl
import torch
from table import report
from torch import Tensor

from lightning_infogeo import Embedding, EmbeddingSettings, InfoGeometryMonitor, inpca, pairwise_bhattacharyya
from lightning_infogeo.demo import DigitsClassifier, digits


class Sgd(DigitsClassifier):
    """The demo's network with another optimizer."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Returns SGD with momentum."""
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class Everything(InfoGeometryMonitor):
    """Keeps the logits of every record beside the capped history."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.logits: list[Tensor] = []

    def _record(self, *args, **kwargs) -> None:
        before = self._planner.recorded
        super()._record(*args, **kwargs)
        if self._planner.recorded > before:
            self.logits.append(self._recorder._kept.states["val"].last.clone())


def procrustes(a: Tensor, b: Tensor, weights: Tensor) -> float:
    """The weighted distance of b from a after the best orthogonal map, ÷ the weighted spread of a."""
    w = (weights / weights.sum()).sqrt()[:, None].double()
    a, b = w * (a - (w**2 * a).sum(0)), w * (b - (w**2 * b).sum(0))
    u, _, v = torch.linalg.svd(b.T @ a)
    return float((a - b @ (u @ v)).norm() / a.norm())


def embedded(distances: Tensor, weights: Tensor | None = None) -> Embedding:
    return inpca(distances, 3, weights=weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--cap", type=int, default=256)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows: list[dict[str, object]] = []
    for name, model in (("Adam", DigitsClassifier), ("SGD, momentum", Sgd)):
        pl.seed_everything(0, verbose=False)
        monitor = Everything(schedule=1, embedding=EmbeddingSettings(max_records=options.cap))
        trainer = pl.Trainer(
            max_steps=options.steps,
            accelerator="cpu",
            logger=False,
            callbacks=[monitor],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(model(), *digits(0))
        history = monitor.trajectories["val"].history
        steps = monitor.trajectories["val"].steps
        everything = torch.stack(monitor.logits)
        exact = embedded(pairwise_bhattacharyya((torch.log_softmax(everything, -1) / 2).exp()))
        at = exact.coordinates[history.steps]
        for how, weights in (("weighted", history.weights), ("unweighted", None)):
            capped = embedded(history.distances, weights)
            rows.append(
                {
                    "training": name,
                    "records": len(steps),
                    "kept": len(history.steps),
                    "embedding": how,
                    "stress, exact": float(exact.explained_stress),
                    "stress, capped": float(capped.explained_stress),
                    "difference": abs(float(capped.explained_stress - exact.explained_stress)),
                    "Procrustes": procrustes(at, capped.coordinates, history.weights),
                }
            )
    report("embedding_error", "The capped embedding against the exact one", rows)


if __name__ == "__main__":
    main()
