"""Models of which every process holds a part (DTensor parameters, FSDP2): seen from one process, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING or torch.distributed.is_available():
    from torch.distributed._functional_collectives import AsyncCollectiveTensor
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor
else:
    AsyncCollectiveTensor = FSDPModule = DTensor = ()  # nothing is an instance of it

RECOVERS = hasattr(FSDPModule, "reset_iter_state")
"""Whether this torch can put FSDP2 back after a forward that raised."""


def part_here(tensor: Tensor) -> Tensor:
    """Returns what this process holds of a tensor; the tensor itself where that is all of it."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def joined(tensor: Tensor) -> Tensor:
    """Returns a tensor with the parts of all processes, arrived; to be called by all of them."""
    whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole.wait() if isinstance(whole, AsyncCollectiveTensor) else whole


@contextmanager
def resharded(module: nn.Module) -> Iterator[None]:
    """Leaves every FSDP2 module inside ``module`` in parts, as it is between two steps.

    A forward leaves the outermost gathered, expecting a backward: weights changed before the next forward would be
    ignored there. One that raises leaves more behind, which the next would trip over.
    """
    try:
        yield
    except BaseException:
        for outermost in _outermost(module):
            with suppress(AttributeError):  # where it has not been called yet
                outermost.reset_iter_state()
        raise
    for submodule in module.modules():
        if isinstance(submodule, FSDPModule):
            submodule.reshard()


def _outermost(module: nn.Module) -> Iterator[FSDPModule]:
    if isinstance(module, FSDPModule):
        yield module
    else:
        for child in module.children():
            yield from _outermost(child)
