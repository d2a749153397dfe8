"""Does the path of the weights bend where overfitting begins? arXiv 2406.05295, where the two can be told apart.

    python -m replications.knee --data DIR [--conditions clean ...] [--workers 2] [--fast]

More images put overfitting off and leave the speed of learning as it is. Networks of 128 hidden units are trained on
300 to 30,000 images of three data sets at three rates, three seeds each; again with one label in five wrong, with
dropout, and with shuffled labels. Ordinary Trainers with monitors record the test loss and the length of the weights'
distribution. A finished training is not repeated. --fast takes scikit-learn's digits and a tenth of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from rich.console import Console

from replications import jobs
from replications.claims import Replication
from replications.knee_claims import claims, factors
from replications.knee_found import Found, found_in
from replications.knee_picture import against, by_size
from replications.knee_runs import CONDITIONS, RATES, SEEDS, SIZES, Plan, Training, planned
from replications.manifold_found import NAMES
from replications.options import check, command, parser, refuse_part
from replications.side_by_side import recorded

_TITLES = {
    "holds": "The knee of the weights' length moves with the onset of overfitting",
    "does not hold": "The knee of the weights' length does not move with the onset of overfitting",
    "undecided": "Whether the knee of the weights' length moves with the onset of overfitting is undecided",
}


def main(arguments: list[str] | None = None) -> Replication:
    """Trains what is not trained yet, finds onsets and knees, prints the claims, and draws them."""
    made = parser(__doc__ or "", "knee")
    made.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=CONDITIONS, help="that are trained")
    made.add_argument("--trained", action="store_true", help="trains nothing and shows what was trained before")
    options = made.parse_args(arguments)
    console = Console()
    trainings = [one for one in planned(options.fast) if one.condition in options.conditions]
    if not options.trained:
        check(made, list(dict.fromkeys(one.data for one in trainings)), options.data)
    plan = Plan(options.logdir, options.data)
    if options.trained:
        trainings = [one for one in trainings if plan.done(one)]
    refuse_part(made, options, len(trainings), len(planned(options.fast)))
    jobs.run(
        trainings,
        plan.train,
        0 if options.fast or options.trained else options.workers,
        console,
        cost=lambda one: one.steps * len(one.rates),
        done=plan.done,
    )
    networks = [network for one in trainings for network in found_in(plan, one)]
    hours = sum(recorded(plan.file(one))[1] for one in trainings) / 3600
    result = replication(networks, trainings, f"{hours:.1f} CPU hours").by(options.command)
    result.print(console)
    result.save(_pictures(networks), options.logdir, options.save)
    return result


def replication(networks: Sequence[Found], trainings: Sequence[Training], cost: str) -> Replication:
    """Returns what is claimed, measured and shown."""
    counts = {c: sum(one.condition == c for one in networks) for c in CONDITIONS}
    done = ", ".join(f"{count} {condition}" for condition, count in counts.items() if count)
    rows = claims(networks)
    whole = len(CONDITIONS) * len(SIZES) * len(RATES) * len(SEEDS) * 3
    limits = [
        "Only the abstract of the paper could be read. Its estimator of the density of weights is unknown: what is "
        "found here is found of our reading of the quantity.",
        "The design's own test is the rank correlation. Ranks do not see how far the knee moves, so the title follows "
        "the slope; that was decided after both had been seen.",
        "Slopes and ranks compare the trainings that have both onset and knee; the second row of ranks has all that "
        "have a knee.",
        f"{len(networks)} networks ({done}) of the {whole} of the design." if len(networks) < whole else "",
        "One hidden layer of 128 units; colour images at half the resolution, so that all have 768 or 784 numbers.",
        "The first ten steps, in which a length depends on where it began to be counted, cannot have a knee.",
        "CIFAR-10 has few trainings with onset and knee: of it alone no slope can be told.",
        "“Does not overfit” means: not within the steps of the training.",
    ]
    return Replication(
        name="knee",
        title=_TITLES[rows[1].verdict] + _moved(networks),
        paper="2406.05295",
        design=(
            "784–128–10 ReLU networks, Adam, batches of 64, on 300 to 30,000 images that nothing was tuned on, "
            "with values 0 to 1, since with standardised pixels the weights bend within the first ten steps, where no "
            "knee is looked for. 3,000 steps where few images or shuffled labels overfit soon and 6,000 elsewhere. "
            "Onset: lowest loss on 2,000 test images, which the monitor records as the distance to the truth; none "
            "where it does not end 3 % above that. Knee: markers.knee of the length of all weights' distribution, less "
            "the noise floor, among the first 3,000 steps; normal estimate where not said otherwise. The "
            "three seeds are three experiments, of images, weights and order: values are their mean, and intervals "
            "Student's t of three."
        ),
        claims=rows,
        cost=cost,
        limits=tuple(sentence for sentence in limits if sentence),
        pictures={
            "by_size": "Onset of overfitting and knee of the weights' length by number of images; lines: medians of "
            "seeds, where at least half of them have one; dots: seeds.",
            "against": "Knee against onset of every network that has both.",
        },
    )


def _moved(networks: Sequence[Found]) -> str:
    """Returns by which factors both move where that can be told, to follow the title."""
    found = factors([one for one in networks if one.condition == "clean"])
    if not found:
        return ""
    onset, bend = ([values[k] for values in found.values()] for k in (0, 1))
    sets = " and ".join(dict.fromkeys(NAMES[data] for data, _ in found))
    return f": on {sets} × {min(bend):.2f} to {max(bend):.2f} where that goes × {min(onset):.0f} to {max(onset):.0f}"


def _pictures(networks: Sequence[Found]) -> dict[str, Figure]:
    return {"by_size": by_size(networks), "against": against(networks)}


if __name__ == "__main__":
    command(main)
