"""``lightning-infogeo compare``: recorded runs on one map, as tables and files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.output_files import FILES, folder_for, write
from lightning_infogeo.cli.process_group import Processes
from lightning_infogeo.cli.progress import bars, output, say
from lightning_infogeo.cli.run_checks import check_keys, check_together, sentences
from lightning_infogeo.cli.runs import Run, located, opened
from lightning_infogeo.cli.terminal_tables import run_table, summary_table
from lightning_infogeo.comparison import Comparison, compare


def compare_runs(options: Any) -> None:
    """Compares the runs at ``options.paths`` and prints the tables.

    Raises:
        Failure: where they cannot be compared.
    """
    processes = Processes(options.device)
    try:
        _compare_runs(options, processes)
    finally:
        processes.close()


def _compare_runs(options: Any, processes: Processes) -> None:
    began = time.perf_counter()
    places, notes = processes.agree(lambda: located(options.paths, options.probe, options.skip))
    runs = opened(places)
    check_together(runs, options.same_probe)
    if runs[0].labels is None:
        raise Failure(
            "the probe has no labels, without which there is no progress to compare at; `lightning-infogeo report` "
            "shows such runs.",
            Exit.MIXED,
        )
    check_keys(runs, options.group_by or [])
    folder = None if options.out is None else Path(processes.agree(lambda: str(folder_for(options.out))))
    try:
        with bars(processes.first) as watch:
            found = compared(runs, options, processes, watch, folder=None if folder is None else folder / "pieces")
    except KeyboardInterrupt:
        kept = f"finished pieces are in {folder / 'pieces'}; the same command goes on from them" if folder else ""
        raise Failure(f"interrupted{f': {kept}' if kept else ''}.", Exit.INTERRUPTED) from None
    if not processes.first:
        return
    notes = [*notes, *sentences(runs), *found.notes]
    failure = None
    if folder is not None:  # before anything is printed, which may fail
        try:
            write(folder, found, [place.path for place in places], runs[0].probe, notes)
        except OSError as error:
            failure = Failure(f"--out {options.out}: cannot be written to ({error}).", Exit.USAGE)
    output().print(summary_table(found), run_table(found), sep="\n")
    for note in notes:
        say(f"Note: {note}")
    if failure is not None:
        raise failure
    if folder is not None:
        say(f"Written to {folder}: {', '.join(FILES)}")
    say(f"{len(runs)} runs in {time.perf_counter() - began:.1f} s")


def compared(runs: list[Run], options: Any, processes: Processes, watch: Any, **settings: Any) -> Comparison:
    """Returns the comparison of runs known to belong together.

    Raises:
        Failure: where one turns out to be damaged while it is read.
    """
    try:
        return compare(
            runs,
            options.landmarks,
            options.same_probe,
            group_by=options.group_by,
            device=processes.device,
            watch=watch,
            **settings,
        )
    except ValueError as error:
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
