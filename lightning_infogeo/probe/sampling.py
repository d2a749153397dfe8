"""Drawing the batches of a probe from a training's own loaders."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe.batch_storage import BatchStorage
from lightning_infogeo.probe.spacing import spaced, spaced_between
from lightning_infogeo.probe.splitting import Split, split
from lightning_infogeo.probe.structure import cut, leaves, nbytes, rows_of

MOST_DRAWN = 2**20
"""The most indices read from a user's sampler, to learn what it draws from."""

MOST_BATCHES = 1024
"""The most batches of indices read from a user's batch sampler."""


class Amount(NamedTuple):
    """The most to draw.

    Attributes:
        samples: number of samples.
        nbytes: bytes of all samples together; None for no limit.
        batches: number of batches; None for no limit.
    """

    samples: int
    nbytes: int | None = None
    batches: int | None = None

    def fitting(self, each: float) -> int:
        """Returns how many samples of ``each`` bytes to take, at least one."""
        if self.nbytes is None or each <= 0:
            return self.samples
        return max(1, min(self.samples, int(self.nbytes / each)))


class Before(NamedTuple):
    """What was drawn from a source before, so that now other samples are.

    Attributes:
        amount: the most that was to be drawn.
        batches: number of batches that were.
    """

    amount: Amount
    batches: int


class Drawn(NamedTuple):
    """Batches as the loader made them, on the host.

    Attributes:
        batches: copies, which share no memory with the data set.
        counts: samples of each batch.
        total: number of samples in the source; None where it is not known.
        spread: whether the drawn samples are evenly spread over these, rather than the first ones.
        each: bytes of a sample where their memory limited the number of samples; else 0.
    """

    batches: list[Any]
    counts: list[int]
    total: int | None
    spread: bool
    each: float


def draw(
    source: Any,
    amount: Amount,
    by: Split | None = None,
    *,
    loader: bool = False,
    read: float = float("inf"),
    batch_size: int = 256,
    before: Before | None = None,
) -> Drawn:
    """Returns batches of a source, in its order.

    A DataLoader over a data set with indices gives batches of samples that are evenly spaced among those its sampler
    draws from, or evenly spaced batches of a user's batch sampler. They pass the loader's own ``__iter__`` and
    ``collate_fn``, in this process. Any other source gives the first batches of a new iterator.

    Args:
        source: a DataLoader, a Dataset, or any iterable of batches.
        amount: the most to draw.
        by: splits a batch into inputs and labels; the labels count the samples of a batch.
        loader: whether a Dataset is a loader, whose items are batches, as it is for a Trainer.
        read: batches that training reads of the source in one epoch; the rest of a source read in order is left out.
        batch_size: for the samples of a Dataset.
        before: whose samples are left out; None for nothing.

    Raises:
        ConfigurationError: where the source is empty, holds no others, or is of another type.
    """
    if isinstance(source, Dataset) and not loader:
        source = DataLoader(source, batch_size=batch_size)
    if isinstance(source, DataLoader) and is_indexed(source, loader):
        return _indexed(source, amount, by, read, before)
    skipped = 0 if before is None else before.batches
    if isinstance(source, DataLoader):
        batches = itertools.islice(_stated_batches(in_this_process(source)), skipped, None)
        return _first(batches, amount, by, source.batch_size)
    if isinstance(source, (Iterable, Dataset)) and not isinstance(source, (str, bytes, Mapping)):
        return _first(itertools.islice(_stated_batches(source), skipped, None), amount, by, None)
    raise ConfigurationError(
        f"`InfoGeometryMonitor(probes=...)`: cannot take samples from `{type(source).__name__}`; give a Probe, a "
        "Dataset, a DataLoader, or a dict of these by name."
    )


def _stated_batches(source: Any) -> Iterator[Any]:
    """Yields as many batches as the length of the source says: a Trainer reads no more, and some sources fail then."""
    return itertools.islice(iter(source), _length(source))


def is_indexed(source: Any, loader: bool) -> bool:
    """Returns whether samples can be read in any order; arguments as for ``draw``."""
    if isinstance(source, DataLoader):  # its data set may be another loader, if it has an __iter__ of its own
        kind = type(source.dataset)
        readable = hasattr(kind, "__getitem__") or hasattr(kind, "__getitems__")
        indexed = readable or type(source).__iter__ is DataLoader.__iter__
        return indexed and not isinstance(source.dataset, IterableDataset)
    return isinstance(source, Dataset) and not isinstance(source, IterableDataset) and not loader


def in_this_process(loader: DataLoader[Any], **changes: Any) -> Any:
    """Returns a copy of a loader that starts no workers; no code of the user is run to make it."""
    copied = object.__new__(type(loader))
    without_workers = {
        "num_workers": 0,
        "persistent_workers": False,
        "pin_memory": False,
        "timeout": 0,
        "prefetch_factor": None,
    }
    copied.__dict__.update({**loader.__dict__, **without_workers, "_iterator": None, **changes})
    return copied


