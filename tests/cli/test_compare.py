"""``lightning-infogeo compare``: what it prints and writes, and that it can be cut short and shared."""

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lightning_infogeo.cli.compare as module
from lightning_infogeo.cli.output_files import FILES
from lightning_infogeo.comparison import compare
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import beside_the_geodesic, on_the_geodesic, training

ROOT = Path(__file__).parents[2]
AT = [(k + 1) / 50 for k in range(50)]


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs on the geodesic, one of them slower, and two beside it, by an angle."""
    where = tmp_path_factory.mktemp("runs")
    steps = torch.arange(50)
    write(where / "on" / "a" / "infogeo.zarr", on_the_geodesic(AT, steps=steps, arch="on", lr=1))
    write(where / "on" / "b" / "infogeo.zarr", on_the_geodesic(AT, steps=10 * steps, arch="on", lr=2))
    write(where / "off" / "a" / "infogeo.zarr", beside_the_geodesic(AT, 0.3, arch="off", lr=1))
    write(where / "off" / "b" / "infogeo.zarr", beside_the_geodesic(AT, 0.3, arch="off", lr=2))
    return where


def test_the_tables_say_what_is_known_of_these_runs(command, folder):
    code, shown, said = command("compare", folder, "--group-by", "arch")
    assert code == 0
    apart = -math.log(math.cos(0.3))
    line = next(line for line in shown.splitlines() if line.startswith("│ arch "))
    groups, within, between, _, alone = (float(cell) for cell in line.split("│")[2:7])
    assert (groups, within) == (2, pytest.approx(0, abs=1e-6))
    assert between == pytest.approx(apart, rel=1e-3) == alone
    assert "Runs differ most by arch" in shown
    for name in ("on/a", "on/b", "off/a", "off/b"):
        assert name in shown
    heading = " ".join(shown[shown.index("Runs") :].split())
    assert "[rad]" in heading  # a terminal markup would have swallowed it
    assert "[nats]" in heading
    assert "recorded at different steps" in said
    assert "4 runs in" in said


def test_out_writes_tables_document_and_pictures(command, folder, tmp_path):
    code, _, said = command("compare", folder, "--out", tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    assert code == 0
    assert all((out / name).stat().st_size and name in said for name in FILES)
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in FILES if name.endswith(".png"))
    head, *table = rows(out / "distances.csv")
    assert head[0].endswith("[nats]")
    assert head[1:] == [row[0] for row in table] == ["off/a", "off/b", "on/a", "on/b"]
    apart = -math.log(math.cos(0.3))
    expected = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]) * apart
    found = torch.tensor([[float(value) for value in row[1:]] for row in table])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
    head, *table = rows(out / "runs.csv")
    speed = {row[0]: float(row[head.index("steps to progress 0.75")]) for row in table}
    assert speed["on/b"] == pytest.approx(10 * speed["on/a"], rel=1e-6) == pytest.approx(365, rel=1e-3)
    document = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert document["probe"] == "val"
    assert document["runs"][2]["metadata"] == {"arch": "on", "lr": 1}
    assert document["runs"][0]["path"] == str(folder / "off" / "a" / "infogeo.zarr")
    assert document["embedding"]["steps"][-3:] == [470, 480, 490]
    assert set(document["groups"]) == {"arch", "lr"}


def test_records_without_finite_logits_are_left_out_and_counted(command, tmp_path):
    full = training(1, records=9, samples=20)
    write(tmp_path / "a.zarr", full, bad=(0, 4, 8))
    write(tmp_path / "b.zarr", training(2, records=9, samples=20))
    code, _, said = command("compare", tmp_path, "--out", tmp_path / "out")
    assert code == 0
    assert "3 records of 'a' left out" in said
    kept = [1, 2, 3, 5, 6, 7]
    alone = full._replace(amplitudes=full.amplitudes[kept].float(), steps=full.steps[kept])
    other = training(2, records=9, samples=20)
    expected = compare([alone, other._replace(amplitudes=other.amplitudes.float())])
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())
    torch.testing.assert_close(torch.tensor(found["distances"]).double(), expected.distances, rtol=1e-5, atol=1e-9)
    assert found["courses"][0]["steps"] == kept


def test_a_single_run_and_landmarks(command, folder):
    code, shown, _ = command("compare", folder / "on" / "a", "--landmarks", "6")
    assert code == 0
    assert "landmarks" in shown
    assert "distance between" not in shown


def test_half_precision_is_said(command, tmp_path):
    write(tmp_path / "a.zarr", training(1, records=5, samples=10), dtype="float16")
    code, _, said = command("compare", tmp_path)
    assert code == 0
    assert "1 of 1 runs are stored in half precision" in said


def test_names_cannot_steer_the_terminal(command, tmp_path):
    for name in ("[red]a[/red]", "b\x7f\u202e"):
        write(tmp_path / f"{name}.zarr", training(1, records=4, samples=10))
    code, shown, _ = command("compare", tmp_path)
    assert code == 0
    assert "[red]a[/red]" in shown
    assert "\x7f" not in shown
    assert "\u202e" not in shown


def test_an_interrupted_command_says_what_is_kept_and_goes_on_from_it(command, folder, tmp_path, monkeypatch):
    def interrupted(*arguments, watch, **options):
        def stop(stage, done, total):
            if stage == "tiles":
                raise KeyboardInterrupt

        return compare(*arguments, watch=stop, **options)

    monkeypatch.setattr(module, "compare", interrupted)
    code, shown, said = command("compare", folder, "--out", tmp_path)
    assert code == 130
    assert shown == ""
    assert f"finished parts are in {tmp_path / 'pieces'}" in said
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("pieces/*/*.npy")}
    assert len({path.parent for path in before}) >= 3
    monkeypatch.undo()
    assert command("compare", folder, "--out", tmp_path)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    monkeypatch.setattr(module, "compare", interrupted)
    assert command("compare", folder)[2].strip() == "lightning-infogeo: interrupted."


@pytest.mark.parametrize("by_fabric", [False, True])
def test_two_processes_write_what_one_does(command, folder, tmp_path, by_fabric):
    """``fabric run`` is torchrun with its options in the environment."""
    assert command("compare", folder, "--out", tmp_path / "one")[0] == 0
    options = {"LT_CLI_USED": "1", "LT_ACCELERATOR": "cpu", "LT_DEVICES": "2", "LT_NUM_NODES": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "lightning_infogeo.cli", "compare", folder, "--out", tmp_path / "two"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(options if by_fabric else {})},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("What the runs have in common") == 1
    assert done.stderr.count("Written to") == 1
    for name in ("summary.csv", "distances.csv"):
        for one, two in zip(rows(tmp_path / "one" / name), rows(tmp_path / "two" / name), strict=True):
            assert len(one) == len(two)
            for a, b in zip(one, two, strict=True):
                assert a == b or float(a) == pytest.approx(float(b), rel=1e-12, abs=1e-15)
