"""What is recorded: every fact about a quantity that is not its computation. All else draws on these tables.

Order, attributes, columns, panels, page and documents follow from here. To add a quantity, add its row here and its
value where the table says; then ``make tables`` rewrites the tables in the documents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple


class Quantity(NamedTuple):
    """The facts about one quantity.

    Attributes:
        name: in logged keys, ``{prefix}/{series}/{name}``, in tables, and as an attribute of a trajectory.
        label: what figures and the page call it.
        meaning: one sentence, without capital and full stop, in Markdown.
        unit: empty where it has none.
        symbol: in formulas; empty where there is none in use.
        scale: of the axis on which it is drawn.
        needs: what it needs beside predictions or weights; empty for nothing.
        panel: whether ``figures.curves`` draws it.
        place: among what loggers get and show, the first 1; 0 for on request. It is always in the trajectory.
    """

    name: str
    label: str
    meaning: str
    unit: str = ""
    symbol: str = ""
    scale: Literal["linear", "log"] = "linear"
    needs: Literal["", "labels", "reference"] = ""
    panel: bool = True
    place: int = 9

    @property
    def title(self) -> str:
        """The label with its unit.

        Example:
            >>> Quantity("entropy", "entropy", "how undecided they are", "nats").title
            'entropy [nats]'
        """
        return f"{self.label} [{self.unit}]" if self.unit else self.label


PROBE_QUANTITIES = (
    Quantity(
        "velocity",
        "information velocity",
        "how fast the predictions change, from one optimizer step to the next",
        unit="rad per step",
        symbol="Γ",
        scale="log",
        place=2,
    ),
    Quantity(
        "length", "information length", "how far they have gone in all, along the path", unit="rad", symbol="L", place=3
    ),
    Quantity(
        "displacement",
        "displacement from the first record",
        "how far they are from where they started, straight: at most π",
        unit="rad",
        panel=False,
        place=0,
    ),
    Quantity(
        "straightness",
        "straightness: displacement ÷ length",
        "displacement ÷ length: 1 is a straight path, near 0 a long walk for a short way",
        place=0,
    ),
    Quantity(
        "roughness",
        "diffusion exponent: 1 ballistic, ½ diffusive",
        "diffusion exponent in prediction space, of the distance against the number of steps within a recording "
        "interval: 1 ballistic (straight on), ½ diffusive (a random walk), below ½ subdiffusive (back and forth)",
        place=0,
    ),
    Quantity("entropy", "entropy of the predictions", "how undecided they are", unit="nats", symbol="H", place=5),
    Quantity(
        "distance_to_truth",
        "distance to truth",
        "how far they are from the labels: half the cross-entropy",
        unit="nats per sample",
        symbol="d_B",
        needs="labels",
        place=1,
    ),
    Quantity(
        "progress",
        "progress from ignorance to truth",
        "how much of the way from knowing nothing to the labels lies behind them: 0 to 1; it may rise on while they "
        "overfit",
        symbol="t",
        needs="labels",
        panel=False,
        place=4,
    ),
)
"""Quantities of a probe's predictions, computed by ``trajectory.extend``, in the order of its vector."""

REFERENCE_QUANTITIES = (
    Quantity(
        "distance_to_reference",
        "distance to the reference",
        "d_B to the nearest reference at equal progress",
        unit="nats per sample",
        needs="reference",
        panel=False,
    ),
    Quantity(
        "lead",
        "lead over the reference",
        "how many optimizer steps later that reference reached this progress: positive ahead, negative behind, NaN "
        "where it never did",
        unit="steps",
        needs="reference",
        panel=False,
    ),
)
"""What a record of a probe adds where there is a reference, computed by ``reference.against``, in its order."""