class CombinedLoaders:
    """Several loaders that training reads at once, as one source of combined batches.

    Args:
        combined: Lightning's ``CombinedLoader``.
    """

    def __init__(self, combined: Any) -> None:
        self._combined = combined

    def __iter__(self) -> Iterator[Any]:
        combined = type(self._combined)(_without_workers(self._combined.iterables), mode=self._combined._mode)
        return (batch for batch, _, _ in combined)


def _without_workers(loaders: Any) -> Any:
    if isinstance(loaders, DataLoader):
        return in_this_process(loaders)
    if isinstance(loaders, Mapping):
        return {key: _without_workers(loader) for key, loader in loaders.items()}
    return [_without_workers(loader) for loader in loaders] if isinstance(loaders, (list, tuple)) else loaders


def training_batch_size(loaders: Any) -> int | None:
    """Returns the batch size of a DataLoader; None where it is not known."""
    if not isinstance(loaders, DataLoader):
        return None
    size = loaders.batch_size or getattr(loaders.batch_sampler, "batch_size", None)
    return size if isinstance(size, int) else None


class _FixedSampler(list[Any]):
    """A list that replaces a loader's sampler or batch sampler, and notes whether it was used."""

    used = False

    def __init__(self, units: Iterable[Any], original: Any) -> None:
        super().__init__(units)
        self._original = original

    def __iter__(self) -> Iterator[Any]:
        self.used = True
        return super().__iter__()

    def __getattr__(self, name: str) -> Any:  # such as batch_size, which a loader's own __iter__ may read
        return getattr(self.__dict__["_original"], name)


def _indexed(loader: DataLoader[Any], amount: Amount, by: Split | None, read: float, before: Before | None) -> Drawn:
    batch_sampler, dataset, collate = loader.batch_sampler, loader.dataset, loader.collate_fn
    total: int | None = None
    if batch_sampler is None:
        entries = _batch_indices(loader.sampler, read)
        _not_empty(entries)
        first = collate(dataset[entries[0]])
        count = max(1, _count(first, by, None))
        each = nbytes(first) / count
        units, attribute = _picked(entries, amount, each, count, before, batches=True), "sampler"
    elif type(batch_sampler) is BatchSampler:
        most = MOST_DRAWN if read == float("inf") else int(read) * batch_sampler.batch_size
        population = _population(batch_sampler.sampler, dataset, most)
        if isinstance(batch_sampler.sampler, SequentialSampler) and read != float("inf"):
            population = population[: int(read) * batch_sampler.batch_size]
        _not_empty(population)
        total, count, each = len(population), batch_sampler.batch_size, _bytes_of_one(loader, population[0], amount)
        chosen = _picked(population, amount, each, count, before, batches=False)
        units, attribute = [chosen[k : k + count] for k in range(0, len(chosen), count)], "batch_sampler"
    else:
        entries = _batch_indices(batch_sampler, read)
        _not_empty(entries)
        count = max(1, len(entries[0])) if isinstance(entries[0], (list, tuple)) else 1
        first_index = entries[0][0] if isinstance(entries[0], (list, tuple)) and entries[0] else entries[0]
        each = _bytes_of_one(loader, first_index, amount)
        units, attribute = _picked(entries, amount, each, count, before, batches=True), "batch_sampler"
    if before is not None:
        _not_empty(units)
        amount = amount._replace(samples=min(amount.samples, len(units) * count))
    sampler = _FixedSampler(units, getattr(loader, attribute))
    drawn = _first(iter(in_this_process(loader, **{attribute: sampler})), amount, by, count)
    if before is not None and not sampler.used:
        _not_empty([])  # a loader's own __iter__ gives what it gave before
    return drawn._replace(total=total if sampler.used else None, spread=sampler.used, each=drawn.each)


def _first(batches: Iterator[Any], amount: Amount, by: Split | None, expected: int | None) -> Drawn:
    """Takes batches until there are enough samples; the last one is cut where it can be."""
    taken: list[Any] = []
    counts: list[int] = []
    storage: BatchStorage | None = None
    wanted, limited = amount.samples, 0.0
    size = 0
    for batch in batches:
        count = _count(batch, by, expected)
        each = nbytes(batch) / max(count, 1)
        if amount.fitting(each) < wanted:
            wanted, limited = amount.fitting(each), each
        room = wanted - size
        if taken and room <= 0:
            break
        if count > room and rows_of(batch) == count:
            batch, count = cut(batch, 0, max(room, 1)), max(room, 1)
        storage = storage or BatchStorage(max(wanted, count))
        taken.append(storage.store(batch, count))
        counts.append(count)
        size += count
        if size >= wanted or len(taken) == amount.batches:
            break
    _not_empty(taken)
    return Drawn(taken, counts, None, False, limited)


