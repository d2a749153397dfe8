"""Trainings of a model of which every process holds a part; the same, in one process, are what they have to equal.

By ``torchrun`` all cases are run one after the other, and every process writes what it saw to a file.
"""

import json
import logging
import sys
import warnings
from datetime import timedelta
from pathlib import Path

import lightning.pytorch as pl
import torch
import torch.distributed
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

sys.path.insert(0, str(Path(__file__).parents[2]))
from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.trainer import strategies
from tests.helpers.classifiers import (
    IMAGES,
    LABELS,
    Classifier,
    digest,
    fit,
    noisy_net,
    random_streams,
    train_loader,
    val_loader,
)
from tests.helpers.markers import At, OfSamples
from tests.helpers.probe_shards_run import LONG, MARKERS, Counting, rank, seen
from tests.helpers.resuming import ByStep, saved

SPREAD = {}
"""Options of the trainer; none in one process."""


class Gathered(Classifier):
    """FSDP2: the first layer by itself, the rest with the network, its root; of one process where there is one."""

    def configure_model(self):
        if SPREAD:
            mesh = self.device_mesh["data_parallel"]
            fully_shard(self.net[0], mesh=mesh)
            fully_shard(self.net, mesh=mesh)


class Columns(Classifier):
    """Tensor parallel: columns, then rows, and an output of which every process holds a part."""

    def configure_model(self):
        if SPREAD:
            rows = RowwiseParallel(use_local_output=False)
            parallelize_module(self.net, self.device_mesh["tensor_parallel"], {"0": ColwiseParallel(), "2": rows})

    def forward(self, x):
        z = self.net(x)
        return z.full_tensor() if self.training and isinstance(z, DTensor) else z

    def validation_step(self, batch, batch_idx):
        pass


class Both(Columns):
    def configure_model(self):
        super().configure_model()
        Gathered.configure_model(self)


def monitor(cls=InfoGeometryMonitor, **options):
    probes = {
        "train": Probe(IMAGES[:21], LABELS[:21]),
        "val": Probe(IMAGES[1000:1040], LABELS[1000:1040]),
        "unlabelled": Probe(IMAGES[60:63]),
    }
    return cls(**{"schedule": 2, "probes": probes, "markers": [*MARKERS, At(4)], **options})


def train(made, folder, model=Gathered, columns=1, checkpoint_in_parts=False, **options):
    """Every process trains on the same batches, so that the weights are those of one process."""
    if SPREAD:
        ranks = SPREAD["devices"]
        options["strategy"] = ModelParallelStrategy(
            ranks // columns, columns, save_distributed_checkpoint=checkpoint_in_parts
        )
    return fit(made, folder, model, **{"max_steps": 12, "use_distributed_sampler": False, **SPREAD, **options})


def gathered(folder):
    made = monitor(archive=folder / "gathered.zarr")
    found = seen(made, train(made, folder))
    if not rank():
        kept = Trajectory.open(folder / "gathered.zarr", "val")
        assert torch.equal(kept.length, made.trajectories["val"].length)
    return found


def measured(folder):
    """By a finished run, which the first process alone has read."""
    train(monitor(archive=folder / "reference.zarr"), folder)
    if SPREAD:
        torch.distributed.barrier()
    made = monitor(reference=folder / "reference.zarr")
    return seen(made, train(made, folder, seed=8))


def in_columns(folder):
    made = monitor(lag=3)
    return seen(made, train(made, folder, Columns, columns=2))


def both(folder):
    made = monitor(lag=0)
    return seen(made, train(made, folder, Both, columns=2))


class Tight(Gathered):
    """Runs out of memory on more than so many samples at once, in all processes, in the middle of a forward."""

    most, since = 8, 3

    def __init__(self):
        super().__init__()
        self.net[1].register_forward_pre_hook(self._allocate)

    def _allocate(self, layer, args):
        if not self.training and self.global_step >= self.since and len(args[0]) > self.most:
            raise MemoryError("no room")

    def validation_step(self, batch, batch_idx):
        pass


def tight(folder):
    made = monitor()
    return seen(made, train(made, folder, Tight))


def audited(folder):
    made = monitor(cls=Counting, strict=True)
    made.sent.clear()
    return {**seen(made, train(made, folder)), "sent": list(made.sent)}


