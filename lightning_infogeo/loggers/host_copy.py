"""Off the device without waiting: copies that are read at a later hook."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor


class HostCopy(NamedTuple):
    """A record on its way to the host.

    Attributes:
        step: optimizer steps taken.
        x: where Lightning's own metrics of that batch stand on a logger's axis; None to keep it from the loggers.
        values: the tensor on the host, complete once ``copied`` is.
        copied: the event behind the copy, None where there is nothing to wait for.
    """

    step: int
    x: int | None
    values: Tensor
    copied: Any


class HostCopies:
    """Takes tensors off the device with one non-blocking copy each, to be read at a later hook.

    A copy of it, made while some are on their way, waits for them.
    """

    def __init__(self) -> None:
        self._posted: deque[HostCopy] = deque()

    def __getstate__(self) -> dict[str, Any]:
        for posted in self._posted:
            if posted.copied is not None:
                posted.copied.synchronize()
        return {"_posted": deque(posted._replace(copied=None) for posted in self._posted)}

    def __bool__(self) -> bool:
        return bool(self._posted)

    def post(self, step: int, x: int | None, values: Tensor) -> None:
        """Starts the copy of one record."""
        if values.device.type != "cuda":
            self._posted.append(HostCopy(step, x, values, None))
            return
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        host.copy_(values, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        self._posted.append(HostCopy(step, x, host, copied))

    def collect(self) -> list[tuple[int, int | None, list[float]]]:
        """Returns step, x and values of all records posted, waiting only for copies that are not complete."""
        return [(step, x, values.tolist()) for step, x, values in self.arrived()]

    def arrived(self) -> Iterator[tuple[int, int | None, Tensor]]:
        """Yields what ``collect`` returns, as tensors on the host."""
        while self._posted:
            step, x, values, copied = self._posted.popleft()
            if copied is not None:
                copied.synchronize()
            yield step, x, values
