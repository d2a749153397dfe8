"""Does a wider network turn more sharply, or only sooner? Finite-size scaling of the knee, arXiv 2406.05295.

    python -m replications.finite_size --data DIR [--seeds 3] [--workers 2] [--fast]

With Adam at one rate the weights that read the hidden layer take steps that are larger, relative to them, the wider it
is, and that alone may move the knee. So networks of 32 to 1,024 hidden units are trained in the standard and in the
maximal update parametrisation, on 3,000 images of three data sets. Only a knee that grows narrower with the width, the
verdict "sharpening" of ``finite_size_scaling``, is what a transition would show. A finished training is not repeated.
--fast takes scikit-learn's digits, three widths and few steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console

from lightning_infogeo.cli.arguments import whole_number
from replications import jobs
from replications.claims import Replication
from replications.finite_size_claims import claims
from replications.finite_size_found import Case, Family, coordinates, families
from replications.finite_size_picture import curves, knees
from replications.finite_size_runs import RATE, SEEDS, Plan, planned
from replications.manifold_claims import NAMES
from replications.options import check, command, parser, refuse_part
from replications.side_by_side import recorded

_TITLES = {
    "holds": "The knee of the weights' length grows sharper with the width of the network",
    "does not hold": "Whether the knee of the weights' length grows sharper with the width depends on data set, "
    "parametrisation and smoothing",
    "undecided": "Whether the knee of the weights' length grows sharper with the width of the network is undecided",
}
_SHARPENS = 3
"""Row of the claim that the title follows."""
_FEWEST = 3
"""With fewer networks of each kind no knee is judged: intervals then come from the noise of records alone."""


def main(arguments: list[str] | None = None) -> Replication:
    """Trains what is not trained yet, scales the knees, prints the claims, and draws them."""
    made = parser(__doc__ or "", "finite_size")
    made.add_argument("--seeds", type=whole_number(1, such_as=3), default=len(SEEDS), help="networks of each kind")
    made.add_argument("--trained", action="store_true", help="trains nothing and shows what was trained before")
    options = made.parse_args(arguments)
    console = Console()
    trainings = [one for one in planned(options.fast) if one.seed < options.seeds]
    check(made, list(dict.fromkeys(one.data for one in trainings)), options.data)
    plan = Plan(options.logdir, options.data, *((1_000, 400, 3e-3) if options.fast else ()))
    if options.trained:
        trainings = [one for one in trainings if plan.done(one)]
    refuse_part(made, options, len(trainings), len(planned(options.fast)))
    workers = 0 if options.fast or options.trained else options.workers
    jobs.run(trainings, plan.train, workers, console, done=plan.done)
    found = families(plan, trainings, draws=20 if options.fast else 100)
    slopes = coordinates(trainings[0].data, options.data)
    hours = sum(recorded(plan.file(one))[1] for one in trainings) / 3600
    result = replication(found, slopes, f"{hours:.2f} CPU hours").by(options.command)
    result.print(console)
    headline = {case: family for case, family in found.items() if case.part == "network"}
    result.save({"curves": curves(headline), "knees": knees(headline)}, options.logdir, options.save)
    return result


def replication(found: Mapping[Case, Family], slopes: Mapping[str, float], cost: str) -> Replication:
    """Returns what is claimed, measured and shown."""
    widths = ", ".join(f"{n:,}" for n in sorted({int(n) for one in found.values() for n in one.scaling.sizes}))
    without = [
        f"{NAMES[case.data]} ({case.parametrisation})"
        for case, one in found.items()
        if case.part == "network" and not math.isfinite(one.scaling.shift.value)
    ]
    missing = [f"Not every width has a knee, so that there is no exponent: {', '.join(without)}."] * bool(without)
    counts = sorted({one.runs for one in found.values()})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    few = [f"Fewer than {_FEWEST} of each kind: no knee is judged."] * (counts[0] < _FEWEST)
    sets = ", ".join(dict.fromkeys(NAMES[case.data] for case in found))
    rows = claims(found, slopes)
    if counts[0] < _FEWEST:
        rows = (rows[0], *(replace(row, verdict="undecided") for row in rows[1:4]), *rows[4:])
    return Replication(
        name="finite_size",
        title=_TITLES[rows[_SHARPENS].verdict],
        paper="2406.05295",
        design=(
            f"One hidden layer of {widths} ReLU on 3,000 images of {sets} with values 0 to 1, Adam at {RATE:g}, "
            f"batches of 64, 2,000 steps, {seeds} of each kind. Standard parametrisation (PyTorch's) and "
            "maximal update (table 3 of arXiv 2203.03466 for Adam: initial deviation and rate of the output weights go "
            "like 1/width, all else is independent of it; both are one at 128). Length of the distribution of all "
            "weights, normal estimate less its noise floor; finite_size_scaling with its defaults, and with half the "
            "smoothing."
        ),
        claims=rows,
        cost=cost,
        limits=(
            "The exponents of the paper could not be read: nothing here is held against them.",
            "A bend narrower than the smoothing, 0.8 in ln t, looks as wide as that at every width.",
            "Some lengths bend twice, and the knee of one width can be another bend than that of the next.",
            "There is no matrix between hidden layers, on which maximal update acts, too.",
            f"Networks of each kind: {seeds}. Intervals come from the noise of records, too; with one network from it "
            "alone.",
            *few,
            *missing,
        ),
        pictures={
            "curves": "Curvature of ln length over ln step, by width; bands are one standard deviation.",
            "knees": "The knee by width in both parametrisations, with intervals and the fitted powers.",
        },
    )


if __name__ == "__main__":
    command(main)
