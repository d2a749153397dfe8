"""Weights that processes share have the density of the whole."""

import subprocess
import sys
from pathlib import Path

import torch

from lightning_infogeo.parameters import ParameterDensity
from tests.helpers.weight_paths import followed, walk


def test_two_processes_with_a_shard_each_record_what_one_does_with_all(tmp_path):
    command = [sys.executable, "-m", "tests.helpers.sharded_weights_run", str(tmp_path)]
    root = Path(__file__).parents[2]
    running = [subprocess.Popen([*command, str(rank), "2"], cwd=root) for rank in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    for estimator in ("auto", "histogram", "gaussian"):
        a, b = (rank[estimator] for rank in ranks)
        assert torch.equal(a["counts"], b["counts"])
        assert torch.equal(a["rows"].nan_to_num(-1), b["rows"].nan_to_num(-1))
        assert a["rows"][3].isnan().all()
        path = walk()
        rows, state = followed(ParameterDensity(estimator=estimator), path, [0, 1, 2, 4, 5, 6])
        assert torch.equal(a["counts"], state.counts)
        found = a["rows"][[0, 1, 2, 4, 5, 6]]
        torch.testing.assert_close(found[:, :, :2], rows[:, :, :2], rtol=1e-9, atol=0, equal_nan=True)
        # Floors are estimated from other weights: those followed in each shard.
        torch.testing.assert_close(found[1:, :, 2], rows[1:, :, 2], rtol=0.1, atol=0)
    # Negative control: without a sum each would only see its own.
    shard = [{name: [t[0].flatten()[: t[0].numel() // 3]] for name, t in groups.items()} for groups in path]
    alone, _ = followed(ParameterDensity(), shard, [0, 1, 2, 4, 5, 6])
    assert (alone[1:, :, 1] / rows[1:, :, 1] - 1).abs().min() > 1e-6
