"""Trainings in which processes share the probes; the same ones, in one process, are what they have to equal.

By ``torchrun`` all cases are run one after the other, and every process writes what it saw to a file.
"""

import json
import logging
import os
import signal
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import lightning.pytorch as pl
import torch
import torch.distributed
from lightning.pytorch.callbacks import ModelCheckpoint

sys.path.insert(0, str(Path(__file__).parents[2]))
from lightning_infogeo import (
    Categorical,
    ConfigurationError,
    EmbeddingSettings,
    EveryNSteps,
    InfoGeometryMonitor,
    LateGeneralisation,
    LogLogKnee,
    MemorisationOnset,
    OverfittingOnset,
    Probe,
    Tokens,
    VelocityChange,
)
from lightning_infogeo.monitor.device.recorder import Recorder
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit, noisy_net, train_loader
from tests.helpers.host_reads import Sentry
from tests.helpers.markers import At
from tests.helpers.resuming import ByStep, saved

MARKERS = (OverfittingOnset(), MemorisationOnset(), LateGeneralisation(), LogLogKnee(), VelocityChange())


def probes():
    """Of fewer samples than processes too, with and without labels."""
    return {
        "train": Probe(IMAGES[:21], LABELS[:21]),
        "val": Probe(IMAGES[1000:1040], LABELS[1000:1040]),
        "single": Probe(IMAGES[50:51], LABELS[50:51]),
        "unlabelled": Probe(IMAGES[60:63]),
    }


def monitor(cls=InfoGeometryMonitor, **options):
    settings = {"schedule": 2, "probes": probes(), "markers": [*MARKERS, At(4)], "distributed": "shard"}
    return cls(**{**settings, **options})


def rank():
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def seen(made, trainer=None):
    trajectories = made.trajectories
    kept = {name: t.history for name, t in trajectories.items() if t.kept}
    return {
        "steps": {name: t.steps.tolist() for name, t in trajectories.items()},
        "values": {name: t.state_dict()["values"].nan_to_num(-1.0).tolist() for name, t in trajectories.items()},
        "skipped": {name: t.skipped for name, t in trajectories.items()},
        "events": [list(event) for event in made.events],
        "verdicts": {name: list(verdict) for name, verdict in made.verdicts.items()},
        "distances": {name: k.distances.tolist() for name, k in kept.items()},
        "kept": {name: [k.steps.tolist(), k.weights.tolist()] for name, k in kept.items()},
        "samples": {name: k.amplitudes.shape[1] for name, k in kept.items()},
        "weights": trainer and digest(trainer),
        "finished": trainer and trainer.global_step,
        "metrics": trainer
        and {k: v.nan_to_num(-1.0).item() for k, v in trainer.callback_metrics.items() if k.startswith("infogeo")},
    }


def train(made, folder, model=Classifier, **options):
    """Every process trains on the same batches, so that the weights are those of one process."""
    # What several processes do is compared with one: the strategy alone must differ.
    return fit(made, folder, model, **{"max_steps": 12, "use_distributed_sampler": False, **DDP, **options})


DDP = {}


def curves(folder):
    made = monitor(parameters=True)
    return seen(made, train(made, folder))


def pictures(folder):
    """More records than are kept, so that processes have to drop the same ones."""
    made = monitor(schedule=1, embedding=EmbeddingSettings(max_records=10))
    found = seen(made, train(made, folder, max_steps=40, max_epochs=-1))
    snapshots = made._session.recorder.snapshots([(name,) for name in made.followed])
    found["landscapes"] = {each.probes[0]: each.matrix.nan_to_num(-1.0).tolist() for each in snapshots}
    return found


class Counting(Sentry):
    """A record reads nothing back, and consists of so many collective operations."""

    sent: ClassVar = []

    def _record(self, *args, **kwargs):
        count = [0, 0]

        def counted(place, function):
            def call(*args, **kwargs):
                count[place] += 1
                return function(*args, **kwargs)

            return call

        with (
            patch.object(torch.distributed, "all_reduce", counted(0, torch.distributed.all_reduce)),
            patch.object(torch.distributed, "broadcast", counted(1, torch.distributed.broadcast)),
        ):
            super()._record(*args, **kwargs)
        self.sent.append(count)


def audited(folder):
    made = monitor(cls=Counting, strict=True)
    made.sent.clear()
    return {**seen(made, train(made, folder)), "sent": list(made.sent)}


def chord(folder):
    made = monitor(lag=0, embedding=False, markers=())
    return seen(made, train(made, folder))


def double(folder):
    made = monitor(lag=3)
    return seen(made, train(made, folder, precision="64-true"))


def tokens(folder):
    labels = torch.stack([LABELS[:9], LABELS[9:18], LABELS[18:27]], 1)
    labels[::2, 1] = -100
    made = monitor(
        probes={"val": Probe(IMAGES[:9], labels)},
        output=Tokens(max_tokens=11),
        logits_fn=lambda m, x: m(x)[:, None] * torch.tensor([1.0, 0.5, 2.0])[:, None],
    )
    return seen(made, train(made, folder))


