"""Which probes a monitor follows: those given to it, or those it finds in the trainer's own loaders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.probe.batch import ConfigurationError
from lightning_infogeo.probe.randomness import fixed_randomness
from lightning_infogeo.probe.sampling import Chosen, choose


def discover(probes: Any, trainer: pl.Trainer, size: int) -> dict[str, Chosen]:
    """Returns the probes by name: "train", "val", "val_1", … found, given names, or "probe" for a single unnamed one.

    Args:
        probes: "auto", a ``Probe``, Dataset or DataLoader, or a mapping of these by name.
        trainer: with its loaders set up.
        size: the most samples to take where the monitor chooses them.

    Raises:
        ConfigurationError: where there is nothing to follow or it cannot be understood.
    """
    if isinstance(probes, Mapping):
        return {name: _chosen(name, source, size) for name, source in probes.items()}
    if not isinstance(probes, str):
        return {"probe": _chosen("probe", probes, size)}
    train = trainer.train_dataloader
    if isinstance(train, (list, tuple, Mapping)):
        raise ConfigurationError(
            f'`InfoGeometryMonitor(probes="auto")`: training reads {len(train)} loaders at once, so it cannot be told '
            "what the model is called with; give the samples yourself: probes=Probe(inputs, labels)."
        )
    found = {"train": _chosen("train", train, size, read=trainer.num_training_batches)}
    for index, (name, loader) in enumerate(_validation_loaders(trainer)):
        found[name] = _chosen(name, loader, size, dataloader_idx=index)
    return found


def _chosen(name: str, source: Any, size: int, **options: Any) -> Chosen:
    try:
        return choose(source, size, **options)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"`InfoGeometryMonitor(probes=...)`: taking samples for probe {name!r} from `{type(source).__name__}` "
            f"raised {type(error).__name__}: {error}. Give samples that can be read: probes=Probe(inputs, labels)."
        ) from error


def _validation_loaders(trainer: pl.Trainer) -> Iterator[tuple[str, Any]]:
    if not trainer.enable_validation:
        return
    loaders: Any = trainer.val_dataloaders
    if loaders is None:
        # The first validation is epochs away: ask the module or datamodule now, and let Lightning ask again then.
        with fixed_randomness(torch.device("cpu")):
            loaders = trainer.fit_loop.epoch_loop.val_loop._data_source.dataloader()
    if isinstance(loaders, Mapping):
        yield from ((f"val_{key}", loader) for key, loader in loaders.items())
    elif isinstance(loaders, (list, tuple)):
        yield from (("val" if index == 0 else f"val_{index}", loader) for index, loader in enumerate(loaders))
    elif loaders is not None:
        yield "val", loaders
