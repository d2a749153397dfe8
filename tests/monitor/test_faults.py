"""Whatever breaks, training goes on, what was recorded is there, and the message names what broke."""

import random

import torch

from tests.monitor import killed_run
from tests.monitor.test_archive import same_archives

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
