"""DDP of one process: trains without and with the monitor, and prints what came of it.

python -m tests.helpers.gpu_ddp_run (cuda | cpu) FOLDER
"""

import json
import os
import sys

import torch
from lightning.pytorch.strategies import DDPStrategy

from tests.helpers.gpu_fits import Net, digest, fit, images, watching


class Noted(DDPStrategy):
    """Notes by what backend processes speak."""

    spoke = ""

    def teardown(self):
        Noted.spoke = torch.distributed.get_backend()
        super().teardown()


def without_dropout():
    """Draws no random numbers, so that it is trained alike on one device."""
    return Net(dropout=0.0)


def main(device, folder):
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")  # all machines have it, some no other
    backend = "nccl" if device == "cuda" else "gloo"
    monitors = {"without": None, "with": watching(parameters=True), "shared": watching(distributed="shard")}
    found = {}
    for name, monitor in monitors.items():
        strategy = Noted(process_group_backend=backend)
        options = {"model": without_dropout, "loader": images(), "strategy": strategy, "use_distributed_sampler": False}
        found[name] = digest(fit([monitor] if monitor else [], folder, device, **options))
        found[f"{name}: length"] = monitor and monitor.trajectories["val"].length.tolist()
    print(json.dumps({**found, "backend": Noted.spoke}))


if __name__ == "__main__":
    main(*sys.argv[1:])
