"""Whether what was kept was made of the data and settings that are asked for now; and what it cost."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from replications.data_sets import fingerprint

IMAGES = "content of the images"


class OtherOriginError(ValueError):
    """A file that was made of other data or by other settings than are asked for."""


class Origin(NamedTuple):
    """What a file is made of, noted beside it.

    Attributes:
        settings: of the training, by name: numbers, text, and tuples of them.
        data: name of the data set; "" without one.
        folder: of the data; None for scikit-learn's digits, or where only what is kept is looked at.
    """

    settings: Mapping[str, Any]
    data: str = ""
    folder: Path | None = None

    def kept(self, path: Path) -> bool:
        """Returns whether a file is there, made of this.

        One without a note is taken as it is, which is said once for each folder.

        Raises:
            OtherOriginError: where it was made of something else, with the first difference.
        """
        if not path.exists():
            return False
        noted = _beside(path)
        if not noted.exists():
            _say_once(path.parent)
            return True
        before, now = json.loads(noted.read_text()), self._as_noted()
        for name in now.keys() & before.keys():
            if before[name] != now[name]:
                raise OtherOriginError(
                    f"{path} was made with another {name}, {before[name]!r}, where {now[name]!r} is asked for: "
                    "remove it, or give another --logdir."
                )
        return True

    def note(self, path: Path) -> None:
        """Writes beside a file what it is made of; before it gets its name, so that none is without."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _beside(path).write_text(json.dumps(self._as_noted(), indent=1) + "\n")

    def _as_noted(self) -> dict[str, Any]:
        known = dict(self.settings)
        if self.data and (self.folder is not None or self.data == "digits"):
            known[IMAGES] = fingerprint(self.data, self.folder)
        read: dict[str, Any] = json.loads(json.dumps(known))  # tuples are lists in the note
        return read


def _beside(path: Path) -> Path:
    return path.with_suffix(".origin")


@cache
def _say_once(folder: Path) -> None:
    if multiprocessing.parent_process() is None:
        print(
            f"{folder} holds trainings without a note of their data and settings: they are taken as they are.",
            file=sys.stderr,
        )


def cost(paths: Sequence[Path]) -> str:
    """Returns the processor time of trainings from the ``.seconds`` beside them, and says where some are not there."""
    notes = [path.with_suffix(".seconds") for path in paths]
    there = [note for note in notes if note.exists()]
    hours = sum(float(note.read_text()) for note in there) / 3600
    said = f"{hours:.1f} CPU hours" if hours >= 1 else f"{hours:.2f} CPU hours"
    return said if len(there) == len(notes) else f"{said} for {len(there)} of {len(notes)}, the others' was not kept"
