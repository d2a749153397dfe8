"""``make gpu``: every section runs at a tiny size on the CPU, and one that fails or hangs costs its own rows only."""

import importlib.util
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"


@pytest.fixture
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(*options):
    return subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=False)


def test_every_measurement_works_and_nothing_is_written():
    report = ROOT / "benchmarks" / "GPU.md"
    before = report.stat() if report.exists() else None
    names = ["ResNet-18", "ViT-B", "language model", "distances", "density", "training"]
    done = command("--device", "cpu", "--quick", "--sections", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (report.stat() if report.exists() else None) == before
    for title in ("A record in", "Small distances", "All Bhattacharyya", "A record of the weights", "A training in"):
        assert f"## {title}" in done.stdout
    assert "Sections that failed" not in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if '"language model' in line and '"float32"' in line)
    row = json.loads(line[line.index("{") :])
    assert 0 < row["beyond the forwards"] < row["operations"]
    assert row["timed"] == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="of a machine without CUDA")
def test_without_cuda_it_says_so():
    done = command()
    assert done.returncode == 0
    assert done.stdout.startswith("No CUDA device")


def test_the_tests_are_counted(gpu):
    tables, error, _ = gpu.section("tests", 600, "cpu", True)
    assert not error
    (row,) = tables["Tests marked gpu"]
    assert row["passed"] == 7
    assert row["failed"] == row["skipped"] == row["error"] == 0


def test_a_section_that_raises_is_a_row(gpu, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "SECTIONS", {"no such network": 60, "distances": 60})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu", "--quick"])
    monkeypatch.setattr(gpu, "section", lambda name, *_, plain=gpu.section: called(plain, name))
    assert gpu.main() == 1
    printed = capsys.readouterr().out
    assert "Sections that failed" in printed
    assert "| no such network |" in printed
    assert "## Small distances" in printed


def called(plain, name):
    return ({}, "ValueError: of a negative control", 0.1) if name != "distances" else plain(name, 600, "cpu", True)


def test_a_section_that_hangs_is_ended(gpu, monkeypatch, tmp_path):
    hangs = tmp_path / "hangs"
    hangs.write_text("#!/bin/sh\nsleep 600\n")
    hangs.chmod(hangs.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sys, "executable", str(hangs))
    tables, error, took = gpu.section("distances", 5, "cpu", True)
    assert (tables, error) == ({}, "not done after 5 s")
    assert took < 300
