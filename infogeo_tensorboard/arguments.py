"""What a request asks for, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infogeo_tensorboard.catalogue import Catalogue, Entry, Group, Probe
from infogeo_tensorboard.problems import RequestError, shortened

_LARGEST = 2**63 - 1
_LONGEST = 10_000


class Arguments:
    """The arguments of a request, as names of what there is.

    Args:
        given: names and values of the query, each name once.
        catalogue: of what there is.
    """

    def __init__(self, given: Mapping[str, Any], catalogue: Catalogue) -> None:
        self._given = given
        self._catalogue = catalogue

    def group(self) -> Group:
        """Returns the map.

        Raises:
            RequestError: where it is missing or unknown.
        """
        key = self._text("map")
        if key not in self._catalogue.groups:
            raise RequestError(404, f"there is no map {shortened(key)}")
        return self._catalogue.groups[key]

    def member(self, group: Group, name: str = "run") -> tuple[Entry, Probe]:
        """Returns a run of a map.

        Raises:
            RequestError: where it is missing or unknown.
        """
        run = self._text(name)
        for entry, probe in group.members:
            if entry.name == run:
                return entry, probe
        raise RequestError(404, f"there is no run {shortened(run)} on the map")

    def whole(self, name: str) -> int:
        """Returns a whole number.

        Raises:
            RequestError: where it is missing or none.
        """
        text = self._text(name)
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and int(digits) <= _LARGEST):
            raise RequestError(400, f"{name}={shortened(text)} is no whole number")
        return int(text)

    def up_to(self, name: str, most: int, default: int) -> int:
        """Returns a count from 1 up to a largest one; a default where none is given.

        Raises:
            RequestError: where it is no such number.
        """
        count = self.whole(name) if name in self._given else default
        if not 1 <= count <= most:
            raise RequestError(400, f"{name}={count} is not from 1 to {most}")
        return count

    def _text(self, name: str) -> str:
        value = self._given.get(name)
        if not isinstance(value, str) or not value or len(value) > _LONGEST:
            raise RequestError(400, f"the request needs {name}=…")
        return value
