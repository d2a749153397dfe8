"""Progress bars of long computations, and the consoles for tables and messages."""

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
"""Characters in a line of tables that go to a file or a pipe, which have no width of their own."""


def table_console() -> Console:
    """Returns the console for tables: standard output."""
    return Console(width=None if sys.stdout is not None and sys.stdout.isatty() else _WIDTH)


def print_message(text: str) -> None:
    """Prints a message on standard error, apart from the results."""
    Console(stderr=True).print(Text(plain(text)), soft_wrap=True)


@contextmanager
def progress_bars(shown: bool) -> Iterator[Watch | None]:
    """Yields a callback for a comparison that moves one bar for each stage; None where ``shown`` is False."""
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
