"""One command in several processes, started by ``torchrun`` or ``fabric run``; only the first one prints."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TypeVar

import torch

from lightning_infogeo.cli.errors import Exit, Failure

T = TypeVar("T")


class ProcessGroup:
    """The processes that run a command together; only this one where nothing has started more.

    Args:
        device: on which to compute; None for the CPU, or what ``fabric run --accelerator`` says.

    Attributes:
        first: whether this process prints and writes.
        device: on which this process computes.

    Raises:
        Failure: where there is no such device.
    """

    def __init__(self, device: str | None) -> None:
        count = int(os.environ.get("WORLD_SIZE", "1"))
        by_fabric = "LT_CLI_USED" in os.environ
        self._fabric = None
        try:
            self.device = torch.device(device or "cpu")
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            text = str(error).splitlines()[0]
            raise Failure(f"--device {device}: cannot be used ({text}).", Exit.USAGE) from None
        if count > 1 or by_fabric:
            from lightning.fabric import Fabric

            logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
            if by_fabric:  # it passes its options by the environment, and has launched the processes already
                self._fabric = Fabric()
            else:
                local = int(os.environ.get("LOCAL_WORLD_SIZE", count))
                accelerator = "cpu" if self.device.type == "cpu" else "cuda"
                self._fabric = Fabric(accelerator=accelerator, strategy="ddp", devices=local, num_nodes=count // local)
                self._fabric.launch()
            if device is None or self.device.type == self._fabric.device.type:
                self.device = self._fabric.device
        self.first = self._fabric is None or self._fabric.global_rank == 0

    def from_first(self, make: Callable[[], T]) -> T:
        """Returns in every process what ``make`` returns in the first; its ``Failure`` is raised in all of them."""
        result: T | Failure
        try:
            result = make() if self.first else Failure("", Exit.USAGE)
        except Failure as failure:
            result = failure
        if self._fabric is not None:
            result = self._fabric.broadcast(result)
        if isinstance(result, Failure):
            raise result
        return result

    def close(self) -> None:
        """Destroys the process group, if there is one."""
        if torch.distributed.is_available() and torch.distributed.is_initialized() and self._fabric is not None:
            torch.distributed.destroy_process_group()
