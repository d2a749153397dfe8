"""How many trainings are taken for late generalisation (``onset.py --late``)."""

from __future__ import annotations

import torch
from onset_judgement import SPACINGS, spaced
from onset_runs import Setting, load
from table import report

from lightning_infogeo.markers import LateGeneralisation


def report_late(jobs: list[tuple[Setting, int]]) -> None:
    rows: list[dict[str, object]] = []
    for spacing in SPACINGS:
        events = 0
        for setting, seed in jobs:
            run, marker = load(setting, seed), LateGeneralisation()
            state = marker.start(torch.zeros((), dtype=torch.float64))
            for k in spaced(run.steps, spacing):
                means = (run.held_out[k].mean()[None], run.trained[k].mean()[None])
                state = marker.extend(state, int(run.steps[k]), *means)
            events += int(state.firing.times)
        rows.append({"spacing": spacing, "runs": len(jobs), "events": events})
    report("onset_late", "Late generalisation", rows)
