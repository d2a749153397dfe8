"""What an archive says of the run it holds: what was trained, how, and with which versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch.nn.parameter import is_lazy

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.json_values import metadata_values


def metadata_of(trainer: pl.Trainer, module: pl.LightningModule, settings: ArchiveSettings) -> dict[str, Any]:
    """Returns plain values: model, parameters, hyperparameters, optimizers, seed, versions, and what the user adds."""
    datamodule = getattr(trainer, "datamodule", None)
    seed = os.environ.get("PL_GLOBAL_SEED")
    return {
        "model": type(module).__name__,
        "parameters": sum(p.numel() for p in module.parameters() if not is_lazy(p)),
        "hyperparameters": metadata_values({**(getattr(datamodule, "hparams", None) or {}), **module.hparams}),
        "optimizers": [
            {"name": type(optimizer).__name__, **metadata_values(_settings(optimizer))}
            for optimizer in trainer.optimizers
        ],
        "max_steps": trainer.max_steps,
        "max_epochs": trainer.max_epochs,
        "seed": int(seed) if seed and seed.isdigit() else None,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{pl.PACKAGES[package]: _version(pl.PACKAGES[package]) for package in pl.packages_of(trainer)},
            "lightning-infogeo": _version("lightning-infogeo"),
        },
        **metadata_values(dict(settings.metadata)),
    }


def _settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
