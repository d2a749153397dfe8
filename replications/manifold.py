"""Do all networks train along one path? arXiv 2305.01604 and 2210.17011, on three data sets.

    python -m replications.manifold --data DIR [--sets cifar-10 ...] [--workers 2] [--fast]

39 networks on 10,000 images of each data set: seven architectures from a linear one to a vision transformer, two
optimizers, three widths of one architecture, beginnings that were taught wrong labels, three seeds; and six on shuffled
labels, as a control. Every one is trained by an ordinary Trainer whose monitor writes an archive, on 1,000 of the
samples trained on and 1,000 of the published test set. A finished training is not repeated. Some two hours of
processor time; --fast takes small networks on scikit-learn's digits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from matplotlib.figure import Figure
from rich.console import Console

from lightning_infogeo.figures import joint, trajectory_distances
from replications import jobs
from replications.claims import Replication, Verdict
from replications.data_sets import NAMES as SETS
from replications.manifold_claims import claims
from replications.manifold_found import NAMES, Found, measure
from replications.manifold_picture import coming_together
from replications.manifold_runs import Plan, planned
from replications.options import check, command, parser, refuse_part

_OTHERS: dict[Verdict, str] = {"does not hold": "not", "undecided": "undecided"}
_LIMITS = (
    "The paper trains 2,296 networks for 200 epochs on all images, most of them far larger; one of its AllCNNs would "
    "take 48 hours here. Of the paper's augmentation, weight decay and batch sizes nothing is varied.",
    "Networks of few steps do not come to the end of the path: distances are over the progress that both runs reach.",
    "Ranges of the stress are those when an architecture is left out, not confidence intervals.",
    "SGD and wrong labels are six runs each, so that they can explain little of the squares of all. Intervals of ω² "
    "are of these architectures, not of others.",
    "With two architectures and three seeds each, the interval of what is left of the wrong labels is too narrow "
    "rather than too wide. docs/comparison.md has the acceptance's criterion of forty networks on MNIST.",
)


def main(arguments: list[str] | None = None) -> Replication:
    """Trains what is not trained yet, compares, prints the claims, and draws the maps."""
    made = parser(__doc__ or "", "manifold")
    made.add_argument("--sets", nargs="+", choices=SETS, default=SETS, help="data sets")
    options = made.parse_args(arguments)
    console = Console()
    sets = ["digits"] if options.fast else list(options.sets)
    check(made, sets, options.data)
    refuse_part(made, options, len(set(sets)), len(SETS))
    plan = Plan(options.logdir, options.data)
    runs = {data: planned(data, options.fast) for data in sets}
    everything = [run for some in runs.values() for run in some]
    jobs.run(
        everything,
        plan.train,
        0 if options.fast else options.workers,
        console,
        cost=lambda run: run.cost,
        done=plan.done,
    )
    found = {
        (data, probe): measure(data, probe, some, [plan.archive(run) for run in some])
        for data, some in runs.items()
        for probe in ("train", "val")
    }
    result = replication(found, plan.cost(everything)).by(options.command)
    result.print(console)
    result.save(_pictures(found), options.logdir, options.save)
    return result


def replication(found: dict[tuple[str, str], Found], cost: str) -> Replication:
    """Returns what is claimed, measured and shown."""
    rows = claims(found)
    verdicts = Counter(claim.verdict for claim in rows)
    judged = sum(verdicts.values()) - verdicts["reported"]
    others = [f"{verdicts[word]} {told}" for word, told in _OTHERS.items() if verdicts[word]]
    hold = f"{verdicts['holds']} of {judged} statements hold"
    count = len(next(iter(found.values())).runs)
    sets = listed(dict.fromkeys(NAMES[data] for data, _ in found))
    captions = {
        f"map_{data}": f"{count} networks on {NAMES[data]}, samples trained on: all records on one map."
        for data, probe in found
        if probe == "train"
    }
    between = {
        f"distances_{data}": f"Distances between the trajectories on {NAMES[data]}, samples trained on. At the leaves "
        "the architectures, each once for neighbours that share it."
        for data, probe in found
        if probe == "train"
    }
    return Replication(
        name="manifold",
        title=f"Do all networks train along one path? On {sets}, {', '.join([hold, *others])}",
        paper="2305.01604",
        design=(
            f"On each of {sets} {count} networks, on 10,000 images: seven architectures × three seeds with Adam; an "
            "MLP and a CNN with SGD, too; the CNN at two more widths; MLP and CNN from beginnings that were taught "
            "wrong labels; and, as a control, six more on shuffled labels. Batches of 125; 2,400 steps on CIFAR-10, "
            "800 on the others; some 50 records a run, on 1,000 samples trained on and 1,000 held out. Training images "
            "on which settings were chosen before are left out."
        ),
        claims=rows,
        cost=cost,
        limits=(*_LIMITS, *_null(found), *_left_out(found)),
        pictures={
            **captions,
            **between,
            "together": "How far networks that were taught wrong labels first are from others at equal progress, and "
            "how far those others of the same kind are from each other by their seed: means over the same pairs.",
        },
    )


def listed(names: Iterable[str]) -> str:
    """Returns names as a sentence has them: "a", "a and b", "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def _null(found: dict[tuple[str, str], Found]) -> list[str]:
    """Returns a sentence on the data sets whose null map has most of the map's stress, and one on the others."""
    stresses = {
        NAMES[data]: (one.null.stress(3), one.comparison.embedding.stress(3))
        for (data, probe), one in found.items()
        if probe == "train"
    }
    shown = {name: f"{name} ({null:.0%} of {own:.0%})" for name, (null, own) in stresses.items()}
    most = [shown[name] for name, (null, own) in stresses.items() if null > own / 2]
    less = [shown[name] for name, (null, own) in stresses.items() if null <= own / 2]
    sentences = []
    if most:
        sentences.append(
            f"The null map has more than half of the map's stress on {listed(most)}: that runs share a few "
            "dimensions is in large part that all of them go from ignorance to truth, class by class. What they share "
            "beyond that is in the distances to shuffled runs."
        )
    if less:
        sentences.append(f"The null map has less than half of the map's stress on {listed(less)}.")
    return sentences


def _left_out(found: dict[tuple[str, str], Found]) -> list[str]:
    """Returns a sentence on the data sets that were not run."""
    missing = [NAMES[data] for data in SETS if (data, "train") not in found]
    return [f"Data sets of the design that are not in this table: {', '.join(missing)}."] if missing else []


def _pictures(found: dict[tuple[str, str], Found]) -> dict[str, Figure]:
    train = {data: one for (data, probe), one in found.items() if probe == "train"}
    key = "hyperparameters.architecture"
    drawn: dict[str, Figure] = {
        f"map_{data}": joint(one.comparison, key, f"{NAMES[data]}, samples trained on") for data, one in train.items()
    }
    for data, one in train.items():
        title = f"{NAMES[data]}, samples trained on: distances between trajectories, complete linkage"
        drawn[f"distances_{data}"] = trajectory_distances(one.comparison, key, title, leaves="groups")
    drawn["together"] = coming_together(train)
    return drawn


if __name__ == "__main__":
    command(main)
