"""What the recorded quantities are called on the page, and on which scale they are drawn."""

from __future__ import annotations

from typing import NamedTuple


class Quantity(NamedTuple):
    """How a quantity is drawn.

    Attributes:
        label: with its unit.
        scale: "linear" or "log".
    """

    label: str
    scale: str = "linear"


_OF_PROBES = {
    "distance_to_truth": Quantity("distance to truth [nats per sample]"),
    "progress": Quantity("progress from ignorance to truth"),
    "velocity": Quantity("information velocity [rad per step]", "log"),
    "length": Quantity("information length [rad]"),
    "displacement": Quantity("displacement from the first record [rad]"),
    "straightness": Quantity("straightness: displacement ÷ length"),
    "roughness": Quantity("roughness: 1 straight, ½ diffusive"),
    "entropy": Quantity("entropy of the predictions [nats]"),
    "distance_to_reference": Quantity("distance to the reference [nats per sample]"),
    "lead": Quantity("lead over the reference [steps]"),
}
_OF_WEIGHTS = {
    "velocity": Quantity("velocity of the weights' distribution [rad per step]", "log"),
    "length": Quantity("information length of the weights' distribution [rad]"),
    "floor": Quantity("noise floor of the velocity [rad per step]", "log"),
    "interval": Quantity("steps between records", "log"),
}


def quantity(name: str, of_weights: bool) -> Quantity:
    """Returns how a quantity is drawn; one that is not known by its own name.

    Example:
        >>> quantity("floor", of_weights=True).scale, quantity("my_own", of_weights=False).label
        ('log', 'my own')
    """
    known = _OF_WEIGHTS if of_weights else _OF_PROBES
    return known.get(name, Quantity(name.replace("_", " ")))


def ordered(names: set[str], of_weights: bool) -> list[str]:
    """Returns names of quantities, those known first and in the order above."""
    known = [name for name in (_OF_WEIGHTS if of_weights else _OF_PROBES) if name in names]
    return known + sorted(names - set(known))
