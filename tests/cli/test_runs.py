"""Runs that a command opens, of which some records may be left out."""

import numpy as np
import pytest
import torch

from lightning_infogeo.archive import Archive
from lightning_infogeo.cli import runs
from lightning_infogeo.cli.runs import RecordSubset, RunLocation, open_runs
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

RUN = training(1, records=7, samples=6)


@pytest.mark.parametrize("which", [[0, 1, 2, 3], [0, 2, 3, 6], [5]])
def test_some_records_are_read_as_if_there_were_no_others(tmp_path, which):
    write(tmp_path / "a.zarr", RUN)
    some = RecordSubset(Archive(tmp_path / "a.zarr")["val"].amplitudes, torch.tensor(which), "float32")
    expected = RUN.amplitudes.float()[which]
    assert some.shape == tuple(expected.shape)
    last = len(which) - 1
    for key in (
        slice(None),
        slice(-2, None),
        slice(1, 99),
        slice(None, None, 2),
        slice(0, -1),
        np.array([last, 0]),
        last,
    ):
        torch.testing.assert_close(some[key], expected[key])
    torch.testing.assert_close(some[0:1, 2:4], expected[0:1, 2:4])


def test_a_run_that_goes_on_is_looked_at_as_far_as_it_had_come(tmp_path):
    path = str(write(tmp_path / "a.zarr", RUN, bad=(1,)))
    (run,) = open_runs([RunLocation(path, "a", "val", 4)])
    assert run.steps.tolist() == [0, 2, 3]
    assert run.left_out == 1
    assert run.amplitudes[:].shape[0] == 3


def test_records_that_are_held_are_those_of_the_archive_and_cannot_be_written_through(tmp_path):
    path = str(write(tmp_path / "a.zarr", RUN, bad=(1,)))
    (run,) = open_runs([RunLocation(path, "a", "val", 7)])
    archive = Archive(path)["val"].amplitudes
    for key in (slice(None), slice(1, 3), (slice(0, 2), slice(2, 4)), np.array([3, 0]), 2):
        records, *rest = key if isinstance(key, tuple) else (key,)
        places = np.array([0, 2, 3, 4, 5, 6])[records]
        torch.testing.assert_close(run.amplitudes[key], archive[(places, *rest)], rtol=0, atol=0)
    run.amplitudes[0:2].zero_()
    assert run.amplitudes[0:2].any()


def test_what_is_too_large_to_be_held_is_read_each_time(tmp_path, monkeypatch):
    path = str(write(tmp_path / "a.zarr", RUN))
    monkeypatch.setattr(runs, "HELD", 7 * 6 * 5 * 4 - 1)
    (run,) = open_runs([RunLocation(path, "a", "val", 7)])
    assert not run.amplitudes.held
    monkeypatch.setattr(runs, "HELD", 7 * 6 * 5 * 4)
    (run,) = open_runs([RunLocation(path, "a", "val", 7)])
    assert run.amplitudes.held
