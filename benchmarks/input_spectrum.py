"""Time and memory of the inputs' spectrum, exact and by random directions, and of a phase diagram.

    python benchmarks/input_spectrum.py

Inputs come in batches of 500, made as they are asked for, so that memory is that of the spectrum. The error is of the
leading 20 eigenvalues against those of the distribution the inputs are drawn from: the sampling of the inputs is part
of it.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from lightning_infogeo.theory import input_spectrum, phase_diagram

BATCH = 500
CASES = {"exact": (50_000, 784), "random directions": (10_000, 20_000)}


def batches(samples: int, features: int) -> Iterator[Tensor]:
    """Inputs with standard deviations e^{−0.05 i}."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.exp(-0.05 * torch.arange(features))
    for _ in range(samples // BATCH):
        yield torch.randn(BATCH, features, generator=generator) * scale


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str) -> None:
    """One case in a process of its own, whose peak of memory is therefore its own."""
    torch.set_num_threads(1)
    samples, features = CASES[name]
    input_spectrum(torch.ones(3, 3))
    before = peak()
    start = time.perf_counter()
    made = sum(len(batch) for batch in batches(samples, features))
    making = time.perf_counter() - start
    start = time.perf_counter()
    found = input_spectrum(batches(samples, features))
    seconds = time.perf_counter() - start - making
    expected = torch.exp(-0.1 * torch.arange(20, dtype=torch.float64))
    error = float((found.eigenvalues[:20] / expected - 1).abs().max())
    print(made, features, seconds, peak() - before, error, sep=",")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES))
    options = parser.parse_args()
    if options.case:
        measure(options.case)
        return
    from table import report

    rows: list[dict[str, object]] = []
    for name in CASES:
        out = subprocess.run([sys.executable, __file__, "--case", name], check=True, capture_output=True, text=True)
        made, features, seconds, memory, error = (float(value) for value in out.stdout.strip().split(","))
        rows.append(
            {
                "method": name,
                "samples": int(made),
                "features": int(features),
                "seconds": seconds,
                "memory [MiB]": memory,
                "largest error of 20, with sampling": error,
            }
        )
    report("input_spectrum", "Spectrum of inputs, one thread", rows)

    torch.set_num_threads(1)
    decay, scale = torch.linspace(0.02, 1.5, 64), torch.logspace(-2, 2, 64)
    steps = torch.unique(torch.logspace(0.31, 6, 64).round())
    rows = []
    for name, controls in {
        "decay × scale": (decay, scale, 1000),
        "decay × steps": (decay, 100.0, steps),
        "scale × steps": (0.5, scale, steps),
    }.items():
        start = time.perf_counter()
        diagram = phase_diagram(*controls)
        seconds = time.perf_counter() - start
        size = " × ".join(str(n) for n in diagram.explained_variance.shape)
        rows.append({"controls": name, "grid": size, "seconds": seconds})
    report("phase_diagram", "Phase diagram of 60 modes, one thread", rows)


if __name__ == "__main__":
    main()
