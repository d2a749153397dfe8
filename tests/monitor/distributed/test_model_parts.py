"""A model of which every process holds a part: recorded as one process does, training unchanged, nobody left waiting.

All cases of ``model_parts_run`` are run by one ``torchrun`` for two processes and one for four.
"""

import pytest
import torch

from tests.helpers import model_parts_run
from tests.helpers.classifiers import fit
from tests.helpers.ranks import compared, launch
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep

pytestmark = REMARKS_ON_RESUMING

PROCESSES = [2, 4]


ranks, alone = compared(model_parts_run)


def close(found, expected, within):
    torch.testing.assert_close(
        torch.tensor(found, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64), rtol=within, atol=within
    )


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize(
    ("case", "within"), [("gathered", 1e-6), ("measured", 1e-6), ("tight", 1e-6), ("in_columns", 5e-6), ("both", 5e-6)]
)
def test_processes_that_hold_a_part_of_the_model_record_what_one_does(case, within, processes, ranks, alone):
    """By FSDP2; beside a reference; in smaller calls once memory has run out; by columns of tensors; by both."""
    expected = alone(case)
    found = [rank[case] for rank in ranks(processes)[1]]
    for key in ("steps", "values", "events", "verdicts", "metrics", "weights", "skipped"):
        assert all(rank[key] == found[0][key] for rank in found), key
    assert found[0]["steps"] == expected["steps"]
    for key in ("values", "distances"):
        for name, values in expected[key].items():
            close(found[0][key][name], values, within)
    assert [event[:4] for event in found[0]["events"]] == [event[:4] for event in expected["events"]] != []
    if within == 1e-6:  # parts of a product are added in another order, so that the trainings differ by rounding
        assert found[0]["weights"] == expected["weights"]


@pytest.mark.parametrize("processes", PROCESSES)
def test_training_is_unchanged(processes, ranks):
    """Weights, buffers, optimizer state and random streams; also where weights change between a record and a step."""
    for rank in ranks(processes)[1]:
        assert rank["unchanged"]["with"] == rank["unchanged"]["without"]
        assert rank["unchanged"]["steps"]["val"] == [*range(7)]


@pytest.mark.parametrize("processes", PROCESSES)
def test_beside_the_forward_a_record_is_one_broadcast_and_reads_nothing(processes, ranks):
    for rank in ranks(processes)[1]:
        sent = [count for count in rank["audited"]["sent"] if any(count)]
        assert sent == [[0, 1]] * len(rank["audited"]["steps"]["val"]) != []


@pytest.mark.parametrize("processes", PROCESSES)
def test_markers_see_further_samples_and_nothing_else_changes(processes, ranks, alone):
    expected, found = alone("further"), [rank["further"] for rank in ranks(processes)[1]]
    for rank in found:
        assert rank["100"]["verdicts"] == {"val": ["flagged", 0.0, 100, 0.0]}
        assert rank["1"]["verdicts"] == {"val": ["flagged", 0.0, 30, 0.0]}
        for key in ("steps", "values", "distances", "weights", "sent"):
            assert rank["100"][key] == rank["1"][key], key
        for size in ("100", "1"):
            assert rank[size]["events"] == found[0][size]["events"]
    strengths = {}
    for size in ("100", "1"):
        (event,) = [event for event in found[0][size]["events"] if event[0] == "of samples"]
        (other,) = [event for event in expected[size]["events"] if event[0] == "of samples"]
        assert event[:4] == other[:4] == ["of samples", "val", 8, 8]
        close(event[4], other[4], 1e-6)
        strengths[size] = event[4]
    assert abs(strengths["100"] - strengths["1"]) > 1e-4


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("in_parts", ["True", "False"])
def test_resuming_goes_on_bit_by_bit(in_parts, processes, ranks):
    for rank in ranks(processes)[1]:
        assert rank["resumed"][in_parts]["whole"] == rank["resumed"][in_parts]["again"]


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_checkpoint_of_all_parts_resumes_in_one_process(processes, ranks, tmp_path):
    folder, found = ranks(processes)
    again = model_parts_run.monitor(**model_parts_run.LONG)
    checkpoint = folder / "in_parts=False" / "step=8.ckpt"
    trainer = fit(again, tmp_path, ByStep, max_steps=18, ckpt_path=checkpoint, seed=99)
    resumed, whole = model_parts_run.seen(again, trainer), found[0]["resumed"]["False"]["whole"]
    assert resumed["steps"] == whole["steps"] != {}
    for name, values in resumed["values"].items():
        close(whole["values"][name], values, 1e-6)


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("case", ["Fails", "FailsBetween", "afterwards", "between"])
def test_a_failure_leaves_nobody_waiting_and_training_unchanged(case, processes, ranks):
    """In the forward of all processes, or, with what comes of it, in the first alone."""
    for number, rank in enumerate(ranks(processes)[1]):
        found = rank["failures"][case]
        assert found["finished"] == 12
        assert found["weights"] == rank["failures"]["without"]["weights"]
        assert found["steps"]["val"] == [0, 2]
        assert len(found["warns"]) == (number == 0)


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize(
    ("case", "error"),
    [("FailsAtOnce", "ConfigurationError"), ("FailsBefore", "ConfigurationError"), ("strict", "MemoryError")],
)
def test_what_is_raised_is_raised_in_every_process(case, error, processes, ranks):
    for rank in ranks(processes)[1]:
        assert rank["failures"][case]["raised"] == error
        assert "no room" in rank["failures"][case]["message"]


def test_a_process_that_fails_alone_ends_the_training(tmp_path):
    """Since the others wait for it inside the forward; the launcher ends them."""
    finished = launch(model_parts_run, tmp_path, 2, "alone")
    assert finished.returncode != 0
    assert "MemoryError: no room" in finished.stderr
    assert "ProcessesApart: `InfoGeometryMonitor`: evaluating a probe raised in this process and not in all" in (
        finished.stderr
    )