class Decays(pl.Callback):
    """Changes weights after the monitor has evaluated them and before the next forward."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter.mul_(0.9)


def unchanged(folder):
    """With a model of which every process has other batches, buffers and random numbers."""
    found = {}
    for name, made in {"with": monitor(schedule=1), "without": None}.items():
        callbacks = [made, Decays()] if made else [Decays()]
        options = {"use_distributed_sampler": True, "max_steps": 6, "accumulate_grad_batches": 2, "max_epochs": -1}
        trainer = train(callbacks, folder, lambda: Gathered(noisy_net()), train=train_loader(192), **options)
        found[name] = [digest(trainer), repr(random_streams()), trainer.global_step]
        found.update(seen(made) if made else {})
    return found


def further(folder):
    """Markers see samples beside those of the probe, which has to be as it is without them."""
    found = {}
    for size in (100, 1):
        options = {"probes": "auto", "probe_size": 30, "markers": [OfSamples(8), At(4)]}
        made = monitor(cls=Counting, flag_size=size, strict=True, **options)
        made.sent.clear()
        trainer = train(made, folder, accumulate_grad_batches=2, max_epochs=-1, val=val_loader(200))
        found[str(size)] = {**seen(made, trainer), "sent": list(made.sent)}
    return found


class Steps(ByStep, Gathered):
    pass


def resumed(folder):
    """Interrupted after eight steps: what goes on is as if it had not been."""
    found, long = {}, {"max_steps": 18, "enable_checkpointing": True}
    for in_parts in (True, False):
        made, again, place = monitor(**LONG), monitor(**LONG), folder / f"in_parts={in_parts}"
        saving = saved(place, every_n_train_steps=1)
        whole = train([made, saving], folder, Steps, checkpoint_in_parts=in_parts, **long)
        path = place / "step=8.ckpt"
        other = train(again, folder, Steps, checkpoint_in_parts=in_parts, ckpt_path=path, seed=99, max_steps=18)
        found[str(in_parts)] = {"whole": seen(made, whole), "again": seen(again, other)}
    return found


class Fails(Tight):
    """In all processes, at a step from which on it always does."""

    most, since = 0, 4


class FailsBetween(Fails):
    """In the evaluation one step before a record."""

    since = 3


class FailsAtOnce(Fails):
    since = 0


class FailsBefore(FailsAtOnce):
    """Where FSDP2 has not been called at all."""

    def forward(self, x):
        self._allocate(None, (x,))
        return self.net(x)


class Breaks(pl.Callback):
    """Has the first process alone fail, with what comes of the outputs, from a step on."""

    def __init__(self, made, step):
        self.made, self.step = made, step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step - 1 and not rank():
            self.made._session.recorder._states[0].keep = None


def failures(folder):
    found = {"without": seen(monitor(), train([], folder))}
    for name, model, strict, broken in (
        ("Fails", Fails, False, 0),
        ("FailsBetween", FailsBetween, False, 0),
        ("FailsAtOnce", FailsAtOnce, False, 0),
        ("FailsBefore", FailsBefore, False, 0),
        ("strict", FailsBetween, True, 0),
        ("afterwards", Gathered, False, 4),
        ("between", Gathered, False, 3),
    ):
        made = monitor(strict=strict)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                found[name] = seen(made, train([made, Breaks(made, broken)], folder, model))
            except (ConfigurationError, MemoryError) as error:
                found[name] = {"raised": type(error).__name__, "message": str(error)}
        said = [str(w.message) for w in warned]
        found[name]["warns"] = [message for message in said if "InfoGeometryMonitor" in message]
    return found


class FailsAlone(Fails):
    """In one process, while the others go on in their forward."""

    def _allocate(self, layer, args):
        if rank():
            super()._allocate(layer, args)


def alone(folder):
    strategies.PATIENCE = timedelta(seconds=5)
    train(monitor(), folder, FailsAlone)


SAME = (gathered, measured, in_columns, tight, both)
ALL = (*SAME, audited, further, unchanged, resumed, failures)


def main(folder, ranks, cases):
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    SPREAD.update(devices=ranks)
    found = {case.__name__: case(folder) for case in cases}
    (folder / f"rank{rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [globals()[name] for name in sys.argv[3:]] or ALL)
