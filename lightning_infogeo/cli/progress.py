"""Progress bars of long computations, and the consoles for tables and messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.constrain import Constrain
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from lightning_infogeo.printable import LINE, plain

if TYPE_CHECKING:
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
_BAR = 24
"""Cells of a bar: with the longest description and the time left it fits a line."""


def table_console() -> Console:
    """Returns the console for tables: standard output."""
    return Console(width=None if sys.stdout is not None and sys.stdout.isatty() else LINE)


def print_message(text: str) -> None:
    """Prints a message on standard error, apart from the results."""
    Console(stderr=True).print(Text(plain(text)), soft_wrap=True)


def print_note(text: str) -> None:
    """Prints a note on standard error; on a terminal its lines end between words."""
    console, note = Console(stderr=True), Text(plain(f"Note: {text}"))
    console.print(Constrain(note, LINE) if console.is_terminal else note, soft_wrap=not console.is_terminal)


@contextmanager
def progress_bars(shown: bool) -> Iterator[Watch | None]:
    """Yields a callback for a comparison that moves one bar for each stage; None where ``shown`` is False.

    A stage is done when the next one begins. The bars are there while there is something to wait for, and only on a
    terminal: then they leave their lines empty.
    """
    if not shown:
        yield None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    columns = TextColumn("{task.description}"), BarColumn(_BAR), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for earlier in progress.tasks:
                    progress.update(earlier.id, completed=earlier.total)
                tasks[stage] = progress.add_task(_STAGES.get(stage, stage), total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield watch
        for task in progress.tasks:
            progress.update(task.id, completed=task.total)
