"""How a training is seen live in TensorBoard: the command, a page of the right cards, and charts of several curves."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from weakref import WeakKeyDictionary

from typing_extensions import Self

from lightning_infogeo.quantities import quantity
from lightning_infogeo.trajectory import Series

Charts = dict[str, list[str]]
"""Keys of curves by the title of the chart that shows them together."""

_PAGE = "http://localhost:6006/"
_EXPERIMENT = "defaultExperimentId"
"""What TensorBoard's page calls everything below its log directory."""


class LiveView(NamedTuple):
    """What a monitor shows first.

    Attributes:
        scalars: keys of curves, the most important first.
        pictures: keys of pictures.
        charts: curves to show together.
    """

    scalars: list[str]
    pictures: list[str]
    charts: Charts

    @classmethod
    def of(cls, prefix: str, series: Sequence[Series], quantities: Sequence[str], pictures: Sequence[str]) -> Self:
        """Returns the view of what is recorded: held-out probes before those trained on, quantities as they are given.

        Args:
            prefix: what the keys begin with.
            series: that are recorded; of weights none is shown.
            quantities: that the loggers get.
            pictures: what their keys end with.

        Example:
            >>> series = [Series("train", "probe", ("velocity",), True), Series("val", "probe", ("velocity",), False)]
            >>> LiveView.of("infogeo", series, ["entropy", "velocity"], ["embedding"]).charts
            {'information velocity': ['infogeo/val/velocity', 'infogeo/train/velocity']}
        """
        probes = sorted((one for one in series if one.kind == "probe"), key=lambda one: one.trained)
        charts = {
            quantity(name, of_weights=False).label: [
                "/".join((prefix, one.name, name)) for one in probes if name in one.quantities
            ]
            for name in quantities
        }
        charts = {title: keys for title, keys in charts.items() if keys}
        first, *others = charts.values() or [[]]
        shown = [*first[:2], *(keys[0] for keys in others[:1])]
        return cls(shown, ["/".join((prefix, name)) for name in pictures], charts)

    def lines(self, logger: Any) -> list[str]:
        """Returns what to type and where to look, for a logger of TensorBoard's."""
        logs = str(logger.root_dir)
        return [
            f"watch it live: {_shown(_tensorboard())} --logdir {_shown(logs)}",
            f"its page with the right cards: {self.link(logger)}",
            "(tick Settings ▸ Reload data there, or it stands still)",
        ]

    def link(self, logger: Any) -> str:
        """Returns the address of TensorBoard's page with these curves and pictures pinned, without smoothing."""
        run = os.path.relpath(str(logger.log_dir), str(logger.root_dir)).replace(os.sep, "/")
        pinned: list[dict[str, Any]] = [
            {"plugin": "images", "tag": key, "runId": f"{_EXPERIMENT}/{run}", "sample": 0} for key in self.pictures
        ]
        pinned += [{"plugin": "scalars", "tag": key} for key in self.scalars]
        return f"{_PAGE}?smoothing=0&pinnedCards={quote(json.dumps(pinned, separators=(',', ':')), safe='')}#timeseries"


def write_layout(logger: Any, category: str, charts: Charts) -> None:
    """Writes which curves the Custom Scalars page shows together, unless the run has a layout of the user's own.

    A run has one layout, of which TensorBoard takes the last: those of several monitors are written together.

    Args:
        logger: of TensorBoard's.
        category: heading of the charts, another for each monitor.
        charts: the keys of each.
    """
    written = _WRITTEN.setdefault(logger, {})
    if not written and _has_layout(logger):
        return
    curves = {title: [f"^{re.escape(key)}$" for key in keys] for title, keys in charts.items()}
    for title, tags in list(curves.items())[:1]:
        curves = {title: tags, f"{title}, beside losses": [*tags, ".*loss.*"], **curves}
    written[category] = {title: ["Multiline", tags] for title, tags in curves.items()}
    logger.experiment.add_custom_scalars(dict(written))


_WRITTEN: WeakKeyDictionary[Any, dict[str, Mapping[str, Any]]] = WeakKeyDictionary()
"""The charts of each logger, by category."""

_LAYOUT_TAG = b"custom_scalars__config__"


def _has_layout(logger: Any) -> bool:
    """Whether there is a layout among the files of a run, as far as they are in a folder here."""
    logger.experiment.flush()
    for path in Path(str(logger.log_dir)).glob("*tfevents*"):
        with open(path, "rb") as file:
            before = b""
            while block := file.read(2**24):
                if _LAYOUT_TAG in before + block:
                    return True
                before = block[-len(_LAYOUT_TAG) :]
    return False


def _tensorboard() -> str:
    """Returns the command as it can be typed here: by its path where it is not on the PATH of a shell."""
    beside = Path(sys.executable).parent / "tensorboard"
    return str(beside) if shutil.which("tensorboard") is None and beside.exists() else "tensorboard"


def _shown(path: str) -> str:
    """Returns a path as it is typed here: relative below the current folder, in quotes where it has to be."""
    if "://" not in path and os.sep in path:
        absolute = Path(path).absolute()
        path = str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
    return path if re.fullmatch(r"[\w@%+=:,./\\-]+", path) else f'"{path}"'
