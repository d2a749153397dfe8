"""Which packages and strategies of Lightning the monitor can follow."""

from __future__ import annotations

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe import RECOVERS


def check_packages(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Raises ``ConfigurationError`` where a Trainer of one Lightning is to train by what was made for the other."""
    own = pl.packages_of(trainer)
    for thing in (module, trainer.fit_loop._data_source.instance):
        others = pl.packages_of(thing)
        for_one_alone = isinstance(thing, pl.classes("LightningModule", "LightningDataModule"))
        if own and for_one_alone and own[0] not in others:
            name = type(thing).__name__
            raise ConfigurationError(
                f"`InfoGeometryMonitor`: the Trainer is of `{own[0]}`, but `{name}` of `{others[0]}`, another package "
                f"with classes of its own; where `{name}` is defined, write `import {own[0]} as pl` and not "
                f"`import {others[0]} as pl`, or the other way round for the Trainer."
            )


def check_strategy(trainer: pl.Trainer, distributed: str, **followed: object) -> None:
    """Raises where processes hold the model in a way that the monitor cannot follow.

    Args:
        trainer: with its strategy.
        distributed: argument of the monitor.
        followed: arguments of the monitor that need the weights themselves, by name.

    Raises:
        ConfigurationError: for FSDP1, DeepSpeed, and several processes otherwise than by DDP or in parts; and in parts,
            for what needs more of a process than to call the model.
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
    if not RECOVERS:
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
                f"`InfoGeometryMonitor({argument}={value!r})`: under {named} no process has the weights, of which "
                f"each holds a part; leave {argument} out, what follows predictions needs it not."
            )


def in_parts(trainer: pl.Trainer) -> bool:
    """Returns whether every process has but a part of the model, so that all of them have to call it together."""
    return trainer.world_size > 1 and isinstance(trainer.strategy, pl.classes("strategies.ModelParallelStrategy"))
