"""A project that uses one Lightning: python lightnings_run.py CASE FOLDER PACKAGE ORDER.

ORDER is "after" where the callback is imported after Lightning, and "before" where before it. What was seen goes to
``seen.json``, with the packages of Lightning that the process has loaded in the end.
"""

import csv
import importlib
import json
import logging
import pickle
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if sys.argv[0].endswith("lightnings_run.py"):  # also in processes that are spawned
    CASE, FOLDER, PACKAGE, ORDER = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
else:  # looked through for doctests, of which there are none
    CASE, FOLDER, PACKAGE, ORDER = "", Path(), "lightning.pytorch", ""
NAMES = ("lightning", "lightning_fabric", "pytorch_lightning")
if ORDER == "before":
    import lightning_infogeo as ig

    assert all(hasattr(ig, name) for name in ig.__all__)  # imports each
    assert not {*NAMES} & {*sys.modules}, "imported without need"
pl = importlib.import_module(PACKAGE)
import lightning_infogeo as ig  # noqa: E402
from lightning_infogeo.markers import Firing, Marker  # noqa: E402


def loader():
    stream = torch.Generator().manual_seed(0)
    data = torch.randn(64, 6, generator=stream), torch.randint(0, 4, (64,), generator=stream)
    return DataLoader(TensorDataset(*data), batch_size=16)


class Inner(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x):
        return self.layer(x)


class Net(pl.LightningModule):
    """Logs in its forward."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = Inner()

    def forward(self, x):
        logits = self.inner(x)
        self.log("size", logits.abs().mean())
        self.log_dict({"largest": logits.max(), "smallest": logits.min()})
        return logits

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def train_dataloader(self):
        return loader()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class State(NamedTuple):
    firing: Firing


class Third(Marker):
    """A marker that fires at the third record."""

    name, observes = "third", ("length",)

    def start(self, like):
        return State(Firing.none(like))

    def extend(self, state, step, observation, trained):
        return State(state.firing.after(torch.tensor(step == 2), torch.tensor(1.0), step, observation[0]))

    def message(self, event):
        return "the third"


class Told(pl.Callback):
    """Every process writes what it has recorded."""

    def on_train_end(self, trainer, pl_module):
        (monitor,) = (c for c in trainer.callbacks if isinstance(c, ig.InfoGeometryMonitor))
        train = monitor.trajectories["train"]
        seen = [trainer.world_size, train.steps.tolist(), train.length.tolist(), loaded()]
        (FOLDER / f"rank{trainer.global_rank}.json").write_text(json.dumps(seen))


def loaded():
    return [name for name in NAMES if name in sys.modules]


def watching(**options):
    return ig.InfoGeometryMonitor(schedule=1, markers=[Third()], **options)


def trainer(callbacks, package=pl, **options):
    defaults = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 3,
        "log_every_n_steps": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "default_root_dir": FOLDER,
    }
    return package.Trainer(callbacks=callbacks, **{**defaults, **options})


def written(folder):
    """What event files hold."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()
    text = "infogeo/events/text_summary"
    return {
        "scalars": tags["scalars"],
        "images": tags["images"],
        "tensors": tags["tensors"],
        "events": text in tags["tensors"] and events.Tensors(text)[-1].tensor_proto.string_val[0].decode(),
    }


def rows(folder):
    with open(f"{folder}/metrics.csv") as file:
        return list(csv.DictReader(file))


def logs():
    """What the loggers hold with the monitor and without, and what is said in the log of the package."""
    said, listener = [], logging.Handler()
    listener.emit = lambda record: said.append(record.getMessage())
    logging.getLogger(PACKAGE).addHandler(listener)
    seen = {"said": said}
    for name, callbacks in (("without", []), ("with", [watching(embedding=ig.EmbeddingSettings(mesh=True))])):
        loggers = [pl.loggers.CSVLogger(FOLDER, name), pl.loggers.TensorBoardLogger(FOLDER, f"{name}_events")]
        trainer(callbacks, logger=loggers).fit(Net(), loader())
        seen[name] = {"csv": rows(loggers[0].log_dir), "events": written(loggers[1].log_dir)}
    return seen


