"""One comparison shared by several processes, for ``test_ranks``; each writes what it got."""

import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist

from lightning_infogeo.comparison import compare
from tests.helpers.synthetic_runs import training


def compared(folder=None):
    runs = [training(seed, records=30, way=seed // 2, arch=f"a{seed // 2}", lr=seed % 2) for seed in range(5)]
    exact = compare(runs, group_by="arch", memory=3 * 10**5, folder=folder)
    few = compare(runs, landmarks=25, memory=3 * 10**5, folder=folder)
    return {
        "distances": exact.distances,
        "table": exact.embedding.distances,
        "coordinates": exact.embedding.coordinates,
        "milestones": exact.embedding.milestones,
        "progress": torch.cat([course.progress for course in exact.courses]),
        "lengths": torch.stack([course.fisher_rao[-1] for course in exact.courses]),
        "reindexed": exact.reindexed_lengths,
        "null": exact.null,
        "tubes": torch.stack([tube.mean for tube in exact.tubes.values()]),
        "speed": exact.speed,
        "landmarks": few.embedding.landmarks,
        "placed": few.embedding.coordinates,
        "error": torch.tensor(few.embedding.error),
    }


def main(mode, folder, rank, processes):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if mode == "fabric":
        from lightning.fabric import Fabric

        fabric = Fabric(accelerator="cpu", devices=processes, strategy="ddp")
        fabric.launch()
        rank = fabric.global_rank
    else:
        dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=processes)
    torch.save(compared(Path(folder) / "kept" if mode == "kept" else None), Path(folder) / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