def sketches(folder):
    made = monitor(output=Categorical(sketch_dim=32), logits_fn=lambda m, x: torch.cat([m(x) * k for k in range(5)], 1))
    return seen(made, train(made, folder))


def little_memory(folder):
    """Room for sketches alone, in one process and in each of several."""
    made = monitor(
        output=Categorical(sketch_dim=32),
        logits_fn=lambda m, x: m(x).repeat(1, 500),
        memory=300_000,
        probes={"val": Probe(IMAGES[:40], LABELS[:40])},
    )
    return seen(made, train(made, folder))


class Explodes(Classifier):
    """On some samples of one process, for a while."""

    def forward(self, x):
        z = self.net(x)
        bad = not self.training and 3 < self.global_step < 7
        return torch.where((x[:, :8].sum(1, keepdim=True) > 2.6) & bad, torch.nan, z)

    def validation_step(self, batch, batch_idx):
        pass


def not_finite(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = monitor(markers=())
        return seen(made, train(made, folder, Explodes))


def resumed(folder):
    """Interrupted after eight steps: what goes on is as if it had not been."""
    folder = folder / "resumed"
    made, again = monitor(**LONG), monitor(**LONG)
    long = {"max_steps": 18, "enable_checkpointing": True}
    whole = train([made, saved(folder, every_n_train_steps=1)], folder, ByStep, **long)
    other = train(again, folder, ByStep, max_steps=18, ckpt_path=folder / "step=8.ckpt", seed=99)
    return {"whole": seen(made, whole), "again": seen(again, other)}


def unchanged(folder):
    """With a model of which every process has other batches, buffers and random numbers."""
    options = {"use_distributed_sampler": True, "max_steps": 6}
    made = monitor(schedule=1)
    with_it = train(made, folder, lambda: Classifier(noisy_net()), train=train_loader(192), **options)
    without = train([], folder, lambda: Classifier(noisy_net()), train=train_loader(192), **options)
    return {"with": digest(with_it), "without": digest(without), **seen(made)}


class Fails(Classifier):
    """In one process alone, which is not the first, at a step from which on it always does."""

    at = 4

    def forward(self, x):
        if not self.training and self.global_step >= self.at and rank() == 1:
            raise MemoryError("no room")
        return self.net(x)

    def validation_step(self, batch, batch_idx):
        pass


class FailsBetween(Fails):
    """In the evaluation one step before a record, of which the other processes know nothing."""

    at = 3


class FailsAtOnce(Fails):
    at = 0


def failures(folder):
    found = {}
    for model in (Fails, FailsBetween, FailsAtOnce):
        made = monitor()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                saving = saved(folder / model.__name__, every_n_train_steps=1)
                trainer = train([made, saving], folder, model, enable_checkpointing=True)
                found[model.__name__] = seen(made, trainer)
            except ConfigurationError as error:
                found[model.__name__] = str(error)
        found[f"{model.__name__} warns"] = [str(w.message) for w in warned if "InfoGeometryMonitor" in str(w.message)]
    # After the one collective of the samples, in one process: it says so at the next record.
    made = monitor()
    broken = patch.object(Recorder, "_record", None) if rank() == 1 else nullcontext()
    with broken, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saving = saved(folder / "afterwards", every_n_train_steps=1)
        found["afterwards"] = seen(made, train([made, saving], folder, enable_checkpointing=True))
    return found


class Preempted(pl.Callback):
    """SLURM's warning after eight steps, of which Lightning makes a checkpoint; killed without one after ten."""

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 8:
            os.kill(os.getpid(), signal.SIGUSR1)
        if trainer.global_step == 11:
            os.kill(os.getpid(), signal.SIGKILL)


LONG = {"schedule": EveryNSteps(3), "lag": 2}


def preempted(folder):
    last = ModelCheckpoint(folder, every_n_train_steps=1, save_last=True)
    train([monitor(**LONG), last, Preempted()], folder, ByStep, max_steps=18, enable_checkpointing=True)


def requeued(folder):
    """Goes on from the last checkpoint; and from the one of the warning, which Lightning finds by itself."""
    last = ModelCheckpoint(folder, every_n_train_steps=1, save_last=True)
    found, options = {}, {"max_steps": 18, "enable_checkpointing": True}
    for path, steps in (("last", 10), (None, 8)):
        again, since = monitor(**LONG), Since()
        other = train([again, last, since], folder, ByStep, ckpt_path=path, seed=99, **options)
        assert since.step == steps, (path, since.step)
        found[str(path)] = seen(again, other)
    return found


class Since(pl.Callback):
    def on_train_start(self, trainer, pl_module):
        self.step = trainer.global_step


SAME = (curves, pictures, audited, chord, double, tokens, sketches, little_memory, not_finite)
ALL = (*SAME, resumed, unchanged, failures)


def main(folder, processes, cases=ALL):
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    DDP.update(devices=processes, strategy="ddp")
    found = {case.__name__: case(folder) for case in cases}
    (folder / f"rank{rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [globals()[name] for name in sys.argv[3:]] or ALL)
