"""What the overfitting flag is worth: real trainings, against early stopping, label-free rules and readers of logs.

    python benchmarks/onset.py [--half reporting] [--suite mixed] [--plot docs/images/onset.png] [--workers 2]
    python benchmarks/onset.py --power | --null | --bound | --late

The trainings are those of ``onset_runs.py`` (made on the first call). Half "tuning" is the even settings of the mixed
suite, the transients and the slow ones; half "reporting" the odd ones, Fashion-MNIST, and the images of MNIST that
nothing was tuned on.

A run overfits where the smoothed mean distance to truth on its independent test split ends at least 10 % above its
minimum, whose step is the onset; it is healthy where it ends less than 2 % above. What counts is the flag that stands
at the end: the last one, where it is not withdrawn. Recall, delay and estimate are of runs that rise by 25 % with at
least 500 held-out samples; too early is a flag before half the onset, of runs that overfit and are flagged; false
alarms are flags of healthy runs. A second table counts flags that were withdrawn as well, a third gives the suites.
Intervals: 90 %, bootstrap over settings. Every detector sees the same records.

``--power``: by size of the probe. ``--null``: flags where nothing happens. ``--bound``: what could be had at best.
``--late``: events of late generalisation. On two idle cores either half takes some 4 minutes, ``--power`` 3, ``--null``
5, ``--bound`` 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
from functools import partial
from pathlib import Path

import torch
from onset_bound import report_bound
from onset_detectors import detectors, families
from onset_frontier import draw_frontier
from onset_judgement import SPACINGS, Case, at_any_time, counted, figures, judged, with_intervals
from onset_late import report_late
from onset_null import report_null
from onset_power import report_power
from onset_runs import Setting, load, settings
from table import report

SUITES = ("mixed", "transients", "slow", "fashion", "unseen")
SHOWN_BY_SUITE = (
    "OverfittingOnset",
    "OverfittingOnset, held-out alone",
    "EarlyStopping, patience 5",
    "EarlyStopping, patience 10",
    "rule A",
)


def judge(job: tuple[Setting, int]) -> list[Case]:
    torch.set_num_threads(1)
    setting, seed = job
    run = load(setting, seed)
    return [judged(setting, run, spacing, detectors()) for spacing in SPACINGS]


def compare(jobs: list[tuple[Setting, int]], part: str, workers: int, picture: Path | None) -> None:
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        by_run = pool.map(judge, jobs, chunksize=2)
    by_spacing = dict(zip(SPACINGS, map(list, zip(*by_run, strict=True)), strict=True))
    names = list(by_run[0][0].flags)
    suites = list(dict.fromkeys(setting.suite for setting, _ in jobs))
    rows, ever, by_suite = [], [], []
    for spacing, cases in by_spacing.items():
        for name in names:
            label: dict[str, object] = {"spacing": spacing, "detector": name}
            measured = with_intervals(cases, partial(figures, name=name))
            estimate = measured.pop("estimate/onset")
            rows.append(label | measured)
            ever.append(label | at_any_time(cases, name) | {"estimate/onset": estimate})
        for suite in suites:
            own = [case for case in cases if case.suite == suite]
            for name in SHOWN_BY_SUITE:
                shown = figures(own, name) | {"ever flagged": at_any_time(own, name)["healthy, ever flagged"]}
                shown.pop("estimate/onset")
                by_suite.append({"spacing": spacing, "suite": suite, "detector": name, **shown})
    points = {str(s): {name: figures(cases, name) for name in names} for s, cases in by_spacing.items()}
    report(f"onset_{part}", f"{part.replace('_', ' ').capitalize()}, {counted(cases)}", rows, points=points)
    report(f"onset_{part}_ever", "Flags at any time, and the onset that those give which stand", ever)
    counts = [f"{suite}, {counted([case for case in cases if case.suite == suite])}" for suite in suites]
    report(f"onset_{part}_suites", "\n".join(counts), by_suite)
    if picture is not None:
        draw_frontier(points, families(), picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["reporting", "tuning"], default="reporting")
    parser.add_argument("--suite", nargs="+", choices=SUITES, default=SUITES, help="which of the half's suites")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=None, help="where to draw false alarms against delay")
    for other in ("power", "null", "bound", "late"):
        parser.add_argument(f"--{other}", action="store_true", help="instead, see above")
    options = parser.parse_args()
    chosen = [s for s in settings() if s.tuning == (options.half == "tuning") and s.suite in options.suite]
    jobs = [(setting, seed) for setting in chosen for seed in range(setting.seeds)]
    if options.null:
        report_null(options.workers)
    elif options.bound:
        report_bound(options.workers)
    elif options.power:
        report_power(jobs, options.half, options.workers)
    elif options.late:
        report_late(jobs)
    else:
        part = "" if tuple(options.suite) == SUITES else "_" + "_".join(options.suite)
        compare(jobs, options.half + part, options.workers, options.plot)


if __name__ == "__main__":
    main()
