"""Many jobs, in this process and in others: all are done, and where one fails the rest are not begun."""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import lightning.pytorch as pl
import pytest
import torch
from rich.console import Console
from torch import nn
from torch.utils.data import TensorDataset

from replications import jobs, trainings
from replications.jobs import JobError, name_of, run


class Job(NamedTuple):
    """One that leaves a file where it began; its seconds count from where the job ``after`` began."""

    name: str
    folder: Path
    fails: bool = False
    seconds: float = 0.0
    after: str = ""


def work(job):
    (job.folder / job.name).touch()
    for _ in range(6000):
        if (job.folder / job.after).exists():
            break
        time.sleep(0.01)
    time.sleep(job.seconds)
    if job.fails:
        raise ValueError(f"{job.name} cannot be.")
    return job.name.upper()


def interrupted(job):
    if job.fails:
        raise KeyboardInterrupt
    return work(job)


@pytest.fixture
def console():
    return Console(width=400, record=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_the_order_of_the_jobs(tmp_path, console, workers):
    many = [Job(name, tmp_path, seconds=seconds) for name, seconds in (("a", 0.3), ("b", 0), ("c", 0), ("d", 0))]
    assert run(many, work, workers, console, cost=lambda job: job.seconds) == ["A", "B", "C", "D"]
    assert "training: 4/4" in console.export_text()


@pytest.mark.parametrize("workers", [0, 2])
def test_where_one_fails_no_other_is_begun(tmp_path, console, workers):
    """Within a pool jobs wait that can no longer be called off: of twelve, three would be begun after the fault."""
    many = [Job("first", tmp_path), Job("wrong", tmp_path, fails=True, seconds=0.2)]
    many += [Job(f"later{k}", tmp_path, seconds=2.0, after="wrong") for k in range(12)]
    with pytest.raises(JobError) as failed:
        run(many, work, workers, console)
    said = str(failed.value)
    assert "wrong failed, ValueError: wrong cannot be. " in said
    assert "1 of 14 are finished and kept: the same command goes on from there." in said
    assert said in console.export_text(), "said before those that run are waited for"
    assert isinstance(failed.value.__cause__, ValueError)
    begun = {path.name for path in tmp_path.iterdir()}
    assert {"first", "wrong"} <= begun
    assert len(begun) <= 2 + (workers > 0), begun


def test_ctrl_c_says_what_is_kept(tmp_path, console):
    many = [Job("first", tmp_path), Job("here", tmp_path, fails=True), Job("later", tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        run(many, interrupted, 0, console)
    assert "Interrupted. 1 of 3 are finished and kept" in console.export_text()
    assert not (tmp_path / "later").exists()


def test_ctrl_c_begins_no_other_process(tmp_path, console):
    many = [Job("first", tmp_path, seconds=0.5), *(Job(f"later{k}", tmp_path, seconds=0.5) for k in range(8))]

    def stop(signal_number, frame):
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGALRM, stop)
    watched = jobs.wait

    def once_two_have_ended(*arguments, **settings):
        if len(list(tmp_path.iterdir())) > 2:
            os.kill(os.getpid(), signal.SIGALRM)
        return watched(*arguments, **settings)

    jobs.wait = once_two_have_ended
    try:
        with pytest.raises(KeyboardInterrupt):
            run(many, work, 2, console)
    finally:
        jobs.wait = watched
        signal.signal(signal.SIGALRM, earlier)
    assert "Interrupted. No other is begun; those that run beside are waited for." in console.export_text()
    assert len(list(tmp_path.iterdir())) < 7


def test_a_job_is_called_by_its_name_or_its_file(tmp_path):
    class OfAFile(NamedTuple):
        path: Path

    assert name_of(Job("one", tmp_path)) == "one"
    assert name_of(OfAFile(tmp_path / "two.pt")) == "two"
    assert name_of(3) == "3"


class Model(pl.LightningModule):
    def __init__(self, stop_at=None):
        super().__init__()
        self.layer, self.stop_at = nn.Linear(2, 2), stop_at

    def training_step(self, batch, batch_idx):
        if self.global_step == self.stop_at:
            self.trainer.should_stop = True
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_training_that_was_broken_off_is_no_result():
    """Some releases of Lightning return from an interrupted fit as if it were whole."""
    trainings.quiet()
    data = TensorDataset(torch.zeros(8, 2), torch.zeros(8, dtype=torch.int64))
    trainings.fit(Model(), data, 6, 2, [], seed=0)
    with pytest.raises(InterruptedError, match="at step 3 of 6"):
        trainings.fit(Model(stop_at=2), data, 6, 2, [], seed=0)
