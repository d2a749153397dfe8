"""How far apart any two records of a training are, with its phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.figures.card import HEIGHT, LETTERS, SMALL, WIDTH, card, log_steps, settled, step_name
from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import INK, event_colour
from lightning_infogeo.markers import Event
from lightning_infogeo.shortening import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BOX = 92.0, 64.0, 270.0, 270.0
_PHASES = 5
"""The most that are listed."""


def distances(path: EmbeddedPath, title: str, events: Sequence[Event] = (), colour: str = INK) -> Figure:
    """Returns the distances between all records of a probe over their steps, of the size of a card.

    Events part the training into phases, which are named beside the picture. Within a square on the diagonal that is
    dark the predictions stayed alike; a bright stripe is a fast change.

    Args:
        path: of the probe; of several, the first is drawn.
        title: the answer that the picture gives.
        events: at which phases end.
        colour: of the title.
    """
    from matplotlib.colors import PowerNorm

    figure, axes = card(lettered(title), _BOX, colour)
    own = (path.member == 0) & (path.steps > 0)  # a logarithmic axis has no 0
    steps, table = path.steps[own].double(), path.embedding.distances[own][:, own]
    if len(steps) < 2:
        axes.axis("off")
        return settled(figure)
    middles = (steps[1:] * steps[:-1]).sqrt()
    edges = torch.cat([steps[:1], middles, steps[-1:]]).numpy()
    # Roots of distances add up along a straight path, so that equal steps of colour are equal ways.
    norm = PowerNorm(0.5, vmin=0, vmax=max(float(table.max()), 1e-12))
    image = axes.pcolormesh(edges, edges, table.numpy(), norm=norm, cmap="viridis", rasterized=True)
    for along in ("x", "y"):
        log_steps(axes, float(steps[0]), float(steps[-1]), along)
    axes.set_xlabel("optimizer step", color=INK, fontsize=LETTERS, labelpad=2)
    axes.set_ylabel("optimizer step", color=INK, fontsize=LETTERS)
    phases = _phases(path.probes[0], events, int(steps[-1]))
    for _, start, _, shade in phases[1:]:
        for line in (axes.axvline, axes.axhline):
            line(start, color=shade, linestyle="--", linewidth=1.6, marker="")
    bar = figure.add_axes((392 / WIDTH, _BOX[1] / HEIGHT, 14 / WIDTH, _BOX[3] / HEIGHT))
    figure.colorbar(image, cax=bar)
    bar.grid(False)
    bar.locator_params(axis="y", nbins=4)
    bar.yaxis.set_major_formatter("{x:g}")
    bar.tick_params(colors=INK, labelsize=SMALL)
    bar.set_title("nats", color=INK, fontsize=SMALL, loc="left", pad=4)
    row = (_BOX[1] + _BOX[3] - 18) / HEIGHT
    for name, start, end, shade in phases:
        figure.text(486 / WIDTH, row, lettered(name), color=shade, fontsize=LETTERS, fontweight="bold", va="center")
        said = f"steps {step_name(start)} to {step_name(end)}"
        figure.text(486 / WIDTH, row - 20 / HEIGHT, said, color=INK, fontsize=SMALL + 1, va="center")
        row -= 54 / HEIGHT
    return settled(figure)


def _phases(probe: str, events: Sequence[Event], last: int) -> list[tuple[str, int, int, str]]:
    """Returns name, first and last step, and colour of the phases into which events on a probe part the training."""
    starts = {1: ("learning", INK)}
    for event in sorted((e for e in events if e.probe == probe and 1 < e.step < last), key=lambda e: e.step):
        name = _AFTER.get(event.name, f"after {event.name.replace('_', ' ')}")
        starts[event.step] = shortened([name], 20)[0], event_colour(event)
    chosen = sorted(starts)
    if len(chosen) > _PHASES:  # the first, and the latest
        chosen = [chosen[0], *chosen[1 - _PHASES :]]
    ends = [*chosen[1:], last]
    return [(starts[start][0], start, end, starts[start][1]) for start, end in zip(chosen, ends, strict=True)]


_AFTER = {
    "overfitting": "overfitting",
    "recovered": "recovered",
    "memorisation": "learning by heart",
    "generalisation": "generalising",
    "knee": "slow learning",
    "velocity_change": "another speed",
}
"""What a training does after an event."""
