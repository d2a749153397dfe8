"""Landmark InPCA: a few checkpoints far from each other are embedded, and the rest placed by distances to these.

Time and memory grow linearly with the number of checkpoints M: L landmarks cost L·M distances instead of M²/2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import BlockSize, Checkpoints
from lightning_infogeo.comparison.exact_distances import exact_distances
from lightning_infogeo.comparison.jobs import Work, fingerprint_of, from_first_rank, rank_and_count, sum_over_ranks
from lightning_infogeo.distances import OVERLAP_FLOOR, pairwise_bhattacharyya
from lightning_infogeo.embedding.inpca import Embedding, inpca


class LandmarkEmbedding(NamedTuple):
    """All checkpoints on the axes of the landmarks.

    Attributes:
        coordinates: of all, shape (M, k).
        embedding: of the landmarks, each weighted by the number of checkpoints nearest to it.
        landmarks: their indices, shape (L,), in the order in which they were chosen.
        held_out: indices of the checkpoints on which the error was measured, none of them a landmark, shape (h,).
        error: Σ |D̂ − D| / Σ D over pairs of these, D exact and D̂ from k coordinates; NaN for fewer than two.
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
        count: number of landmarks L; fewer are chosen where all other checkpoints coincide with one.
        work: memory, device, and the folder in which finished blocks are kept.
        first: index of the first landmark.
        n_components: number of axes k.
        held_out: number of other checkpoints, drawn at random, on which the error is measured.
        seed: of that draw, and of the choice of samples for choosing landmarks where memory is too small for all.
        content: of ``digest``; needed where a folder is given.
    """
    landmarks, weights = farthest_points(points, count, work, first, seed)
    embedding = inpca(exact_distances(points, work, landmarks, content), n_components, weights)
    # Different machines may give an eigenvector either sign, so all ranks use the axes of the first.
    coordinates, eigenvalues = (from_first_rank(axes) for axes in (embedding.coordinates, embedding.eigenvalues))
    embedding = embedding._replace(coordinates=coordinates, eigenvalues=eigenvalues)
    block_size = BlockSize.of(points, work.memory)
    blocks = torch.split(torch.arange(len(points)), block_size.records)
    landmark_distances = _LandmarkDistances(points, landmarks, work)

    def compute(k: int) -> Tensor:
        return landmark_distances.distances(blocks[k])

    coordinates = torch.zeros(len(points), embedding.coordinates.shape[1], dtype=torch.float64)
    fingerprint = fingerprint_of(content, block_size, landmarks.tolist())
    for k, result in work.results("landmarks", len(blocks), compute, fingerprint):
        coordinates[blocks[k]] = embedding.transform(result)
    coordinates = sum_over_ranks(coordinates)

    others = torch.ones(len(points), dtype=torch.bool).index_fill(0, landmarks, False).nonzero().flatten()
    order = torch.randperm(len(others), generator=torch.Generator().manual_seed(seed))
    held_out_indices = others[order[:held_out]].sort().values
    exact = exact_distances(points, work, held_out_indices, content) if len(held_out_indices) else torch.zeros(0, 0)
    placed = embedding._replace(coordinates=coordinates[held_out_indices]).squared_distances
    error = float((placed - exact).abs().sum() / exact.sum()) if exact.any() else float("nan")
    return LandmarkEmbedding(coordinates, embedding, landmarks, held_out_indices, error)


def farthest_points(
    points: Checkpoints, count: int, work: Work, first: int = 0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Returns up to ``count`` checkpoints, each the farthest from those before it, and how many are nearest to each.

    Distances are measured on as many randomly drawn samples as fit into half of the memory for all checkpoints, but at
    least 32, so that runs are read once and not once for each landmark. Every process holds those of its own blocks.
    Of checkpoints at the same distance the first is chosen.

    Returns:
        Indices, shape (L,), and the number of checkpoints nearest to each, shape (L,), float64.
    """
    rank, ranks = rank_and_count()
    block_size = BlockSize.of(points, work.memory)
    blocks = torch.split(torch.arange(len(points)), block_size.records)
    fit = max(32, work.memory // (8 * points.classes * len(points)))
    draw = torch.randperm(points.samples, generator=torch.Generator().manual_seed(seed))[:fit].sort().values
    own_blocks = range(rank, len(blocks), ranks)
    planes = {}
    for done, k in enumerate(own_blocks, 1):
        planes[k] = _read_planes(points, blocks[k], draw, block_size).to(work.device)
        if work.watch is not None and rank == 0:
            work.watch("choosing landmarks", done, len(own_blocks))
    nearest = {k: torch.full((len(blocks[k]),), torch.inf, device=work.device) for k in own_blocks}
    owner = {k: torch.zeros(len(blocks[k]), dtype=torch.int64, device=work.device) for k in own_blocks}

    chosen = [first]
    while True:
        landmark = _read_planes(points, torch.tensor(chosen[-1:]), draw, block_size)[:, 0].to(work.device)
        best = torch.zeros(len(blocks), 2, dtype=torch.float64)
        for k in own_blocks:
            distance = _distances(planes[k], landmark)
            if int(blocks[k][0]) <= chosen[-1] <= int(blocks[k][-1]):
                distance[chosen[-1] - int(blocks[k][0])] = -1.0  # nearer to itself than any equal one is
            owner[k] = torch.where(distance < nearest[k], len(chosen) - 1, owner[k])
            nearest[k] = torch.minimum(nearest[k], distance)
            best[k, 0], best[k, 1] = nearest[k].max().cpu(), nearest[k].argmax().cpu()
        best = sum_over_ranks(best)
        farthest = int(best[:, 0].argmax())
        if len(chosen) == count or best[farthest, 0] < _SAME:
            break
        chosen.append(int(blocks[farthest][int(best[farthest, 1])]))
    weights = torch.zeros(len(chosen), dtype=torch.float64)
    for k in own_blocks:
        weights += owner[k].cpu().bincount(minlength=len(chosen))
    return torch.tensor(chosen), sum_over_ranks(weights)


_SAME = 1e-6
"""Nats below which two checkpoints count as equal when landmarks are chosen, since overlaps are float32 there."""


def _read_planes(points: Checkpoints, which: Tensor, samples: Tensor, block_size: BlockSize) -> Tensor:
    """Returns samples of checkpoints, one plane for each class, shape (C, m, n), float32."""
    parts = []
    for part in block_size.parts(points.samples):
        inside = samples[(samples >= part.start) & (samples < part.stop)] - part.start
        if len(inside):
            parts.append(points.read(which, part)[:, inside].float())
    return torch.cat(parts, dim=1).permute(2, 0, 1).contiguous()


def _distances(planes: Tensor, landmark: Tensor) -> Tensor:
    """Returns d_B between checkpoints, (C, m, n), and one, (C, n), shape (m,)."""
    overlap = planes[0] * landmark[0]
    for plane, values in zip(planes[1:], landmark[1:], strict=True):
        overlap.addcmul_(plane, values)
    return -overlap.clamp_(OVERLAP_FLOOR).log_().mean(-1)


class _LandmarkDistances:
    """Distances to the landmarks, whose amplitudes are cached where they fit into a quarter of the memory."""

    def __init__(self, points: Checkpoints, landmarks: Tensor, work: Work) -> None:
        self.points, self.landmarks, self.work = points, landmarks, work
        self.block_size = BlockSize.of(points, work.memory)
        self.caches = 8 * points.classes * points.samples * len(landmarks) <= work.memory // 4
        self.cache: dict[tuple[int, int], Tensor] = {}

    def distances(self, rows: Tensor) -> Tensor:
        """Returns the distances from checkpoints, shape (m,), a block, to the landmarks, shape (m, L)."""
        result = torch.zeros(len(rows), len(self.landmarks), dtype=torch.float64)
        for part in self.block_size.parts(self.points.samples):
            block = self.points.read(rows, part).to(self.work.device)
            share = (part.stop - part.start) / self.points.samples
            for start in range(0, len(self.landmarks), self.block_size.records):
                distances = pairwise_bhattacharyya(block, self._read(start, part), self.work.memory // 4)
                result[:, start : start + self.block_size.records] += share * distances.cpu()
        return result

    def _read(self, start: int, part: slice) -> Tensor:
        if (start, part.start) in self.cache:
            return self.cache[start, part.start]
        indices = self.landmarks[start : start + self.block_size.records]
        landmarks = self.points.read(indices, part).to(self.work.device)
        if self.caches:
            self.cache[start, part.start] = landmarks
        return landmarks
