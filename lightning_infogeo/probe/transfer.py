"""Transferring a probe to the model's device by the hooks that validation uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe.calling import takes_only_by_name
from lightning_infogeo.probe.choosing import Chosen, warn_of_changes
from lightning_infogeo.probe.discovery import left_out
from lightning_infogeo.probe.evaluation import in_evaluation_mode
from lightning_infogeo.probe.further import without_further
from lightning_infogeo.probe.inputs import Inputs
from lightning_infogeo.probe.joining import joined
from lightning_infogeo.probe.labels import labels_of
from lightning_infogeo.probe.model_errors import check_initialised, explained
from lightning_infogeo.probe.randomness import SEED, fixed_randomness
from lightning_infogeo.probe.splitting import ADVICE, Pair, split
from lightning_infogeo.probe.structure import is_dense, leaves, moved, nbytes, owned, pinned
from lightning_infogeo.probe.untouched import untouched

SMALL = 2**24
"""The most bytes of a probe's inputs that are kept both as they were given and as the hooks left them."""

_HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")


def place_all(
    chosen: dict[str, Chosen], trainer: pl.Trainer, module: pl.LightningModule, resident: int
) -> dict[str, Inputs]:
    """Returns what the model is called with, by probe; takes out of ``chosen`` what can be done without and fails.

    Args:
        chosen: the probes by name.
        trainer: of the module.
        module: the model.
        resident: bytes that may stay on an accelerator, of all probes together.

    Raises:
        ConfigurationError: where the model has no parameters yet, or its hooks cannot read a probe.
    """
    check_initialised(module)
    inputs, failed, share = {}, {}, resident // len(chosen)
    for name, one in chosen.items():
        try:
            with explained(module, "passing a probe through the batch-transfer hooks of"):
                inputs[name] = place(one, trainer, module, share)
        except ConfigurationError as error:
            if not one.optional:
                raise
            failed[name] = error
    if not inputs:
        raise next(iter(failed.values()))
    for name, reason in failed.items():
        del chosen[name]
        left_out(name, reason)
    return inputs


def place_further(chosen: dict[str, Chosen], trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Inputs]:
    """Returns the inputs of further samples by probe, on the host; takes away those that can't be used.

    Args:
        chosen: the probes by name.
        trainer: of the module.
        module: the model.
    """
    inputs = {}
    for name, one in chosen.items():
        further, one.further = one.further, None
        if further is None:
            continue
        try:
            with explained(module, "passing further samples through the batch-transfer hooks of"):
                placed = place(further, trainer, module, resident=0)
        except ConfigurationError as error:
            without_further(name, error)
            continue
        fits = further.nbytes is None or nbytes(placed.batches) <= further.nbytes
        if fits and one.probe.labels is not None and further.probe.labels is not None:
            inputs[name], one.further = placed, further
    return inputs


