"""What the monitor costs: a record against the bare forward, and a training with it against one without.

    python benchmarks/record_cost.py [--pairs 5] [--pair-steps 4000] [--repeats 31]

1. Record: one probe evaluation with everything a record computes ÷ the same bare forward (evaluation mode, no
   gradient, same batch size), medians of interleaved repeats; for tiny models the difference in ms. Aim ≤ 1.10.
2. Training: (records × time of a record on both probes, written to TensorBoard, + steps × the hook of a step with
   nothing due) ÷ training time, for 1e4 and 1e5 steps, from the measured parts. Aim ≤ 1.02 at 1e5 steps.
3. The same as processor time, whole trainings in interleaved pairs. Its noise is that of the machine.
4. By how much a checkpoint grows.
"""

import argparse
import io
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from table import report
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import Clock, InfoGeometryMonitor, LogSpaced
from lightning_infogeo.demo import DigitsClassifier, digits
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.probe import Evaluator, place_all

PROBE = 512


class Convolutional(DigitsClassifier):
    """About a million parameters on 28 × 28 images."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(1600, 576), nn.ReLU(), nn.Linear(576, 10)),
        )


class Tiny(DigitsClassifier):
    """A linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def images(batch_size: int) -> DataLoader:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1024, 1, 28, 28, generator=generator)
    return DataLoader(TensorDataset(x, torch.arange(1024) % 10), batch_size=batch_size)


def median_ms(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Medians of interleaved calls."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def fitted(model: pl.LightningModule, train: DataLoader, val: DataLoader, steps: int, monitored: bool) -> pl.Trainer:
    pl.seed_everything(0, verbose=False)
    trainer = pl.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=TensorBoardLogger(tempfile.mkdtemp()),
        callbacks=[InfoGeometryMonitor(budget=None)] if monitored else [],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=10,
    )
    trainer.fit(model, train, val)
    return trainer


