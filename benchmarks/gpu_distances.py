"""Distances on a device: how exact they are, and what all pairs of a history cost, ours and the research codes'."""

from collections.abc import Iterator
from functools import partial

import torch
from gpu_timing import timed
from research_codes import low_dimensional, picture
from torch import Tensor

from lightning_infogeo import amplitudes, bhattacharyya_from_logits, fisher_rao_from_logits, pairwise_bhattacharyya

Entry = tuple[str, dict[str, object]]


def small_distances(device: str, quick: bool) -> Iterator[Entry]:
    """Errors in float32, on the device and on the CPU, against float64 of the same logits."""
    generator = torch.Generator().manual_seed(0)
    samples, classes = (8, 10) if quick else (512, 1000)
    z = 3 * torch.randn(samples, classes, generator=generator)
    step = torch.randn(samples, classes, generator=generator)
    for size in (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        w = z + size * step
        row: dict[str, object] = {"perturbation": size}
        for label, distance in (("d_B", bhattacharyya_from_logits), ("d_FR", fisher_rao_from_logits)):
            exact = float(distance(z.double(), w.double()))
            row[label] = exact
            for place in ("cpu", device):
                found = float(distance(z.to(place), w.to(place)))
                row[f"{label}: error on {'the device' if place == device else 'the CPU'}"] = abs(found / exact - 1)
        yield f"Small distances in float32 against float64 on the CPU, {samples} samples, {classes:,} classes", row


def pairwise(device: str, quick: bool, low: str, other: str) -> Iterator[Entry]:
    """All distances of a history, on the device and on the CPU, and by the research codes whose checkouts are given."""
    cells = [(20, 30, 10)] if quick else [(300, 1000, 10), (1000, 1000, 10), (256, 512, 1000)]
    for records, samples, classes in cells:
        generator = torch.Generator().manual_seed(0)
        steps = torch.randn(records, samples, classes, generator=generator)
        history = amplitudes((steps / (1 + torch.arange(records) / 8)[:, None, None]).cumsum_(0))
        there, exact = history.to(device), pairwise_bhattacharyya(history)
        row: dict[str, object] = {"records": records, "samples": samples, "classes": classes}
        row["the CPU [ms]"] = timed(partial(pairwise_bhattacharyya, history), "cpu", 1)
        row["the device [ms]"] = timed(partial(pairwise_bhattacharyya, there), device, 5)
        row["largest relative difference"] = _apart(pairwise_bhattacharyya(there).cpu(), exact)
        probabilities = history.square()
        if low:
            theirs = low_dimensional(low, device)
            row["low-dimensional-deepnets, the device [ms]"] = timed(partial(theirs, probabilities), device, 1)
            row["of it from ours"] = _apart(theirs(probabilities), exact)
        if other and records * samples < 1_000_000 and classes == 10:  # which takes half a minute there
            theirs = picture(other, samples)
            row["picture_of_space_of_tasks, NumPy [ms]"] = timed(partial(theirs, probabilities), "cpu", 1)
        yield "All Bhattacharyya distances of a history", row


def _apart(found: Tensor, exact: Tensor) -> float:
    """Returns the largest relative difference between two records."""
    off = ~torch.eye(len(exact), dtype=torch.bool)
    return float((found / exact - 1)[off].abs().max())
