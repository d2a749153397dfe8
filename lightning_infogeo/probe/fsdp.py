"""Sharded models (DTensor parameters, FSDP2): their local parts, and putting them back after a forward."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:  # they take a second to import, and whoever has an object of one has imported it
    from typing import TypeGuard

    from torch.distributed._functional_collectives import AsyncCollectiveTensor
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor


def recovers() -> bool:
    """Returns whether this torch can put FSDP2 back after a forward that raised."""
    from torch.distributed.fsdp import FSDPModule

    return hasattr(FSDPModule, "reset_iter_state")


def local_part(tensor: Tensor) -> Tensor:
    """Returns this process's part of a tensor; the tensor itself if it is not sharded."""
    return tensor.to_local() if _is_sharded(tensor) else tensor


def gathered(tensor: Tensor) -> Tensor:
    """Returns a tensor with the parts of all processes; all of them must call this."""
    whole = tensor.full_tensor() if _is_sharded(tensor) else tensor
    return whole.wait() if _is_awaited(whole) else whole


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
        if _is_fsdp2(submodule):
            submodule.reshard()


def _outermost(module: nn.Module) -> Iterator[FSDPModule]:
    if _is_fsdp2(module):
        yield module
    else:
        for child in module.children():
            yield from _outermost(child)


def _is_sharded(tensor: Tensor) -> TypeGuard[DTensor]:
    return isinstance(tensor, _imported("torch.distributed.tensor", "DTensor"))


def _is_awaited(tensor: Tensor) -> TypeGuard[AsyncCollectiveTensor]:
    return isinstance(tensor, _imported("torch.distributed._functional_collectives", "AsyncCollectiveTensor"))


def _is_fsdp2(module: nn.Module) -> TypeGuard[FSDPModule]:
    return isinstance(module, _imported("torch.distributed.fsdp", "FSDPModule"))


def _imported(module: str, name: str) -> Any:
    """Returns a class; where its module has not been imported, (), of which nothing is an instance."""
    return getattr(sys.modules.get(module), name, ())
