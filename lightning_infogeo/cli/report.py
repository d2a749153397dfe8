"""``lightning-infogeo report``: one HTML page about recorded runs."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.cli.compare import comparison_of
from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.process_group import ProcessGroup
from lightning_infogeo.cli.progress import print_message, progress_bars
from lightning_infogeo.cli.run_checks import check_comparable, check_keys, notes_on
from lightning_infogeo.cli.runs import OpenedRun, locate_runs, open_runs
from lightning_infogeo.comparison import Comparison, JointEmbedding, Work, joint_embedding
from lightning_infogeo.html_report import ReportPayload, ReportRun, page, plotly_script

_AXES = 12
"""Eigenvalues in the report; the map has the first three axes."""

_EXACT, _LANDMARKS = 5000, 150
"""Checkpoints up to which all distances are computed, and landmarks beyond: enough for a picture."""


def report_runs(options: Any) -> None:
    """Writes the page about the runs at ``options.paths`` to ``options.output``.

    Raises:
        Failure: where the runs cannot be compared, or nothing can be written to that path.
    """
    script = len(plotly_script().encode())  # raises before any work where plotly is missing
    processes = ProcessGroup(options.device)
    try:
        began = time.perf_counter()
        locations, notes = processes.from_first(lambda: locate_runs(options.paths, options.probe, options.skip))
        runs = open_runs(locations)
        check_comparable(runs, options.same_probe)
        check_keys(runs, options.group_by or [])
        target = Path(processes.from_first(lambda: str(_writable(options.output))))
        if options.landmarks is None and sum(len(run.steps) for run in runs) > _EXACT:
            options = Namespace(**{**vars(options), "landmarks": _LANDMARKS})
        with progress_bars(processes.first) as watch:
            embedding, comparison = _embedded(runs, options, processes, watch)
        if not processes.first:
            return
        _, samples, classes = runs[0].amplitudes.shape
        payload = ReportPayload(
            runs=[ReportRun(run.name, run.archive) for run in runs],
            probe=runs[0].probe,
            samples=samples,
            classes=classes,
            embedding=embedding,
            comparison=comparison,
            notes=[*notes, *notes_on(runs), *(comparison.notes if comparison else _UNLABELLED)],
            group_by=options.group_by or [],
        )
        try:
            text = page(payload)
        except ArchiveError as error:
            raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
        try:
            _replace(target, text)
        except OSError as error:
            raise Failure(f"--output {options.output}: cannot be written to ({error}).", Exit.USAGE) from None
        size, seconds = target.stat().st_size, time.perf_counter() - began
        print_message(
            f"{options.output}: {size / 1e6:.1f} MB, of which {script / 1e6:.1f} MB are plotly.js; {len(runs)} "
            f"run{'s' * (len(runs) > 1)}, {seconds:.1f} s"
        )
    finally:
        processes.close()


_UNLABELLED = ("The probe has no labels, so there is no truth, no progress, and no distance at equal progress.",)


def _embedded(
    runs: list[OpenedRun], options: Any, processes: ProcessGroup, watch: Any
) -> tuple[JointEmbedding, Comparison | None]:
    if runs[0].labels is not None:
        comparison = comparison_of(runs, options, processes, watch, n_components=_AXES)
        return comparison.embedding, comparison
    work = Work(device=processes.device, watch=watch)
    try:
        embedding = joint_embedding(runs, options.landmarks, options.same_probe, n_components=_AXES, work=work)
    except ValueError as error:
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
    return embedding, None


def _writable(output: str) -> Path:
    target = Path(output)
    if target.is_dir() or not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise Failure(f"--output {output}: must be a file in an existing, writable folder.", Exit.USAGE)
    return target.absolute()


def _replace(target: Path, text: str) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.write_text(text, encoding="utf-8", errors="replace")  # a name may hold half of a surrogate pair
    partial.replace(target)
