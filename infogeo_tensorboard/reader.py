"""Reads and decodes many values by few requests, each once a version."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infogeo_tensorboard.memory import Memory
from infogeo_tensorboard.problems import RecordedError
from infogeo_tensorboard.source import Data, Series, Source
from infogeo_tensorboard.troubles import Troubles

ROOM = 2**29
"""Bytes of decoded values at most."""
BATCH = 2**25
"""Bytes expected of one request; the default loader's answers may have 256 MiB."""


@dataclass(frozen=True)
class Decoded:
    """A value.

    Attributes:
        value: of whatever type.
        size: bytes.
        problem: what is wrong with some of it, in words; "" where nothing is.
    """

    value: Any
    size: int
    problem: str = ""


@dataclass(frozen=True)
class Wanted:
    """A value that is made of series of one run.

    Attributes:
        series: at least one; problems are said of the first.
        decode: returns it, given the data of each series; may raise ``RecordedError``.
        size: bytes expected of the series.
    """

    series: tuple[Series, ...]
    decode: Callable[..., Decoded]
    size: int

    @property
    def version(self) -> Hashable:
        """Of what it is made of."""
        return tuple(series.version for series in self.series)

    def key(self, source: Source) -> Hashable:
        """Returns its name among all values."""
        return source.experiment, self.series[0].run, tuple(series.tag for series in self.series)


class Reader:
    """Values that have been read, kept while there is room.

    Attributes:
        memory: of values.
        troubles: with those that could not be read.
    """

    def __init__(self) -> None:
        self.memory = Memory(ROOM)
        self.troubles = Troubles()

    def recall(self, source: Source, wanted: Sequence[Wanted]) -> Iterator[Any]:
        """Yields values in turn, for one that cannot be read a ``RecordedError``.

        Those that are not known in their version are read some at a time, at most ``BATCH`` bytes as far as can be
        foreseen; so no more than these are held beside the memory.

        Args:
            source: to read from.
            wanted: values.
        """
        fresh: dict[int, Any] = {}
        for place, one in enumerate(wanted):
            if place not in fresh:
                known = self._known(source, one)
                if known is not None:
                    yield known
                    continue
                fresh = self._read(source, self._batch(source, wanted, place))
            yield fresh.pop(place)

    def one(self, source: Source, wanted: Wanted) -> Any:
        """Returns a value.

        Raises:
            RecordedError: where it cannot be read.
        """
        (value,) = self.recall(source, [wanted])
        if isinstance(value, RecordedError):
            raise value
        return value

    def _known(self, source: Source, one: Wanted) -> Any:
        key = one.key(source)
        words = self.troubles.waiting(key, one.version)
        return RecordedError(words) if words else self.memory.known(key, one.version)

    def _batch(self, source: Source, wanted: Sequence[Wanted], first: int) -> dict[int, Wanted]:
        batch, size = {first: wanted[first]}, wanted[first].size
        for place in range(first + 1, len(wanted)):
            one = wanted[place]
            if size + one.size > BATCH:
                break
            if self._known(source, one) is None:
                batch[place] = one
                size += one.size
        return batch

    def _read(self, source: Source, batch: dict[int, Wanted]) -> dict[int, Any]:
        data = source.read(series for one in batch.values() for series in one.series)
        return {place: self._decoded(source, one, data) for place, one in batch.items()}

    def _decoded(self, source: Source, one: Wanted, data: dict[tuple[str, str], Data | RecordedError]) -> Any:
        key, given = one.key(source), []
        for series in one.series:
            of_series = data[series.run, series.tag]
            if isinstance(of_series, RecordedError):
                return self._failed(key, one, f"{series.tag}: {of_series}", for_good=False)
            given.append(of_series)
        tag = one.series[0].tag
        try:
            made = one.decode(*given)
        except RecordedError as error:
            return self._failed(key, one, f"{tag}: {error}", for_good=True)
        self.memory.keep(key, one.version, made.value, made.size)
        self.troubles.read(key, one.version, made.problem and f"{tag}: {made.problem}")
        return made.value

    def _failed(self, key: Hashable, one: Wanted, words: str, for_good: bool) -> RecordedError:
        self.troubles.failed(key, one.version, words, for_good)
        return RecordedError(words)
