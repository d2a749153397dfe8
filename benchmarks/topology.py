"""Learning graphs, capacity and surfaces of large layers: CPU seconds and peak memory.

    python benchmarks/topology.py [--cells 100x784x201 1000x784x201 2000x784x300]

A cell is neurons x inputs x records of a random tree: neurons share a way from near zero, part, and part again, with
noise of their own. Each cell is a process of its own; its peak is that of the process over what it held with the
vectors alone. One thread.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from table import report
from torch import Tensor

from lightning_infogeo.topology import effective_capacity, learning_graph, learning_surface, neuron_cloud


def tree(neurons: int, fan_in: int, records: int) -> Tensor:
    """Vectors (records, neurons, fan_in), float32, made record by record."""
    generator = torch.Generator().manual_seed(0)
    forks = torch.randn(6, 2**6, fan_in, generator=generator) / fan_in**0.5
    own = torch.randn(neurons, fan_in, generator=generator) / fan_in**0.5
    vectors = torch.empty(records, neurons, fan_in)
    branch = torch.arange(neurons) % 2**5
    for k in range(records):
        t = 6 * k / records
        here = 0.02 * t * own
        for level in range(6):
            # At level l there are 2^l ways; each neuron takes that of the first l bits of its branch.
            here = here + min(max(t - level, 0.0), 1.5) * forks[level, branch % 2**level]
        vectors[k] = here
    return vectors


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(neurons: int, fan_in: int, records: int) -> dict[str, object]:
    """One cell, in this process."""
    torch.set_num_threads(1)
    learning_graph(tree(4, 3, 5))  # imports
    vectors = tree(neurons, fan_in, records)
    row: dict[str, object] = {"neurons": neurons, "inputs": fan_in, "records": records}
    row["vectors GiB"] = vectors.nbytes / 2**30
    before = peak()
    begun = time.process_time()
    layer = neuron_cloud(vectors)
    row["cloud s"] = time.process_time() - begun
    for name, function in (
        ("graph s", learning_graph),
        ("capacity s", effective_capacity),
        ("surface s", learning_surface),
    ):
        begun = time.process_time()
        found = function(layer)
        row[name] = time.process_time() - begun
        if name == "graph s":
            row |= {"nodes": len(found.graph), "components": found.components, "cycles": found.cycle_rank}
            row |= {"kept": found.kept, "radius / eps": found.radius / found.eps}
    row["peak over vectors GiB"] = peak() - before
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", default=["100x784x201", "1000x784x201", "2000x784x300"])
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(run(*map(int, options.cell.split("x")))))
        return
    rows = []
    for cell in options.cells:
        done = subprocess.run([sys.executable, __file__, "--cell", cell], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    report("topology", "Topology of a layer: CPU seconds on one thread", rows)


if __name__ == "__main__":
    main()