def record_rows(repeats: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    loaders = {"CNN": (images(64), images(64)), "MLP": digits(0), "linear": digits(0)}
    models = {"CNN": Convolutional, "MLP": DigitsClassifier, "linear": Tiny}
    for name, (train, val) in loaders.items():
        module = models[name]()
        trainer = fitted(module, train, val, 3, monitored=True)
        monitor = next(c for c in trainer.callbacks if isinstance(c, InfoGeometryMonitor))
        session, memory = monitor._session, 2**28
        chosen, chunk = {"train": session.outputs.chosen["train"]}, session.outputs.evaluator.chunk
        placed, evaluator = place_all(chosen, trainer, module, memory // 4), Evaluator(None, "full", chunk)
        outputs = ModelOutputs(chosen, placed, evaluator, trainer, module, 256, memory)
        recorder = Recorder(outputs, module, {}, chord=False, markers=session.arguments.markers)
        recorder.step(trainer, module, 10**6, Decision(False, True, None), [10**6])
        inputs = chosen["train"].probe.inputs
        modules = [m for m in module.modules() if m.training]

        def bare(module=module, inputs=inputs, chunk=chunk, modules=modules) -> None:
            for m in modules:
                m.training = False
            with torch.no_grad():
                torch.cat([module(part) for part in inputs.split(chunk)])
            for m in modules:
                m.training = True

        def record(trainer=trainer, module=module, recorder=recorder) -> None:
            recorder.step(trainer, module, 10**6 + 1, Decision(True, False, 10**6), [10**6])

        found = median_ms({"bare": bare, "record": record}, repeats)
        rows.append(
            {
                "model": name,
                "parameters": sum(p.numel() for p in module.parameters()),
                "samples": PROBE,
                "bare forward [ms]": found["bare"],
                "record [ms]": found["record"],
                "ratio": found["record"] / found["bare"],
                "fixed cost [ms]": found["record"] - found["bare"],
            }
        )
    return rows


def scheduled(steps: int) -> tuple[int, int]:
    """Records of the default schedule in a training, and evaluations of each probe (adjacent records share one)."""
    recorded, evaluations, schedule = 0, 1, LogSpaced()
    records = 1
    while recorded < steps:
        following = min(schedule.next_step(recorded, Clock(recorded)), steps)
        evaluations += 1 if following == recorded + 1 else 2
        recorded, records = following, records + 1
    return records, evaluations


def training_rows(steps_measured: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, model, (train, val) in (
        ("CNN", Convolutional, (images(64), images(64))),
        ("MLP", DigitsClassifier, digits(0)),
    ):
        spent = {"record": 0.0, "hook": 0.0, "evaluations": 0, "hooks": 0}
        plain = InfoGeometryMonitor.on_train_batch_end

        def timed(self, *args, spent=spent, plain=plain) -> None:  # the hook also writes the record before
            evaluations, began = self._session.planner.recorded, time.perf_counter()
            kept = self._session.planner.kept
            plain(self, *args)
            duration = time.perf_counter() - began
            active = (evaluations, kept) != (self._session.planner.recorded, self._session.planner.kept)
            spent["record" if active or spent.get("writing") else "hook"] += duration
            spent["evaluations"] += active
            spent["hooks"] += not (active or spent.get("writing"))
            spent["writing"] = evaluations != self._session.planner.recorded

        InfoGeometryMonitor.on_train_batch_end = timed
        began = time.perf_counter()
        fitted(model(), train, val, steps_measured, monitored=True)
        wall = time.perf_counter() - began
        InfoGeometryMonitor.on_train_batch_end = plain
        per_evaluation = spent["record"] / spent["evaluations"]
        per_hook = spent["hook"] / spent["hooks"]
        per_step = (wall - spent["record"] - spent["hook"]) / steps_measured
        for steps in (steps_measured, 10_000, 100_000):
            records, evaluations = scheduled(steps)
            cost = evaluations * per_evaluation + steps * per_hook
            rows.append(
                {
                    "model": name,
                    "steps": steps,
                    "step [ms]": 1e3 * per_step,
                    "records": records,
                    "evaluation of both probes, written [ms]": 1e3 * per_evaluation,
                    "hook with nothing due [µs]": 1e6 * per_hook,
                    "training with ÷ without": 1 + cost / (steps * per_step),
                }
            )
    return rows


def pair_rows(pairs: int, steps: int) -> list[dict[str, object]]:
    ratios = []
    for index in range(pairs):
        wall = {}
        for monitored in (True, False) if index % 2 else (False, True):
            began = time.process_time()
            fitted(DigitsClassifier(), *digits(0), steps, monitored)
            wall[monitored] = time.process_time() - began
        ratios.append(wall[True] / wall[False])
    median, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return [{"model": "MLP (demo)", "steps": steps, "pairs": pairs, "with ÷ without": median, "min": low, "max": high}]


def checkpoint_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for classes in (10, 1000):
        module = Tiny()
        module.net = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
        trainer = fitted(module, *digits(0), 100, monitored=True)
        monitor = next(c for c in trainer.callbacks if isinstance(c, InfoGeometryMonitor))
        file = io.BytesIO()
        torch.save(monitor.state_dict(), file)
        records = len(monitor.trajectories["train"])
        size = len(file.getvalue()) / 2**20
        rows.append(
            {"classes": classes, "samples": PROBE, "probes": 2, "records": records, "checkpoint grows [MiB]": size}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--pair-steps", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=31)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    report(
        "record_cost",
        f"A record ÷ the bare forward, {PROBE} samples (aim ≤ 1.10 for the CNN)",
        record_rows(options.repeats),
    )
    report("training_cost", "Training with the monitor ÷ without, from its parts (aim ≤ 1.02)", training_rows(1000))
    report("checkpoint_growth", "What the monitor adds to a checkpoint", checkpoint_rows())
    if options.pairs:
        title = "Training with the monitor ÷ without, processor time of interleaved pairs"
        report("training_pairs", title, pair_rows(options.pairs, options.pair_steps))


if __name__ == "__main__":
    main()
