"""What sketches lose, and what a record of a large vocabulary costs with them.

    python benchmarks/sketch_error.py [--draws 200] [--tokens 1024] [--vocabulary 128000] [--threads 1]

1. Error: predictions over 20,000 classes whose probabilities fall off like those of words, sketched by many seeds. Of
   one sample the standard error of ‖Sa − Sb‖², relative, beside the stated bound √(2/m), for a small and a large step;
   of the mean over 64 samples; and by how much d_B of a sample is too large on the average, beside what is stated.
2. Cost: one record of 1,024 tokens of a vocabulary of 128,000 on the CPU, in a process of its own for each setting:
   processor time, and peak of resident memory above what the model takes; the logits of one call (128 tokens, 66 MB)
   are part of it. "bare forward" is the evaluation alone, its logits thrown away call by call.
3. Map: distances between 25 predictions from ignorance to certainty, 428 samples of 1,000 classes, as TensorBoard's tab
   reads them from sketches in 8 bits, less the exact ones, by how large these are.
"""

import argparse
import itertools
import json
import logging
import math
import resource
import subprocess
import sys
import tempfile
import time
import warnings

import lightning.pytorch as pl
import torch
from table import report
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from infogeo_tensorboard.points import on_sphere
from lightning_infogeo import amplitudes, bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import Tokens
from lightning_infogeo.monitor.device.model_outputs import ModelOutputs
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.planner import Decision
from lightning_infogeo.probe import Evaluator, Probe, discover, place_all
from lightning_infogeo.tab import coded

CLASSES, SAMPLES, PLACES = 20_000, 64, 128


