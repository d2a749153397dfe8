"""What a record costs during a real fit in bf16-mixed, beside a bare forward on the same samples at the same moment."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from gpu_timing import wait
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from lightning_infogeo import Clock, Probe

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.wrapped_records import WrappedRecords

COUNTED, WEIGHED = 4, 5
"""The record whose operations are counted, and the one whose memory is; those after them are timed."""

MIB = 2**20


class Counter(TorchDispatchMode):
    """Counts what is dispatched."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        return func(*args, **(kwargs or {}))


class Measured(WrappedRecords):
    """A monitor that records at every step and measures the records, each followed by the bare forward."""

    def measure(self, inputs: Tensor, autocast: bool) -> None:
        """Gets ready: the samples of the probe, and whether the bare forward is in bf16."""
        self._inputs, self._autocast = inputs, autocast
        self._made, self._latest = 0, -1
        self.took: dict[str, list[float]] = {"record": [], "host": [], "bare": []}
        self.operations, self.peak, self.kept = {}, {}, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes what the device holds more than before, beside the samples of the bare forward."""
        before = allocated(pl_module.device)
        self._on_device = self._inputs.to(pl_module.device)
        self.own = allocated(pl_module.device) - before
        before = allocated(pl_module.device)
        super().on_train_start(trainer, pl_module)
        self.kept = allocated(pl_module.device) - before

    def _record(self, trainer: pl.Trainer, pl_module: pl.LightningModule, clock: Clock, x: int | None) -> None:
        device, plain = pl_module.device, super()._record
        if clock.step == self._latest:  # Lightning's end of an epoch, with nothing left to record
            plain(trainer, pl_module, clock, x)
            return
        calls: dict[str, Callable[[], object]] = {
            "record": lambda: plain(trainer, pl_module, clock, x),
            "bare": lambda: self._bare(pl_module),
        }
        self._latest = clock.step
        self._made += 1
        for name, call in calls.items():
            if self._made == COUNTED:
                with Counter() as counter:
                    call()
                self.operations[name] = counter.operations
            elif self._made == WEIGHED:
                before = allocated(device)
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats(device)
                call()
                most = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
                self.peak[name] = most - before
            else:
                wait(device)
                began = time.perf_counter()
                call()
                host = time.perf_counter() - began
                wait(device)
                if self._made > WEIGHED:
                    self.took[name].append(1e3 * (time.perf_counter() - began))
                    if name == "record":
                        self.took["host"].append(1e3 * host)

    def _bare(self, module: pl.LightningModule) -> None:
        """Evaluation mode, no gradient, as many samples a call as the record; outputs are dropped."""
        training = [part for part in module.modules() if part.training]
        for part in training:
            part.training = False
        with torch.no_grad(), torch.autocast(module.device.type, torch.bfloat16, enabled=self._autocast):
            for part in self._on_device.split(self._session.recorder.outputs.evaluator.chunk):
                module(part)
        for part in training:
            part.training = True


def allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def record_row(
    made: tuple[pl.LightningModule, DataLoader, Probe, str],
    precision: str,
    captured: bool,
    memory: str,
    device: str,
    repeats: int,
    folder: str,
) -> dict[str, object]:
    """Trains for a few steps and returns what the records of it took.

    Args:
        made: model, loader, probe and kind of output.
        precision: of the monitor.
        captured: whether the monitor captures what follows the forward.
        memory: of the monitor, on the device.
        device: where to train.
        repeats: records that are timed, but one.
        folder: for what Lightning writes.
    """
    module, loader, probe, output = made
    monitor = Measured(
        probes={"val": probe}, schedule=1, output=output, precision=precision, memory=memory, strict=True
    )
    monitor.cuda_graph = captured
    monitor.measure(probe.inputs, autocast=precision == "training")
    trainer = pl.Trainer(
        max_steps=WEIGHED + repeats,
        max_epochs=-1,
        accelerator=device,
        devices=1,
        precision="bf16-mixed",
        callbacks=[monitor],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, loader)
    medians = {name: statistics.median(times) for name, times in monitor.took.items()}
    cuda = device == "cuda"
    return {
        "probed in": "float32" if precision == "full" else "bf16",
        "parameters": f"{sum(p.numel() for p in module.parameters()):,}",
        "inputs": len(probe.inputs),
        "bare forward [ms]": medians["bare"],
        "record [ms]": medians["record"],
        "record ÷ forward": medians["record"] / medians["bare"],
        "host busy [ms]": medians["host"],
        "timed": len(monitor.took["record"]),
        "operations": monitor.operations["record"],
        "beyond the forwards": monitor.operations["record"] - monitor.operations["bare"],
        "kept on the device [MiB]": monitor.kept / MIB if cuda else None,
        "beside it the bare forward's inputs [MiB]": monitor.own / MIB if cuda else None,
        "peak of a record [MiB]": monitor.peak["record"] / MIB if cuda else None,
        "peak of the forward [MiB]": monitor.peak["bare"] / MIB if cuda else None,
        "record kept as": monitor.trajectories["val"].precision,
    }
