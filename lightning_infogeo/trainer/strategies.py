"""Checks of the packages and strategies of Lightning that the monitor can follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe import recovers

PATIENCE = timedelta(minutes=2)
"""How long a process in which an evaluation has raised waits for the others to say that it has in them, too."""


class ProcessesApart(BaseException):
    """Raised where others wait for this process in the middle of a forward: nothing that catches errors may go on."""


def check_packages(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Raises ``ConfigurationError`` where Trainer and module or data module are of different Lightning packages."""
    own = pl.packages_of(trainer)
    for component in (module, trainer.fit_loop._data_source.instance):
        packages = pl.packages_of(component)
        is_of_one_package = isinstance(component, pl.classes("LightningModule", "LightningDataModule"))
        if own and is_of_one_package and own[0] not in packages:
            name = type(component).__name__
            raise ConfigurationError(
                f"`InfoGeometryMonitor`: the Trainer is from `{own[0]}`, but `{name}` from `{packages[0]}`, a "
                f"different package; where `{name}` is defined, write `import {own[0]} as pl` instead of "
                f"`import {packages[0]} as pl`, or the other way round for the Trainer."
            )


def check_strategy(trainer: pl.Trainer, distributed: str, **followed: object) -> None:
    """Raises for strategies that the monitor cannot follow.

    Args:
        trainer: with its strategy.
        distributed: argument of the monitor.
        followed: arguments of the monitor that need whole weights, by name.

    Raises:
        ConfigurationError: for FSDP1, DeepSpeed, and several processes other than by DDP or ``ModelParallelStrategy``;
            and under the latter for arguments that need whole weights.
    """
    strategy = trainer.strategy
    named = f"`{type(strategy).__name__}`"
    if not isinstance(strategy, pl.classes("strategies.ModelParallelStrategy")):
        sharded = isinstance(strategy, pl.classes("strategies.FSDPStrategy", "strategies.DeepSpeedStrategy"))
        if sharded or (trainer.world_size > 1 and not isinstance(strategy, pl.classes("strategies.DDPStrategy"))):
            raise ConfigurationError(
                f"`InfoGeometryMonitor`: {named} is not supported; use `ModelParallelStrategy` (FSDP2, "
                '`fully_shard` in `configure_model`), strategy="ddp" or a single device, or remove the callback.'
            )
        return
    if not recovers():
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: {named} needs a torch with `FSDPModule.reset_iter_state`, such as 2.13, so that "
            f'training can go on where the model raises on a probe; this is {torch.__version__}; use strategy="ddp".'
        )
    if distributed == "shard":
        raise ConfigurationError(
            f'`InfoGeometryMonitor(distributed="shard")`: under {named} all processes call the model together, with '
            'the same samples; use distributed="auto".'
        )
    for argument, value in followed.items():
        if value:
            raise ConfigurationError(
                f"`InfoGeometryMonitor({argument}={value!r})`: under {named} each process holds only a part of the "
                f"weights; leave {argument} out (following predictions does not need it)."
            )


def in_parts(trainer: pl.Trainer) -> bool:
    """Returns whether each process has only a part of the model, so that all of them must call it together."""
    return trainer.world_size > 1 and isinstance(trainer.strategy, pl.classes("strategies.ModelParallelStrategy"))


def agreement(trainer: pl.Trainer) -> Callable[[bool], bool]:
    """Returns what ``Evaluator`` takes to agree; to be called in every process that has a part of the model.

    Only where something has raised do processes ask each other, and not over the group in which the others may be
    waiting for a part of the model.
    """
    if not in_parts(trainer):
        return bool
    group = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)

    def agree(again: bool) -> bool:
        found = [False] * trainer.world_size
        try:
            torch.distributed.all_gather_object(found, again, group=group)
        except RuntimeError as error:
            raise ProcessesApart(
                "`InfoGeometryMonitor`: evaluating a probe raised in this process and not in all (see above). The "
                "others wait for it inside the model's forward, so that training cannot go on; give a smaller "
                "probe_size, or less memory, if it was memory that ran out."
            ) from error
        return all(found)

    return agree