def words(apart: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Amplitudes before and after a step, shape (SAMPLES, CLASSES)."""
    generator = torch.Generator().manual_seed(0)
    common = -1.1 * torch.arange(1, CLASSES + 1).double().log()
    z = common + torch.randn(SAMPLES, CLASSES, generator=generator, dtype=torch.float64)
    step = torch.randn(SAMPLES, CLASSES, generator=generator, dtype=torch.float64)
    return amplitudes(z), amplitudes(z + apart * step)


def error_rows(draws: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    pairs = {apart: words(apart) for apart in (1e-4, 1.0, 3.0)}
    for width in (64, 128, 256, 512, 1024, 2048, 4096):
        found: dict[float, torch.Tensor] = {}
        biases = []
        for apart, (a, b) in pairs.items():
            exact = (a - b).square().sum(-1)
            ratios = []
            for seed in range(draws):
                sketch = Sketch(SAMPLES, CLASSES, width, seed)
                sa, sb = sketch(a), sketch(b)
                ratios.append((sa - sb).square().sum(-1) / exact)
                if apart == 3.0:
                    biases.append(bhattacharyya(sa, sb, floor=sketch.floor) - bhattacharyya(a, b))
            found[apart] = torch.stack(ratios)
        a, b = pairs[3.0]
        overlap = (a * b).sum(-1)
        h = 1 - overlap
        near = h.square() / (width * overlap.square())
        far = (1 / overlap.square() + 1) / (2 * width)
        rows.append(
            {
                "sketch_dim": width,
                "stated √(2/m)": math.sqrt(2 / width),
                "step 1e-4": found[1e-4].std(0).mean().item(),
                "step 1": found[1.0].std(0).mean().item(),
                "mean of 64 samples": found[1.0].mean(1).std().item(),
                "stated/√64": math.sqrt(2 / width / SAMPLES),
                "bias of the mean [std errors]": float(
                    (found[1.0].mean() - 1) / (found[1.0].mean(1).std() / math.sqrt(draws))
                ),
                f"d_B of {bhattacharyya(a, b):.2f}: bias": torch.stack(biases).mean().item(),
                "stated": torch.where(h < 0.5, near, far).mean().item(),
            }
        )
    return rows


def map_rows(samples: int = 428, classes: int = 1000, width: int = 64, records: int = 25) -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (samples,), generator=generator)
    noise = torch.randn(samples, classes, generator=generator)
    right = torch.nn.functional.one_hot(labels, classes)
    exact = torch.stack([amplitudes(t * (2 * noise + 12 * right)) for t in torch.linspace(0, 1, records)])
    sketch = Sketch(samples, classes, width)
    read = torch.from_numpy(on_sphere(coded(torch.stack([sketch(a) for a in exact]), signed=True).numpy(), True))
    above = torch.ones(records, records).triu(1).bool()
    distances = pairwise_bhattacharyya(exact)[above]
    error = pairwise_bhattacharyya(read, floor=sketch.floor)[above] - distances
    rows: list[dict[str, object]] = []
    edges = (0.0, 0.05, 0.2, 0.5, 1.0, math.inf)
    for low, high in itertools.pairwise(edges):
        own = (distances >= low) & (distances < high)
        of = {"exact distance [nats]": f"{low:g} to {high:g}", "pairs": int(own.sum())}
        mean, largest = distances[own].mean().item(), error[own].abs().max().item()
        rows.append({**of, "mean": mean, "mean error": error[own].mean().item(), "largest error": largest})
    return rows


class Words(pl.LightningModule):
    """An embedding and a projection to the vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Embedding(1000, 16), nn.Linear(16, vocabulary))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (n, t, V)."""
        return self.net(tokens)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self(batch[0]).flatten(0, 1), batch[1].flatten())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=1.0)


def peak() -> float:
    """The most resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def cost(tokens: int, vocabulary: int, memory: int, max_records: int) -> dict[str, object]:
    """One setting, in this process."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 1000, (tokens // PLACES, PLACES + 1), generator=generator)
    module = Words(vocabulary)
    trainer = pl.Trainer(
        max_steps=1,
        accelerator="cpu",
        default_root_dir=tempfile.mkdtemp(),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(TensorDataset(ids[:1, :2], ids[:1, 1:3])))
    probe = Probe(ids[:, :-1], ids[:, 1:])
    evaluator = Evaluator(None, "full", 1, Tokens(max_tokens=None))
    chosen = discover(probe, trainer, len(probe))
    inputs = place_all(chosen, trainer, module, 2**30)
    base = peak()
    if not memory:
        times = []
        for _ in range(2):
            began = time.process_time()
            evaluator.calls(trainer, module, inputs["probe"], lambda outputs, start, stop: None)
            times.append(time.process_time() - began)
        return {"kept": "bare forward", "records": 0, "processor time [s]": min(times), "peak [MB]": peak() - base}
    outputs = ModelOutputs(chosen, inputs, evaluator, trainer, module, max_records, memory)
    recorder = Recorder(outputs, module, {}, chord=False)
    budget, times = outputs.budget, []
    for step in range(3):
        for parameter in module.parameters():
            parameter.data.add_(1e-3 * torch.randn(parameter.shape, generator=generator))
        began = time.process_time()
        recorder.step(trainer, module, step, Decision(True, True, step - 1), [step])
        times.append(time.process_time() - began)
    sketch = "" if budget.width is None else f", history sketched to {budget.width}"
    kept = "logits" + sketch if budget.exact else f"sketches of {budget.width}"
    return {"kept": kept, "records": budget.records, "processor time [s]": min(times[1:]), "peak [MB]": peak() - base}


def cost_rows(tokens: int, vocabulary: int, threads: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for memory, records in ((0, 0), (256, 256), (64, 256), (256, 0), (2300, 256)):
        command = [sys.executable, __file__, "--threads", str(threads), "--tokens", str(tokens)]
        command += ["--vocabulary", str(vocabulary), "--one", str(memory * 10**6), str(records)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append({"memory [MB]": memory or "", **json.loads(done.stdout.splitlines()[-1])})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=128_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one:
        print(json.dumps(cost(options.tokens, options.vocabulary, *options.one)))
        return
    title = f"A record of {options.tokens} tokens × {options.vocabulary} on {options.threads} threads"
    report("sketch_cost", title, cost_rows(options.tokens, options.vocabulary, options.threads))
    report("sketch_map", "Distances on the map of TensorBoard's tab, 1,000 classes in sketches of 64", map_rows())
    report("sketch_error", f"Error of sketches, {CLASSES} classes", error_rows(options.draws), draws=options.draws)


if __name__ == "__main__":
    main()
