"""What the tags of a probe say about their tensors: read from JSON that anyone may have written, so checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from infogeo_tensorboard.problems import NewerFormatError, RecordedError, shortened

FORMAT = 1
KINDS = ("amplitudes", "answers", "numbers", "geodesic", "pictures", "events")
PROBE_KINDS = ("amplitudes", "answers", "numbers")

_REMEMBERED = 8192
"""Tags whose metadata are not parsed again when one run of many has grown."""
_LARGEST = 10**8
"""More samples, classes or numbers a sample are no probe but a mistake."""
RESOLUTION = 1 / 1020
"""Smallest overlap of 8-bit amplitudes that is told from 0: what is below half a step of 1/255 is written as 0, and
stands for half of that. With a lower floor one sample of 512 that is wrong with certainty, at e⁻⁷ or less, would add
0.17 nats to the distance to truth."""


@dataclass(frozen=True)
class TagMetadata:
    """What every tag says.

    Attributes:
        kind: one of ``KINDS``.
        monitor: prefix of the monitor that wrote it.
        probe: name of the probe; "" for events.
        content: the whole object as it was read.
    """

    kind: str
    monitor: str
    probe: str
    content: dict[str, Any]


@dataclass(frozen=True)
class ProbeMetadata:
    """What was evaluated, and how it was written.

    Attributes:
        probe: name.
        fingerprint: of the samples.
        trained: whether the model is trained on them.
        samples: number N of those written.
        of: number of those of the probe.
        indices: which of these are written, shape (N,); None for the first N.
        classes: C.
        class_names: one for each class, or None.
        labels: shape (N,), or None.
        width: numbers a sample, W.
        sketched: whether the numbers are those of a sketch rather than amplitudes.
        floor: overlaps below it count as it; at least ``RESOLUTION``.
        quantities: names of the numbers.
        run: what is said of the run: "id", "continues", "metadata".
        key: of the map on which it lies.
    """

    probe: str
    fingerprint: str
    trained: bool
    samples: int
    of: int
    indices: tuple[int, ...] | None
    classes: int
    class_names: tuple[str, ...] | None
    labels: tuple[int, ...] | None
    width: int
    sketched: bool
    floor: float
    quantities: tuple[str, ...]
    run: dict[str, Any]
    key: str

    def index_in_probe(self, position: int) -> int:
        """Returns which sample of the probe the one at a position of those written is."""
        return position if self.indices is None else self.indices[position]


@lru_cache(maxsize=_REMEMBERED)
def tag_metadata(content: bytes) -> TagMetadata:
    """Returns what a tag says.

    Args:
        content: of the plugin's data in the tag's summary metadata.

    Raises:
        RecordedError: where it is not as agreed; ``NewerFormatError`` for a later format.
    """
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        raise RecordedError("its metadata are no JSON") from None
    if not isinstance(given, dict):
        raise RecordedError("its metadata are no JSON object")
    version = given.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordedError("its metadata have no format")
    if version > FORMAT:
        raise NewerFormatError()
    kind = given.get("kind")
    if kind not in KINDS:
        raise RecordedError(f"its kind {shortened(kind)!r} is unknown")
    probe = "" if kind == "events" else _text(given, "probe")
    return TagMetadata(kind, _text(given, "monitor"), probe, given)


@lru_cache(maxsize=_REMEMBERED)
def probe_metadata(content: bytes) -> ProbeMetadata:
    """Returns what a tag of a probe says.

    Args:
        content: as of ``tag_metadata``.

    Raises:
        RecordedError: where it is not as agreed.
    """
    tag = tag_metadata(content)
    given = tag.content
    samples, classes = _count(given, "samples"), _count(given, "classes")
    width, of = _count(given, "width"), _count(given, "of", samples)
    indices = _whole_numbers(given, "indices", samples, of)
    if indices is not None and len(set(indices)) < samples:
        raise RecordedError("its indices repeat")
    labels = _whole_numbers(given, "labels", samples, classes)
    names = given.get("class_names")
    if names is not None and not (_texts(names) and len(names) == classes):
        raise RecordedError("its class_names are not one text for each class")
    sketch = given.get("sketch")
    if sketch is not None:
        if not isinstance(sketch, dict) or not _is_whole(sketch.get("seed")):
            raise RecordedError("its sketch has no seed")
    elif width != classes:
        raise RecordedError(f"its width {width} is not the number of classes, {classes}")
    quantities = given.get("quantities")
    if not _texts(quantities) or not quantities or quantities[0] != "optimizer_step":
        raise RecordedError("its quantities do not begin with optimizer_step")
    floor = given.get("floor", RESOLUTION)
    if not isinstance(floor, (int, float)) or isinstance(floor, bool) or not 0 < floor < 1:
        raise RecordedError("its floor does not lie between 0 and 1")
    run = given.get("run")
    fingerprint = _text(given, "fingerprint")
    same = [fingerprint, samples, classes, width, sketch, indices, labels]  # all that says of what a sketch was made
    return ProbeMetadata(
        probe=tag.probe,
        fingerprint=fingerprint,
        trained=given.get("trained") is True,
        samples=samples,
        of=of,
        indices=indices,
        classes=classes,
        class_names=None if names is None else tuple(names),
        labels=labels,
        width=width,
        sketched=sketch is not None,
        floor=max(float(floor), RESOLUTION),
        quantities=tuple(quantities),
        run=run if isinstance(run, dict) else {},
        key=hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:16],
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise RecordedError(f"its {name} is missing")
    return value


def _count(given: dict[str, Any], name: str, default: int | None = None) -> int:
    value = given.get(name, default)
    if value is None or not _is_whole(value) or not 0 < value <= _LARGEST:
        raise RecordedError(f"its {name} {shortened(value)!r} is no number from 1 to {_LARGEST}")
    return int(value)


def _whole_numbers(given: dict[str, Any], name: str, length: int, below: int) -> tuple[int, ...] | None:
    values = given.get(name)
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != length:
        raise RecordedError(f"its {name} are not one for each of {length} samples")
    if set(map(type, values)) - {int} or not 0 <= min(values) <= max(values) < below:
        raise RecordedError(f"its {name} do not all lie between 0 and {below - 1}")
    return tuple(values)
