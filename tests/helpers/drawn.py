"""Trajectories and paths as they are drawn, and what stands on a figure."""

import math

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.markers import Event
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = ("velocity", "length", "displacement", "straightness", "roughness", "entropy")
LABELLED = (*QUANTITIES, "distance_to_truth", "progress")


def trajectory(distances, labelled=True, steps=None):
    """Returns a trajectory with these distances to truth, at steps 0, 10, 20 and so on."""
    made = Trajectory(LABELLED if labelled else QUANTITIES, "", 1, "")
    for k, distance in enumerate(distances):
        row = [math.nan if k == 0 else 0.1, k, k / 2, 0.5, math.nan, 1.0]
        made.append(10 * k if steps is None else steps[k], [*row, distance, 0.5] if labelled else row)
    return made


def path(steps, probes=("val",), seed=0, labelled=True):
    """Returns the path of a random walk of each probe, with a way to the truth."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(len(probes) * len(steps), 4, generator=generator, dtype=torch.float64).cumsum(0)
    embedded = inpca(torch.cdist(points, points).square())
    member = torch.arange(len(probes)).repeat_interleave(len(steps))
    way = torch.randn(11 if labelled else 1, 3, generator=generator, dtype=torch.float64).cumsum(0)
    at = torch.tensor(list(steps) * len(probes))
    return EmbeddedPath(tuple(probes), member, at, embedded, way, torch.zeros(0, 3, dtype=torch.float64))


def flag(probe="val", step=100, known=200):
    return Event("overfitting", probe, step, known, 0.2, "it turns")


def boxes(figure):
    """Returns (text, left, bottom, right, top) in pixels of all that is written on a figure, ticks included."""
    FigureCanvasAgg(figure).draw()
    written = [*figure.texts]
    for axes in figure.axes:
        written += [*axes.texts]
        if axes.axison:
            written += [axes.title, axes.xaxis.label, axes.yaxis.label]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                written += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                written += [tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = [text for text in written if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), *text.get_window_extent().extents) for text in shown]


def overlapping(found):
    """Returns pairs of texts of which one covers another by more than two pixels both ways."""
    pairs = []
    for k, (first, *a) in enumerate(found):
        for second, *b in found[k + 1 :]:
            across = min(a[2], b[2]) - max(a[0], b[0])
            up = min(a[3], b[3]) - max(a[1], b[1])
            if across > 2 and up > 2:
                pairs.append((first, second))
    return pairs
