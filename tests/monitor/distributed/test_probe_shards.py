"""Processes that share the probes: the same as one process, the same in each, and nobody left waiting.

All cases of ``probe_shards_run`` are run by one ``torchrun`` for two processes and one for four.
"""

import json
import os
import re
import signal
import socket
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest
import torch

from lightning_infogeo import ConfigurationError, EmbeddingSettings, InfoGeometryMonitor
from lightning_infogeo.distances import fisher_rao_from_logits
from lightning_infogeo.monitor.distributed.probe_shards import SampleTable, Shard
from lightning_infogeo.trajectory.observation import SampleMeasurements, observe
from tests.helpers import probe_shards_run
from tests.helpers.classifiers import fit
from tests.helpers.ranks import compared
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep

pytestmark = REMARKS_ON_RESUMING

PROCESSES = [2, 4]
SCRIPT = Path(probe_shards_run.__file__)


ranks, alone = compared(probe_shards_run)


def close(found, expected, within=1e-6):
    torch.testing.assert_close(
        torch.tensor(found, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64), rtol=within, atol=within
    )


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("case", [case.__name__ for case in probe_shards_run.SAME])
def test_processes_that_share_the_probes_record_what_one_does(case, processes, ranks, alone):
    expected = alone(case)
    found = [rank[case] for rank in ranks(processes)[1]]
    for key in ("steps", "values", "events", "verdicts", "distances", "kept", "metrics", "weights", "skipped"):
        assert all(rank[key] == found[0][key] for rank in found), key
    assert found[0]["steps"] == expected["steps"]
    assert found[0]["kept"] == expected["kept"]
    assert found[0]["skipped"] == expected["skipped"]
    assert found[0]["weights"] == expected["weights"]
    for name, values in expected["values"].items():
        close(found[0]["values"][name], values)
    for name, distances in expected["distances"].items():
        close(found[0]["distances"][name], distances)
    assert [event[:4] for event in found[0]["events"]] == [event[:4] for event in expected["events"]]
    assert [v[::2] for v in found[0]["verdicts"].values()] == [v[::2] for v in expected["verdicts"].values()]
    for name, of_all in expected["samples"].items():  # and each keeps its own part only
        assert sum(rank["samples"][name] for rank in found) == of_all


def test_the_cases_are_what_they_are_said_to_be(ranks, alone):
    """More records than slots, a sample that is not finite, events, and sketches where there is no room for logits."""
    assert len(alone("pictures")["kept"]["val"][0]) < len(alone("pictures")["steps"]["val"])
    assert alone("not_finite")["skipped"]["val"] > 0
    assert alone("curves")["events"]
    first = ranks(4)[1][0]
    assert first["curves"]["samples"] == {"train": 5, "val": 10, "single": 0, "unlabelled": 0}


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_record_is_one_sum_over_processes_and_one_broadcast_and_reads_nothing(processes, ranks, alone):
    for rank in ranks(processes)[1]:
        sent = [count for count in rank["audited"]["sent"] if any(count)]
        assert sent == [[1, 1]] * len(rank["audited"]["steps"]["val"]) != []
    assert not any(map(any, alone("audited")["sent"]))


@pytest.mark.parametrize("processes", PROCESSES)
def test_the_first_process_draws_what_one_does(processes, ranks, alone):
    found, expected = ranks(processes)[1][0]["pictures"], alone("pictures")
    assert found["landscapes"].keys() == expected["landscapes"].keys() != set()
    for name, snapshot in expected["landscapes"].items():
        close(found["landscapes"][name], snapshot, 2e-6)


@pytest.mark.parametrize("processes", PROCESSES)
def test_resuming_goes_on_bit_by_bit(processes, ranks):
    for rank in ranks(processes)[1]:
        assert rank["resumed"]["whole"] == rank["resumed"]["again"]


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_checkpoint_of_several_processes_resumes_in_one(processes, ranks, tmp_path):
    folder, found = ranks(processes)
    for mode in ("shard", "rank_zero"):
        again = probe_shards_run.monitor(**probe_shards_run.LONG, distributed=mode)
        checkpoint = folder / "resumed" / "step=8.ckpt"
        other = fit(again, tmp_path, ByStep, max_steps=18, ckpt_path=checkpoint, seed=99)
        resumed = json.loads(json.dumps(probe_shards_run.seen(again, other)))
        assert resumed["steps"] == found[0]["resumed"]["whole"]["steps"] != {}
        for name, values in resumed["values"].items():
            close(found[0]["resumed"]["whole"]["values"][name], values)
            close(found[0]["resumed"]["whole"]["distances"][name], resumed["distances"][name])


def by_slurm(folder, case):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    task = {"NTASKS": "2", "NTASKS_PER_NODE": "2", "NODEID": "0", "JOB_ID": "4242", "JOB_NAME": "train"}
    shared = {f"SLURM_{key}": value for key, value in {**task, "NODELIST": "127.0.0.1"}.items()}
    processes = [
        Popen(
            [sys.executable, str(SCRIPT), str(folder), "2", case],
            env={**os.environ, **shared, "MASTER_PORT": port, "SLURM_PROCID": rank, "SLURM_LOCALID": rank},
            stdout=DEVNULL,
            stderr=PIPE,
        )
        for rank in "01"
    ]
    try:
        return [(process.communicate(timeout=120)[1], process.returncode) for process in processes]
    finally:
        for process in processes:
            process.kill()


