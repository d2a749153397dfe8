"""Progress bars of long computations, and where what is said goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from lightning_infogeo.cli.terminal_tables import plain
from lightning_infogeo.comparison.jobs import Watch

_STAGES = {
    "reading": "fingerprint of the records",
    "courses": "progress of every run",
    "null": "shuffles within classes",
    "equal-progress": "distances at equal progress",
    "choosing landmarks": "choosing landmarks",
    "tiles": "distances between checkpoints",
    "landmarks": "placing checkpoints",
}
_WIDTH = 220
"""Of tables that go to a file or a pipe, where nothing says how wide a line may be."""


def output() -> Console:
    """Returns where tables are printed."""
    return Console(width=None if sys.stdout is not None and sys.stdout.isatty() else _WIDTH)


def say(text: str) -> None:
    """Prints a sentence beside the results, on standard error."""
    Console(stderr=True).print(Text(plain(text)), soft_wrap=True)


@contextmanager
def bars(shown: bool) -> Iterator[Watch | None]:
    """Yields what a comparison calls as it goes on, which moves one bar a stage; None where nothing is shown."""
    if not shown:
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in tasks or progress.tasks[tasks[stage]].total != total:
                tasks[stage] = progress.add_task(_STAGES.get(stage, stage), total=total)
            progress.update(tasks[stage], completed=done)

        yield watch
