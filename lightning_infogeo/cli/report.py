"""``lightning-infogeo report``: one HTML page about recorded runs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from lightning_infogeo.archive import ArchiveError
from lightning_infogeo.cli.compare import compared
from lightning_infogeo.cli.errors import Exit, Failure
from lightning_infogeo.cli.process_group import Processes
from lightning_infogeo.cli.progress import bars, say
from lightning_infogeo.cli.run_checks import check_keys, check_together, sentences
from lightning_infogeo.cli.runs import Run, located, opened
from lightning_infogeo.comparison import Comparison, JointEmbedding, Work, joint_embedding
from lightning_infogeo.html_report import ReportPayload, ReportRun, page, plotly_script

_AXES = 12
"""Eigenvalues shown; the map has the first three axes."""


def report_runs(options: Any) -> None:
    """Writes the page about the runs at ``options.paths`` to ``options.output``.

    Raises:
        Failure: where they do not belong on one map.
    """
    script = len(plotly_script().encode())  # a missing plotly is said before any work
    processes = Processes(options.device)
    try:
        began = time.perf_counter()
        places, notes = processes.agree(lambda: located(options.paths, options.probe, options.skip))
        runs = opened(places)
        check_together(runs, options.same_probe)
        check_keys(runs, options.group_by or [])
        target = Path(processes.agree(lambda: str(_writable(options.output))))
        with bars(processes.first) as watch:
            embedding, comparison = _found(runs, options, processes, watch)
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
            notes=[*notes, *sentences(runs), *(comparison.notes if comparison else _UNLABELLED)],
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
        say(
            f"{options.output}: {size / 1e6:.1f} MB, of which {script / 1e6:.1f} MB are plotly.js; {len(runs)} "
            f"run{'s' * (len(runs) > 1)}, {seconds:.1f} s"
        )
    finally:
        processes.close()


_UNLABELLED = ("The probe has no labels: there is no truth, no progress, and no distance at equal progress.",)


def _found(runs: list[Run], options: Any, processes: Processes, watch: Any) -> tuple[JointEmbedding, Comparison | None]:
    if runs[0].labels is not None:
        comparison = compared(runs, options, processes, watch, n_components=_AXES)
        return comparison.embedding, comparison
    work = Work(device=processes.device, watch=watch)
    try:
        found = joint_embedding(runs, options.landmarks, options.same_probe, n_components=_AXES, work=work)
    except ValueError as error:
        raise Failure(f"{error} --skip leaves damaged runs out.", Exit.DAMAGED) from None
    return found, None


def _writable(output: str) -> Path:
    target = Path(output)
    if target.is_dir() or not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise Failure(f"--output {output}: must be a file in a folder that is there and can be written to.", Exit.USAGE)
    return target.absolute()


def _replace(target: Path, text: str) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.write_text(text, encoding="utf-8", errors="replace")  # half of a surrogate pair may be in any name
    partial.replace(target)