def belongs():
    """Whether the callback and its error are what the package takes for one."""
    exceptions = importlib.import_module(f"{PACKAGE}.utilities.exceptions")
    try:
        ig.InfoGeometryMonitor(lag=-1)
        error = "none"
    except exceptions.MisconfigurationException as raised:
        error = type(raised).__name__
    alone = trainer(watching())  # not in a list
    alone.fit(Net(), loader())
    return {
        "subclass": issubclass(ig.InfoGeometryMonitor, pl.Callback),
        "copied": isinstance(pickle.loads(pickle.dumps(ig.InfoGeometryMonitor())), pl.Callback),
        "error": error,
        "recorded": sum(isinstance(callback, ig.InfoGeometryMonitor) for callback in alone.callbacks),
    }


def cli():
    """A monitor by its name in YAML, and one as arguments of the command line."""
    module = importlib.import_module(f"{PACKAGE}.cli")

    class WithMonitor(module.LightningCLI):
        def add_arguments_to_parser(self, parser):
            parser.add_lightning_class_args(ig.InfoGeometryMonitor, "monitor")
            parser.set_defaults({"monitor.prefix": "arguments"})

    (FOLDER / "config.yaml").write_text(f"""
        trainer:
          accelerator: cpu
          max_epochs: 2
          enable_progress_bar: false
          logger:
            class_path: {PACKAGE}.loggers.CSVLogger
            init_args: {{save_dir: {FOLDER}, name: ""}}
          callbacks:
            - class_path: lightning_infogeo.InfoGeometryMonitor
              init_args:
                prefix: named
                schedule: {{class_path: lightning_infogeo.LogSpaced}}
    """)
    made = WithMonitor(Net, args=["fit", "--config", str(FOLDER / "config.yaml"), "--monitor.schedule", "2"])
    monitors = [c for c in made.trainer.callbacks if isinstance(c, ig.InfoGeometryMonitor)]
    return {"recorded": {monitor.prefix: monitor.trajectories["train"].steps.tolist() for monitor in monitors}}


def forked():
    trainer([watching(), Told()], devices=2, strategy="ddp_fork").fit(Net(), loader())


def spawned():
    trainer([watching(), Told()], devices=2, strategy="ddp_spawn").fit(Net(), loader())


def saves():
    checkpoint = pl.callbacks.ModelCheckpoint(FOLDER, filename="half", save_top_k=-1)
    trainer([watching(archive=FOLDER / "run.zarr"), checkpoint], enable_checkpointing=True, max_epochs=2).fit(Net())
    return {"versions": ig.Archive(FOLDER / "run.zarr").metadata["versions"]}


def resumes():
    monitor = watching()
    ckpt_path = FOLDER / "half.ckpt" if (FOLDER / "half.ckpt").exists() else None
    trainer(monitor, max_epochs=4).fit(Net(), ckpt_path=ckpt_path)
    return {"length": monitor.trajectories["train"].length.tolist(), "events": monitor.events}


def mixed():
    """Both in one process: the other's loggers are served, and its Trainers; what cannot go together is said."""
    other = importlib.import_module({"lightning.pytorch": "pytorch_lightning"}.get(PACKAGE, "lightning.pytorch"))
    tensorboard = other.loggers.TensorBoardLogger(FOLDER)
    monitor = watching()
    trainer(monitor, logger=tensorboard).fit(Net())

    class Theirs(other.LightningModule):
        forward, training_step = Net.forward, Net.training_step
        train_dataloader, configure_optimizers = Net.train_dataloader, Net.configure_optimizers

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.inner = Inner()

    class Data(other.LightningDataModule):
        def train_dataloader(self):
            return loader()

    second = watching()
    trainer(second, other).fit(Theirs())
    seen = {
        "events": written(tensorboard.log_dir),
        "lengths": [found.trajectories["train"].length.tolist() for found in (monitor, second)],
    }
    for name, model, data in (("module", Theirs(), None), ("data", Net(), Data())):
        made = trainer(watching())
        try:
            made.fit(model, data)
        except Exception as error:
            seen[name] = [type(error).__name__, str(error)]
    try:
        watching().setup(trainer([]), Theirs(), "fit")
    except ig.ConfigurationError as error:
        seen["setup"] = str(error)
    return seen


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    seen = globals()[CASE]() or {}
    (FOLDER / "seen.json").write_text(json.dumps({**seen, "loaded": loaded()}))
