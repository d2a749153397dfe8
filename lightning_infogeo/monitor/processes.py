"""What several processes of one training agree on. With one process nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from torch import Tensor

from lightning_infogeo.probe import ConfigurationError


def refuse_sharded(trainer: pl.Trainer) -> None:
    """Raises where the model is not whole in every process.

    FSDP2 could be evaluated by all processes at once, but a model that raises in one of them would leave the others
    waiting inside its forward.

    Raises:
        ConfigurationError: for FSDP, DeepSpeed, model parallelism, and several processes otherwise than by DDP.
    """
    strategy = trainer.strategy
    sharded = isinstance(strategy, (FSDPStrategy, DeepSpeedStrategy, ModelParallelStrategy))
    if sharded or (trainer.world_size > 1 and not isinstance(strategy, DDPStrategy)):
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: `{type(strategy).__name__}` is not supported: the monitor needs the whole model "
            'in a process; use strategy="ddp" or a single device, or remove the callback.'
        )


def first_process_decides(trainer: pl.Trainer, decide: Callable[[], Any]) -> Any:
    """Calls ``decide`` in the first process and returns its result, or raises its error, in all of them.

    Raises:
        ConfigurationError: in the others, with the message of whatever was raised in the first.
    """
    result, error = None, None
    if trainer.is_global_zero:
        try:
            result = decide()
        except Exception as raised:
            error = raised
    if trainer.world_size > 1:
        result, message = trainer.strategy.broadcast((result, None if error is None else str(error)))
        if message is not None and error is None:
            raise ConfigurationError(message)
    if error is not None:
        raise error
    return result


def all_decide(trainer: pl.Trainer, decide: Callable[[], Any]) -> Any:
    """Calls ``decide`` in every process and returns its result, or raises an error of any of them, in all.

    Raises:
        ConfigurationError: where another process raised, with its message, or their results differ.
    """
    result, error = None, None
    try:
        result = decide()
    except Exception as raised:
        error = raised
    if trainer.world_size > 1:
        found: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(found, (result, None if error is None else str(error)))
        messages = [message for _, message in found if message is not None]
        if messages and error is None:
            raise ConfigurationError(messages[0])
        if not messages and any(other != found[0][0] for other, _ in found):
            raise ConfigurationError(
                f'`InfoGeometryMonitor(distributed="shard")`: the processes see different outputs, {found}; give '
                'distributed="rank_zero".'
            )
    if error is not None:
        raise error
    return result


def share(
    trainer: pl.Trainer,
    values: Tensor | None,
    size: int,
    dtype: torch.dtype,
    device: torch.device,
    made: Tensor | float = 1.0,
) -> Tensor:
    """Returns the first process's vector in every process, without a host synchronisation.

    Args:
        trainer: tells how many processes there are.
        values: shape (size,), in the first process; None there where the record failed.
        size: number of values.
        dtype: of the values.
        device: the model's device.
        made: 1, or NaN where a process that had a part in the record has failed.

    Returns:
        Shape (1 + size,): ``made`` and the values, or NaN throughout where the record failed.
    """
    vector = torch.full((1 + size,), torch.nan, dtype=dtype, device=device)
    if values is not None:
        vector[0] = made
        vector[1:] = values
    if trainer.world_size > 1:
        torch.distributed.broadcast(vector, src=0)
    return vector
