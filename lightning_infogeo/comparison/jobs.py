"""Long computations cut into jobs: dealt to processes, kept in a folder, reported as they finish."""

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
"""Called as (stage, jobs done, jobs in all) in the first process; jobs are those of that process."""


class Work(NamedTuple):
    """How the jobs of a comparison are done.

    Where ``torch.distributed`` is initialised, as under ``fabric run`` and ``torchrun``, jobs are dealt round-robin to
    the ranks. What a job is does not depend on their number, so neither does the result.

    Attributes:
        memory: bytes of working memory to use at most in each process, beside results (but at least those of a few
            records).
        folder: where finished jobs are kept, shared by all processes; None to keep none.
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
        """Yields (job, result) for those of ``count`` jobs that are this process's; a kept result is not made anew."""
        rank, ranks = place()
        shelf = None
        missing = torch.ones(count, dtype=torch.bool)
        if self.folder is not None:
            shelf = Shelf(self.folder / f"{stage}-{fingerprint[:16]}", fingerprint)
            # The ranks may see a shared folder in different states: what the first of them saw counts.
            missing = of_first(~shelf.kept(count)).bool()
        order = torch.cat([missing.nonzero().flatten(), (~missing).nonzero().flatten()])
        own = order[rank::ranks].tolist()
        for done, job in enumerate(own, 1):
            result = shelf.load(job) if shelf is not None else None
            if result is None:
                result = compute(job)
                if shelf is not None:
                    shelf.save(job, result)
            yield job, result
            if self.watch is not None and rank == 0:
                self.watch(stage, done, len(own))


class Shelf:
    """Finished results in a folder, one ``.npy`` file a job, named by the job and a checksum of its content.

    A file is written under another name and renamed when it is whole. One that is cut off, altered, or of other data
    does not fit its checksum, which includes the fingerprint, and counts as missing.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def kept(self, count: int) -> Tensor:
        """Returns for which of ``count`` jobs there is a file, shape (count,), bool."""
        found = torch.zeros(count, dtype=torch.bool)
        for path in self.folder.glob("*-*.npy"):
            job = path.name.partition("-")[0]
            if job.isdigit() and int(job) < count:
                found[int(job)] = True
        return found

    def load(self, job: int) -> Tensor | None:
        """Returns the result kept of a job, None where there is none that is whole."""
        for path in sorted(self.folder.glob(f"{job:07d}-*.npy")):
            try:
                values = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if path.name == self._name(job, values):
                return torch.from_numpy(values)
        return None

    def save(self, job: int, result: Tensor) -> None:
        """Keeps a result, float64."""
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


def named(*parts: object) -> str:
    """Returns a fingerprint of what jobs depend on."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def place() -> tuple[int, int]:
    """Returns this process's rank and the number of ranks: (0, 1) where ``torch.distributed`` is not initialised."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def of_first(values: Tensor) -> Tensor:
    """Returns what the first rank has, in each of them; all pass the same shape."""
    return total(values if place()[0] == 0 else torch.zeros_like(values))


def total(part: Tensor) -> Tensor:
    """Returns the sum over ranks of tensors of the same shape, in each of them."""
    if place()[1] == 1:
        return part
    whole = part.to(torch.int64) if part.dtype == torch.bool else part.clone()
    if dist.get_backend() == "nccl":
        whole = whole.cuda()
    dist.all_reduce(whole)
    return whole.cpu()
