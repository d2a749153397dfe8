"""However many processes share a comparison, its result is that of one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.helpers.comparison_run import compared

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone():
    return compared()


def found(mode, folder, processes):
    command = [sys.executable, "-m", "tests.helpers.comparison_run", mode, str(folder)]
    # Fabric starts the other processes itself.
    first = range(1) if mode == "fabric" else range(processes)
    running = [subprocess.Popen([*command, str(rank), str(processes)], cwd=ROOT) for rank in first]
    assert [process.wait(timeout=240) for process in running] == [0] * len(first)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(processes)]


def assert_equal(ranks, alone):
    for rank in ranks:
        assert rank.keys() == alone.keys()
        for name, expected in alone.items():
            scale = float(expected.double().nan_to_num(0).abs().max())
            torch.testing.assert_close(rank[name], expected, rtol=1e-12, atol=1e-12 * scale, equal_nan=True, msg=name)


def test_two_processes_of_fabric_find_what_one_does(tmp_path, alone):
    assert_equal(found("fabric", tmp_path, 2), alone)


def test_four_processes_find_what_one_does_and_one_goes_on_with_what_they_kept(tmp_path, alone):
    assert_equal(found("kept", tmp_path, 4), alone)
    pieces = sorted((tmp_path / "kept").glob("*/*.npy"))
    assert len({path.parent.name.partition("-")[0] for path in pieces}) == 5  # every stage
    removed = pieces[::3]
    for path in removed:
        path.unlink()
    assert_equal([compared(tmp_path / "kept")], alone)
    assert sorted((tmp_path / "kept").glob("*/*.npy")) == pieces  # what was missing is there again, nothing else
