"""All distances of a history: ours, and the two released research codes where paths to their checkouts are given.

    python benchmarks/pairwise.py [--cells 300x1000 1000x1000] [--low-dimensional DIR] [--picture DIR]

DIR are checkouts of grasp-lyrl/low-dimensional-deepnets (utils/distance.py) and grasp-lyrl/picture_of_space_of_tasks
(info_geometry/inpca.py), which are read, not installed; the second always goes over 50,000 samples and also solves the
eigenproblem, so its time is taken with the number of samples put in. Every cell is a process of its own on the same
arrays, in turn, so that peak memory is its own; its time is the least of five calls, or of as many as take 15 s. The
error is that of the closest tenth of pairs against float64 chords.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import torch
from table import report
from torch import Tensor

from lightning_infogeo import amplitudes, pairwise_bhattacharyya

CLASSES = 10


def history(records: int, samples: int) -> Tensor:
    """Logits of a walk that slows down, as training does."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(records, samples, CLASSES, generator=generator)
    return (steps / (1 + torch.arange(records) / 8)[:, None, None]).cumsum_(0)


def read(path: Path, replace: tuple[tuple[str, str], ...]) -> types.ModuleType:
    """Runs a file of a checkout as a module, without the imports that plotting and notebooks need."""
    source = path.read_text()
    for old, new in replace:
        source = source.replace(old, new)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.stem, None))
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def run(method: str, directory: str, records: int, samples: int) -> dict[str, float]:
    """One cell, in this process."""
    logits = history(records, samples)
    if method == "ours":
        given, compute = amplitudes(logits), pairwise_bhattacharyya
    elif method == "low-dimensional-deepnets":
        module = read(Path(directory) / "utils" / "distance.py", (("from ensurepip import bootstrap\n", ""),))
        given, chunks = logits.softmax(-1), max(1, records * samples // 100_000)

        def compute(p: Tensor) -> Tensor:
            return torch.from_numpy(module.dbhat(p, p, dev="cpu", chunks=chunks))
    else:
        imports = (("from utils.read import read_preds\n", ""), ("from utils.plot import plot_inpca\n", ""))
        samples_fixed = (("range(0, 50000, batch_size)", f"range(0, {samples}, batch_size)"),)
        keep = (("    # Compute eigen-decomposition of double-centered", "    return Dmat\n    #"),)
        tqdm = (("from tqdm import tqdm\n", "tqdm = iter\n"),)
        module = read(Path(directory) / "info_geometry" / "inpca.py", imports + samples_fixed + keep + tqdm)
        given = logits.softmax(-1).numpy()

        def compute(p: np.ndarray) -> Tensor:
            return torch.from_numpy(module.compute_inpca_h5([[p]]))

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
