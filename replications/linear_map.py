"""Do linear models show the map on which networks train? Fig. 1 of arXiv 2505.08915, on a copy of CIFAR-10.

    python -m replications.linear_map --data DIR [--runs DIR] [--logdir DIR] [--workers 2] [--fast] [--save]

16 linear models, of pixels and of what a fixed random convolution makes of them, two optimizers at two rates each and
two seeds, on the images and the probe of the networks that `python -m replications.manifold` has trained and kept in
--runs. One InPCA of all records, one of the networks by themselves, and one that is fitted on the linear models alone,
on which the networks are placed out of sample. Ten minutes on one core beside the networks.

Of the paper the abstract and the caption of its Fig. 1 were read (arxiv.org/html/2505.08915v1 and v2): linear networks
on CIFAR-10's images themselves and after a preprocessing, beside networks of other architectures, optimizers,
parameters and regularisations.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console

from replications import jobs, manifold_runs
from replications.claims import Claim, Replication, decided
from replications.linear_models import LinearPlan, planned
from replications.options import check, command, parser, refuse_part
from replications.placed import Placed, placed
from replications.placed_picture import curves, two_maps

ANCHOR = 0.71
"""Stress of two dimensions of all models, in the caption of the paper's Fig. 1."""
ACCEPTED = (0.65, 0.85)
ALIKE = 0.1
"""Difference of the stress up to which it is about the same."""
DRAWS = 500
"""Of kinds, for the intervals."""
WORDS = {"train": "samples trained on", "val": "held-out samples"}


def claims(found: Mapping[str, Placed]) -> tuple[Claim, ...]:
    """Returns what is claimed of the maps, on each probe."""
    return tuple(claim for probe, one in found.items() for claim in _of_probe(WORDS[probe], one))


def _of_probe(words: str, one: Placed) -> list[Claim]:
    joint, own, on_theirs, null = (
        [float(stress) for stress in curve[:3]]
        for curve in (one.joint_curve, one.own_curve, one.placed_curve, one.null_curve)
    )
    ends, (least, most) = one.intervals, ACCEPTED
    shown = {name: f"{low:.0%} to {high:.0%}" for name, (low, high) in ends.items()}
    shown["own"] = "{:+.1%} to {:+.1%}".format(*ends["own"])
    return [
        Claim(
            f"Two dimensions explain {least:.0%} to {most:.0%} of the stress of all models together, {words}",
            f"about {ANCHOR:.0%} (paper, caption of Fig. 1). Holds where the interval lies inside, does not where they "
            "do not meet",
            f"{joint[1]:.0%}",
            shown["joint"],
            decided(least <= ends["joint"][0] and ends["joint"][1] <= most, _beside(ends["joint"], ACCEPTED)),
        ),
        Claim(
            f"… and about as much of the non-linear ones by themselves, {words}",
            f"about the same (paper, that caption). Holds where the interval of the difference lies inside "
            f"±{ALIKE:.0%}, does not where they do not meet",
            f"{own[1]:.0%}, a difference of {own[1] - joint[1]:+.1%}",
            shown["own"],
            decided(max(map(abs, ends["own"])) <= ALIKE, _beside(ends["own"], (-ALIKE, ALIKE))),
        ),
        Claim(
            f"Networks placed on a map fitted on linear models alone have a stress above 0, {words}",
            "positive, and below that of all models' map (design); at most that of the networks' own map, by "
            "construction. Not judged: a null model's is positive, too",
            f"{on_theirs[1]:.0%} in two dimensions, {on_theirs[2]:.0%} in three; on their own map {own[1]:.0%} and "
            f"{own[2]:.0%}; on the null model's {null[1]:.0%} and {null[2]:.0%}",
            shown["placed"],
            "reported",
        ),
        Claim(
            "A map fitted on linear models alone shows the networks better than one of linear models whose samples "
            f"are shuffled within classes, {words}",
            "they are shown faithfully (paper, that caption), here against a null model of the same losses: the "
            "interval of the difference is on one side of 0",
            f"{on_theirs[1]:.0%} against {null[1]:.0%} in two dimensions, {on_theirs[1] - null[1]:+.0%}",
            f"{shown['gain']}, percentiles of the draws",
            decided(ends["gain"][0] > 0, ends["gain"][1] <= 0),
        ),
        Claim(
            f"… as a picture: their own two axes as a linear map of the two they are placed on, {words}",
            f"R² {one.likeness[1]:.2f} on the null model's axes",
            f"R² {one.likeness[0]:.2f}",
            "",
            "reported",
        ),
    ]


