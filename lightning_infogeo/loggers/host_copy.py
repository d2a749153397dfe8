"""Copies from the device to the host that are started at one hook and read at a later one, without waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor


class HostCopy(NamedTuple):
    """One record on its way to the host.

    Attributes:
        step: optimizer steps taken.
        x: the step at which Lightning logs its own metrics of that batch; None where the loggers do not get the record.
        values: the tensor on the host, complete once ``copied`` is.
        copied: the CUDA event recorded after the copy; None where there is nothing to wait for.
    """

    step: int
    x: int | None
    values: Tensor
    copied: Any


class HostCopies:
    """Tensors on their way to the host, one non-blocking copy each, to be read at a later hook.

    A copy or pickle of this object waits for those that are not complete.
    """

    def __init__(self) -> None:
        self._copies: deque[HostCopy] = deque()

    def __getstate__(self) -> dict[str, Any]:
        for copy in self._copies:
            if copy.copied is not None:
                copy.copied.synchronize()
        return {"_copies": deque(copy._replace(copied=None) for copy in self._copies)}

    def __bool__(self) -> bool:
        return bool(self._copies)

    def start_copy(self, step: int, x: int | None, values: Tensor) -> None:
        """Starts the copy of one record."""
        if values.device.type != "cuda":
            self._copies.append(HostCopy(step, x, values, None))
            return
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        host.copy_(values, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        self._copies.append(HostCopy(step, x, host, copied))

    def finish(self) -> list[tuple[int, int | None, list[float]]]:
        """Returns step, x and values of all records started, waiting only for copies that are not complete."""
        return [(step, x, values.tolist()) for step, x, values in self.finished()]

    def finished(self) -> Iterator[tuple[int, int | None, Tensor]]:
        """Yields what ``finish`` returns, the values as tensors on the host."""
        while self._copies:
            step, x, values, copied = self._copies.popleft()
            if copied is not None:
                copied.synchronize()
            yield step, x, values
