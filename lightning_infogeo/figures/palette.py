"""Colours of all pictures, and the ink of those that stand on a ground that is not theirs."""

from __future__ import annotations

from collections.abc import Sequence

from lightning_infogeo.markers import Event

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart with any kind of colour vision."""

INK = "#858585"
"""Of letters and axes on a ground that is not ours: in contrast to white and to the dark of a card alike."""

LINES = ("#2A86C8", "#009E73", "#B07A00", "#7F78D2", "#C46A9C")
"""Of lines on such a ground; vermilion, which means overfitting, is not among them."""

_EVENT_COLOURS = {
    "overfitting": "#D55E00",
    "recovered": "#2A86C8",
    "memorisation": "#C46A9C",
    "generalisation": "#B07A00",
    "knee": "#009E73",
    "velocity_change": "#7F78D2",
}


def event_colour(event: Event) -> str:
    """Returns the colour of an event of this kind; grey for markers of one's own."""
    return _EVENT_COLOURS.get(event.name, INK)


def cycled(count: int, colours: Sequence[str] = COLOURS) -> list[str]:
    """Returns so many colours, from the first again beyond the palette."""
    return [colours[index % len(colours)] for index in range(count)]
