"""How a training is seen live in TensorBoard: the command, a page of the right cards, and charts of several curves."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from typing_extensions import Self

from lightning_infogeo.quantities import quantity
from lightning_infogeo.trajectory import Series

Charts = dict[str, list[str]]
"""Keys of curves by the title of the chart that shows them together."""

_PAGE = "http://localhost:6006/"
_TAB = "#infogeo"
_EXPERIMENT = "defaultExperimentId"
"""What TensorBoard's page calls everything below its log directory."""


class LiveView(NamedTuple):
    """What a monitor shows first.

    Attributes:
        scalars: keys of curves, the most important first.
        pictures: keys of pictures.
        charts: curves to show together.
        tab: whether the tab gets this training, too.
    """

    scalars: list[str]
    pictures: list[str]
    charts: Charts
    tab: bool = False

    @classmethod
    def of(
        cls,
        prefix: str,
        series: Sequence[Series],
        quantities: Sequence[str],
        pictures: Sequence[str],
        tab: bool = False,
    ) -> Self:
        """Returns the view of what is recorded: held-out probes before those trained on, quantities as they are given.

        Args:
            prefix: what the keys begin with.
            series: that are recorded; of weights none is shown.
            quantities: that the loggers get.
            pictures: what their keys end with.
            tab: whether the tab gets this training, too.

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
        held_out = sum(not one.trained for one in probes)
        shown = [*first[:1], *first[max(held_out, 1) :][:1], *(keys[0] for keys in others[:1])]
        return cls(shown, ["/".join((prefix, name)) for name in pictures], charts, tab)

    def lines(self, logger: Any) -> list[str]:
        """Returns what to type and where to look, for a logger of TensorBoard's."""
        on_a_map = [f"all runs on one map, down to the sample: {_PAGE}{_TAB}"] if self.tab else []
        return [
            f"watch it live: {_shown(_tensorboard())} --logdir {_shown(_root(logger))}",
            *on_a_map,
            f"pictures and curves of this one: {self.link(logger)}",
            "(tick Settings ▸ Reload data there, or it stands still)",
        ]

    def link(self, logger: Any) -> str:
        """Returns the address of TensorBoard's page with these curves and pictures pinned, without smoothing."""
        run = os.path.relpath(str(logger.log_dir), _root(logger)).replace(os.sep, "/")
        pinned: list[dict[str, Any]] = [
            {"plugin": "images", "tag": key, "runId": f"{_EXPERIMENT}/{run}", "sample": 0} for key in self.pictures
        ]
        pinned += [{"plugin": "scalars", "tag": key} for key in self.scalars]
        return f"{_PAGE}?smoothing=0&pinnedCards={quote(json.dumps(pinned, separators=(',', ':')), safe='')}#timeseries"


def _root(logger: Any) -> str:
    """Returns the folder of all versions, with ~ and variables replaced as Lightning does it in that of one version."""
    return os.path.expandvars(os.path.expanduser(str(logger.root_dir)))


def _tensorboard() -> str:
    """Returns the command as it can be typed here: by its path where it is not on the PATH of a shell."""
    beside = Path(sys.executable).parent / "tensorboard"
    return str(beside) if shutil.which("tensorboard") is None and beside.exists() else "tensorboard"


def _shown(path: str) -> str:
    """Returns a path as it is typed here: relative below the current folder, in quotes where it has to be."""
    if "://" not in path and os.sep in path:
        absolute = Path(path).absolute()
        path = str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
    return shlex.quote(path)
