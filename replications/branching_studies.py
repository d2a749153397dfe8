"""What one training shows: graphs of its layers by several settings, kept beside it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from lightning_infogeo.topology import Cloud, LearningGraph, effective_capacity, learning_graph, learning_surface
from replications.learning_trees import Shape, Tear, evenly_moved, exchanged, published_graph, tears, thinned
from replications.sigmoids import Run, Setting, read, train

SEEDS = tuple(range(42, 52))
"""Of the design; the first is that of the pilot."""
FINE_POINTS = 5_000
"""Farthest points that stand for all but the published clouds: of many more the pairs do not fit into memory."""


class Sheet(NamedTuple):
    """A cloud as numbers, without a graph.

    Attributes:
        capacity: neurons that differ at the last record.
        dimension: axes that hold 90 % of the variance of a neighbourhood.
        flatness: share of the first two.
    """

    capacity: int
    dimension: int
    flatness: float

    @classmethod
    def of(cls, cloud: Cloud) -> Sheet:
        """Returns the numbers of a cloud."""
        surface = learning_surface(cloud)
        return cls(int(effective_capacity(cloud).clusters[-1]), surface.dimension, surface.flatness)


class Study(NamedTuple):
    """What one training shows.

    Attributes:
        run: the training.
        shapes: graphs by layer and by setting, those of ``GRAPHS``.
        tears: of the published graphs.
        sheets: by layer.
        seconds: of CPU time, training included.
    """

    run: Run
    shapes: dict[str, dict[str, Shape]]
    tears: list[Tear]
    sheets: dict[str, Sheet]
    seconds: float


def _finer(one: Run, layer: str, times: int | None) -> Cloud:
    """Returns a cloud with so many times the records, None for all there are."""
    fine = one.fine_clouds[layer]
    most = (len(fine.steps) - 1) // (len(one.clouds[layer].steps) - 1)
    return thinned(fine, torch.arange(0, len(fine.steps), max(1, most // (times or most))))


def _evenly(one: Run, layer: str) -> Cloud:
    """Returns a cloud with as many records, between which the fastest neurons go equally far."""
    return thinned(one.fine_clouds[layer], evenly_moved(one.fine_clouds, len(one.clouds[layer].steps)))


GRAPHS: dict[str, Callable[[Run, str], LearningGraph]] = {
    "published": lambda one, layer: published_graph(layer, one.clouds[layer]),
    "control": lambda one, layer: published_graph(layer, one.clouds[layer], FINE_POINTS),
    "twice": lambda one, layer: published_graph(layer, _finer(one, layer, 2), FINE_POINTS),
    "ten times": lambda one, layer: published_graph(layer, _finer(one, layer, None), FINE_POINTS),
    "even": lambda one, layer: published_graph(layer, _evenly(one, layer), FINE_POINTS),
    "exchanged": lambda one, layer: published_graph(layer, exchanged(one.clouds[layer], one.seed), FINE_POINTS),
    "default": lambda one, layer: learning_graph(one.clouds[layer]),
}
"""The published settings; the same of farthest points, which all below but the last are made of; twice and ten times as
many records; as many, chosen by how far neurons move; the null model; and our defaults."""


def is_made(setting: Setting) -> bool:
    """Returns whether a training and all of its graphs are there."""
    if not setting.origin.kept(setting.path):
        return False
    kept = _kept(setting.path)
    drawn = [set(GRAPHS) <= set(of) for of in kept["shapes"].values()]
    return len(kept["sheets"]) == len(drawn) > 0 and all(drawn)


def study(setting: Setting) -> Path:
    """Returns the file of a training's graphs; of both what is not there is made."""
    path = train(setting).with_suffix(".json")
    if is_made(setting):
        return path
    one, kept, began = read(setting.path), _kept(setting.path), time.process_time()
    for layer, cloud in one.clouds.items():
        shapes = kept["shapes"].setdefault(layer, {})
        for name in [name for name in GRAPHS if name not in shapes]:
            graph = GRAPHS[name](one, layer)
            shapes[name] = Shape.of(graph)
            if name == "published":
                kept["tears"] += tears(layer, cloud, graph)
        if layer not in kept["sheets"]:
            kept["sheets"][layer] = Sheet.of(cloud)
    kept["seconds"] += time.process_time() - began
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(kept))
    os.replace(unfinished, path)
    return path


def read_study(path: Path) -> Study:
    """Reads what ``study`` kept."""
    kept = _kept(path)
    one = read(path.with_suffix(".pt"))
    return Study(
        one,
        {layer: {name: Shape(*row) for name, row in of.items()} for layer, of in kept["shapes"].items()},
        [Tear(*row) for row in kept["tears"]],
        {layer: Sheet(*row) for layer, row in kept["sheets"].items()},
        one.seconds + kept["seconds"],
    )


def _kept(path: Path) -> dict[str, Any]:
    """Returns what there is of a training's graphs; files of before a setting was added lack it."""
    path = path.with_suffix(".json")
    empty: dict[str, Any] = {"shapes": {}, "tears": [], "sheets": {}, "seconds": 0.0}
    return {**empty, **(json.loads(path.read_text()) if path.exists() else {})}
