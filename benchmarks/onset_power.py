"""What the overfitting flag is worth by the size of the held-out probe, which is cut (``onset.py --power``)."""

from __future__ import annotations

import multiprocessing
from functools import partial

import torch
from onset_detectors import overfitting
from onset_judgement import HEALTHY, SPACINGS, Case, figures, judged, with_intervals
from onset_runs import Setting, load
from table import report

SIZES = (128, 256, 512, 1024, 2048, 4096)


def judge(job: tuple[Setting, int]) -> list[Case]:
    """A run by spacing; its detectors are called by how many samples they see."""
    torch.set_num_threads(1)
    setting, seed = job
    run = load(setting, seed)
    sizes = [size for size in SIZES if size <= run.held_out.shape[1]]
    cut = {
        str(size): lambda run, kept, n=size: overfitting(run._replace(held_out=run.held_out[:, :n]), kept)
        for size in sizes
    }
    return [judged(setting, run, spacing, cut) for spacing in SPACINGS]


def report_power(jobs: list[tuple[Setting, int]], half: str, workers: int) -> None:
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        by_run = pool.map(judge, jobs, chunksize=2)
    rows: list[dict[str, object]] = []
    for at, spacing in enumerate(SPACINGS):
        for size in SIZES:
            cases = [cases[at] for cases in by_run if str(size) in cases[at].flags]
            if not cases:
                continue
            counts = {
                "to recall": sum(case.target for case in cases),
                "healthy": sum(case.rise < HEALTHY for case in cases),
            }
            measured = with_intervals(cases, partial(figures, name=str(size)))
            measured.pop("estimate/onset")
            rows.append({"spacing": spacing, "samples": size, **counts, **measured})
    report(f"onset_power_{half}", f"OverfittingOnset by the size of the held-out probe, {half}", rows)