def test_a_job_that_slurm_has_killed_goes_on_bit_by_bit(ranks, tmp_path):
    """From the last checkpoint, and from the one that Lightning makes at SLURM's signal."""
    killed = by_slurm(tmp_path, "preempted")
    assert [code for _, code in killed] == [-signal.SIGKILL] * 2, killed
    by_slurm(tmp_path, "requeued")
    again = [json.loads(path.read_text())["requeued"] for path in sorted(tmp_path.glob("rank*.json"))]
    for rank, whole in zip(again, ranks(2)[1], strict=True):
        assert rank["last"] == whole["resumed"]["whole"]
        assert rank["None"] == whole["resumed"]["whole"]


@pytest.mark.parametrize("processes", PROCESSES)
def test_training_is_unchanged(processes, ranks):
    for rank in ranks(processes)[1]:
        assert rank["unchanged"]["with"] == rank["unchanged"]["without"]
        assert len(rank["unchanged"]["steps"]["val"]) == 7
        assert rank["unchanged"]["values"] == ranks(processes)[1][0]["unchanged"]["values"]


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("case", ["Fails", "FailsBetween", "afterwards"])
def test_a_failure_in_one_process_leaves_nobody_waiting(case, processes, ranks):
    found = [rank["failures"] for rank in ranks(processes)[1]]
    steps = {"Fails": [0, 2], "FailsBetween": [0, 2], "afterwards": [0]}[case]
    for rank in found:
        assert rank[case]["finished"] == 12
        assert rank[case]["steps"]["val"] == steps
        assert rank[case]["weights"] == found[0][case]["weights"]
    if case != "afterwards":
        said = [rank[f"{case} warns"] for rank in found]
        assert "failed in another process" in said[0][0]
        assert "no room" in said[1][0]
        assert [len(warnings) for warnings in said] == [1, 1, 0, 0][:processes]


@pytest.mark.parametrize("processes", PROCESSES)
def test_checkpoints_after_a_failure_hold_what_all_processes_have(processes, ranks, tmp_path):
    """Or nothing of the monitor, where one has lost its part of a record."""
    folder, _ = ranks(processes)
    for case in ("Fails", "FailsBetween"):
        again = probe_shards_run.monitor()
        fit(again, tmp_path, max_steps=8, ckpt_path=folder / case / "step=4.ckpt")
        assert again.trajectories["val"].steps.tolist() == [0, 2, 6, 8]
    saved = torch.load(folder / "afterwards" / "step=4.ckpt", weights_only=True)
    assert not any("InfoGeometryMonitor" in key for key in saved["callbacks"])


def test_averaging_the_roots_of_parts_would_not_do():
    """Negative control: what two halves of a probe say on their own does not add up to what the whole says."""
    whole = torch.randn(2, 40, 10, generator=torch.Generator().manual_seed(0))
    whole[1, 20:] = whole[0, 20:] + 0.01
    halves = torch.stack([fisher_rao_from_logits(*whole[:, rows]) for rows in (slice(0, 20), slice(20, 40))])
    assert (halves.mean() - fisher_rao_from_logits(*whole)).abs() > 0.1


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_failure_in_one_process_before_training_is_raised_in_every(processes, ranks):
    for rank in ranks(processes)[1]:
        assert "no room" in rank["failures"]["FailsAtOnce"]


@pytest.mark.parametrize("labels", [torch.arange(7) % 3, None], ids=["labels", "none"])
def test_the_sum_of_the_parts_is_what_one_process_measures(labels):
    logits, arcs, total = torch.randn(7, 3), torch.rand(3, 7), 0
    whole = observe(logits, labels)
    for part in Shard(0, 2).all:
        mine = slice(*part.bounds(7))
        observation = observe(logits[mine], None if labels is None else labels[mine])
        table = SampleTable(7, [mine], labels is not None, sums=2)
        vector = torch.zeros(table.size)
        table.write(SampleMeasurements(observation, arcs[:, mine], torch.full((2,), 0.5)), vector)
        total = total + vector
    summed = table.read(total)
    for a, b in zip(whole.columns, summed.observation.columns, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-6, atol=1e-7)
    assert torch.equal(summed.arcs, arcs)
    assert summed.sums.tolist() == [1, 1]


@pytest.mark.parametrize("size", [0, 1, 3, 10])
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_parts_are_contiguous_and_equal_up_to_one(size, count):
    parts = [part.bounds(size) for part in Shard(0, count).all]
    assert [i for first, last in parts for i in range(first, last)] == list(range(size))
    lengths = [last - first for first, last in parts]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"archive": "auto"}, "archive='auto'"),
        ({"embedding": EmbeddingSettings(joint=("a", "b"))}, "embedding=EmbeddingSettings"),
        ({"distributed": "every"}, 'must be "auto", "rank_zero" or "shard"'),
    ],
)
def test_what_needs_all_samples_in_one_process_is_refused_at_once(options, named):
    with pytest.raises(ConfigurationError, match=re.escape(named)):
        InfoGeometryMonitor(**{"distributed": "shard", **options})