def _count(batch: Any, by: Split | None, expected: int | None) -> int:
    """Returns how many samples a batch has, by its labels, else by its tensors or the loader."""
    try:
        pair = split(batch, by)
    except Exception:  # inputs and labels may be known only after the model's hooks
        pair = None
    known = rows_of(batch) if pair is None else pair.size
    if known is not None:
        return known
    if pair is not None and isinstance(pair.inputs, (list, tuple)) and not hasattr(pair.inputs, "_fields"):
        return len(pair.inputs)
    if expected is not None:
        return expected
    return next((len(leaf) for leaf in leaves(batch) if getattr(leaf, "shape", (1,)) != ()), 1)


def _target(amount: Amount, each: float, count: int) -> int:
    """Returns how many samples to take in batches of ``count``."""
    most = amount.fitting(each)
    return most if amount.batches is None else min(most, amount.batches * count)


def _picked(
    population: Sequence[Any], amount: Amount, each: float, count: int, before: Before | None, *, batches: bool
) -> list[Any]:
    """Returns evenly spaced indices, or ``batches`` of ``count`` of them, of those that were not picked before."""
    each_has = count if batches else 1
    size = -(-_target(amount, each, count) // each_has)
    if before is None:
        return spaced(population, size)
    return spaced_between(population, -(-_target(before.amount, each, count) // each_has), size, batches)


def _bytes_of_one(loader: DataLoader[Any], index: Any, amount: Amount) -> float:
    """Returns the bytes of one sample, by itself or collated, whichever are more; 0 where no limit needs them."""
    if amount.nbytes is None:
        return 0.0
    dataset: Any = loader.dataset
    try:
        items = dataset.__getitems__([index]) if hasattr(dataset, "__getitems__") else [dataset[index]]
    except Exception:  # the loader will raise it, unless its own __iter__ reads differently
        return 0.0
    try:
        collated = loader.collate_fn(items)
    except Exception:  # a collate_fn that needs several samples
        collated = None
    return float(max(nbytes(items), nbytes(collated)))


def _batch_indices(sampler: Any, read: float) -> Sequence[Any]:
    """Returns the indices that a sampler gives for each batch, in order, up to a bound."""
    if isinstance(sampler, (SequentialSampler, RandomSampler)) and _iterates_as_framework(sampler):
        return range(len(sampler.data_source))
    entries: list[Any] = []
    indices = 0
    for entry in itertools.islice(sampler, int(min(_length(sampler), MOST_BATCHES, read))):
        entries.append(entry)
        indices += len(entry) if isinstance(entry, (list, tuple)) else 1
        if indices >= MOST_DRAWN:
            break
    return entries


def _population(sampler: Any, dataset: Any, most: int) -> Sequence[int]:
    """Returns the indices a sampler draws from, in order; reads at most ``most`` of them, and only if it has to."""
    known = _indices_of_known(sampler, dataset)
    if known is not None and _iterates_as_framework(sampler):
        return known
    try:
        drawn = list(itertools.islice(sampler, min(_length(dataset), _length(sampler), MOST_DRAWN, most)))
    except Exception:
        if known is None:
            raise
        return known
    try:
        return sorted({int(index) for index in drawn})
    except (TypeError, ValueError):  # indices of another kind, such as pairs
        return drawn


def _indices_of_known(sampler: Any, dataset: Any) -> Sequence[int] | None:
    """Returns the indices that a sampler of torch or Lightning draws from, without reading it; None for any other."""
    if isinstance(sampler, (SequentialSampler, RandomSampler)):
        return range(len(sampler.data_source))
    if isinstance(sampler, SubsetRandomSampler):
        return sorted(torch.as_tensor(sampler.indices).tolist())
    if isinstance(sampler, WeightedRandomSampler):
        return torch.as_tensor(sampler.weights).nonzero().flatten().tolist()
    if isinstance(sampler, DistributedSampler):
        inner = getattr(sampler.dataset, "_sampler", None)  # Lightning wraps a user's sampler
        return range(_length(dataset)) if inner is None else _population(inner, dataset, MOST_DRAWN)
    return None


def _iterates_as_framework(sampler: Any) -> bool:
    """Whether a sampler's ``__iter__`` is one of torch or Lightning, not a user's."""
    return str(type(sampler).__iter__.__module__).startswith(("torch.", "lightning.", "pytorch_lightning."))


def _length(sized: Any) -> int:
    """Returns a length, or ``MOST_DRAWN`` where there is none."""
    try:
        return len(sized)
    except Exception:  # raised by a user's __len__
        return MOST_DRAWN


def _not_empty(samples: Sequence[Any]) -> None:
    if not len(samples):
        raise ConfigurationError(
            "`InfoGeometryMonitor(probes=...)`: a data set is empty; give one with samples, or give the samples "
            "yourself: probes=Probe(inputs, labels)."
        )
