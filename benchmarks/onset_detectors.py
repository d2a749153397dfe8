"""What is judged by ``onset.py``: detectors, each a function of a run and of the records it may look at.

All flags of a run are returned, so that one that is withdrawn can be told from one that stands. Detectors that stop a
training raise one flag and never withdraw it. runmedic and losslint take part where they are installed, asked after
every record as a user who polls would.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from onset_runs import Run
from onset_simple_rules import EarlyStopping, EarlyStoppingInLogTime, RuleA
from torch import Tensor

from lightning_infogeo.markers import Marker, MemorisationOnset, OverfittingOnset

ALPHAS = (0.001, 0.01, 0.1, 0.3)
RISES = (0.005, 0.01, 0.015, 0.025, 0.04)
PATIENCES = (3, 5, 10, 20)
LOG_PATIENCES = (0.1, 0.2, 0.3, 0.5)
LABEL_WAVES = ((1, 3), (3, 1), (3, 3), (3, 10), (3, 30), (5, 3))
"""Epochs averaged over, and epochs without a lower value."""


class Flag(NamedTuple):
    """One flag of a detector.

    Attributes:
        known: step at which it was raised.
        onset: step that it gives for the onset.
        withdrawn: step at which it was withdrawn; None where it stands.
    """

    known: int
    onset: int
    withdrawn: int | None


Detector = Callable[[Run, list[int]], list[Flag]]


class Family(NamedTuple):
    """Detectors that differ by a threshold alone.

    Attributes:
        members: name of a detector by what its threshold is called in a picture.
        default: name of the one that a user gets; None where there is no such.
    """

    members: dict[str, str]
    default: str | None


def standing(flags: list[Flag]) -> Flag | None:
    """Returns the flag that stands at the end."""
    return flags[-1] if flags and flags[-1].withdrawn is None else None


def marked(marker: Marker, like: Tensor, records: Iterable[tuple[int, Tensor, Tensor]]) -> list[Flag]:
    """Returns all flags of a marker."""
    state: Any = marker.start(like)
    flags: list[Flag] = []
    raised = 0.0
    for step, observation, trained in records:
        state = marker.extend(state, step, observation, trained)
        if state.firing.times > raised:
            raised = float(state.firing.times)
            flags.append(Flag(step, int(state.firing.step), None))
        elif flags and flags[-1].withdrawn is None and marker.recovered and state.recovery.times >= raised:
            flags[-1] = flags[-1]._replace(withdrawn=step)
    return flags


def overfitting(run: Run, kept: list[int], **arguments: float) -> list[Flag]:
    records = ((int(run.steps[k]), run.held_out[k], run.trained[k].mean()) for k in kept)
    return marked(OverfittingOnset(**arguments), run.held_out[0], records)


def memorisation(run: Run, kept: list[int]) -> list[Flag]:
    records = ((int(run.steps[k]), run.velocities[k, :1], run.velocities[k, 1:]) for k in kept)
    return marked(MemorisationOnset(), torch.zeros((), dtype=torch.float64), records)


def stopped(rule: EarlyStopping | RuleA, run: Run, kept: list[int]) -> list[Flag]:
    for k in kept:
        if rule.extend(int(run.steps[k]), run.held_out[k]):
            return [Flag(int(run.steps[k]), int(rule.best_step), None)]
    return []


def label_wave(run: Run, averaged: int, patience: int) -> list[Flag]:
    """Label Wave (arXiv 2502.07551): the first minimum of prediction changes on samples trained on, by epochs."""
    least, at, waited = math.inf, 0, 0
    means = run.changes[:, 1].unfold(0, averaged, 1).mean(1) if len(run.changes) >= averaged else []
    for step, value in zip(run.changes[averaged - 1 :, 0].tolist(), means, strict=True):
        if value < least:
            least, at, waited = float(value), int(step), 0
        else:
            waited += 1
        if waited >= patience:
            return [Flag(int(step), at, None)]
    return []


def runmedic(run: Run, kept: list[int]) -> list[Flag]:
    from runmedic.checks import Ctx, check_overfitting
    from runmedic.model import Run as Log

    log = Log("run", "csv", "")
    for k in kept:
        log.get("val_loss").add(int(run.steps[k]), float(run.held_out[k].mean()))
        log.get("train_loss").add(int(run.steps[k]), float(run.trained[k].mean()))
        context = Ctx(log, {"val_loss": ["val_loss"], "train_loss": ["train_loss"]})
        for finding in check_overfitting(context):
            if finding.severity == "warning":
                return [Flag(int(run.steps[k]), int(finding.step), None)]
    return []


def losslint(run: Run, kept: list[int]) -> list[Flag]:
    from losslint.checks import check_overfit_onset
    from losslint.parsing import RunLog

    means = {"eval_loss": run.held_out[kept].mean(1).tolist(), "train_loss": run.trained[kept].mean(1).tolist()}
    steps = [int(run.steps[k]) for k in kept]
    for n in range(1, len(kept) + 1):
        series = {name: values[:n] for name, values in means.items()}
        for finding in check_overfit_onset(RunLog(steps[:n], series, Path())):
            return [Flag(steps[n - 1], int(finding.details["since_step"]), None)]
    return []


def named_by_alpha(alpha: float) -> str:
    return "OverfittingOnset" if alpha == OverfittingOnset.alpha else f"OverfittingOnset, alpha {alpha}"


def named_by_rise(rise: float) -> str:
    return "OverfittingOnset" if rise == OverfittingOnset.rise else f"OverfittingOnset, rise {rise}"


def named_label_wave(averaged: int, patience: int) -> str:
    return f"Label Wave, mean of {averaged}, patience {patience}"


def detectors() -> dict[str, Detector]:
    """Returns all of them by name."""
    made: dict[str, Detector] = {}
    for alpha in ALPHAS:
        made[named_by_alpha(alpha)] = lambda run, kept, a=alpha: overfitting(run, kept, alpha=a)
    for rise in RISES:
        made[named_by_rise(rise)] = lambda run, kept, r=rise: overfitting(run, kept, rise=r)
    made["OverfittingOnset, held-out alone"] = lambda run, kept: overfitting(run, kept, transfer=0.0)
    for patience in PATIENCES:
        name = f"EarlyStopping, patience {patience}"
        made[name] = lambda run, kept, p=patience: stopped(EarlyStopping(p), run, kept)
    for patience in LOG_PATIENCES:
        name = f"EarlyStopping, log patience {patience}"
        made[name] = lambda run, kept, p=patience: stopped(EarlyStoppingInLogTime(p), run, kept)
    made["rule A"] = lambda run, kept: stopped(RuleA(), run, kept)
    for tool in (runmedic, losslint):
        if importlib.util.find_spec(tool.__name__):
            made[tool.__name__] = tool
    made["MemorisationOnset"] = memorisation
    for averaged, patience in LABEL_WAVES:
        name = named_label_wave(averaged, patience)
        made[name] = lambda run, kept, k=averaged, p=patience: label_wave(run, k, p)
    return made


def families() -> dict[str, Family]:
    """Returns the detectors by what they have in common, for the picture."""
    alone = {name: Family({"": name}, name) for name in ("rule A", "runmedic", "losslint", "MemorisationOnset")}
    return {
        "OverfittingOnset": Family({f"{100 * r:g} %": named_by_rise(r) for r in RISES}, "OverfittingOnset"),
        "held-out samples alone": Family({"": "OverfittingOnset, held-out alone"}, None),
        "EarlyStopping": Family({str(p): f"EarlyStopping, patience {p}" for p in PATIENCES}, None),
        "patience in log time": Family({str(p): f"EarlyStopping, log patience {p}" for p in LOG_PATIENCES}, None),
        "Label Wave": Family({str(p): named_label_wave(k, p) for k, p in LABEL_WAVES if k == 3}, None),
        **alone,
    }
