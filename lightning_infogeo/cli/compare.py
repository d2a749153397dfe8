"""``lightning-infogeo compare``: recorded runs on one map, as tables and files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.constrain import Constrain
from rich.text import Text

from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.output_files import FILES, folder_for, write
from lightning_infogeo.cli.process_group import ProcessGroup
from lightning_infogeo.cli.progress import print_message, print_note, progress_bars, table_console
from lightning_infogeo.cli.run_checks import check_comparable, check_keys, notes_on
from lightning_infogeo.cli.runs import OpenedRun, locate_runs, open_runs
from lightning_infogeo.cli.terminal_tables import factor_table, pairs_table, run_tables, summary_table
from lightning_infogeo.comparison import Comparison, compare, what_sets_runs_apart
from lightning_infogeo.printable import LINE, plain


def compare_runs(options: Any) -> None:
    """Compares the runs at ``options.paths`` and prints the tables.

    Raises:
        Failure: where they cannot be compared.
    """
    processes = ProcessGroup(options.device)
    try:
        _compare_runs(options, processes)
    finally:
        processes.close()


def _compare_runs(options: Any, processes: ProcessGroup) -> None:
    began = time.perf_counter()
    locations, notes = processes.from_first(lambda: locate_runs(options.paths, options.probe, options.skip))
    runs = open_runs(locations)
    check_comparable(runs, options.same_probe)
    if runs[0].labels is None:
        raise Failure(
            "the probe has no labels, so the runs have no progress at which to compare them; `lightning-infogeo "
            "report` can show such runs.",
            Exit.MIXED,
        )
    check_keys(runs, options.group_by or [])
    folder = None if options.out is None else Path(processes.from_first(lambda: str(folder_for(options.out))))
    parts = None if folder is None else folder / "pieces"
    try:
        with progress_bars(processes.first) as watch:
            comparison = comparison_of(runs, options, processes, watch, folder=parts)
    except KeyboardInterrupt:
        hint = f": finished parts are in {parts}; run the same command again to continue" if parts else ""
        raise Failure(f"interrupted{hint}.", Exit.INTERRUPTED) from None
    if not processes.first:
        return
    notes = [*notes, *notes_on(runs), *comparison.notes]
    failure = None
    if folder is not None:  # before anything is printed, which may fail
        try:
            write(folder, comparison, [location.path for location in locations], runs[0].probe, notes)
        except OSError as error:
            failure = Failure(f"--out {options.out}: cannot be written to ({error}).", Exit.USAGE)
    _print(comparison, options.wide)
    for note in notes:
        print_note(note)
    if failure is not None:
        raise failure
    if folder is not None:
        print_message(f"Written to {folder}: {', '.join(FILES)}")
    print_message(f"{len(runs)} runs in {time.perf_counter() - began:.1f} s")


def _print(comparison: Comparison, wide: bool) -> None:
    console = table_console()
    parts: list[Any] = [summary_table(comparison), *run_tables(comparison, wide, console.width)]
    effects = comparison.effects()
    if effects:
        parts.append(factor_table(effects))
        parts.append(pairs_table(effects[0].key, comparison.group_pairs(effects[0].key)))
        parts.append(Constrain(Text(plain(what_sets_runs_apart(effects)), style="bold"), LINE))
    for part in parts:
        console.print(part)
        console.print()


def comparison_of(runs: list[OpenedRun], options: Any, processes: ProcessGroup, watch: Any, **more: Any) -> Comparison:
    """Returns the comparison of runs that ``check_comparable`` has passed.

    Raises:
        Failure: where one proves to be damaged while it is read.
    """
    try:
        return compare(
            runs,
            options.landmarks,
            options.same_probe,
            group_by=options.group_by,
            device=processes.device,
            watch=watch,
            **more,
        )
    except ValueError as error:
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
