"""Bringing a probe to the model's device the way validation brings its batches there."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.probe.batch import map_leaves, split
from lightning_infogeo.probe.evaluation import in_evaluation_mode
from lightning_infogeo.probe.randomness import fixed_randomness
from lightning_infogeo.probe.sampling import Chosen


def place(chosen: Chosen, trainer: pl.Trainer, module: pl.LightningModule) -> Any:
    """Returns the inputs on the model's device.

    The batch passes once through the precision plugin's input conversion and the module's (or datamodule's)
    ``on_before_batch_transfer``, ``transfer_batch_to_device`` and ``on_after_batch_transfer``, with the trainer and
    the module in the state they have during validation. It is copied first, since hooks may change it in place, and a
    data set kept in memory may hand out views of itself.
    """
    batch = map_leaves(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else copy.copy(leaf), chosen.batch)
    stage = trainer.state.stage
    trainer.validating = True
    try:
        with fixed_randomness(module.device), in_evaluation_mode(module), torch.no_grad():
            batch = trainer.precision_plugin.convert_input(batch)
            batch = module._on_before_batch_transfer(batch, dataloader_idx=chosen.dataloader_idx)
            batch = module._apply_batch_transfer_handler(
                batch, device=module.device, dataloader_idx=chosen.dataloader_idx
            )
    finally:
        trainer.state.stage = stage
    return split(batch)[0]
