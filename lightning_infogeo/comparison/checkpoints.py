"""The checkpoints of several runs as one sequence, read from their archives block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.comparison.jobs import Work, sum_over_ranks
from lightning_infogeo.comparison.run import RecordedRun

BLOCK = 256
"""The most records in a block: with tiles of 256 × 256 records are seldom read twice, and ranks get equal shares."""

_SMALL = 16
"""The fewest records in a block; where these take too much memory, samples are read in parts."""


class Checkpoints:
    """All records of some runs, one run after the other, each in the order of time.

    Attributes:
        runs: the runs.
        starts: index of the first record of each run, and the number of records in all, shape (R + 1,).
        samples: N.
        classes: C.
    """

    def __init__(self, runs: Sequence[RecordedRun]) -> None:
        self.runs = tuple(runs)
        self.starts = torch.tensor([0, *(len(run.steps) for run in runs)]).cumsum(0)
        self.samples, self.classes = runs[0].amplitudes.shape[1:]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def member(self) -> Tensor:
        """The index of the run of each record, shape (M,)."""
        return torch.arange(len(self.runs)).repeat_interleave(self.starts.diff())

    @property
    def steps(self) -> Tensor:
        """Optimizer steps of the records, shape (M,)."""
        return torch.cat([run.steps.cpu() for run in self.runs])

    def read(self, which: Tensor, samples: slice = slice(None)) -> Tensor:
        """Returns records by index, shape (m,), as amplitudes (m, n, C)."""
        member = torch.searchsorted(self.starts, which, right=True) - 1
        parts, order = [], []
        for k in torch.unique(member).tolist():
            positions = (member == k).nonzero().flatten()
            parts.append(read(self.runs[k], which[positions] - self.starts[k], samples))
            order.append(positions)
        if len(parts) == 1:
            return parts[0]
        return torch.cat(parts)[torch.cat(order).argsort()]


def read(run: RecordedRun, records: Tensor, samples: slice = slice(None)) -> Tensor:
    """Returns records of a run, shape (m,), as amplitudes (m, n, C), float32, or float64 where they are stored so.

    Raises:
        ValueError: where a record holds NaN or ∞.
    """
    order, inverse = torch.unique(records, return_inverse=True)
    first, last = int(order[0]), int(order[-1])
    # A slice is one read for any kind of array; a list of indices may be one read for each.
    which: Any = slice(first, last + 1) if last - first + 1 == len(order) else order.numpy()
    block = run.amplitudes[which] if samples == slice(None) else run.amplitudes[which, samples]
    if not isinstance(block, Tensor):
        block = torch.from_numpy(np.array(block))
    block = block if block.dtype == torch.float64 else block.float()
    finite = block.flatten(1).isfinite().all(1)
    if not finite.all():
        step = int(run.steps[int(order[int((~finite).nonzero()[0])])])
        raise ValueError(f"Run {run.name!r} holds NaN or ∞ at step {step}; leave that record out.")
    return block if torch.equal(records, order) else block[inverse]


class BlockSize(NamedTuple):
    """How much is read at a time.

    Attributes:
        records: in a block.
        samples: in a part of the samples; N unless a few whole records would exceed the memory.
    """

    records: int
    samples: int

    @classmethod
    def of(cls, points: Checkpoints, memory: int) -> BlockSize:
        """Returns the size at which two blocks, and a copy of each while it is read, take ¾ of ``memory``."""
        room, row = memory * 3 // 16, 8 * points.classes
        records = max(min(room // (row * points.samples), BLOCK), _SMALL)
        return cls(records, max(1, min(points.samples, room // (row * records))))

    def parts(self, count: int) -> list[slice]:
        """Returns the parts of ``count`` samples."""
        return [slice(n, min(n + self.samples, count)) for n in range(0, count, self.samples)]


def digest(points: Checkpoints, work: Work) -> str:
    """Returns a fingerprint of everything in the runs that distances depend on; reads all of it once."""

    def compute(k: int) -> Tensor:
        run, content = points.runs[k], hashlib.blake2b(digest_size=32)
        content.update(repr((tuple(run.amplitudes.shape), run.steps.tolist())).encode())
        for block in torch.split(torch.arange(len(run.steps)), BlockSize.of(points, work.memory).records):
            content.update(read(run, block).numpy().tobytes())
        return torch.frombuffer(bytearray(content.digest()), dtype=torch.uint8).to(torch.int64)

    digests = torch.zeros(len(points.runs), 32, dtype=torch.int64)
    for k, result in work._replace(folder=None).results("reading", len(points.runs), compute):
        digests[k] = result
    return hashlib.blake2b(sum_over_ranks(digests).numpy().tobytes(), digest_size=16).hexdigest()
