"""What an archive says of the run it holds: what was trained, how, and with which versions."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.monitor.settings import ArchiveSettings

_DEEPEST = 8


def metadata_of(trainer: pl.Trainer, module: pl.LightningModule, settings: ArchiveSettings) -> dict[str, Any]:
    """Returns plain values: model, parameters, hyperparameters, optimizers, seed, versions, and what the user adds."""
    datamodule = getattr(trainer, "datamodule", None)
    seed = os.environ.get("PL_GLOBAL_SEED")
    return {
        "model": type(module).__name__,
        "parameters": sum(p.numel() for p in module.parameters()),
        "hyperparameters": plain({**(getattr(datamodule, "hparams", None) or {}), **module.hparams}),
        "optimizers": [
            {
                "name": type(optimizer).__name__,
                **plain({k: v for k, v in optimizer.param_groups[0].items() if k != "params"}),
            }
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
        **plain(dict(settings.metadata)),
    }


def plain(value: Any, depth: int = 0) -> Any:
    """Returns what JSON can say of a value: numbers, strings, lists and mappings of these, and the names of the rest.

    Example:
        >>> plain({"width": 64, "act": torch.nn.ReLU, "betas": (0.9, 0.99)})
        {'width': 64, 'act': 'ReLU', 'betas': [0.9, 0.99]}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Tensor) and value.numel() == 1:
        return plain(value.item())
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)) and depth < _DEEPEST:
        return [plain(item, depth + 1) for item in value]
    return getattr(value, "__name__", None) or type(value).__name__


def _settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
