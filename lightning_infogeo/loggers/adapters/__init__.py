"""What each kind of logger takes. A logger is added here alone: a class in a file, and its place in ``ADAPTERS``."""

from __future__ import annotations

from typing import Any

from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter as LoggerAdapter
from lightning_infogeo.loggers.adapters.aim import AimAdapter
from lightning_infogeo.loggers.adapters.by_method import FigureMethodAdapter, ImageMethodAdapter
from lightning_infogeo.loggers.adapters.comet import CometAdapter
from lightning_infogeo.loggers.adapters.dvclive import DVCLiveAdapter
from lightning_infogeo.loggers.adapters.mlflow import MLFlowAdapter
from lightning_infogeo.loggers.adapters.tensorboard import TensorBoardAdapter
from lightning_infogeo.loggers.adapters.wandb import WandbAdapter

ADAPTERS: tuple[type[LoggerAdapter], ...] = (
    TensorBoardAdapter,
    WandbAdapter,
    MLFlowAdapter,
    CometAdapter,
    AimAdapter,
    DVCLiveAdapter,
    FigureMethodAdapter,
    ImageMethodAdapter,
    LoggerAdapter,
)
"""In this order of preference; the last fits every logger."""


def adapter_of(logger: Any) -> LoggerAdapter:
    """Returns the first of ``ADAPTERS`` that fits a logger."""
    return next(adapter for adapter in ADAPTERS if adapter.fits(logger))(logger)
