"""What is drawn at one record, apart from everything that goes on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lightning_infogeo import figures
from lightning_infogeo.embedding import EmbeddedPath
from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.markers import Event
from lightning_infogeo.trajectory import Trajectory


class Drawing(NamedTuple):
    """The data of the pictures of one record; nothing in it changes while they are drawn.

    Attributes:
        step: of the record.
        x: at which the loggers get the pictures.
        paths: of what is drawn; the first is of the probe that the pictures are about.
        trajectories: of all probes.
        events: known at the record.
        last: whether training has ended.
    """

    step: int
    x: int
    paths: Sequence[EmbeddedPath]
    trajectories: Mapping[str, Trajectory]
    events: Sequence[Event]
    last: bool

    @property
    def about(self) -> str:
        """The name of the probe that the pictures are about."""
        return self.paths[0].probes[0]

    def pictures(self) -> list[tuple[str, Picture]]:
        """Returns the pictures, each with what its key ends with."""
        drawn = [("curves", figures.approach(self.trajectories, self.about, self.events))]
        for path in self.paths:
            probe = path.probes[0]
            title, colour = figures.answer(probe, self.trajectories[probe], self.events)
            key = "reference" if path.references else "embedding"
            beside = "" if probe == self.about else f"/{', '.join(path.probes)}"
            drawn.append((f"{key}{beside}", figures.embedding(path, title, self.events, colour)))
            if self.last and not path.references:
                drawn.append((f"distances{beside}", figures.distances(path, title, self.events, colour)))
        return [(key, Picture.of(figure)) for key, figure in drawn]
