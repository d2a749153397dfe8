"""Distances between all checkpoints of all runs, exactly, in tiles of bounded memory."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, Cut
from lightning_infogeo.comparison.jobs import Work, named, total
from lightning_infogeo.distances import pairwise_bhattacharyya


def exact_distances(points: Checkpoints, work: Work, which: Tensor | None = None, content: str = "") -> Tensor:
    """Returns the Bhattacharyya distances between checkpoints, in nats per sample.

    Tiles above the diagonal are dealt to the ranks; the working memory does not grow with the number of checkpoints,
    the result, of 8 M² bytes in each process, does.

    Args:
        points: the checkpoints.
        work: memory, device, and the folder in which finished tiles are kept.
        which: indices of some of them, shape (m,); None for all.
        content: of ``digest``; needed where a folder is given.

    Returns:
        Shape (m, m), float64, symmetric, with an exactly zero diagonal.
    """
    which = torch.arange(len(points)) if which is None else which
    cut = Cut.of(points, work.memory)
    blocks = torch.split(which, cut.records)
    pairs = [(i, j) for i in range(len(blocks)) for j in range(i, len(blocks))]

    @functools.lru_cache(maxsize=1)  # tiles of a row share their first block
    def left(i: int, part: int) -> Tensor:
        return points.read(blocks[i], parts[part]).to(work.device)

    parts = cut.parts(points.samples)

    def compute(tile: int) -> Tensor:
        i, j = pairs[tile]
        result = torch.zeros(len(blocks[i]), len(blocks[j]), dtype=torch.float64, device=work.device)
        for k, part in enumerate(parts):
            other = None if i == j else points.read(blocks[j], part).to(work.device)
            share = (part.stop - part.start) / points.samples
            result += share * pairwise_bhattacharyya(left(i, k), other, work.memory // 4)
        return result.cpu()

    table = torch.zeros(len(which), len(which), dtype=torch.float64)
    for tile, result in work.results("tiles", len(pairs), compute, named(content, cut, which.tolist())):
        i, j = pairs[tile]
        rows = slice(i * cut.records, i * cut.records + len(blocks[i]))
        columns = slice(j * cut.records, j * cut.records + len(blocks[j]))
        table[rows, columns] = result
        table[columns, rows] = result.mT
    return total(table)
