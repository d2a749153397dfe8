"""What live pictures cost the demo's training: processor time, the time of each part, and when they come.

    python benchmarks/pictures.py [--steps 4000] [--rounds 3]

Trainings with the last pictures alone and with all of them take turns. Processor time says what drawing costs; the
longest steps say whether training waits for it.
"""

import argparse
import logging
import statistics
import tempfile
import time
import warnings

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from table import report
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from lightning_infogeo.demo import DigitsClassifier, digits
from lightning_infogeo.loggers import LoggerWriter
from lightning_infogeo.monitor.host.drawing import Drawing

KINDS = {"the last alone": 0.0, "as they come": 0.02}
"""Share of the time for pictures."""


class Steps(pl.Callback):
    """The time from each step to the next."""

    def __init__(self) -> None:
        self.began: list[float] = []

    def on_train_batch_start(self, *args: object) -> None:
        """Notes the time."""
        self.began.append(time.perf_counter())


def timed(owner: type, name: str, spent: list[float]) -> None:
    """Notes how long each call of a method takes the thread that calls it, in processor time."""
    method = getattr(owner, name)

    def call(*args: object) -> object:
        began = time.thread_time()
        result = method(*args)
        spent.append(time.thread_time() - began)
        return result

    setattr(owner, name, call)


def train(share: float, steps: int) -> tuple[float, Steps, list[int]]:
    """Returns the processor time of a training, its steps, and the steps of its pictures."""
    pl.seed_everything(0, verbose=False)
    train_loader, val_loader = digits(0)
    watch, monitor = Steps(), InfoGeometryMonitor(budget=None, embedding=EmbeddingSettings(share=share))
    with tempfile.TemporaryDirectory() as folder:
        logger = TensorBoardLogger(folder, name="")
        trainer = pl.Trainer(
            max_steps=steps,
            accelerator="cpu",
            logger=logger,
            callbacks=[monitor, watch],
            enable_progress_bar=False,
            enable_model_summary=False,
            check_val_every_n_epoch=10,
            num_sanity_val_steps=0,
        )
        began = time.process_time()
        trainer.fit(DigitsClassifier(), train_loader, val_loader)
        spent = time.process_time() - began
        read = EventAccumulator(logger.log_dir, size_guidance={"images": 0})
        read.Reload()
        return spent, watch, [image.step + 1 for image in read.Images("infogeo/curves")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_num_threads(1)
    drawn: list[float] = []
    written: list[float] = []
    timed(Drawing, "pictures", drawn)
    timed(LoggerWriter, "write_figure", written)
    train(1.0, 50)  # imports
    drawn.clear(), written.clear()
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    longest: dict[str, list[float]] = {kind: [] for kind in KINDS}
    steps: list[int] = []
    for _ in range(options.rounds):
        for kind, share in KINDS.items():
            seconds, watch, steps = train(share, options.steps)
            spent[kind].append(seconds)
            gaps = torch.tensor(watch.began, dtype=torch.float64).diff()
            longest[kind].append(1e3 * float(gaps.quantile(0.999)))
    least = min(spent["the last alone"])
    rows: list[dict[str, object]] = [
        {
            "pictures": kind,
            "processor time [s]": min(spent[kind]),
            "÷ the last alone": min(spent[kind]) / least,
            "one step in 1,000 is longer than [ms]": statistics.median(longest[kind]),
        }
        for kind in KINDS
    ]
    report("pictures", f"The demo's training of {options.steps} steps", rows)
    print(f"steps of the pictures: {', '.join(map(str, steps))}")
    print(f"one record's pictures, in their own thread: {1e3 * statistics.median(drawn):.0f} ms of the processor")
    print(f"one picture's way to TensorBoard, in the training's thread: {1e3 * statistics.median(written):.1f} ms")


if __name__ == "__main__":
    main()
