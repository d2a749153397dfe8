"""Sharded models (DTensor parameters, FSDP2): their local parts, and putting them back after a forward."""

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


def local_part(tensor: Tensor) -> Tensor:
    """Returns this process's part of a tensor; the tensor itself if it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gathered(tensor: Tensor) -> Tensor:
    """Returns a tensor with the parts of all processes; all of them must call this."""
    whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return whole.wait() if isinstance(whole, AsyncCollectiveTensor) else whole


@contextmanager
def resharded(module: nn.Module) -> Iterator[None]:
    """Reshards every FSDP2 module in ``module`` after the block, as it is between two steps.

    A forward leaves the outermost module gathered for a backward: it would ignore weights that change before the next
    forward. A forward that raises also leaves iteration state, on which the next one would fail.
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