WEIGHT_QUANTITIES = (
    Quantity(
        "velocity",
        "velocity of the weights' distribution",
        "distance from the density at the record before ÷ the interval",
        unit="rad per step",
        symbol="Γ",
        scale="log",
    ),
    Quantity(
        "length", "information length of the weights' distribution", "sum of these distances", unit="rad", symbol="L"
    ),
    Quantity(
        "floor",
        "noise floor of the velocity",
        "the velocity that sampling alone would show, given how many weights changed bin",
        unit="rad per step",
        scale="log",
    ),
    Quantity(
        "interval",
        "steps between records",
        "steps since the record before: the velocity is one over this interval",
        scale="log",
    ),
)
"""Quantities of a group of weights, computed by ``parameters.density.extend``; the recorder adds the interval."""

DERIVED_WEIGHT_QUANTITIES = (
    Quantity(
        "corrected_length",
        "information length without the noise floor",
        "the length less what sampling alone adds: the sum of √(d² − floor²), negative where d is below the floor; 0 "
        "within ½ √Σ floor² where nothing moves",
        unit="rad",
    ),
)
"""Quantities that follow from a record of weights and those before: not stored, and computed of old archives too."""

_RUN_COLUMNS = {
    "progress": ("progress at the end", ""),
    "distance to truth": ("distance to truth", "nats"),
    "Fisher–Rao length": ("Fisher–Rao length", "rad"),
    "Riemann length": ("Riemann length", "rad"),
    "re-indexed length": ("re-indexed length", "rad"),
    "null": ("shuffled within classes", "nats"),
}


def names(quantities: Iterable[Quantity]) -> tuple[str, ...]:
    """Returns the names, in order."""
    return tuple(quantity.name for quantity in quantities)


def quantity(name: str, of_weights: bool) -> Quantity:
    """Returns the facts about a recorded quantity; one that is not known is called by its own name.

    Example:
        >>> quantity("floor", of_weights=True).scale, quantity("my_own", of_weights=False).title
        ('log', 'my own')
    """
    known = {each.name: each for each in _displayed(of_weights)}
    return known.get(name, Quantity(name, name.replace("_", " "), ""))


def ordered(recorded: Collection[str], of_weights: bool) -> list[str]:
    """Returns names of quantities in the order in which they are shown, those that are not known last.

    Example:
        >>> ordered({"lead", "entropy", "my_own", "progress"}, of_weights=False)
        ['progress', 'entropy', 'lead', 'my_own']
    """
    known = [name for name in names(_displayed(of_weights)) if name in recorded]
    return known + sorted(set(recorded) - set(known))


def panels() -> list[Quantity]:
    """Returns the quantities of probes that ``figures.curves`` draws, in the order of its panels."""
    return [quantity for quantity in _displayed(of_weights=False) if quantity.panel]


def logged_by_default() -> tuple[str, ...]:
    """Returns the quantities of probes that loggers get unless they are told otherwise, the most telling first.

    Example:
        >>> logged_by_default()
        ('distance_to_truth', 'velocity', 'length', 'progress', 'entropy')
    """
    logged = [quantity for quantity in PROBE_QUANTITIES if quantity.place]
    return names(sorted(logged, key=lambda quantity: quantity.place))


def column_title(column: str) -> str:
    """Returns the title of a column of a comparison's table of runs, with its unit.

    Example:
        >>> column_title("Fisher–Rao length"), column_title("steps to 0.5")
        ('Fisher–Rao length [rad]', 'steps to progress 0.5')
    """
    label, unit = _RUN_COLUMNS.get(column, (column.replace("steps to ", "steps to progress "), ""))
    return Quantity(column, label, "", unit).title


def _displayed(of_weights: bool) -> list[Quantity]:
    """Shown first is how far from truth a probe is, last how it compares with a reference."""
    if of_weights:
        return [*WEIGHT_QUANTITIES, *DERIVED_WEIGHT_QUANTITIES]
    return sorted((*PROBE_QUANTITIES, *REFERENCE_QUANTITIES), key=lambda each: _SHOWN_BY_NEED.index(each.needs))


_SHOWN_BY_NEED = ("labels", "", "reference")
