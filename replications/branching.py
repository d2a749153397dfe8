"""Do neurons that start near zero branch as a tree? The setting of arXiv 1902.08160, ten seeds.

    python -m replications.branching --data DIR [--logdir DIR] [--workers 2] [--fast] [--save]

All 60,000 digits of MNIST, 784-100-100-10 sigmoids without biases from N(0, 1e-6²), SGD with rate 0.05 and batches of
100, 42,000 steps, neurons recorded every 210 steps; graphs by the settings of the paper's notebook and by our own. Then
why trees break: where a neuron leaves one component for another, how far it went between two records, and what more
records, or the same number at better steps, make of it. Two to four minutes a seed on one core.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from rich.console import Console

from lightning_infogeo.figures import learning_tree
from lightning_infogeo.topology import learning_graph
from replications.branching_claims import claims
from replications.branching_pictures import breaks
from replications.claims import Replication
from replications.jobs import run
from replications.learning_trees import Shape, Tear, evenly_moved, exchanged, published_graph, tears, thinned
from replications.options import check, parser
from replications.sigmoids import Run, Setting, read, train

SEEDS = tuple(range(42, 52))
"""The first is that of the pilot."""
FINE_POINTS = 5_000
"""Farthest points that stand for all but the published clouds: of many more the pairs do not fit into memory."""


class Study(NamedTuple):
    """What one training shows.

    Attributes:
        run: the training.
        shapes: graphs by layer and by setting: "published", "default", "twice" and "ten times" as many records,
            "even" (as many, chosen by how far neurons move) and "exchanged" (the null model).
        tears: of the published graphs.
        seconds: of CPU time, training included.
    """

    run: Run
    shapes: dict[str, dict[str, Shape]]
    tears: list[Tear]
    seconds: float


def study(setting: Setting) -> Path:
    """Returns the file of a training's graphs; both are made where they are not there."""
    path = train(setting).with_suffix(".json")
    if path.exists():
        return path
    one, began = read(setting.path), time.process_time()
    even = evenly_moved(one.fine_clouds, setting.records)
    half = max(1, setting.finer // 2)
    shapes: dict[str, dict[str, Shape]] = {}
    torn = []
    for layer, cloud in one.clouds.items():
        fine, graph = one.fine_clouds[layer], published_graph(layer, cloud)
        torn += tears(layer, cloud, graph)
        every = torch.arange(len(fine.steps))
        shapes[layer] = {
            "published": Shape.of(graph),
            "default": Shape.of(learning_graph(cloud)),
            "twice": Shape.of(published_graph(layer, thinned(fine, every[::half]), FINE_POINTS)),
            "ten times": Shape.of(published_graph(layer, thinned(fine, every), FINE_POINTS)),
            "even": Shape.of(published_graph(layer, thinned(fine, even), FINE_POINTS)),
            "exchanged": Shape.of(published_graph(layer, exchanged(cloud, one.seed), FINE_POINTS)),
        }
    made = {"shapes": shapes, "tears": torn, "seconds": time.process_time() - began}
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(made))
    os.replace(unfinished, path)
    return path


def read_study(path: Path) -> Study:
    """Reads what ``study`` kept."""
    one, kept = read(path.with_suffix(".pt")), json.loads(path.read_text())
    shapes = {layer: {name: Shape(*row) for name, row in of.items()} for layer, of in kept["shapes"].items()}
    return Study(one, shapes, [Tear(*row) for row in kept["tears"]], one.seconds + kept["seconds"])


def replicate(studies: Sequence[Study], setting: Setting) -> Replication:
    """Returns the claims on all seeds."""
    shapes = [[of["published"] for of in one.shapes.values()] for one in studies]
    whole = sum(all(one.components == 1 for one in layers) for layers in shapes)
    acyclic = all(one.cycles == 0 for layers in shapes for one in layers)
    fast = all(tear.is_fast for one in studies for tear in one.tears)
    rows = claims(studies)
    return Replication(
        "branching",
        f"Neurons that start near zero branch{' and do not meet again' if acyclic else ''}; with the paper's settings "
        f"all layers are one tree in {whole} of {len(studies)} seeds"
        + (", since fast neurons are torn off" if fast and whole < len(studies) else ""),
        "1902.08160",
        f"{len(studies)} seeds, {setting.data}, {setting.width} sigmoids in each of two layers, SGD with rate "
        f"{setting.lr:g} for {setting.steps:,} steps, {setting.records} records; the notebook's settings: 20 principal "
        "axes, lens ‖·‖, 30/25/20 intervals of 1.99 spacings, DBSCAN with eps 0.1/0.2/0.5, all points. Ranges "
        "are the 10–90 % ones over seeds.",
        rows,
        f"{sum(one.seconds for one in studies) / 3600:.2f} CPU hours",
        (
            *([f"Of the ten seeds of the design {len(studies)} were run."] if len(studies) < len(SEEDS) else []),
            "The paper shows one training and gives its graphs, not its weights: only counts can be compared.",
            "All but the graphs of the published settings are of 5,000 farthest points. Steps that follow how far "
            "neurons move are chosen afterwards, from ten times as many records.",
            "The paper's smooth surfaces from tiny random weights are left to examples/topology_of_learning.py.",
        ),
        {
            "trees": f"Learning graphs of seed {studies[0].run.seed}, published settings, from the earliest node.",
            "breaks": "How far the fastest neuron goes between two records: in units of eps, or of what two intervals "
            "share where that is more; above the dashed line it can be torn off. Each line is a seed, dots are where a "
            "neuron changes component. Below: the loss on test images.",
        },
    )


def trees(one: Run) -> Figure:
    """Returns the graphs of a training, drawn."""
    figure = learning_tree({layer: published_graph(layer, cloud) for layer, cloud in one.clouds.items()})
    figure.set_size_inches(10.5, 5.2)  # to be read at the width of a page
    return figure


def main(arguments: list[str] | None = None) -> Replication:
    """Trains, makes the graphs, prints and keeps the claims."""
    made = parser(__doc__ or "", "branching")
    made.add_argument("--seeds", type=int, default=len(SEEDS), help="how many, of ten; finished ones are not repeated")
    options = made.parse_args(arguments)
    check(made, ["digits" if options.fast else "mnist"], options.data)
    console = Console(width=140)
    if options.fast:
        small: dict[str, Any] = {"width": 20, "steps": 1_600, "records": 81, "finer": 4, "lr": 2.0}
        settings = [Setting("digits", None, options.logdir / "runs", seed, **small) for seed in SEEDS[:2]]
    else:
        settings = [Setting("mnist", options.data, options.logdir / "runs", seed) for seed in SEEDS[: options.seeds]]
    paths = run(
        settings,
        study,
        options.workers,
        console,
        "seeds",
        cost=lambda setting: 0.3 if setting.path.exists() else 1.0,
        done=lambda setting: setting.path.with_suffix(".json").exists(),
    )
    studies = [read_study(path) for path in paths]
    found = replicate(studies, settings[0])
    found.print(console)
    drawn = {"trees": trees(studies[0].run), "breaks": breaks(studies)}
    found.save(drawn, options.logdir, options.save)
    return found


if __name__ == "__main__":
    main()
