"""Drawing the batches of a probe from what a training already has: through its own loader, batch by batch."""

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
from lightning_infogeo.probe.keeping import Keeper
from lightning_infogeo.probe.splitting import Split, split
from lightning_infogeo.probe.structure import cut, leaves, nbytes, rows_of

MOST_DRAWN = 2**20
"""Indices read at most of a sampler of the user's own, to know what it draws from."""

MOST_BATCHES = 1024
"""Batches of indices read at most of a batch sampler of the user's own."""


class Amount(NamedTuple):
    """How much to draw at most.

    Attributes:
        samples: their number.
        nbytes: of them all together; None for any number.
        batches: None for as many as it takes.
    """

    samples: int
    nbytes: int | None = None
    batches: int | None = None

    def fitting(self, each: float) -> int:
        """Returns how many samples of so many bytes each to take, at least one."""
        if self.nbytes is None or each <= 0:
            return self.samples
        return max(1, min(self.samples, int(self.nbytes / each)))


class Drawn(NamedTuple):
    """Batches as the loader made them, on the host.

    Attributes:
        batches: which share no memory with the data set.
        counts: samples of each.
        total: samples that there are to draw from; None where that is not known.
        spread: whether they are evenly spread over these, rather than the first ones.
        each: bytes of a sample, where that kept their number down; else 0.
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
) -> Drawn:
    """Returns batches of a source, in the order in which it has them.

    A DataLoader over a data set with indices gives batches of evenly spaced samples of those its sampler draws from, or
    evenly spaced ones of the batches that a batch sampler of the user's own makes. They come out of the loader itself,
    that is through its own ``__iter__`` and ``collate_fn``, in this process. All else gives the first batches of a
    fresh iterator.

    Args:
        source: a DataLoader, a Dataset, or any iterable of batches.
        amount: at most.
        by: tells inputs from labels, which count the samples of a batch.
        loader: whether a Dataset is a loader, as it is where a Trainer is given one: its items are batches.
        read: batches training reads of the source in one epoch; of a source read in order the rest is left out.
        batch_size: of samples of a Dataset.

    Raises:
        ConfigurationError: where the source is empty, or is none.
    """
    if isinstance(source, Dataset) and not loader:
        source = DataLoader(source, batch_size=batch_size)
    if isinstance(source, DataLoader) and is_indexed(source, loader):
        return _indexed(source, amount, by, read)
    if isinstance(source, DataLoader):
        return _first(_announced(in_this_process(source)), amount, by, source.batch_size)
    if isinstance(source, (Iterable, Dataset)) and not isinstance(source, (str, bytes, Mapping)):
        return _first(_announced(source), amount, by, None)
    raise ConfigurationError(
        f"`InfoGeometryMonitor(probes=...)`: cannot take samples from `{type(source).__name__}`; give a Probe, a "
        "Dataset, a DataLoader, or a dict of these by name."
    )


def _announced(source: Any) -> Iterator[Any]:
    """Yields as many batches as a source says that it has: a Trainer reads no more, and some break where they end."""
    return itertools.islice(iter(source), _length(source))


def is_indexed(source: Any, loader: bool) -> bool:
    """Returns whether samples can be read in any order; arguments as for ``draw``."""
    if isinstance(source, DataLoader):  # of which the data set may be another loader, where it has its own __iter__
        kind = type(source.dataset)
        readable = hasattr(kind, "__getitem__") or hasattr(kind, "__getitems__")
        indexed = readable or type(source).__iter__ is DataLoader.__iter__
        return indexed and not isinstance(source.dataset, IterableDataset)
    return isinstance(source, Dataset) and not isinstance(source, IterableDataset) and not loader


def in_this_process(loader: DataLoader[Any], **changes: Any) -> Any:
    """Returns a loader of the same class and attributes that starts no workers; no code of the user's is run for it."""
    twin = object.__new__(type(loader))
    alone = {"num_workers": 0, "persistent_workers": False, "pin_memory": False, "timeout": 0, "prefetch_factor": None}
    twin.__dict__.update({**loader.__dict__, **alone, "_iterator": None, **changes})
    return twin


class Together:
    """Several loaders that training reads at once, as a source of the batches that it makes of theirs.

    Args:
        combined: Lightning's loader of them.
    """

    def __init__(self, combined: Any) -> None:
        self._combined = combined

    def __iter__(self) -> Iterator[Any]:
        anew = type(self._combined)(_alone(self._combined.iterables), mode=self._combined._mode)
        return (batch for batch, _, _ in anew)


def _alone(loaders: Any) -> Any:
    if isinstance(loaders, DataLoader):
        return in_this_process(loaders)
    if isinstance(loaders, Mapping):
        return {key: _alone(loader) for key, loader in loaders.items()}
    return [_alone(loader) for loader in loaders] if isinstance(loaders, (list, tuple)) else loaders


def training_batch_size(loaders: Any) -> int | None:
    """Returns the batch size of a DataLoader, or None where it has none to tell."""
    if not isinstance(loaders, DataLoader):
        return None
    size = loaders.batch_size or getattr(loaders.batch_sampler, "batch_size", None)
    return size if isinstance(size, int) else None


class _Units(list[Any]):
    """What takes the place of a loader's sampler or batch sampler, and knows whether it was asked."""

    asked = False

    def __init__(self, units: Iterable[Any], instead_of: Any) -> None:
        super().__init__(units)
        self._instead_of = instead_of

    def __iter__(self) -> Iterator[Any]:
        self.asked = True
        return super().__iter__()

    def __getattr__(self, name: str) -> Any:  # such as batch_size, which a loader's own __iter__ may look at
        return getattr(self.__dict__["_instead_of"], name)


