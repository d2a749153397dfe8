"""What several processes of one training agree on. With one process nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError


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

    A process in which it returns None leaves the result to the others.

    Raises:
        ConfigurationError: where another process raised, with its message, or their results differ.
    """
    result, error = None, None
    try:
        result = decide()
    except Exception as raised:
        error = raised
    if trainer.world_size > 1:
        gathered: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(gathered, (result, None if error is None else str(error)))
        messages = [message for _, message in gathered if message is not None]
        if messages and error is None:
            raise ConfigurationError(messages[0])
        results = [other for other, _ in gathered if other is not None]
        if not messages and any(other != results[0] for other in results):
            raise ConfigurationError(
                f'`InfoGeometryMonitor(distributed="shard")`: the processes see different outputs, {gathered}; give '
                'distributed="rank_zero".'
            )
        result = results[0] if results else None
    if error is not None:
        raise error
    return result


def share(
    trainer: pl.Trainer, values: Tensor | None, make_blank: Callable[[], Tensor], complete: Tensor | float = 1.0
) -> Tensor:
    """Returns the first process's vector in every process, without a host synchronisation.

    Args:
        trainer: tells how many processes there are.
        values: shape (size,), in the first process; None there where the record failed.
        make_blank: returns NaN, shape (1 + size,): what is shared where there are no values.
        complete: 1, or NaN where a process that had a part in the record has failed: goes before the values.

    Returns:
        Shape (1 + size,).
    """
    if values is None:
        vector = make_blank()
    elif isinstance(complete, Tensor):
        vector = torch.cat([complete[None].to(values), values])
    else:
        vector = torch.nn.functional.pad(values, (1, 0), value=complete)
    if trainer.world_size > 1:
        torch.distributed.broadcast(vector, src=0)
    return vector
