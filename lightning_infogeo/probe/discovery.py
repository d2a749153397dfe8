"""Which probes a monitor follows: given ones, or ones drawn from the trainer's loaders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.probe.choosing import Chosen, choose
from lightning_infogeo.probe.further import Further, draw_further
from lightning_infogeo.probe.probe import Probe
from lightning_infogeo.probe.randomness import fixed_randomness
from lightning_infogeo.probe.sampling import Amount, CombinedLoaders, training_batch_size
from lightning_infogeo.probe.splitting import Split
from lightning_infogeo.probe.untouched import untouched

_BATCH = 256


def discover(
    probes: Any,
    trainer: pl.Trainer,
    size: int,
    memory: int | None = None,
    by: Split | None = None,
    further: Further | None = None,
) -> dict[str, Chosen]:
    """Returns the probes by name: "train", "val", "val_1", … of loaders, given names, or "probe" for an unnamed one.

    Of several loaders those that can be read are followed; for each of the others a warning says why it is not.

    Args:
        probes: "auto", a ``Probe``, Dataset or DataLoader, or a mapping of these by name.
        trainer: with its loaders set up.
        size: the most samples to take where the monitor chooses them.
        memory: the most bytes of all inputs together, which may mean fewer samples; None for no limit.
        by: splits a batch into inputs and labels; None to find these automatically.
        further: how many samples to draw beside held-out probes, which get them as ``further``; None for none.

    Raises:
        ConfigurationError: where no probe can be followed.
    """
    batch_size = training_batch_size(trainer.train_dataloader) or _BATCH
    if not isinstance(probes, str):
        named = probes if isinstance(probes, Mapping) else {"probe": probes}
        n_drawn = sum(not isinstance(source, Probe) for source in named.values())
        amount = _amount(trainer, size, memory, n_drawn)
        further = further and further.shared_by(
            sum(held_out(name) and not isinstance(source, Probe) for name, source in named.items())
        )
        return {
            name: _chosen(name, source, amount, by, further, batch_size=batch_size) for name, source in named.items()
        }
    sources = dict(_sources(trainer))
    amount = _amount(trainer, size, memory, len(sources))
    further = further and further.shared_by(sum(map(held_out, sources)))
    probes_by_name, errors = {}, {}
    for name, (source, options) in sources.items():
        try:
            if isinstance(source, (list, tuple, Mapping)):
                source = _combined(source, trainer, by)
            options = {"loader": True, "batch_size": batch_size, **options}
            probes_by_name[name] = _chosen(name, source, amount, by, further, **options)
            probes_by_name[name].optional = len(sources) > 1
        except ConfigurationError as error:
            if error.__cause__ is not None:  # data that cannot be read would fail in training, too
                raise
            errors[name] = error
    if not probes_by_name:
        raise next(iter(errors.values()))
    for name, reason in errors.items():
        left_out(name, reason)
    return probes_by_name


class SourceSize(NamedTuple):
    """How many samples a probe can have, as far as that is known without reading its source.

    Attributes:
        samples: of the source; None where it is not known.
        given: whether the user gave exactly these.
    """

    samples: int | None
    given: bool = False

    def taken(self, most: int) -> int:
        """Returns how many are followed where the monitor takes at most ``most``."""
        return most if self.samples is None else self.samples if self.given else min(most, self.samples)


def source_sizes(probes: Any, trainer: pl.Trainer) -> list[SourceSize]:
    """Returns the sizes of the sources that ``discover`` finds, training first of those of "auto"."""
    if not isinstance(probes, str):
        named = probes.values() if isinstance(probes, Mapping) else [probes]
        return [source_size(source) for source in named]
    return [source_size(source) for _, (source, _) in _sources(trainer)]


def source_size(source: Any) -> SourceSize:
    """Returns the size of a probe, data set or loader."""
    if isinstance(source, Probe):
        return SourceSize(len(source), given=True)
    try:
        sized: Any = source.dataset if isinstance(source, DataLoader) else source
        known = sized is not source or isinstance(source, Dataset)  # any other loader counts batches
        return SourceSize(len(sized) if known else None)
    except Exception:  # raised by a user's __len__, or there is none
        return SourceSize(None)


def held_out(probe: str) -> bool:
    """Returns whether a probe of this name counts as not trained on: the one place that decides it."""
    return not probe.startswith("train")


def left_out(name: str, error: Exception) -> None:
    """Warns that a probe is not followed, and why."""
    rank_zero_warn(f"`InfoGeometryMonitor`: does not follow {name!r}: {error}")


def _amount(trainer: pl.Trainer, size: int, memory: int | None, probes: int) -> Amount:
    max_batches = 1 if getattr(trainer, "fast_dev_run", False) else None
    return Amount(size, None if memory is None else memory // max(probes, 1), max_batches)


def _chosen(
    name: str, source: Any, amount: Amount, by: Split | None, further: Further | None, **options: Any
) -> Chosen:
    try:
        chosen = choose(source, amount, by, **options)
    except ConfigurationError:
        raise
    except Exception as error:
        how_read = " (read in this process, without workers and their worker_init_fn)"
        raise ConfigurationError(
            f"`InfoGeometryMonitor(probes=...)`: taking samples for probe {name!r} from `{type(source).__name__}`"
            f"{how_read if getattr(source, 'num_workers', 0) else ''} raised {type(error).__name__}: {error}. Give "
            "samples that can be read: probes=Probe(inputs, labels)."
        ) from error
    if further is not None and held_out(name) and not chosen.given:
        chosen.further = draw_further(name, source, chosen, amount, further, by, **options)
    return chosen


def _combined(loaders: Any, trainer: pl.Trainer, by: Split | None) -> Any:
    if by is None and len(loaders) == 1:
        return next(iter(loaders.values() if isinstance(loaders, Mapping) else loaders))
    if by is None:
        raise ConfigurationError(
            f'`InfoGeometryMonitor(probes="auto")`: training reads {len(loaders)} loaders at once, so the inputs of '
            "the model cannot be found automatically; give split=lambda batch: (inputs, labels) for the batch that "
            "training_step gets, or give the samples yourself: probes=Probe(inputs, labels)."
        )
    return CombinedLoaders(trainer.fit_loop._combined_loader)


def _sources(trainer: pl.Trainer) -> Iterator[tuple[str, tuple[Any, dict[str, Any]]]]:
    """Yields the loaders of training and validation by name, with options for ``choose``."""
    yield "train", (trainer.train_dataloader, {"read": trainer.num_training_batches})
    for index, (name, loader) in enumerate(_validation_loaders(trainer)):
        yield name, (loader, {"dataloader_idx": index})


def _validation_loaders(trainer: pl.Trainer) -> Iterator[tuple[str, Any]]:
    if not trainer.enable_validation:
        return
    loaders: Any = trainer.val_dataloaders
    if loaders is None:
        # The first validation is epochs away: get the loaders now, and let Lightning get them again then.
        owners = [trainer.lightning_module, getattr(trainer, "datamodule", None)]
        attributes = [vars(owner) for owner in owners if owner is not None]
        with fixed_randomness(torch.device("cpu")), untouched(*attributes):
            loaders = trainer.fit_loop.epoch_loop.val_loop._data_source.dataloader()
    if isinstance(loaders, Mapping):
        yield from ((f"val_{key}", loader) for key, loader in loaders.items())
    elif isinstance(loaders, (list, tuple)):
        yield from (("val" if index == 0 else f"val_{index}", loader) for index, loader in enumerate(loaders))
    elif loaders is not None:
        yield "val", loaders
