"""What has been read of the log directory, decoded once and kept while there is room."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.catalogue import Catalogue, Entry, Group, Probe
from infogeo_tensorboard.json_values import finite
from infogeo_tensorboard.metadata import FORMAT, PROBE_KINDS, tag_metadata
from infogeo_tensorboard.points import Bytes
from infogeo_tensorboard.problems import NewerFormatError, RecordedError
from infogeo_tensorboard.reader import BATCH, Decoded, Reader, Wanted
from infogeo_tensorboard.recording import Numbers, Recording, read_numbers, read_recording
from infogeo_tensorboard.source import Data, Series, Source

_LARGEST_PICTURE = 64
_MOST_POINTS = 100
"""Of a geodesic."""
_RECORDS = 1_000
"""Records of a run, where it is not known how many it has: more than most, so that a request is rather too small."""


@dataclass(frozen=True)
class Pictures:
    """Inputs of some samples.

    Attributes:
        images: uint8, shape (n, h, w, c), c 1 or 3.
        place: index into these, by position of the sample among those written.
    """

    images: Bytes
    place: dict[int, int]


@dataclass(frozen=True)
class Told:
    """What is small of a run.

    Attributes:
        curves: by name of the probe, of those that can be read.
        known: what was last written of its events; empty where nothing was, or nothing that can be read.
    """

    curves: dict[str, Numbers] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)


class Library:
    """Reads what requests ask for.

    Attributes:
        reader: of values.
    """

    def __init__(self) -> None:
        self.reader = Reader()
        self._catalogue: tuple[tuple[Series, ...], str, Catalogue] | None = None

    def catalogue(self, source: Source) -> Catalogue:
        """Returns which runs and maps there are."""
        series = source.series()
        known = self._catalogue
        if known is not None and known[0] == series and known[1] == source.experiment:
            return known[2]
        catalogue = Catalogue(series)
        self._catalogue = (series, source.experiment, catalogue)
        self.reader.troubles.keep(
            {one.key(source) for entry in catalogue.entries.values() for one in _all_wanted(entry)}
        )
        return catalogue

    def told(self, source: Source, entries: Sequence[Entry]) -> list[Told]:
        """Returns curves and events of runs."""
        found = [Told() for _ in entries]
        wanted: list[tuple[Told, str | None, Wanted]] = []
        for entry, told in zip(entries, found, strict=True):
            curves = [(name, probe) for name, probe in entry.probes.items() if "numbers" in probe.series]
            wanted += [(told, name, _numbers(probe)) for name, probe in curves]
            if entry.events is not None:
                wanted.append((told, None, _known(entry.events)))
        values = self.reader.recall(source, [one for _, _, one in wanted])
        for (told, probe_name, _), value in zip(wanted, values, strict=True):
            if isinstance(value, RecordedError):
                continue  # the complaints say it
            if probe_name is None:
                told.known.update(value)
            else:
                told.curves[probe_name] = value
        return found

    def recording(self, source: Source, probe: Probe) -> Recording:
        """Returns the records of a run.

        Raises:
            RecordedError: where they cannot be read.
        """
        recording: Recording = self.reader.one(source, self._recording(source, probe))
        return recording

    def recordings(self, source: Source, group: Group) -> Iterator[tuple[Entry, Recording]]:
        """Yields the records of the runs of a map, of those that can be read."""
        wanted = [self._recording(source, probe) for _, probe in group.members]
        for (entry, _), value in zip(group.members, self.reader.recall(source, wanted), strict=True):
            if not isinstance(value, RecordedError):
                yield entry, value

    def marks(self, source: Source, group: Group) -> tuple[Hashable, ...]:
        """Returns what changes when more, or less, of what lies on a map can be read, or when it is time to try."""
        keys = [one.key(source) for _, probe in group.members for one in _of_map(probe)]
        return tuple((key, mark) for key in keys if (mark := self.reader.troubles.mark(key))[0])

    def complaints(self, source: Source, entry: Entry) -> list[str]:
        """Returns what was wrong with what a run recorded when it was last read, in words."""
        said = [self.reader.troubles.words(one.key(source)) for one in _all_wanted(entry)]
        return [words for words in dict.fromkeys(said) if words]

    def geodesic(self, source: Source, probe: Probe) -> Bytes | None:
        """Returns sketches of points on the way from ignorance to truth, without labels of ignorance alone, as written.

        NumPy cannot make them: the random numbers of a sketch are PyTorch's.
        """
        shape = (probe.metadata.samples, probe.metadata.width)
        data = self._once(source, probe, "geodesic")
        good = [one.numpy for one in data if one.numpy.dtype == np.uint8 and one.numpy.shape[1:] == shape]
        return good[-1] if good and 1 <= len(good[-1]) <= _MOST_POINTS else None

    def pictures(self, source: Source, probe: Probe) -> Pictures | None:
        """Returns the inputs of samples, where there are some."""
        series = probe.series.get("pictures")
        if series is None:
            return None
        content = tag_metadata(series.content).content
        if content.get("fingerprint") != probe.metadata.fingerprint:
            return None
        samples = content.get("samples")
        images = [one.numpy for one in self._once(source, probe, "pictures") if _are_images(one.numpy)]
        if not images or not isinstance(samples, list) or len(samples) != len(images[-1]):
            return None
        place = {sample: index for index, sample in enumerate(samples) if type(sample) is int}
        return Pictures(images[-1], place)

    def _recording(self, source: Source, probe: Probe) -> Wanted:
        numbers = _numbers(probe)
        known = self.reader.memory.known(numbers.key(source), numbers.version)
        return _recording(probe, _RECORDS if known is None else len(known.at))

    def _once(self, source: Source, probe: Probe, kind: str) -> Data:
        if kind not in probe.series:
            return []
        try:
            data: Data = self.reader.one(source, _written_once(probe, kind))
        except RecordedError:
            return []  # the complaints say it
        return data


def _all_wanted(entry: Entry) -> Iterator[Wanted]:
    for probe in entry.probes.values():
        if "numbers" in probe.series:
            yield _numbers(probe)
        yield from _of_map(probe)
        if "pictures" in probe.series:
            yield _written_once(probe, "pictures")
    if entry.events is not None:
        yield _known(entry.events)


def _of_map(probe: Probe) -> Iterator[Wanted]:
    if set(PROBE_KINDS) <= set(probe.series):
        yield _recording(probe, _RECORDS)
    if "geodesic" in probe.series:
        yield _written_once(probe, "geodesic")


def _numbers(probe: Probe) -> Wanted:
    def decode(data: Data) -> Decoded:
        numbers = read_numbers(probe.metadata, data)
        return Decoded(numbers, numbers.size, numbers.problem)

    return Wanted((probe.series["numbers"],), decode, 8 * len(probe.metadata.quantities) * _RECORDS)


def _recording(probe: Probe, records: int) -> Wanted:
    metadata = probe.metadata

    def decode(amplitudes: Data, answers: Data, numbers: Data) -> Decoded:
        recording = read_recording(metadata, amplitudes, answers, numbers)
        return Decoded(recording, recording.size, recording.problem)

    of_record = metadata.samples * (metadata.width + 3 * 4) + 8 * len(metadata.quantities)
    return Wanted(tuple(probe.series[kind] for kind in PROBE_KINDS), decode, of_record * records)


def _known(events: Series) -> Wanted:
    def decode(data: Data) -> Decoded:
        text = _text(data[-1].numpy) if data else "{}"
        return Decoded(_event_object(text), 4 * len(text) + 200)

    return Wanted((events,), decode, _RECORDS * 100)


def _written_once(probe: Probe, kind: str) -> Wanted:
    def decode(data: Data) -> Decoded:
        return Decoded(data, sum(one.numpy.nbytes for one in data) + 200)

    return Wanted((probe.series[kind],), decode, BATCH)


def _are_images(value: NDArray[Any]) -> bool:
    if value.dtype != np.uint8 or value.ndim != 4 or value.shape[3] not in (1, 3):
        return False
    return all(0 < side <= _LARGEST_PICTURE for side in value.shape[1:3])


def _text(value: NDArray[Any]) -> str:
    if value.size != 1:
        raise RecordedError("its events are not one text")
    item = value.reshape(-1)[0]
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def _event_object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordedError("its events are no JSON") from None
    if not isinstance(given, dict):
        raise RecordedError("its events are no JSON object")
    version = given.get("format", FORMAT)
    if isinstance(version, int) and version > FORMAT:
        raise NewerFormatError()
    cleaned: dict[str, Any] = finite(given)
    return cleaned
