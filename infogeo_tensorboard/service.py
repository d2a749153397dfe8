"""What the tab answers, route by route."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from infogeo_tensorboard.arguments import Arguments
from infogeo_tensorboard.catalogue import Entry, Group, Probe
from infogeo_tensorboard.library import Library
from infogeo_tensorboard.live_map import LiveMap
from infogeo_tensorboard.pair import pair
from infogeo_tensorboard.problems import RecordedError, RequestError
from infogeo_tensorboard.recording import Recording
from infogeo_tensorboard.sample_lists import MOST, TOP, SampleCourses, position_of
from infogeo_tensorboard.source import Source
from infogeo_tensorboard.state import state

_MAPS = 4
"""Maps whose distances are kept, at most 80 MB each."""


class Service:
    """Answers the requests of the page; safe to be asked by many threads.

    Args:
        kept: how many tensors a tag TensorBoard keeps of this plugin; 0 or None for all.
    """

    def __init__(self, kept: int | None = 0) -> None:
        self.library = Library()
        self._kept = kept
        self._maps: OrderedDict[tuple[str, str], LiveMap] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, route: str, given: Mapping[str, Any], source: Source) -> Any:
        """Returns an object for JSON, or the bytes of a PNG.

        Args:
            route: "state", "map", "samples", "cartography", "sample", "pair" or "picture".
            given: arguments of the request.
            source: to read from.

        Raises:
            RequestError: where the request is bad, or names what does not exist.
        """
        if route == "state":
            return state(self.library, source, self._kept)
        arguments = Arguments(given, self.library.catalogue(source))
        group = arguments.group()
        if route == "map":
            return self._map(source, group).answer(source, group)
        if route == "pair":
            members = arguments.member(group, "a"), arguments.member(group, "b")
            a, b = (self._courses(source, *member) for member in members)
            return pair(a, b, (members[0][0].name, members[1][0].name), arguments.up_to("top", MOST, TOP))
        entry, probe = arguments.member(group)
        if route == "samples":
            step, top = arguments.whole("step"), arguments.up_to("top", MOST, TOP)
            return {"run": entry.name, **self._courses(source, entry, probe).lists(step, top)}
        if route == "cartography":
            return self._courses(source, entry, probe).cartography()
        if route == "sample":
            courses = self._courses(source, entry, probe)
            return courses.one(position_of(courses.recording, arguments.whole("sample")))
        if route == "picture":
            return self._picture(source, entry, probe, arguments.whole("sample"))
        raise RequestError(404, "there is no such address")

    def _map(self, source: Source, group: Group) -> LiveMap:
        key = (source.experiment, group.key)
        with self._lock:
            found = self._maps.setdefault(key, LiveMap(self.library))
            self._maps.move_to_end(key)
            while len(self._maps) > _MAPS:
                self._maps.popitem(last=False)
        return found

    def _courses(self, source: Source, entry: Entry, probe: Probe) -> SampleCourses:
        return SampleCourses(self._recording(source, entry, probe), self.library.pictures(source, probe))

    def _recording(self, source: Source, entry: Entry, probe: Probe) -> Recording:
        try:
            return self.library.recording(source, probe)
        except RecordedError as error:
            raise RequestError(400, f"{entry.name}: {error}") from error

    def _picture(self, source: Source, entry: Entry, probe: Probe, sample: int) -> bytes:
        position = position_of(self._recording(source, entry, probe), sample)
        pictures = self.library.pictures(source, probe)
        index = None if pictures is None else pictures.place.get(position)
        if pictures is None or index is None:
            raise RequestError(404, f"there is no picture of sample {sample}")
        from PIL import Image

        pixels = pictures.images[index]
        file = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
        return file.getvalue()
