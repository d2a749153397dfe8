"""What has been read of the log directory, decoded once and kept while there is room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.catalogue import Catalogue, Entry, Probe
from infogeo_tensorboard.json_values import finite
from infogeo_tensorboard.memory import Memory
from infogeo_tensorboard.metadata import FORMAT, tag_metadata
from infogeo_tensorboard.points import Bytes
from infogeo_tensorboard.problems import NewerFormatError, RecordedError
from infogeo_tensorboard.recording import Numbers, Recording, read_numbers, read_recording
from infogeo_tensorboard.source import Series, Source

ROOM = 2**29
"""Bytes of decoded records at most."""
_LARGEST_PICTURE = 64
_MOST_POINTS = 100
"""Of a geodesic."""


@dataclass(frozen=True)
class Pictures:
    """Inputs of some samples.

    Attributes:
        images: uint8, shape (n, h, w, c), c 1 or 3.
        place: index into these, by position of the sample among those written.
    """

    images: Bytes
    place: dict[int, int]


class Library:
    """Reads what requests ask for.

    Attributes:
        memory: of what was decoded.
    """

    def __init__(self) -> None:
        self.memory = Memory(ROOM)
        self._complaints: dict[tuple[str, str, str], str] = {}
        self._catalogue: tuple[tuple[Series, ...], str, Catalogue] | None = None

    def catalogue(self, source: Source) -> Catalogue:
        """Returns which runs and maps there are."""
        series = source.series()
        known = self._catalogue
        if known is not None and known[0] == series and known[1] == source.experiment:
            return known[2]
        catalogue = Catalogue(series)
        self._catalogue = (series, source.experiment, catalogue)
        return catalogue

    def numbers(self, source: Source, entry: Entry, probe: Probe) -> Numbers:
        """Returns the curves of a run.

        Raises:
            RecordedError: where they cannot be read.
        """
        series = probe.series["numbers"]

        def make() -> tuple[Numbers, int]:
            numbers = read_numbers(probe.metadata, source.read(series))
            return numbers, numbers.size

        return self.memory.recall(_key(source, series), series.version, make)

    def recording(self, source: Source, entry: Entry, probe: Probe) -> Recording:
        """Returns the records of a run.

        Raises:
            RecordedError: where they cannot be read.
        """
        parts = [probe.series[kind] for kind in ("amplitudes", "answers", "numbers")]

        def make() -> tuple[Recording, int]:
            recording = read_recording(probe.metadata, *[source.read(series) for series in parts])
            return recording, recording.size

        version = tuple(series.version for series in parts)
        key = _key(source, parts[0])
        try:
            recording = self.memory.recall(("recording", *key), version, make)
        except RecordedError as error:
            self._complaints[key] = str(error)
            raise
        self._complaints[key] = recording.problem
        return recording

    def complaints(self, source: Source, entry: Entry) -> list[str]:
        """Returns what was wrong with the predictions of a run when they were last read, in words."""
        series = [probe.series["amplitudes"] for probe in entry.probes.values() if "amplitudes" in probe.series]
        said = [(one.tag, self._complaints.get(_key(source, one))) for one in series]
        return [f"{tag}: {words}" for tag, words in said if words]

    def geodesic(self, source: Source, probe: Probe) -> Bytes | None:
        """Returns sketches of points on the way from ignorance to truth, without labels of ignorance alone, as written.

        NumPy cannot make them: the random numbers of a sketch are PyTorch's.
        """
        series = probe.series.get("geodesic")
        if series is None:
            return None
        shape = (probe.metadata.samples, probe.metadata.width)
        data = self._read_once(source, series)
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
        images = [one.numpy for one in self._read_once(source, series) if _are_images(one.numpy)]
        if not images or not isinstance(samples, list) or len(samples) != len(images[-1]):
            return None
        place = {sample: index for index, sample in enumerate(samples) if type(sample) is int}
        return Pictures(images[-1], place)

    def known(self, source: Source, entry: Entry) -> dict[str, Any]:
        """Returns what was last written of a run's events; empty where nothing was.

        Raises:
            RecordedError: where that is no JSON object, or of a later format.
        """
        series = entry.events
        if series is None:
            return {}

        def make() -> tuple[dict[str, Any], int]:
            data = source.read(series)
            text = _text(data[-1].numpy) if data else "{}"
            return _event_object(text), 4 * len(text) + 200

        return self.memory.recall(_key(source, series), series.version, make)

    def _read_once(self, source: Source, series: Series) -> list[Any]:
        def make() -> tuple[list[Any], int]:
            data = source.read(series)
            return data, sum(one.numpy.nbytes for one in data) + 200

        try:
            return self.memory.recall(_key(source, series), series.version, make)
        except RecordedError:
            return []


def _key(source: Source, series: Series) -> tuple[str, str, str]:
    return source.experiment, series.run, series.tag


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
