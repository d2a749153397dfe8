"""What ``lightning_suite.py`` brings into each process of pytest: the monitor, and a line for every test.

``monitors`` is what the entry point ``lightning.pytorch.callbacks_factory`` names: Lightning itself asks it for
callbacks whenever a Trainer is made. As a plugin (``-p monitor_everywhere``) the module seeds each test, and writes
down how it ended and what its fits left behind, to be compared with those of a run without the monitor.
"""

import fnmatch
import hashlib
import json
import os
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor


def monitors() -> list[Any]:
    from lightning_infogeo import InfoGeometryMonitor

    return [InfoGeometryMonitor(split=without_labels)]


def without_labels(batch: Any) -> Any:
    """Takes a bare tensor, which most of Lightning's models of a test are called with, for inputs without labels."""
    from lightning_infogeo.probe.splitting import split

    return (batch, None) if isinstance(batch, Tensor) else split(batch)[:2]


def digest(parts: Iterable[Any]) -> str:
    """Returns a hash of tensors by their bits, and of all else by how it prints."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            found.update(f"{part.dtype}{tuple(part.shape)}".encode())
            found.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()[:16]


def left_behind(trainer: Any) -> dict[str, Any]:
    """Returns what a fit has done, or why that cannot be told."""
    try:
        weights = trainer.lightning_module.state_dict()
        numbers: Any = np.random.get_state()
        return {
            "steps": trainer.global_step,
            "weights": digest(part for entry in weights.items() for part in entry),
            "streams": digest([torch.get_rng_state(), numbers[1].tobytes(), numbers[2:], random.getstate()]),
        }
    except Exception as error:  # a module or trainer that a test has replaced by a mock
        return {"unknown": type(error).__name__}


class Notes:
    """Writes one line of JSON when a test begins, and one when it has ended."""

    def __init__(self, path: Path, only: list[str]) -> None:
        self.only = only
        self.done = {json.loads(line)["test"] for line in path.read_text().splitlines()} if path.exists() else set()
        self.file = path.open("a")
        self.fits: list[dict[str, Any]] = []
        self.warned: list[str] = []
        self.reports: list[pytest.TestReport] = []

    def write(self, **entry: Any) -> None:
        """Adds a line that is on disk even if the process dies after it."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()

    def watch_fits(self) -> None:
        """Notes what each fit leaves behind, also one that raises."""
        from lightning.pytorch.trainer import call

        plain = call._call_and_handle_interrupt

        def watched(trainer: Any, trainer_fn: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return plain(trainer, trainer_fn, *args, **kwargs)
            finally:
                if getattr(trainer_fn, "__name__", "") == "_fit_impl":
                    self.fits.append(left_behind(trainer))

        call._call_and_handle_interrupt = watched

    def chosen(self, test: str) -> bool:
        """Returns whether a test is to be run; brackets in ids are not those of patterns."""
        return any(test == pattern or fnmatch.fnmatchcase(test, pattern) for pattern in self.only)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves the tests that are chosen and not yet begun."""
        items[:] = [item for item in items if item.nodeid not in self.done and self.chosen(item.nodeid)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Seeds a test, and notes that it begins."""
        self.write(test=item.nodeid)
        self.fits, self.warned, self.reports, self.began = [], [], [], time.perf_counter()
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        """Keeps what the monitor warns of."""
        message = str(warning_message.message)
        if "InfoGeometryMonitor" in message:
            self.warned.append(message)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the reports of set-up, call and teardown."""
        self.reports.append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Notes how a test has ended."""
        failed = [report for report in self.reports if report.failed]
        skipped = any(report.skipped for report in self.reports)
        self.write(
            test=nodeid,
            outcome="failed" if failed else "skipped" if skipped else "passed",
            message="\n".join(message(report) for report in failed),
            text="\n".join(report.longreprtext[-4000:] for report in failed),
            fits=self.fits,
            warned=self.warned,
            seconds=time.perf_counter() - self.began,
        )


def message(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(report.longrepr if crash is None else crash.message)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "flaky: of a plugin that runs tests again, which lightning_suite.py does itself")
    path = Path(os.environ["SUITE_NOTES"])
    notes = Notes(path, json.loads(path.with_suffix(".only").read_text()))
    notes.watch_fits()
    config.pluginmanager.register(notes)
