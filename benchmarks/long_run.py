"""Whether a record stays as cheap: its time and the memory of all that is kept, at record 100, 1,000 and 10,000.

    python benchmarks/long_run.py [--records 10000] [--samples 512] [--max-records 256]

A toy model, so that what is timed is the record and not the forward. Aim: ≤ 1.2 × record 100 where that one's history
is full already (--max-records 64); with the default cap a row of distances grows until record 256.
"""

import argparse
import statistics
import time

import torch
from table import report

from lightning_infogeo import amplitudes, trajectory
from lightning_infogeo.trajectory import history


def nbytes(*states: tuple[torch.Tensor, ...]) -> int:
    return sum(tensor.nbytes for state in states for tensor in state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--max-records", type=int, default=256)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for cap in sorted({64, options.max_records}):
        generator = torch.Generator().manual_seed(0)
        logits = torch.zeros(options.samples, 10)
        labels = torch.arange(options.samples) % 10
        path, kept = trajectory.start(logits), history.start(logits, cap)
        times: list[float] = []
        sizes: list[int] = []
        for step in range(options.records):
            before = logits
            logits = logits + torch.randn(logits.shape, generator=generator) / (1 + step / 8)
            began = time.perf_counter()
            path, _ = trajectory.extend(path, step, logits, labels=labels, before=(step - 1, before))
            kept = history.extend(kept, step, amplitudes(logits))
            times.append(1e3 * (time.perf_counter() - began))
            sizes.append(nbytes(path, kept))
        at = [n for n in (100, 300, 1_000, 3_000, 10_000) if n <= options.records]
        medians = {n: statistics.median(times[max(0, n - 50) : n]) for n in at}
        rows += [
            {
                "cap": cap,
                "record": n,
                "time [ms]": medians[n],
                "÷ record 100": medians[n] / medians[100],
                "÷ record 300": medians[n] / medians[300] if 300 in medians and n >= 300 else "",
                "kept [MiB]": sizes[n - 1] / 2**20,
            }
            for n in at
        ]
    report("long_run", f"A record of {options.samples} samples, 10 classes, in a long run", rows)


if __name__ == "__main__":
    main()
