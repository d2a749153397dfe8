"""What the overfitting flag is worth: 216 real trainings, against early stopping and tools that read logs.

    python benchmarks/onset.py [--half reporting] [--null] [--power] [--workers 2]

The trainings are those of ``onset_runs.py`` (made on the first call: some 45 minutes on two cores). A run overfits
where the smoothed mean distance to truth on its independent test split ends at least 10 % above its minimum, whose step
is the onset; it is healthy where it ends less than 2 % above. Recall, delay and estimate are of runs that rise by 25 %
with at least 500 held-out samples; too early is a flag before half the onset, of all runs that overfit and are flagged;
false alarms are flags of healthy runs. Intervals: 90 %, bootstrap over settings. Every detector sees the same records.

runmedic and losslint take part where they are installed, asked after every record as a user who polls would.
``--null`` gives the share of flags on flat trajectories; ``--power`` recall by probe size; ``--late`` events
of late generalisation.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from onset_runs import SEEDS, Run, Setting, load, settings
from table import report
from torch import Tensor

from lightning_infogeo.markers import LateGeneralisation, MemorisationOnset, OverfittingOnset

SPACINGS = (0.03, 0.1, 0.3)
ALPHAS = (0.001, 0.01, 0.05, 0.1, 0.2)
Found = tuple[int, int] | None
"""Step at which a detector fired, and the step it gives for the onset."""


class Case(NamedTuple):
    """One training as the detectors are judged on it."""

    setting: int
    samples: int
    onset: int
    rise: float
    found: dict[str, Found]


def spaced(steps: Tensor, spacing: float) -> list[int]:
    """Indices of records at least ``spacing`` apart, with the first and the last."""
    kept = [0]
    for k in range(1, len(steps)):
        if steps[k] >= steps[kept[-1]] * (1 + spacing) * 0.995 or k == len(steps) - 1:
            kept.append(k)
    return kept


def smooth(steps: Tensor, values: Tensor, width: float = 0.1) -> Tensor:
    t = steps.double().log()
    kernel = torch.exp(-0.5 * ((t[:, None] - t) / width).square())
    return kernel @ values.double() / kernel.sum(1)


def overfitting(run: Run, kept: list[int], alpha: float = 0.01) -> Found:
    marker = OverfittingOnset(alpha=alpha)
    state = marker.start(run.held_out[0])
    for k in kept:
        state = marker.extend(state, int(run.steps[k]), run.held_out[k], run.trained[k].mean())
        if state.firing.times > 0:
            return int(state.firing.detected_at), int(state.firing.step)
    return None


def alone(run: Run, kept: list[int]) -> Found:
    """The flag without what is known of the samples trained on."""
    return overfitting(run._replace(trained=torch.full_like(run.trained, torch.nan)), kept)


def memorisation(run: Run, kept: list[int]) -> Found:
    marker = MemorisationOnset()
    state = marker.start(torch.zeros((), dtype=torch.float64))
    for k in kept:
        state = marker.extend(state, int(run.steps[k]), run.velocities[k, :1], run.velocities[k, 1:])
        if state.firing.times > 0:
            return int(state.firing.detected_at), int(state.firing.step)
    return None


def early_stopping(run: Run, kept: list[int], patience: int) -> Found:
    best, at, waited = math.inf, 0, 0
    for k, loss in zip(kept, run.held_out[kept].double().mean(1).tolist(), strict=True):
        if loss < best:
            best, at, waited = loss, k, 0
        else:
            waited += 1
        if waited >= patience:
            return int(run.steps[k]), int(run.steps[at])
    return None


def runmedic(run: Run, kept: list[int]) -> Found:
    from runmedic.checks import Ctx, check_overfitting
    from runmedic.model import Run as Log

    log = Log("run", "csv", "")
    for k in kept:
        log.get("val_loss").add(int(run.steps[k]), float(run.held_out[k].mean()))
        log.get("train_loss").add(int(run.steps[k]), float(run.trained[k].mean()))
        context = Ctx(log, {"val_loss": ["val_loss"], "train_loss": ["train_loss"]})
        for finding in check_overfitting(context):
            if finding.severity == "warning":
                return int(run.steps[k]), int(finding.step)
    return None


def losslint(run: Run, kept: list[int]) -> Found:
    from losslint.checks import check_overfit_onset
    from losslint.parsing import RunLog

    means = {"eval_loss": run.held_out[kept].mean(1).tolist(), "train_loss": run.trained[kept].mean(1).tolist()}
    steps = [int(run.steps[k]) for k in kept]
    for n in range(1, len(kept) + 1):
        series = {name: values[:n] for name, values in means.items()}
        for finding in check_overfit_onset(RunLog(steps[:n], series, Path())):
            return steps[n - 1], int(finding.details["since_step"])
    return None


def detectors(spacing: float) -> dict[str, Callable[[Run, list[int]], Found]]:
    made: dict[str, Callable[[Run, list[int]], Found]] = {"OverfittingOnset": overfitting}
    made["OverfittingOnset, held-out alone"] = alone
    if spacing == 0.1:
        for alpha in ALPHAS:
            if alpha != 0.01:
                made[f"OverfittingOnset, alpha {alpha}"] = lambda run, kept, a=alpha: overfitting(run, kept, a)
    made["MemorisationOnset"] = memorisation
    for patience in (3, 5, 10, 20):
        made[f"EarlyStopping, patience {patience}"] = lambda run, kept, p=patience: early_stopping(run, kept, p)
    for tool in (runmedic, losslint):
        if importlib.util.find_spec(tool.__name__):
            made[tool.__name__] = tool
    return made


def judge(job: tuple[Setting, int]) -> dict[float, Case]:
    torch.set_num_threads(1)
    setting, seed = job
    run = load(setting, seed)
    curve = smooth(run.steps, run.test)
    at = int(curve.argmin())
    rise = float(curve[-1] / curve[at] - 1)
    cases = {}
    for spacing in SPACINGS:
        kept = spaced(run.steps, spacing)
        found = {name: detect(run, kept) for name, detect in detectors(spacing).items()}
        cases[spacing] = Case(setting.number, setting.held_out, int(run.steps[at]), rise, found)
    return cases


def figures(cases: list[Case], name: str) -> dict[str, float]:
    target = [c for c in cases if c.rise >= 0.25 and c.samples >= 500]
    hits = [(c, c.found[name]) for c in target if c.found[name] is not None]
    flagged = [(c, c.found[name]) for c in cases if c.rise >= 0.1 and c.found[name] is not None]
    healthy = [c for c in cases if c.rise < 0.02]
    delays = sorted(found[0] / c.onset for c, found in hits)
    return {
        "recall": len(hits) / max(len(target), 1),
        "too early": sum(found[0] < c.onset / 2 for c, found in flagged) / max(len(flagged), 1),
        "false alarms": sum(c.found[name] is not None for c in healthy) / max(len(healthy), 1),
        "flag/onset": statistics.median(delays) if delays else math.nan,
        "90 %": delays[math.ceil(0.9 * len(delays)) - 1] if delays else math.nan,
        "estimated/onset": statistics.median(f[1] / c.onset for c, f in hits) if hits else math.nan,
    }


def with_intervals(cases: list[Case], name: str, draws: int = 400) -> dict[str, object]:
    draw = random.Random(0)
    groups: dict[int, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.setting, []).append(case)
    chosen = [[c for g in draw.choices(list(groups.values()), k=len(groups)) for c in g] for _ in range(draws)]
    resampled = [figures(sample, name) for sample in chosen]
    row: dict[str, object] = {}
    for key, value in figures(cases, name).items():
        spread = sorted(sample[key] for sample in resampled if sample[key] == sample[key])
        ends = f" [{spread[len(spread) // 20]:.2f}, {spread[-len(spread) // 20 - 1]:.2f}]" if spread else ""
        row[key] = f"{value:.2f}{ends}"
    return row


def pareto(cases: list[Case], where: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    families = {
        "OverfittingOnset, alpha 0.001 to 0.2": [
            f"OverfittingOnset, alpha {a}" if a != 0.01 else "OverfittingOnset" for a in ALPHAS
        ],
        "EarlyStopping by patience": [f"EarlyStopping, patience {p}" for p in (3, 5, 10, 20)],
        "runmedic": ["runmedic"],
        "losslint": ["losslint"],
    }
    colours = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")
    for (label, listed), colour in zip(families.items(), colours, strict=True):
        names = [name for name in listed if name in cases[0].found]
        points = [(figures(cases, name), name) for name in names]
        x, y = [p["flag/onset"] for p, _ in points], [p["false alarms"] for p, _ in points]
        axes.plot(x, y, "o-", color=colour, label=label, clip_on=False)
        notes = [f"patience {n}" for n in (3, 5, 10, 20)] if "patience" in label else [label.partition(",")[0]]
        for (p, _), note in zip(points, notes, strict=False):
            right = p["flag/onset"] < 5
            axes.annotate(
                f"{note}, recall {p['recall']:.2f}",
                (p["flag/onset"], p["false alarms"]),
                xytext=(5 if right else -5, -12 if "alpha" in label else 5),
                textcoords="offset points",
                ha="left" if right and "alpha" not in label else "right",
                size=8,
            )
    axes.set(xlabel="median step of the flag ÷ onset", ylabel="share of healthy runs flagged", xscale="log")
    axes.set_xticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(where, dpi=120)


def null(jobs: list[tuple[Setting, int]]) -> None:
    """Flags where the mean of real trajectories is held flat: samples drawn anew from what they do about their mean.

    The samples trained on go on throughout, so that the shorter way to a flag is always open.
    """
    generator = torch.Generator().manual_seed(0)
    rows: list[dict[str, object]] = []
    for spacing in SPACINGS:
        flags: dict[str, list[bool]] = {"500 samples or more": [], "fewer": [], "held-out alone": []}
        for setting, seed in jobs:
            run = load(setting, seed)
            kept = [k for k in spaced(run.steps, spacing) if run.steps[k] >= run.steps[-1] / 50]
            x = run.held_out[kept]
            x = x - x.mean(1, keepdim=True) + x[0].mean()
            drawn = x[:, torch.randint(0, x.shape[1], (x.shape[1],), generator=generator)]
            flat = run._replace(steps=run.steps[kept], held_out=drawn)
            flat = flat._replace(trained=1 / torch.arange(1.0, len(kept) + 1)[:, None])
            everything = list(range(len(kept)))
            size = "500 samples or more" if setting.held_out >= 500 else "fewer"
            flags[size].append(overfitting(flat, everything) is not None)
            flags["held-out alone"].append(alone(flat, everything) is not None)
        shares = {name: statistics.fmean(seen) for name, seen in flags.items()}
        rows.append({"spacing": spacing, "trajectories": len(jobs), **shares})
    report("onset_null", "Share of flat trajectories flagged", rows)


def power(jobs: list[tuple[Setting, int]]) -> None:
    """Recall where the probe is cut to fewer samples, of runs that rise by 25 %, 10 % between records."""
    rows: list[dict[str, object]] = []
    for size in (128, 256, 512, 1024, 2048, 4096):
        hits, delays = [], []
        for setting, seed in jobs:
            run = load(setting, seed)
            curve = smooth(run.steps, run.test)
            if setting.held_out < size or curve[-1] / curve.min() < 1.25:
                continue
            found = overfitting(run._replace(held_out=run.held_out[:, :size]), spaced(run.steps, 0.1))
            hits.append(found is not None)
            delays += [] if found is None else [found[0] / int(run.steps[curve.argmin()])]
        rows.append(
            {
                "samples": size,
                "runs": len(hits),
                "recall": statistics.fmean(hits) if hits else math.nan,
                "median flag/onset": statistics.median(delays) if delays else math.nan,
            }
        )
    report("onset_power", "Recall by the size of the held-out probe", rows)


def late(jobs: list[tuple[Setting, int]]) -> None:
    """How many runs are taken for late generalisation."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["reporting", "tuning"], default="reporting")
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=None, help="where to draw false alarms against delay")
    options = parser.parse_args()
    jobs = [(s, seed) for s in settings() if s.tuning == (options.half == "tuning") for seed in range(SEEDS)]
    if options.null or options.power or options.late:
        (null if options.null else power if options.power else late)(jobs)
        return
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        judged = pool.map(judge, jobs, chunksize=2)
    rows: list[dict[str, object]] = []
    for spacing in SPACINGS:
        cases = [cases[spacing] for cases in judged]
        rows += [{"spacing": spacing, "detector": name, **with_intervals(cases, name)} for name in cases[0].found]
    target = sum(c.rise >= 0.25 and c.samples >= 500 for c in cases)
    healthy = sum(c.rise < 0.02 for c in cases)
    title = f"{len(cases)} runs for {options.half}: {target} to be recalled, {healthy} healthy"
    report(f"onset_{options.half}", title, rows)
    if options.plot is not None:
        pareto([cases[0.1] for cases in judged], options.plot)


if __name__ == "__main__":
    main()
