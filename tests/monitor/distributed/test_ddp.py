"""Two processes on one machine: the same trajectories in each, unchanged weights, nobody left waiting."""

import json
import sys
from pathlib import Path
from subprocess import run

import pytest
import torch

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers.classifiers import fit, train_loader

SCRIPT = Path(__file__).parents[2] / "helpers" / "ddp_run.py"


def ddp(tmp_path, mode, processes=2):
    command = [sys.executable, str(SCRIPT), mode, str(tmp_path), str(processes)]
    finished = run(command, capture_output=True, text=True, timeout=240, check=False)
    found = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("rank*.json"))]
    return finished, found


@pytest.mark.parametrize("processes", [2, 4])
def test_trajectories_and_metrics_are_the_same_in_every_process_and_weights_unchanged(processes, tmp_path):
    _, ranks = ddp(tmp_path, "with", processes)
    assert len(ranks) == processes
    for rank in ranks[1:]:
        for key in ("steps", "values", "metrics", "weights", "events"):
            assert rank[key] == ranks[0][key]
    assert ranks[0]["steps"] == [0, 2, 4, 6]
    assert [event[:4] for event in ranks[0]["events"]] == [["at", "train", 3, 4], ["at", "val", 3, 4]]
    assert [rank["logged"] for rank in ranks] == [[1, 3, 5]] + [[]] * (processes - 1)
    (tmp_path / "without").mkdir()
    _, without = ddp(tmp_path / "without", "without", processes)
    assert without[0]["weights"] == ranks[0]["weights"]


def test_several_processes_record_what_one_does(tmp_path):
    """Every process trains on the same batch, so that the weights are those of one process."""
    _, ranks = ddp(tmp_path, "same-batch")
    alone = InfoGeometryMonitor(schedule=2, probe_size=40, parameters=True)
    fit(alone, tmp_path, max_steps=6)
    values = torch.tensor(ranks[0]["values"], dtype=torch.float64)
    expected = torch.stack(
        [getattr(alone.trajectories["val"], name) for name in alone.trajectories["val"].quantities], 1
    )
    finite = expected.isfinite()
    torch.testing.assert_close(values[finite], expected[finite], rtol=1e-5, atol=1e-6)
    for rank in ranks:
        assert rank["metrics"]["infogeo/parameters/network/length"] == pytest.approx(
            float(alone.trajectories["parameters/network"].length[-1]), rel=1e-4
        )


def test_two_processes_are_recorded_as_often_as_one_that_trains_on_the_samples_of_both(tmp_path):
    of_half, of_both = (InfoGeometryMonitor(probe_size=96, budget=0.75) for _ in range(2))
    for batch, monitor in ((16, of_half), (32, of_both)):
        fit(monitor, tmp_path, train=train_loader(192, batch), max_steps=120)
    half, both = (monitor.trajectories["val"].steps.tolist() for monitor in (of_half, of_both))
    assert len(both) > len(half)
    _, ranks = ddp(tmp_path, "short")
    assert [rank["steps"] for rank in ranks] == [both] * 2
    assert ranks[0]["values"] == ranks[1]["values"]


def test_events_on_further_samples_are_the_same_in_every_process(tmp_path):
    _, ranks = ddp(tmp_path, "further")
    for key in ("steps", "values", "events", "verdicts", "weights"):
        assert ranks[1][key] == ranks[0][key]
    assert ranks[0]["verdicts"] == {"val": ["flagged", 0.0, 150, 0.0]}
    assert [event[:4] for event in ranks[0]["events"]] == [["of samples", "val", 4, 4]]


def test_processes_that_share_the_probes_have_no_further_samples(tmp_path):
    _, ranks = ddp(tmp_path, "further, shared")
    assert [rank["verdicts"] for rank in ranks] == [{"val": ["flagged", 0.0, 40, 0.0]}] * 2


@pytest.mark.parametrize("mode", ["fails", "fails-between"])
def test_a_failure_in_the_first_process_leaves_nobody_waiting(mode, tmp_path):
    _, ranks = ddp(tmp_path, mode)
    assert [rank["finished"] for rank in ranks] == [6, 6]
    assert [rank["steps"] for rank in ranks] == [[0, 2], [0, 2]]


def test_an_error_in_the_set_up_is_raised_in_every_process(tmp_path):
    finished, ranks = ddp(tmp_path, "refused")
    assert finished.returncode != 0
    assert ["logits_fn" in rank["error"] for rank in ranks] == [True, True]


def test_a_flag_stops_every_process_at_the_same_step(tmp_path):
    _, ranks = ddp(tmp_path, "flag")
    assert ranks[0]["finished"] == ranks[1]["finished"] < 6
    assert ranks[0]["events"] == ranks[1]["events"] != []


def test_a_stop_is_seen_by_every_process(tmp_path):
    _, ranks = ddp(tmp_path, "stops")
    assert ranks[0]["finished"] == ranks[1]["finished"] < 6
    assert ranks[0]["steps"] == ranks[1]["steps"]
