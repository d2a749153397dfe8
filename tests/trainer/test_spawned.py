"""What is recorded in processes that Lightning makes, as in a notebook, is in the user's monitor after the fit."""

import copy
import gc
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lightning_infogeo import Trajectory
from lightning_infogeo.trainer import spawned as parcel
from lightning_infogeo.trainer.spawned import SpawnedResults

ROOT = Path(__file__).parents[2]


def run(tmp_path, strategy, model="Classifier", **options):
    command = [sys.executable, "-m", "tests.helpers.spawned_run", str(tmp_path), strategy, model, json.dumps(options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("lightning-infogeo-*"))
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forked")
    return {**run(folder, "ddp_fork", neurons=True, archive=str(folder / "a.zarr")), "archive": folder / "a.zarr"}


def test_results_come_back(plain):
    assert plain["error"] is None
    assert plain["steps"]["val"] == list(range(7))
    assert plain["kept"].keys() == {"train", "val"}
    assert plain["verdicts"].keys() == {"val"}
    assert plain["neurons"]["net.0"] == list(range(7))
    assert plain["again"] == {name: plain[name] for name in plain["again"]}
    for name, values in plain["values"].items():
        archived = Trajectory.open(plain["archive"], name)
        assert archived.recorded.quantities.nan_to_num(-1).tolist() == values


@pytest.mark.parametrize(("strategy", "options"), [("ddp_spawn", {"neurons": True}), ("ddp_notebook", {})])
def test_they_are_the_same_however_the_processes_are_made(strategy, options, plain, tmp_path):
    got = run(tmp_path, strategy, **options)
    for what in ("values", "steps", "kept", "events", "verdicts"):
        assert got[what] == plain[what]


def test_of_shared_probes_they_come_back_too(plain, tmp_path):
    got = run(tmp_path, "ddp_fork", distributed="shard")
    assert got["steps"] == plain["steps"]
    torch.testing.assert_close(
        torch.tensor(got["values"]["val"]), torch.tensor(plain["values"]["val"]), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("strategy", ["ddp_fork", "ddp_spawn"])
def test_of_a_fit_that_failed_comes_back_what_there_was(strategy, tmp_path):
    got = run(tmp_path, strategy, "Failing", devices=1)
    assert "a mistake in the third step" in got["error"]
    assert got["steps"]["val"] == [0, 1, 2, 3]
    assert len(got["values"]["val"]) == 4


def put(sent, content):
    sent.send(content)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_parcel_is_read_once_by_the_parent_and_by_no_copy(method, tmp_path, monkeypatch):
    monkeypatch.setattr(parcel.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    sent = SpawnedResults()
    copies = [copy.copy(sent), copy.deepcopy(sent), pickle.loads(pickle.dumps(sent))]
    child = multiprocessing.get_context(method).Process(target=put, args=(sent, {"a": torch.arange(3)}))
    child.start()
    child.join()
    (left,) = tmp_path.glob("lightning-infogeo-*")
    assert left.stat().st_mode & 0o077 == 0
    assert [made.receive() for made in copies] == [None] * 3
    assert sent.receive()["a"].tolist() == [0, 1, 2]
    assert sent.receive() is None


def test_a_parcel_that_nobody_reads_goes_with_the_parents_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(parcel.tempfile, "tempdir", str(tmp_path))
    sent = SpawnedResults()
    child = multiprocessing.get_context("fork").Process(target=put, args=(sent, {}))
    child.start()
    child.join()
    assert list(tmp_path.glob("lightning-infogeo-*"))
    del sent
    gc.collect()
    assert not list(tmp_path.glob("lightning-infogeo-*"))


def test_a_file_in_its_place_is_not_written_into(tmp_path, monkeypatch):
    monkeypatch.setattr(parcel.tempfile, "tempdir", str(tmp_path))
    sent, elsewhere = SpawnedResults(), tmp_path / "elsewhere"
    (tmp_path / sent._name).with_suffix(".partial").symlink_to(elsewhere)
    sent.send({})
    assert not elsewhere.exists()
