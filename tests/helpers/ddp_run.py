"""One DDP training on gloo for ``test_ddp``; every process writes what it saw to a file."""

import json
import logging
import os
import sys
import warnings
from pathlib import Path

import torch
from lightning.pytorch.callbacks import EarlyStopping

sys.path.insert(0, str(Path(__file__).parents[2]))
from lightning_infogeo import InfoGeometryMonitor, MemorisationOnset, OverfittingOnset
from tests.helpers.classifiers import Classifier, digest, fit, noisy_net, train_loader, val_loader
from tests.helpers.loggers import Minimal, records
from tests.helpers.markers import At, OfSamples


class Noisy(Classifier):
    def __init__(self):
        super().__init__(noisy_net())


class Fails(Noisy):
    at = 4

    def forward(self, x):
        if not self.training and self.global_step >= self.at and self.global_rank == 0:
            raise MemoryError("no room")
        return self.net(x)

    def validation_step(self, batch, batch_idx):
        pass


class FailsBetween(Fails):
    """In the evaluation one step before a record, of which the other process knows nothing."""

    at = 3


class Refused(Noisy):
    def forward(self, x):
        return self.net(x), 1

    def validation_step(self, batch, batch_idx):
        pass


def main(mode, folder, processes):
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    markers = [OverfittingOnset(), MemorisationOnset(), At(4)]
    if mode == "flag":
        markers = [At(2, name="overfitting")]
    if "further" in mode:
        markers = [OfSamples(4)]
    logger, monitor = (
        Minimal(),
        InfoGeometryMonitor(
            schedule="log" if mode == "short" else 2,
            budget=0.75,
            probe_size=96 if mode == "short" else 40,
            flag_size=150 if "further" in mode else "auto",
            distributed="shard" if mode == "further, shared" else "auto",
            markers=markers,
            parameters=mode == "same-batch",
            on_overfitting="stop" if mode == "flag" else "flag",
        ),
    )
    callbacks = [] if mode == "without" else [monitor]
    model = {"fails": Fails, "fails-between": FailsBetween, "refused": Refused, "same-batch": Classifier}.get(
        mode, Noisy
    )
    options = {"logger": logger, "devices": processes, "strategy": "ddp", "max_steps": 6, "num_nodes": 1}
    if mode == "short":
        options["max_steps"] = 120
    if "further" in mode:
        options["val"] = val_loader(200)
    if mode == "same-batch":
        options["use_distributed_sampler"] = False
    if mode == "flag":
        options["max_epochs"] = 100
    if mode == "stops":
        key = "infogeo/val/velocity"
        callbacks.append(EarlyStopping(key, divergence_threshold=1e-9, mode="min", check_on_train_epoch_end=True))
        options["max_epochs"] = 100
    error, trainer = "", None
    try:
        trainer = fit(callbacks, folder, model, train=train_loader(64 if mode in ("stops", "flag") else 192), **options)
    except Exception as raised:
        error = str(raised)
    trajectory = monitor.trajectories.get("val")
    seen = {
        "error": error,
        "steps": [] if trajectory is None else trajectory.steps.tolist(),
        "values": [] if trajectory is None else trajectory.state_dict()["values"].nan_to_num(-1.0).tolist(),
        "verdicts": {name: list(verdict) for name, verdict in monitor.verdicts.items()},
        "events": [list(event) for event in monitor.events],
        "finished": trainer and trainer.global_step,
        "weights": trainer and digest(trainer),
        "metrics": trainer and {k: v.item() for k, v in trainer.callback_metrics.items() if k.startswith("infogeo")},
        "logged": records(logger)[0],
    }
    rank = int(os.environ.get("LOCAL_RANK", 0))
    (folder / f"rank{rank}.json").write_text(json.dumps(seen))
    if error:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
