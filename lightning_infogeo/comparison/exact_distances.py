"""Distances between all checkpoints of all runs, exactly, in tiles of bounded memory."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import BlockSize, Checkpoints
from lightning_infogeo.comparison.jobs import Work, fingerprint_of, sum_over_ranks
from lightning_infogeo.distances import pairwise_bhattacharyya


def exact_distances(points: Checkpoints, work: Work, which: Tensor | None = None, content: str = "") -> Tensor:
    """Returns the Bhattacharyya distances between checkpoints, in nats per sample.

    Tiles above the diagonal are distributed over the ranks. The working memory does not grow with the number of
    checkpoints; the result does, 8 M² bytes in each process.

    Args:
        points: the checkpoints.
        work: memory, device, and the folder in which finished tiles are kept.
        which: indices of some of them, shape (m,); None for all.
        content: of ``digest``; needed where a folder is given.

    Returns:
        Shape (m, m), float64, symmetric, with an exactly zero diagonal.
    """
    which = torch.arange(len(points)) if which is None else which
    block_size = BlockSize.of(points, work.memory)
    blocks = torch.split(which, block_size.records)
    pairs = [(i, j) for i in range(len(blocks)) for j in range(i, len(blocks))]

    @functools.lru_cache(maxsize=1)  # tiles of a row share their first block
    def first_block(i: int, part: int) -> Tensor:
        return points.read(blocks[i], parts[part]).to(work.device)

    parts = block_size.parts(points.samples)

    def compute(tile: int) -> Tensor:
        i, j = pairs[tile]
        distances = torch.zeros(len(blocks[i]), len(blocks[j]), dtype=torch.float64, device=work.device)
        for k, part in enumerate(parts):
            second_block = None if i == j else points.read(blocks[j], part).to(work.device)
            share = (part.stop - part.start) / points.samples
            distances += share * pairwise_bhattacharyya(first_block(i, k), second_block, work.memory // 4)
        return distances.cpu()

    table = torch.zeros(len(which), len(which), dtype=torch.float64)
    fingerprint = fingerprint_of(content, block_size, which.tolist())
    for tile, distances in work.results("tiles", len(pairs), compute, fingerprint):
        i, j = pairs[tile]
        rows = slice(i * block_size.records, i * block_size.records + len(blocks[i]))
        columns = slice(j * block_size.records, j * block_size.records + len(blocks[j]))
        table[rows, columns] = distances
        table[columns, rows] = distances.mT
    return sum_over_ranks(table)
