"""Times work on a device, which runs behind the host."""

import statistics
import time
from collections.abc import Callable

import torch


def timed(work: Callable[[], object], device: str, repeats: int) -> float:
    """Median milliseconds, after one call to warm up."""
    times = []
    for _ in range(repeats + 1):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times[1:])


def wait(device: str | torch.device) -> None:
    """Waits until a device has done what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
