"""The path of predictions on a plane: the first two axes of its InPCA embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.figures.card import HEIGHT, LETTERS, SMALL, WIDTH, Words, card, note, settled, step_name
from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import INK, LINES, event_colour
from lightning_infogeo.markers import Event
from lightning_infogeo.shortening import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX = 18.0, 54.0, WIDTH - 36.0, HEIGHT - 104.0
_TRUTH = LINES[2]
_GEODESIC = "dashed: the shortest way to the truth; it looks long since it goes all the way"


def embedding(path: EmbeddedPath, title: str, events: Sequence[Event] = (), colour: str = INK) -> Figure:
    """Returns the path of a probe's predictions on the first two axes of its embedding, of the size of a card.

    Both axes have one scale, and the steps stand along the path. A square is ignorance (equal probabilities), a star
    the truth (the labels), the dashed line the geodesic between them. The geodesic is the shortest way in the space of
    predictions; on the plane it looks longer than the path for two reasons: it goes on to the truth, where no
    training arrives, and a Bhattacharyya distance grows without bound as an overlap vanishes, so that the plane is
    stretched near certainty. Crosses are the records nearest to events, grey dots records that are no longer kept. At
    the foot stand the eigenvalues; along an axis of a negative one, "time-like", squared distances count negative.

    Args:
        path: of one probe, or of several that hold the same samples, told apart by colour.
        title: the answer that the picture gives.
        events: to be marked.
        colour: of the title.
    """
    figure, axes = card(lettered(title), _BOX, colour)
    axes.axis("off")
    points, way, old = (_plane(each) for each in (path.embedding.coordinates, path.milestones, path.dropped))
    called = shortened([name for name, _ in path.references], 14)
    others = [(name, _plane(each)) for name, (_, each) in zip(called, path.references, strict=True)]
    _equal_scales(axes, np.concatenate([points, way, old, *(each for _, each in others)]))
    words = Words(axes)
    words.avoid(np.concatenate([points, *(each for _, each in others)]))
    words.avoid_line(way)
    if len(old):
        axes.plot(old[:, 0], old[:, 1], ".", color=INK, markersize=2, alpha=0.5)
    for k, (name, other) in enumerate(others):
        axes.plot(other[:, 0], other[:, 1], ("-", "--", "-.", ":")[k % 4], color=INK, linewidth=1.4, alpha=0.8)
        words.write(lettered(name), other[-1], INK, SMALL)
    if len(way) > 1:
        axes.plot(way[:, 0], way[:, 1], "--", color=INK, linewidth=1.6)
        axes.plot(*way[-1:].T, "*", color=_TRUTH, markersize=17)
    axes.plot(*way[:1].T, "s", color=INK, markersize=9)
    _draw_paths(axes, path, points, words)
    _mark(axes, path, points, events, words)
    words.write("knows nothing", way[0], INK, SMALL + 1)
    if len(way) > 1:
        words.write("truth", way[-1], _TRUTH, LETTERS, bold=True)
    _number_steps(axes, path, points, words)
    note(figure, _eigenvalues(path), row=1)
    if len(way) > 1:
        note(figure, _GEODESIC)
    return settled(figure)


def nearest(path: EmbeddedPath, events: Sequence[Event]) -> list[tuple[Event, int]]:
    """Returns the events on probes of a path, each with the index of the record nearest to its step."""
    found = []
    for event in events:
        if event.probe in path.probes:
            other = path.member != path.probes.index(event.probe)
            found.append((event, int(((path.steps - event.step).abs() + other * 2**40).argmin())))
    return found


def _draw_paths(axes: Axes, path: EmbeddedPath, points: np.ndarray[Any, Any], words: Words) -> None:
    """Draws the paths with a ring at their ends, of which the first says which step is now."""
    for k, name in enumerate(shortened(path.probes, 14)):
        member = (path.member == k).numpy()
        own, colour = points[member], LINES[k % len(LINES)]
        if not len(own):
            continue
        axes.plot(own[:, 0], own[:, 1], "-", color=colour, linewidth=2.2, solid_joinstyle="round")
        axes.plot(*own[-1:].T, "o", color=colour, markersize=11, markerfacecolor="none", markeredgewidth=2.2)
        now = f"now, step {int(path.steps[torch.from_numpy(member)][-1])}"
        said = now if len(path.probes) == 1 else f"{name} {now}"
        words.write(lettered(said), own[-1], colour, LETTERS, bold=True)


def _mark(axes: Axes, path: EmbeddedPath, points: np.ndarray[Any, Any], events: Sequence[Event], words: Words) -> None:
    """Marks events by crosses; those on which a flag depends are named first."""
    marked = sorted(nearest(path, events), key=lambda pair: pair[0].name not in ("overfitting", "recovered"))
    for event, at in marked:
        axes.plot(*points[at : at + 1].T, "x", color=event_colour(event), markersize=10, markeredgewidth=2.6)
    for event, at in marked:
        said = f"{event.name.replace('_', ' ')} {step_name(event.step)}"
        words.write(lettered(said), points[at], event_colour(event), SMALL + 1)


def _number_steps(axes: Axes, path: EmbeddedPath, points: np.ndarray[Any, Any], words: Words) -> None:
    """Writes whole powers of ten beside the records that are next to them."""
    own = (path.member == 0).nonzero()[:, 0]
    steps = path.steps[own]
    for power in (10**k for k in range(19)):
        if not len(own) or power > steps[-1]:
            return
        at = int(own[(steps - power).abs().argmin()])
        if words.write(step_name(int(path.steps[at])), points[at], LINES[0], SMALL):
            axes.plot(*points[at : at + 1].T, "o", color=LINES[0], markersize=5)


def _equal_scales(axes: Axes, points: np.ndarray[Any, Any]) -> None:
    """Sets limits that hold all points, with one scale for both axes and room for words around them."""
    low, high = points.min(0), points.max(0)
    room = np.array([_BOX[2] - 190, _BOX[3] - 44])
    scale = max(float(((high - low) / room).max()), 1e-12)
    half = scale * np.array([_BOX[2], _BOX[3]]) / 2
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
    axes.set_ylim(middle[1] - half[1], middle[1] + half[1])


def _eigenvalues(path: EmbeddedPath) -> str:
    values = path.embedding.eigenvalues.tolist()
    said = ", ".join(f"{value:.2g}{' (time-like)' if value < 0 else ''}" for value in values)
    of = "the references' stress" if path.references else "the stress"
    return f"eigenvalues {said}: {float(path.embedding.explained_stress):.0%} of {of} in {len(values)} axes"


def _plane(points: Tensor) -> np.ndarray[Any, Any]:
    """Returns two columns; those of missing axes are zero."""
    plane: np.ndarray[Any, Any] = torch.nn.functional.pad(points[:, :2], (0, 2 - points[:, :2].shape[1])).numpy()
    return plane