def _indexed(loader: DataLoader[Any], amount: Amount, by: Split | None, read: float) -> Drawn:
    batch_sampler, dataset, collate = loader.batch_sampler, loader.dataset, loader.collate_fn
    total: int | None = None
    if batch_sampler is None:
        entries = _entries(loader.sampler, read)
        _not_empty(entries)
        first = collate(dataset[entries[0]])
        count = max(1, _count(first, by, None))
        each = nbytes(first) / count
        units, place = _spaced(entries, -(-_target(amount, each, count) // count)), "sampler"
    elif type(batch_sampler) is BatchSampler:
        most = MOST_DRAWN if read == float("inf") else int(read) * batch_sampler.batch_size
        population = _population(batch_sampler.sampler, dataset, most)
        if isinstance(batch_sampler.sampler, SequentialSampler) and read != float("inf"):
            population = population[: int(read) * batch_sampler.batch_size]
        _not_empty(population)
        total, count, each = len(population), batch_sampler.batch_size, _bytes_of_one(loader, population[0], amount)
        chosen = _spaced(population, _target(amount, each, count))
        units, place = [chosen[k : k + count] for k in range(0, len(chosen), count)], "batch_sampler"
    else:
        entries = _entries(batch_sampler, read)
        _not_empty(entries)
        count = max(1, len(entries[0])) if isinstance(entries[0], (list, tuple)) else 1
        one = entries[0][0] if isinstance(entries[0], (list, tuple)) and entries[0] else entries[0]
        each = _bytes_of_one(loader, one, amount)
        units, place = _spaced(entries, -(-_target(amount, each, count) // count)), "batch_sampler"
    asked = _Units(units, getattr(loader, place))
    drawn = _first(iter(in_this_process(loader, **{place: asked})), amount, by, count)
    return drawn._replace(total=total if asked.asked else None, spread=asked.asked, each=drawn.each)


def _first(batches: Iterator[Any], amount: Amount, by: Split | None, expected: int | None) -> Drawn:
    """Takes whole batches until there is enough; of the last one, where it can be cut, only what is wanted."""
    taken: list[Any] = []
    counts: list[int] = []
    keeper: Keeper | None = None
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
        keeper = keeper or Keeper(max(wanted, count))
        taken.append(keeper.keep(batch, count))
        counts.append(count)
        size += count
        if size >= wanted or len(taken) == amount.batches:
            break
    _not_empty(taken)
    return Drawn(taken, counts, None, False, limited)


def _count(batch: Any, by: Split | None, expected: int | None) -> int:
    """Returns how many samples a batch holds: as many as labels, else what its tensors or the loader say."""
    try:
        pair = split(batch, by)
    except Exception:  # what it holds may only be known after the model's hooks
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


def _bytes_of_one(loader: DataLoader[Any], index: Any, amount: Amount) -> float:
    """Returns what one sample takes, by itself or in a batch of its own where that can be made; 0 where it is free."""
    if amount.nbytes is None:
        return 0.0
    dataset: Any = loader.dataset
    try:
        items = dataset.__getitems__([index]) if hasattr(dataset, "__getitems__") else [dataset[index]]
    except Exception:  # the loader itself will tell, unless its own __iter__ reads otherwise
        return 0.0
    try:
        collated = loader.collate_fn(items)
    except Exception:  # a function that needs several samples
        collated = None
    return float(max(nbytes(items), nbytes(collated)))


def _entries(sampler: Any, read: float) -> Sequence[Any]:
    """Returns what a sampler gives for each batch, in order: all of it, or a bounded part where it goes on."""
    if isinstance(sampler, (SequentialSampler, RandomSampler)) and _is_as_made(sampler):
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
    """Returns the indices a sampler draws from, in order; reads at most so many, and only where it has to."""
    known = _known(sampler, dataset)
    if known is not None and _is_as_made(sampler):
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


def _known(sampler: Any, dataset: Any) -> Sequence[int] | None:
    """Returns what a sampler of torch's or Lightning's draws from, without reading it; None for any other."""
    if isinstance(sampler, (SequentialSampler, RandomSampler)):
        return range(len(sampler.data_source))
    if isinstance(sampler, SubsetRandomSampler):
        return sorted(torch.as_tensor(sampler.indices).tolist())
    if isinstance(sampler, WeightedRandomSampler):
        return torch.as_tensor(sampler.weights).nonzero().flatten().tolist()
    if isinstance(sampler, DistributedSampler):
        inner = getattr(sampler.dataset, "_sampler", None)  # lightning wraps a sampler of the user's own
        return range(_length(dataset)) if inner is None else _population(inner, dataset, MOST_DRAWN)
    return None


def _is_as_made(sampler: Any) -> bool:
    """Whether a sampler draws by the method of the class that its kind is known by."""
    return str(type(sampler).__iter__.__module__).startswith(("torch.", "lightning.", "pytorch_lightning."))


def _length(sized: Any) -> int:
    """Returns a length, or what is read at most of what has none."""
    try:
        return len(sized)
    except Exception:  # whatever a length of the user's own meets
        return MOST_DRAWN


def _spaced(population: Sequence[Any], size: int) -> list[Any]:
    count = min(size, len(population))
    return [population[k * len(population) // count] for k in range(count)]


def _not_empty(found: Sequence[Any]) -> None:
    if not len(found):
        raise ConfigurationError(
            "`InfoGeometryMonitor(probes=...)`: a data set is empty; give one with samples, or the samples yourself: "
            "probes=Probe(inputs, labels)."
        )
