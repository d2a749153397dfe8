"""Bringing the inputs of a probe to a CUDA device beside what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

from lightning_infogeo.probe.structure import contents_of, moved

Call = tuple[int, int, Any]
"""First sample, last sample (exclusive) and inputs of a call."""


def arriving(calls: Iterator[Call], device: torch.device) -> Iterator[Call]:
    """Yields calls with their inputs on a device, two of them there at a time.

    On CUDA they are copied in a stream of their own: the first while the device is still busy with what it was given
    before, each other one while the model computes with the one before it. The host waits for nothing where they lie in
    pinned memory.
    """
    if device.type != "cuda":
        for first, last, part in calls:
            yield first, last, moved(part, device)
        return
    stream = _stream(device)
    before: tuple[Call, torch.cuda.Event] | None = None
    for first, last, part in calls:
        with torch.cuda.stream(stream):
            coming = (first, last, moved(part, device)), stream.record_event()
        if before is not None:
            yield _arrived(*before)
        before = coming
    if before is not None:
        yield _arrived(*before)


def _arrived(call: Call, event: torch.cuda.Event) -> Call:
    here = torch.cuda.current_stream()
    here.wait_event(event)
    for leaf in contents_of(call[2]):
        if isinstance(leaf, torch.Tensor) and leaf.is_cuda:
            leaf.record_stream(here)  # its memory is free again when both streams are done with it
    return call


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
