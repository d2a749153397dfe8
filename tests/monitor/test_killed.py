"""A run that is killed and resumed is the run that nobody killed."""

import random

import torch

from lightning_infogeo import InfoGeometryMonitor
from tests.helpers import killed_run
from tests.helpers.archived_runs import same_archives
from tests.helpers.classifiers import fit
from tests.helpers.loggers import Minimal, records
from tests.helpers.markers import At
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING
KILLS = 52


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if isinstance(a[key], dict):
            same(a[key], b[key])
        elif isinstance(a[key], torch.Tensor):
            torch.testing.assert_close(
                a[key], b[key], rtol=0, atol=0, equal_nan=True, msg=lambda m, key=key: f"{key} {m}"
            )
        else:
            assert a[key] == b[key], key


def test_killed_at_any_moment_and_resumed_a_run_is_the_uninterrupted_one(tmp_path):
    """Fifty kill −9, several to a run: weights, curves, history, events and archive are the same bit by bit."""
    whole = killed_run.finish(tmp_path / "whole")
    assert len(whole["events"]) > 20
    moments, kills, attempt = random.Random(0), 0, 0
    while kills < KILLS:
        folder = tmp_path / str(attempt)
        attempt += 1
        at = -1
        for _ in range(11):
            at = moments.randint(at, min(at + 4, killed_run.STEPS - 1))
            kills += killed_run.kill(folder, at, moments.uniform(0, 0.02))
        same(whole, killed_run.finish(folder))
        same_archives(tmp_path / "whole" / "run.zarr", folder / "run.zarr")


def test_what_a_checkpoint_knew_and_had_not_told_is_told_after_resuming(tmp_path):
    """ModelCheckpoint saves at the same hook that records, one hook before loggers and users are told."""
    told, first = [], InfoGeometryMonitor(schedule=2, markers=[At(6)])
    fit([first, saved(tmp_path, every_n_train_steps=6)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    logger = Minimal()
    resumed = InfoGeometryMonitor(schedule=2, markers=[At(6)], on_event=told.append)
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "step=6.ckpt", max_steps=10, logger=logger)
    assert resumed.events == first.events
    assert told == first.events
    assert records(logger)[0] == [5, 7, 9]  # that of step 6 may be in the first session's file, or not
