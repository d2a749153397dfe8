"""Each of two processes holds a shard of the weights, one of them nothing of the last group."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from lightning_infogeo.parameters import ParameterDensity
from tests.helpers.weight_paths import walk


def reduce(tensor, operation):
    whole = tensor.clone()
    dist.all_reduce(whole, op=dist.ReduceOp.MAX if operation == "max" else dist.ReduceOp.SUM)
    return whole


def main(folder, rank, processes):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=processes)
    results = {}
    for estimator in ("auto", "histogram", "gaussian"):
        path = walk()
        path.insert(3, {name: [t[0].clone()] for name, t in path[2].items()})
        path[3]["deep"][0][-1, -1] = torch.nan  # in the last process only
        settings = ParameterDensity(estimator=estimator)
        sizes = {name: tensors[0].numel() for name, tensors in path[0].items()}
        shards = [
            {
                name: [tensors[0].flatten().tensor_split([sizes[name] if name == "few" else sizes[name] // 3])[rank]]
                for name, tensors in groups.items()
            }
            for groups in path
        ]
        state, rows = settings.start(shards[0], sizes), []
        for step, groups in enumerate(shards):
            state, row = settings.extend(state, step, groups, sizes, reduce)
            rows.append(row)
        results[estimator] = {"rows": torch.stack(rows), "counts": state.counts}
    torch.save(results, Path(folder) / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
