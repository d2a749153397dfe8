"""Long computations as jobs: distributed over processes, stored in a folder, reported as they finish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

Watch = Callable[[str, int, int], None]
"""Called as (stage, jobs done, all jobs) in the first process; it counts the jobs of that process."""


class Work(NamedTuple):
    """How the jobs of a comparison are done.

    Where ``torch.distributed`` is initialised, as under ``fabric run`` and ``torchrun``, ranks get jobs round-robin. A
    job does not depend on the number of ranks, so neither does the result.

    Attributes:
        memory: bytes of working memory to use at most in each process, beside results (but at least those of a few
            records).
        folder: where results of finished jobs are stored, shared by all processes; None to store none.
        device: on which distances and progress are computed.
        watch: for progress bars.
    """

    memory: int = 2**28
    folder: Path | None = None
    device: torch.device = torch.device("cpu")
    watch: Watch | None = None

    def results(
        self, stage: str, count: int, compute: Callable[[int], Tensor], fingerprint: str = ""
    ) -> Iterator[tuple[int, Tensor]]:
        """Yields (job, result) for this process's share of ``count`` jobs; a stored result is not computed again."""
        rank, ranks = rank_and_count()
        store = None
        missing = torch.ones(count, dtype=torch.bool)
        if self.folder is not None:
            store = ResultStore(self.folder / f"{stage}-{fingerprint[:16]}", fingerprint)
            # The ranks may see a shared folder in different states: all use what the first of them saw.
            missing = from_first_rank(~store.stored(count)).bool()
        order = torch.cat([missing.nonzero().flatten(), (~missing).nonzero().flatten()])
        own = order[rank::ranks].tolist()
        for done, job in enumerate(own, 1):
            result = store.load(job) if store is not None else None
            if result is None:
                result = compute(job)
                if store is not None:
                    store.save(job, result)
            yield job, result
            if self.watch is not None and rank == 0:
                self.watch(stage, done, len(own))


class ResultStore:
    """Finished results in a folder, one ``.npy`` file a job, named by the job and a checksum of its content.

    A file is written under another name and renamed when it is complete. A file that is truncated, altered or of other
    data does not match its checksum, which includes the fingerprint, and counts as missing.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def stored(self, count: int) -> Tensor:
        """Returns for which of ``count`` jobs there is a file, shape (count,), bool."""
        stored_jobs = torch.zeros(count, dtype=torch.bool)
        for path in self.folder.glob("*-*.npy"):
            job = path.name.partition("-")[0]
            if job.isdigit() and int(job) < count:
                stored_jobs[int(job)] = True
        return stored_jobs

    def load(self, job: int) -> Tensor | None:
        """Returns the stored result of a job; None where there is no valid file."""
        for path in sorted(self.folder.glob(f"{job:07d}-*.npy")):
            try:
                values = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if path.name == self._name(job, values):
                return torch.from_numpy(values)
        return None

    def save(self, job: int, result: Tensor) -> None:
        """Stores a result."""
        values = np.ascontiguousarray(result.cpu().numpy())
        unfinished = self.folder / f"{job:07d}.{os.getpid()}.tmp"
        with unfinished.open("wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / self._name(job, values))

    def _name(self, job: int, values: np.ndarray) -> str:
        content = hashlib.blake2b(digest_size=8)
        for part in (self.fingerprint, str(job), str(values.dtype), str(values.shape)):
            content.update(part.encode() + b"\0")
        content.update(values.tobytes())
        return f"{job:07d}-{content.hexdigest()}.npy"


def fingerprint_of(*parts: object) -> str:
    """Returns a fingerprint of the values that jobs depend on."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def rank_and_count() -> tuple[int, int]:
    """Returns this process's rank and the number of ranks: (0, 1) where ``torch.distributed`` is not initialised."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def from_first_rank(values: Tensor) -> Tensor:
    """Returns the first rank's values in every rank; all pass the same shape."""
    return sum_over_ranks(values if rank_and_count()[0] == 0 else torch.zeros_like(values))


def sum_over_ranks(part: Tensor) -> Tensor:
    """Returns in every rank the sum over ranks of tensors of the same shape."""
    if rank_and_count()[1] == 1:
        return part
    whole = part.to(torch.int64) if part.dtype == torch.bool else part.clone()
    if dist.get_backend() == "nccl":
        whole = whole.cuda()
    dist.all_reduce(whole)
    return whole.cpu()
