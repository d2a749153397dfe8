"""All distances of a history: ours, and the two released research codes where paths to their checkouts are given.

    python benchmarks/pairwise.py [--cells 300x1000 1000x1000] [--low-dimensional DIR] [--picture DIR]

DIR are checkouts of the codes that ``research_codes.py`` names, which are read, not installed. Every cell is a process
of its own on the same arrays, in turn, so that peak memory is its own; its time is the least of five calls, or of as
many as take 15 s. The error is that of the closest tenth of pairs against float64 chords.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from research_codes import low_dimensional, picture
from table import report
from torch import Tensor

from lightning_infogeo import amplitudes, pairwise_bhattacharyya

CLASSES = 10


def history(records: int, samples: int) -> Tensor:
    """Logits of a walk that slows down, as training does."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(records, samples, CLASSES, generator=generator)
    return (steps / (1 + torch.arange(records) / 8)[:, None, None]).cumsum_(0)


def run(method: str, directory: str, records: int, samples: int) -> dict[str, float]:
    """One cell, in this process."""
    logits = history(records, samples)
    if method == "ours":
        given, compute = amplitudes(logits), pairwise_bhattacharyya
    else:
        given = logits.softmax(-1)
        compute = low_dimensional(directory) if method == "low-dimensional-deepnets" else picture(directory, samples)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times: list[float] = []
    while len(times) < 5 and sum(times) < 15:
        began = time.perf_counter()
        distances = compute(given)
        times.append(time.perf_counter() - began)
    seconds = min(times)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    exact = amplitudes(logits.double())
    i = torch.arange(records - records // 10, records - 1)
    h = (exact[i] - exact[i + 1]).square().sum(-1) / 2
    truth = -torch.log1p(-h).mean(-1)
    error = float((distances[i, i + 1] / truth - 1).abs().max())
    return {"seconds": seconds, "extra peak [MiB]": peak, "error of late neighbours": error}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["100x1000", "300x1000", "1000x1000", "100x10000", "300x10000"])
    parser.add_argument("--low-dimensional", default="")
    parser.add_argument("--picture", default="")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        method, directory, records, samples = options.one
        print(json.dumps(run(method, directory, int(records), int(samples))))
        return
    methods = {"ours": ".", "low-dimensional-deepnets": options.low_dimensional, "picture_of_space": options.picture}
    rows: list[dict[str, object]] = []
    for cell in options.cells:
        records, samples = cell.split("x")
        found = {}
        for method, directory in methods.items():
            if directory:
                command = [sys.executable, __file__, "--one", method, directory, records, samples]
                found[method] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for method, result in found.items():
            ratio = result["seconds"] / found["ours"]["seconds"]
            rows.append({"method": method, "records": int(records), "samples": int(samples), **result, "× ours": ratio})
    report("pairwise", f"All Bhattacharyya distances of a history, C = {CLASSES}", rows)


if __name__ == "__main__":
    main()
