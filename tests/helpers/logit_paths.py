"""Paths of logits, and their records."""

import numpy as np
import torch

from lightning_infogeo.trajectory import LABELLED_QUANTITIES, QUANTITIES, extend, start
from tests.helpers.contracts import random_logits


def path(records=12, scale=0.3, dtype=torch.float64, seed=0):
    """A random walk of logits, shape (records, 25, 6)."""
    return random_logits(1, 25, 6, seed=seed, dtype=dtype) + scale * random_logits(
        records, 25, 6, seed=seed + 1, scale=1.0, dtype=dtype
    ).cumsum(0)


def record(logits, steps=None, **options):
    steps = range(len(logits)) if steps is None else steps
    state, rows = start(logits[0]), []
    for step, values in zip(steps, logits, strict=True):
        state, row = extend(state, step, values, **{k: v(step) if callable(v) else v for k, v in options.items()})
        rows.append(row)
    names = LABELLED_QUANTITIES if options.get("labels") is not None else QUANTITIES
    return dict(zip(names, torch.stack(rows, dim=1), strict=True)), state


def arc_to_geodesic(p, labels, t):
    """The mean arc from p to the point t of the way from the uniform prediction to the labels."""
    n, c = p.shape
    start, end = np.full((n, c), c**-0.5), np.eye(c)[labels]
    angle = np.arccos(c**-0.5)
    point = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return np.arccos(np.clip((np.sqrt(p) * point).sum(-1), 0, 1)).mean()
