"""Landmark InPCA: a few checkpoints far from each other are embedded, the rest placed by their distances to them.

Time and memory grow linearly with the number of checkpoints M: L landmarks cost L·M distances instead of M²/2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, Cut
from lightning_infogeo.comparison.exact_distances import exact_distances
from lightning_infogeo.comparison.jobs import Work, named, of_first, place, total
from lightning_infogeo.distances import OVERLAP_FLOOR, pairwise_bhattacharyya
from lightning_infogeo.embedding.inpca import Embedding, inpca


class LandmarkEmbedding(NamedTuple):
    """All checkpoints on the axes of some.

    Attributes:
        coordinates: of all, shape (M, k).
        embedding: of the landmarks, each weighted by the number of checkpoints nearest to it.
        landmarks: their indices, shape (L,), in the order in which they were chosen.
        held_out: indices of checkpoints, none of them a landmark, on which the error was measured, shape (h,).
        error: Σ |D̂ − D| / Σ D over the pairs of these, D exact and D̂ from k coordinates; NaN for fewer than two.
    """

    coordinates: Tensor
    embedding: Embedding
    landmarks: Tensor
    held_out: Tensor
    error: float


def landmark_inpca(
    points: Checkpoints,
    count: int,
    work: Work,
    *,
    first: int = 0,
    n_components: int = 3,
    held_out: int = 64,
    seed: int = 0,
    content: str = "",
) -> LandmarkEmbedding:
    """Returns all checkpoints on the axes of ``count`` landmarks, each the farthest from those before it.

    Args:
        points: the checkpoints.
        count: of landmarks L; fewer are taken where all others coincide with one.
        work: memory, device, and the folder in which finished blocks are kept.
        first: index of the first landmark.
        n_components: number of axes k.
        held_out: number of other checkpoints, drawn at random, on which the error is measured.
        seed: of that draw, and of the samples by which landmarks are chosen where not all fit.
        content: of ``digest``; needed where a folder is given.
    """
    landmarks, weights = farthest_points(points, count, work, first, seed)
    embedding = inpca(exact_distances(points, work, landmarks, content), n_components, weights)
    # Machines that differ may give an eigenvector either sign: all ranks place points on the axes of the first.
    axes = {"coordinates": of_first(embedding.coordinates), "eigenvalues": of_first(embedding.eigenvalues)}
    embedding = embedding._replace(**axes)
    cut = Cut.of(points, work.memory)
    blocks = torch.split(torch.arange(len(points)), cut.records)
    near = _Columns(points, landmarks, work)

    def compute(k: int) -> Tensor:
        return near.distances(blocks[k])

    coordinates = torch.zeros(len(points), embedding.coordinates.shape[1], dtype=torch.float64)
    kept = named(content, cut, landmarks.tolist())
    for k, result in work.results("landmarks", len(blocks), compute, kept):
        coordinates[blocks[k]] = embedding.transform(result)
    coordinates = total(coordinates)

    others = torch.ones(len(points), dtype=torch.bool).index_fill(0, landmarks, False).nonzero().flatten()
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    chosen = others[order[:held_out]].sort().values
    exact = exact_distances(points, work, chosen, content) if len(chosen) else torch.zeros(0, 0)
    placed = embedding._replace(coordinates=coordinates[chosen]).squared_distances
    error = float((placed - exact).abs().sum() / exact.sum()) if exact.any() else float("nan")
    return LandmarkEmbedding(coordinates, embedding, landmarks, chosen, error)


def farthest_points(
    points: Checkpoints, count: int, work: Work, first: int = 0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Returns up to ``count`` checkpoints, each the farthest from those before it, and how many are nearest to each.

    Distances are those on as many samples, drawn at random, as let all checkpoints together take half of the memory,
    but at least 32: the runs are read once, not once a landmark. Every process keeps those of its own blocks. Of
    checkpoints equally far the first is taken.

    Returns:
        Indices, shape (L,), and the number of checkpoints nearest to each, shape (L,), float64.
    """
    rank, ranks = place()
    cut = Cut.of(points, work.memory)
    blocks = torch.split(torch.arange(len(points)), cut.records)
    fit = max(32, work.memory // (8 * points.classes * len(points)))
    draw = torch.randperm(points.samples, generator=torch.Generator().manual_seed(seed))[:fit].sort().values
    own = range(rank, len(blocks), ranks)
    held = {}
    for done, k in enumerate(own, 1):
        held[k] = _few(points, blocks[k], draw, cut).to(work.device)
        if work.watch is not None and rank == 0:
            work.watch("choosing landmarks", done, len(own))
    nearest = {k: torch.full((len(blocks[k]),), torch.inf, device=work.device) for k in own}
    owner = {k: torch.zeros(len(blocks[k]), dtype=torch.int64, device=work.device) for k in own}

    chosen = [first]
    while True:
        landmark = _few(points, torch.tensor(chosen[-1:]), draw, cut)[:, 0].to(work.device)
        best = torch.zeros(len(blocks), 2, dtype=torch.float64)
        for k in own:
            distance = _distances(held[k], landmark)
            if int(blocks[k][0]) <= chosen[-1] <= int(blocks[k][-1]):
                distance[chosen[-1] - int(blocks[k][0])] = -1.0  # nearer to itself than to its like
            owner[k] = torch.where(distance < nearest[k], len(chosen) - 1, owner[k])
            nearest[k] = torch.minimum(nearest[k], distance)
            best[k, 0], best[k, 1] = nearest[k].max().cpu(), nearest[k].argmax().cpu()
        best = total(best)
        farthest = int(best[:, 0].argmax())
        if len(chosen) == count or best[farthest, 0] < _SAME:
            break
        chosen.append(int(blocks[farthest][int(best[farthest, 1])]))
    weights = torch.zeros(len(chosen), dtype=torch.float64)
    for k in own:
        weights += owner[k].cpu().bincount(minlength=len(chosen))
    return torch.tensor(chosen), total(weights)


_SAME = 1e-6
"""Nats below which two checkpoints count as one when landmarks are chosen: overlaps are float32 there."""


def _few(points: Checkpoints, which: Tensor, samples: Tensor, cut: Cut) -> Tensor:
    """Returns some samples of some checkpoints, shape (C, m, n), float32: one plane a class, for sums over classes."""
    found = []
    for part in cut.parts(points.samples):
        inside = samples[(samples >= part.start) & (samples < part.stop)] - part.start
        if len(inside):
            found.append(points.read(which, part)[:, inside].float())
    return torch.cat(found, dim=1).permute(2, 0, 1).contiguous()


def _distances(planes: Tensor, landmark: Tensor) -> Tensor:
    """Returns d_B between checkpoints, (C, m, n), and one, (C, n), shape (m,)."""
    overlap = planes[0] * landmark[0]
    for plane, values in zip(planes[1:], landmark[1:], strict=True):
        overlap.addcmul_(plane, values)
    return -overlap.clamp_(OVERLAP_FLOOR).log_().mean(-1)


class _Columns:
    """Landmarks to which checkpoints have their distances taken; held where a quarter of the memory holds them."""

    def __init__(self, points: Checkpoints, landmarks: Tensor, work: Work) -> None:
        self.points, self.landmarks, self.work = points, landmarks, work
        self.cut = Cut.of(points, work.memory)
        self.holds = 8 * points.classes * points.samples * len(landmarks) <= work.memory // 4
        self.held: dict[tuple[int, int], Tensor] = {}

    def distances(self, rows: Tensor) -> Tensor:
        """Returns the distances from checkpoints, shape (m,), a block, to the landmarks, shape (m, L)."""
        result = torch.zeros(len(rows), len(self.landmarks), dtype=torch.float64)
        for part in self.cut.parts(self.points.samples):
            block = self.points.read(rows, part).to(self.work.device)
            share = (part.stop - part.start) / self.points.samples
            for start in range(0, len(self.landmarks), self.cut.records):
                distances = pairwise_bhattacharyya(block, self._read(start, part), self.work.memory // 4)
                result[:, start : start + self.cut.records] += share * distances.cpu()
        return result

    def _read(self, start: int, part: slice) -> Tensor:
        if (start, part.start) in self.held:
            return self.held[start, part.start]
        some = self.landmarks[start : start + self.cut.records]
        landmarks = self.points.read(some, part).to(self.work.device)
        if self.holds:
            self.held[start, part.start] = landmarks
        return landmarks
