"""Runs whose progress, lengths and distances are known, and slow references in float64."""

import numpy as np
import torch

from lightning_infogeo import amplitudes, geodesic
from lightning_infogeo.comparison import Recording
from lightning_infogeo.geodesics import ignorance, truth
from tests.helpers.contracts import random_logits

CLASSES = 3
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0, 1, 2, 1])
ARC = np.arccos(CLASSES**-0.5)
"""From ignorance to truth, rad."""


def on_the_geodesic(at, name="run", steps=None, **metadata):
    """From ignorance to truth along the geodesic: progress is ``at``."""
    at = torch.as_tensor(at, dtype=torch.float64)
    like = torch.empty(len(LABELS), CLASSES, dtype=torch.float64)
    path = geodesic(ignorance(like), truth(LABELS, like), at)
    return Recording(name, torch.arange(len(at)) if steps is None else steps, path, LABELS, "probe", metadata)


def beside_the_geodesic(at, angle, name="run", **metadata):
    """At right angles off the geodesic's plane by ``angle``, scalar or one a sample: progress stays ``at``."""
    run = on_the_geodesic(at, name, **metadata)
    across = torch.zeros(len(LABELS), CLASSES, dtype=torch.float64)
    for n, label in enumerate(LABELS.tolist()):
        across[n, (label + 1) % 3], across[n, (label + 2) % 3] = 0.5**0.5, -(0.5**0.5)
    angle = torch.as_tensor(angle, dtype=torch.float64).expand(len(LABELS))[:, None]
    return run._replace(amplitudes=angle.cos() * run.amplitudes + angle.sin() * across)


def training(seed, records=25, samples=40, classes=5, way=0, stride=1, dtype=torch.float64, **metadata):
    """A noisy run from random predictions to the labels, by a way of its own."""
    labels = torch.arange(samples) % classes
    noise = random_logits(records, samples, classes, seed=seed, scale=0.15, dtype=torch.float64).cumsum(0)
    detour = random_logits(samples, classes, seed=1000 + way, scale=4.0, dtype=torch.float64)
    t = torch.linspace(0.02, 1, records, dtype=torch.float64)[:, None, None]
    logits = 6 * t * torch.nn.functional.one_hot(labels, classes) + t * (1 - t) * detour + noise
    metadata = {"seed": seed, "way": f"w{way}", **metadata}
    steps = stride * torch.arange(records)
    return Recording(f"w{way}-s{seed}", steps, amplitudes(logits).to(dtype), labels, "probe", metadata)


def slow_progress(record, labels):
    from scipy.optimize import minimize_scalar

    classes = record.shape[-1]
    start, end = np.full_like(record, classes**-0.5), np.eye(classes)[labels]
    theta = np.arccos(classes**-0.5)

    def distance(t):
        point = (np.sin((1 - t) * theta) * start + np.sin(t * theta) * end) / np.sin(theta)
        return np.arccos(np.clip((record * point).sum(-1), -1, 1)).mean()

    return minimize_scalar(distance, bounds=(0, 1), method="bounded", options={"xatol": 1e-10}).x


def slow_reindexed(run, n):
    """By the definition: one value of progress, one sample after the other."""
    history = np.asarray(run.amplitudes, dtype=np.float64)
    values = [slow_progress(record, run.labels.numpy()) for record in history]
    result, k = [], 0
    for i in range(1, n + 1):
        u = i / n
        while k < len(values) and values[k] < u:
            k += 1
        if k in (0, len(values)):
            result.append(history[min(k, len(values) - 1)])
            continue
        fraction = (u - values[k - 1]) / (values[k] - values[k - 1])
        point = []
        for a, b in zip(history[k - 1], history[k], strict=True):
            arc = 2 * np.arcsin(np.linalg.norm(a - b) / 2)
            point.append(
                a if arc < 1e-8 else (np.sin((1 - fraction) * arc) * a + np.sin(fraction * arc) * b) / np.sin(arc)
            )
        result.append(np.array(point))
    return np.array(result)


def slow_distances(runs, n, whole_range=False):
    """Mean over the values of progress up to the last that both reach, or over all of them."""
    paths = [slow_reindexed(run, n) for run in runs]
    farthest = [max(slow_progress(record, run.labels.numpy()) for record in np.asarray(run.amplitudes)) for run in runs]
    table = np.zeros((len(runs), len(runs)))
    for i, a in enumerate(paths):
        for j, b in enumerate(paths):
            both = n if whole_range else sum(k / n <= min(farthest[i], farthest[j]) for k in range(1, n + 1))
            table[i, j] = -np.log((a[:both] * b[:both]).sum(-1).clip(max=1)).mean()
    return table


class Spy:
    """An array on a disk: counts what is read of it."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = np.asarray(array), tuple(array.shape), np.asarray(array).dtype
        self.reads = []

    def __getitem__(self, which):
        block = self.array[which]
        self.reads.append(block.nbytes)
        return block