def _beside(interval: tuple[float, float], band: tuple[float, float]) -> bool:
    """Returns whether an interval does not meet a band."""
    return interval[1] < band[0] or interval[0] > band[1]


_AGAINST_NULL = 3
"""Of the claims on a probe, the one that is held against the null model."""


def title(found: Mapping[str, Placed], rows: tuple[Claim, ...]) -> str:
    """Returns what was found on each probe: networks on a map of linear models, against the null model."""
    size, parts = len(rows) // len(found), []
    for k, (probe, one) in enumerate(found.items()):
        word = {"holds": "they do better", "does not hold": "they do worse", "undecided": "undecided"}[
            rows[size * k + _AGAINST_NULL].verdict
        ]
        own, null = (f"{float(curve[1]):.0%}" for curve in (one.placed_curve, one.null_curve))
        parts.append(f"{own} on {WORDS[probe]} (a null model's {null}: {word})")
    return f"Two axes of linear models keep of the networks' stress {' and '.join(parts)}"


def main(arguments: list[str] | None = None) -> Replication:
    """Trains the linear models, takes the networks' archives, and prints and keeps the claims."""
    made = parser(__doc__ or "", "linear_map")
    made.add_argument(
        "--runs", type=Path, default=Path("replicated/manifold"), help="--logdir of replications.manifold"
    )
    options = made.parse_args(arguments)
    console = Console(width=140)
    data = "digits" if options.fast else "cifar-10"
    check(made, [data], options.data)
    networks = manifold_runs.Plan(options.logdir / "networks" if options.fast else options.runs, options.data)
    wanted = [
        run
        for run in manifold_runs.planned(data, options.fast)
        if (run.labels, run.beginning) == ("true", "random") and run.architecture != "linear"
    ]
    if options.fast:
        jobs.run(wanted, networks.train, 0, console, "networks", done=networks.done)
    finished = [run for run in wanted if networks.done(run)]
    if not finished:
        made.error(
            f"no network is in {options.runs}: first `python -m replications.manifold --data DIR --sets {data}`."
        )
    refuse_part(made, options, len(finished), len(wanted))
    plan, runs = LinearPlan(options.logdir, options.data), planned(data, options.fast)
    workers = 0 if options.fast else options.workers
    jobs.run(runs, plan.train, workers, console, "linear models", done=plan.done)
    kinds = (
        {plan.archive(run): f"{run.inputs}, {run.optimizer}" for run in runs},
        {networks.archive(run): run.architecture.partition("-x")[0] for run in finished},
    )
    found = {probe: placed(*kinds, probe, DRAWS) for probe in WORDS}
    rows = claims(found)
    drawn_kinds = next(iter(found.values())).kinds
    result = Replication(
        "linear_map",
        title(found, rows),
        "2505.08915",
        f"{len(runs)} linear models, of standardised pixels and of 64 fixed random filters, two optimizers at two "
        f"rates, and {len(finished)} non-linear networks of the replication of 2305.01604 "
        f"({', '.join(dict.fromkeys(run.architecture for run in finished))}), on 10,000 images of {data}; every record "
        "of every run is a point, d_B on 1,000 samples. Explained stress of placed points: 1 − ‖W − Ŵ‖ ÷ ‖W‖, W their "
        f"centred products and Ŵ those of their coordinates. Intervals by drawing kinds again {DRAWS} times, with all "
        f"their runs: {drawn_kinds[0]} of linear models (inputs and optimizer), {drawn_kinds[1]} of networks "
        "(architecture, whatever the width).",
        rows,
        f"{plan.cost(runs)}, beside those of the networks",
        (
            *([f"{len(finished)} of {len(wanted)} networks were finished."] * (len(finished) < len(wanted))),
            "Of the paper the abstract and the caption of Fig. 1 could be read, not the body: which preprocessing, how "
            "many linear models, and which networks it has is not known.",
            f"{drawn_kinds[0]} and {drawn_kinds[1]} kinds are few to draw from: intervals say how much the figures "
            "depend on which of them there are. A figure at an end of its interval is shifted by the draws.",
            "Runs with more records weigh more, and so do records early in the logarithm of the step.",
        ),
        {
            "maps": "Left: all runs on one map. Right: axes fitted on the linear models, networks placed on them.",
            "stress": "Explained stress of the non-linear runs by dimensions, on three maps.",
        },
        options.command,
    )
    result.print(console)
    drawn: dict[str, Figure] = {"maps": two_maps(found["train"]), "stress": curves(found)}
    result.save(drawn, options.logdir, options.save)
    return result


if __name__ == "__main__":
    command(main)
