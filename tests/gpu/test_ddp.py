"""DDP of one process, by NCCL on CUDA: training is the same, and so are the curves of a single device."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.gpu_ddp_run import without_dropout
from tests.helpers.gpu_fits import fit, images, watching

ROOT = Path(__file__).parents[2]


def test_one_process_of_ddp(accelerator, tmp_path):
    command = [sys.executable, "-m", "tests.helpers.gpu_ddp_run", accelerator, str(tmp_path)]
    given = {"OMP_NUM_THREADS": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["backend"] == ("nccl" if accelerator == "cuda" else "gloo")
    assert found["with"] == found["without"] == found["shared"]
    alone = watching(parameters=True)
    fit([alone], tmp_path, accelerator, without_dropout, images())
    for name in ("with", "shared"):
        assert found[f"{name}: length"] == pytest.approx(alone.trajectories["val"].length.tolist(), rel=1e-5)
