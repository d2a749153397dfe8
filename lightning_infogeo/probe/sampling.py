"""Choosing the samples of a probe from what a training already has, without drawing from any random stream."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)
from torch.utils.data.distributed import DistributedSampler

from lightning_infogeo.probe.batch import ConfigurationError, Probe, concatenate, cut, split
from lightning_infogeo.probe.randomness import fixed_randomness


class Chosen(NamedTuple):
    """A probe, the batch as its loader made it, and which of the validation loaders that was."""

    probe: Probe
    batch: Any
    dataloader_idx: int = 0


def choose(source: Any, size: int, *, read: float = float("inf"), dataloader_idx: int = 0) -> Chosen:
    """Returns up to ``size`` samples of ``source``.

    Map-style data sets give evenly spaced samples of those their sampler draws from; iterable ones the first samples
    of a fresh iterator. Both go through the loader's own ``collate_fn``. The global random streams of torch, NumPy and
    ``random`` are set to a fixed state for the purpose and put back: random augmentation is frozen as it then falls
    out, the same in every process and after every resume. Generators that the data set or sampler itself owns are
    copied first; one that is hidden deeper, say in a transform, is advanced.

    Args:
        source: a ``Probe``, a DataLoader, a Dataset, or any iterable of batches.
        size: the most samples to take; a ``Probe`` is taken whole.
        read: batches training reads of the source in one epoch; of a source read in order the rest is left out.
        dataloader_idx: passed to the batch-transfer hooks.

    Raises:
        ConfigurationError: where the source is empty, cannot be read twice, or its batches cannot be understood.
    """
    if isinstance(source, Probe):
        return Chosen(source, (source.inputs, source.labels), dataloader_idx)
    with fixed_randomness(torch.device("cpu")):
        batch = _batch(source, size, read)
    return Chosen(Probe(*split(batch)), batch, dataloader_idx)


def training_batch_size(loaders: Any) -> int | None:
    """Returns the batch size of a DataLoader, or None where it has none to tell."""
    if not isinstance(loaders, DataLoader):
        return None
    size = loaders.batch_size or getattr(loaders.batch_sampler, "batch_size", None)
    return size if isinstance(size, int) else None


def _batch(source: Any, size: int, read: float) -> Any:
    if isinstance(source, DataLoader):
        dataset, collate = _private(source.dataset), source.collate_fn
        if isinstance(dataset, IterableDataset):
            items = _first(dataset, size)
            return collate(items) if source.batch_sampler is not None else _joined(map(collate, items), size)
        if source.batch_sampler is None:
            indices = _spaced(_population(source.sampler, source.dataset), size)
            return _joined((collate(dataset[index]) for index in indices), size)
        population = _population(_sampler(source), source.dataset)
        if isinstance(_sampler(source), SequentialSampler) and read != float("inf"):
            population = population[: int(read) * (training_batch_size(source) or 1)]
        return collate(_items(dataset, _spaced(population, size)))
    if isinstance(source, IterableDataset):
        return default_collate(_first(_private(source), size))
    if isinstance(source, Dataset):
        dataset = _private(source)
        return default_collate(_items(dataset, _spaced(range(len(dataset)), size)))
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, Mapping)):
        return _joined(_fresh(_private(source)), size)
    raise ConfigurationError(
        f"`InfoGeometryMonitor(probes=...)`: cannot take samples from `{type(source).__name__}`; give a Probe, a "
        "Dataset, a DataLoader, or a dict of these by name."
    )


def _private(source: Any) -> Any:
    """A copy that shares the data but not what reading changes: counters, files opened on demand, own generators."""
    if isinstance(source, (list, tuple)) and any(isinstance(item, Dataset) for item in source):
        return type(source)(_private(item) for item in source)
    clone = copy.copy(source)
    for name, value in vars(clone).items() if hasattr(clone, "__dict__") else ():
        if isinstance(value, (Dataset, list, tuple)):
            clone.__dict__[name] = _private(value)
        elif isinstance(value, _GENERATORS):
            clone.__dict__[name] = copy.deepcopy(value)
    return clone


_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def _private_order(sampler: Any, dataset: Any) -> Any:
    """A copy of a sampler or loader, with all it owns but the data set."""
    try:
        return copy.deepcopy(sampler, {id(dataset): dataset})
    except Exception:  # whatever it holds that cannot be copied
        return _private(sampler)


def _sampler(loader: DataLoader[Any]) -> Any:
    """What decides which samples a loader draws: its sampler, or a batch sampler of the user's own."""
    batch_sampler: Any = loader.batch_sampler
    return getattr(batch_sampler, "sampler", batch_sampler)


def _population(sampler: Any, dataset: Any) -> Sequence[int]:
    """The indices a sampler draws from, in order; reads it only where its kind is not known."""
    if isinstance(sampler, (SequentialSampler, RandomSampler)):
        return range(len(sampler.data_source))
    if isinstance(sampler, SubsetRandomSampler):
        return sorted(int(index) for index in sampler.indices)
    if isinstance(sampler, WeightedRandomSampler):
        return [int(index) for index in sampler.weights.nonzero().flatten()]
    if isinstance(sampler, DistributedSampler):
        inner = getattr(sampler.dataset, "_sampler", None)  # lightning wraps a sampler of the user's own
        return range(len(dataset)) if inner is None else _population(inner, dataset)
    drawn = itertools.islice(_private_order(sampler, dataset), len(dataset))
    flat = (index for entry in drawn for index in (entry if isinstance(entry, (list, tuple)) else [entry]))
    return sorted({int(index) for index in flat})


def _spaced(population: Sequence[int], size: int) -> list[int]:
    if not len(population):
        raise ConfigurationError(
            "`InfoGeometryMonitor(probes=...)`: a data set is empty; give one with samples, or the samples yourself: "
            "probes=Probe(inputs, labels)."
        )
    count = min(size, len(population))
    return [population[k * len(population) // count] for k in range(count)]


def _items(dataset: Any, indices: list[int]) -> list[Any]:
    if hasattr(dataset, "__getitems__"):
        return list(dataset.__getitems__(indices))
    return [dataset[index] for index in indices]


def _first(dataset: Any, size: int) -> list[Any]:
    items = list(itertools.islice(_fresh(dataset), size))
    if not items:
        _spaced([], size)
    return items


def _fresh(source: Iterable[Any]) -> Iterable[Any]:
    iterator = iter(source)
    if iterator is source or iterator is iter(source) or _holds_iterator(source):
        raise ConfigurationError(
            f"`InfoGeometryMonitor(probes=...)`: `{type(source).__name__}` is its own iterator, or holds one, so "
            "samples taken from it would be lost to training; give the samples yourself: probes=Probe(inputs, labels)."
        )
    return iterator


def _holds_iterator(source: Any) -> bool:
    """Whether something read once and for all stands among the attributes, of parts of the source too."""
    values = list(vars(source).values()) if hasattr(source, "__dict__") else []
    values += [item for value in values if isinstance(value, (list, tuple)) for item in value]
    return any(
        isinstance(value, Iterator) or (isinstance(value, IterableDataset) and _holds_iterator(value))
        for value in values
    )


def _joined(batches: Iterable[Any], size: int) -> Any:
    """The first ``size`` samples of whole batches."""
    taken: list[Any] = []
    count = 0
    for batch in batches:
        taken.append(batch)
        count += len(Probe(*split(batch)))
        if count >= size:
            break
    if not taken:
        _spaced([], size)
    return cut(concatenate(taken), 0, size)