def place(chosen: Chosen, trainer: pl.Trainer, module: pl.LightningModule, resident: int) -> Inputs:
    """Returns the inputs of the model, and gives a drawn probe its labels.

    Each batch passes once through the precision plugin's input conversion and the module's (or datamodule's)
    ``on_before_batch_transfer``, ``transfer_batch_to_device`` and ``on_after_batch_transfer``, with the trainer and
    the module in the state they have during validation. The result is split into inputs and labels.

    Args:
        chosen: the probe; only one copy of large inputs stays on the host.
        trainer: of the module.
        module: the model.
        resident: the most bytes that stay on an accelerator; larger inputs are brought there batch by batch.

    Raises:
        ConfigurationError: where inputs and labels cannot be found, or labels are not class indices.
    """
    device, probe = module.device, chosen.probe
    on_host, fits_device = device.type == "cpu", nbytes(chosen.batches) <= resident
    if chosen.placed:
        batches = chosen.batches
    else:
        pairs: list[Pair] = []
        owners, hooks = _owners(trainer, module)
        # Only their attributes, not their classes' code: a test or tool that counts calls of a hook sees them.
        with (
            _as_in_validation(trainer, module),
            untouched(*map(vars, owners), seed=SEED) as trace,
            untouched(*hooks, seed=SEED, generators_only=True),
        ):

            def passed(batch: Any) -> Pair:
                transferred = _passed(owned(batch) if owners else batch, trainer, module, chosen.dataloader_idx)
                return split(transferred, None if chosen.given else chosen.by, partial(takes_only_by_name, module))

            first = passed(chosen.batches[0])
            each = nbytes(first.inputs) / probe.counts[0]
            if owners and chosen.nbytes is not None and each * len(probe) > chosen.nbytes:
                chosen.thin(each)
                probe = chosen.probe
            for index, (batch, original) in enumerate(zip(chosen.batches, probe.batches, strict=True)):
                pair = passed(batch) if index else first
                inputs = pair.inputs if on_host or fits_device else moved(pair.inputs, torch.device("cpu"))
                unchanged = (on_host or not fits_device) and _unchanged(inputs, original)
                pairs.append(pair._replace(inputs=original if unchanged else inputs))
        warn_of_changes(trace, "passing a batch through the batch-transfer hooks")
        if not chosen.given:
            probe.counts = [pair.size or count for pair, count in zip(pairs, probe.counts, strict=True)]
            _label(chosen, pairs)
        batches = [pair.inputs for pair in pairs]
    fits_twice = nbytes([batches, chosen.batches]) <= nbytes(chosen.batches) + SMALL
    if on_host and (chosen.placed or chosen.given or fits_twice):
        return Inputs(*joined(batches, probe.counts, SMALL))
    if fits_device and not on_host:
        batches, counts = joined(batches, probe.counts, resident)
        return Inputs([moved(batch, device) for batch in batches], counts)
    batches, probe.counts = joined(batches, probe.counts, SMALL)
    if device.type == "cuda" and not chosen.placed:
        batches = [pinned(batch) for batch in batches]
    chosen.batches, chosen.placed = batches, True
    if not chosen.given:
        probe.batches = batches
    return Inputs(batches, probe.counts, None if on_host else device)


@contextmanager
def _as_in_validation(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    stage = trainer.state.stage
    trainer.validating = True
    try:
        with fixed_randomness(module.device), in_evaluation_mode(module), torch.no_grad():
            yield
    finally:
        trainer.state.stage = stage


def _owners(trainer: pl.Trainer, module: pl.LightningModule) -> tuple[list[Any], list[Any]]:
    """Returns module and datamodule, and their hooks; nothing unless one is the user's, which may change a batch."""
    owners = [owner for owner in (module, getattr(trainer, "datamodule", None)) if owner is not None]
    hooks = [getattr(owner, hook) for owner in owners for hook in _HOOKS if hasattr(owner, hook)]
    lightning = ("lightning.", "pytorch_lightning.")
    users = [getattr(hook, "__func__", hook) for hook in hooks if not (hook.__module__ or "").startswith(lightning)]
    return (owners, users) if users else ([], [])


def _passed(batch: Any, trainer: pl.Trainer, module: pl.LightningModule, dataloader_idx: int) -> Any:
    batch = trainer.precision_plugin.convert_input(batch)
    batch = module._on_before_batch_transfer(batch, dataloader_idx=dataloader_idx)
    return module._apply_batch_transfer_handler(batch, device=module.device, dataloader_idx=dataloader_idx)


def _label(chosen: Chosen, pairs: list[Pair]) -> None:
    try:
        chosen.probe.label(labels_of([pair.labels for pair in pairs], chosen.probe.counts))
    except ValueError as error:
        raise ConfigurationError(
            f"`InfoGeometryMonitor(split={'None' if chosen.by is None else '...'})`: labels ({pairs[0].origin}) "
            f"{error} (classifiers only: targets of a regression are not supported). {ADVICE}"
        ) from None
    chosen.origin = pairs[0].origin


def _unchanged(placed: Any, original: Any) -> bool:
    """Whether hooks have left a batch unchanged, so that one copy of it is enough."""
    first, second = list(leaves(placed)), list(leaves(original))
    if type(placed) is not type(original) or len(first) != len(second) or not first:
        return False
    return all(
        (type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b))
        if is_dense(a) and is_dense(b)
        else not isinstance(a, torch.Tensor) and not isinstance(b, torch.Tensor) and list(a) == list(b)
        for a, b in zip(first, second, strict=True)
    )
