"""Do linear models show the map on which networks train? Fig. 1 of arXiv 2505.08915, on a copy of CIFAR-10.

    python -m replications.linear_map --data DIR [--runs DIR] [--logdir DIR] [--workers 2] [--fast] [--save]

16 linear models, of pixels and of what a fixed random convolution makes of them, two optimizers at two rates each and
two seeds, on the images and the probe of the networks that `python -m replications.manifold` has trained and kept in
--runs. One InPCA of all records, one of the networks by themselves, and one that is fitted on the linear models alone,
on which the networks are placed out of sample. Ten minutes on one core beside the networks.
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
"""Stress of two dimensions, read in the paper's abstract."""
ACCEPTED = (0.65, 0.85)
WORDS = {"train": "samples trained on", "val": "held-out samples"}


def claims(found: Mapping[str, Placed]) -> tuple[Claim, ...]:
    """Returns what is claimed of the maps, on each probe."""
    rows = []
    for probe, one in found.items():
        joint, own, placed_, null = (
            [float(stress) for stress in curve[:3]]
            for curve in (one.joint_curve, one.own_curve, one.placed_curve, one.null_curve)
        )
        ends = {name: f"{low:.0%} to {high:.0%}" for name, (low, high) in one.intervals.items()}
        rows += [
            Claim(
                f"Two dimensions explain most of the stress of all models together, {WORDS[probe]}",
                f"{ANCHOR:.0%} (paper, as read); {ACCEPTED[0]:.0%} to {ACCEPTED[1]:.0%} (acceptance)",
                f"{joint[1]:.0%}",
                ends["joint"],
                decided(ACCEPTED[0] <= joint[1] <= ACCEPTED[1]),
            ),
            Claim(
                f"… and about as much of the non-linear ones by themselves, {WORDS[probe]}",
                "about the same (paper, as read)",
                f"{own[1]:.0%}",
                "",
                decided(abs(own[1] - joint[1]) <= 0.1),
            ),
            Claim(
                f"A map fitted on linear models alone shows the non-linear ones, {WORDS[probe]}",
                "stress positive (acceptance); at most that of their own map, by construction",
                f"{placed_[1]:.0%} in two dimensions, {placed_[2]:.0%} in three; on their own map {own[1]:.0%} and "
                f"{own[2]:.0%}",
                ends["placed"],
                decided(one.intervals["placed"][0] > 0),
            ),
            Claim(
                f"… better than a map of linear models whose samples are shuffled within classes, {WORDS[probe]}",
                "null model: the same losses, other trajectories",
                f"{placed_[1]:.0%} against {null[1]:.0%} in two dimensions",
                f"{ends['gain']} above it",
                decided(one.intervals["gain"][0] > 0),
            ),
            Claim(
                f"… as a picture: their own two axes as a linear map of the two they are placed on, {WORDS[probe]}",
                f"R² {one.likeness[1]:.2f} on the null model's axes",
                f"R² {one.likeness[0]:.2f}",
                "",
                "reported",
            ),
        ]
    return tuple(rows)


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
    archives = [plan.archive(run) for run in runs], [networks.archive(run) for run in finished]
    found = {probe: placed(*archives, probe, 20 if options.fast else 50) for probe in WORDS}
    rows = claims(found)
    better = [WORDS[probe] for probe, one in found.items() if one.intervals["gain"][0] > 0]
    result = Replication(
        "linear_map",
        "A map of linear models shows non-linear networks too; more than their losses alone would, on "
        f"{' and '.join(better) or 'no samples'}{' only' if len(better) == 1 else ''}",
        "2505.08915",
        f"{len(runs)} linear models, of standardised pixels and of 64 fixed random filters, two optimizers at two "
        f"rates, and {len(finished)} non-linear networks of the replication of 2305.01604 "
        f"({', '.join(dict.fromkeys(run.architecture for run in finished))}), on 10,000 images of {data}; every record "
        "of every run is a point, d_B on 1,000 samples. Explained stress of placed points: 1 − ‖W − Ŵ‖ ÷ ‖W‖, W their "
        "centred products and Ŵ those of their coordinates. Intervals by drawing runs again, 50 times.",
        rows,
        f"{plan.cost(runs)}, beside those of the networks",
        (
            f"{len(finished)} of {len(wanted)} networks were finished when this was made.",
            "Which linear models, features and networks the paper has could not be read; the anchor is second-hand.",
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
