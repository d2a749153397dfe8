"""Further samples of a held-out set, beside those of its probe: how many, and drawing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.probe.choosing import Chosen, choose
from lightning_infogeo.probe.sampling import Amount, Before
from lightning_infogeo.probe.splitting import Split
from lightning_infogeo.probe.structure import nbytes


class Further(NamedTuple):
    """How many further samples to draw.

    Attributes:
        size: of a probe and its further samples together, at most.
        together: further samples of all probes, at most; None for no limit.
        least: fewer are not worth their calls, and not drawn.
        asked: by probe, how many were to be drawn when the training began; None where it begins.

    Example:
        >>> each = Further(4096, together=2000).shared_by(2)
        >>> each.beside("val", 512), Further(600).beside("val", 512)
        (1000, 88)
    """

    size: int
    together: int | None = None
    least: int = 1
    asked: Mapping[str, int] | None = None

    def shared_by(self, probes: int) -> Further:
        """Returns the same for each of several held-out probes."""
        return self if self.together is None else self._replace(together=self.together // max(probes, 1))

    def beside(self, name: str, probe: int) -> int:
        """Returns the number beside a probe of ``probe`` samples; 0 for none."""
        if self.asked is not None:
            return self.asked.get(name, 0)
        number = self.size - probe if self.together is None else min(self.size - probe, self.together)
        return number if number >= self.least else 0


def draw_further(
    name: str, source: Any, chosen: Chosen, amount: Amount, further: Further, by: Split | None, **options: Any
) -> Chosen | None:
    """Returns samples that a probe does not have, as many as are asked for, there are, and fit; None for none.

    Args:
        name: of the probe.
        source: of the probe.
        chosen: the probe, as it was drawn.
        amount: the most that was to be drawn for it; further samples share its memory.
        further: how many samples to draw.
        by: splits a batch into inputs and labels; None to find these automatically.
        **options: of ``choose`` for the probe.
    """
    asked = further.beside(name, len(chosen.probe))
    room = None if amount.nbytes is None else amount.nbytes - nbytes(chosen.batches)
    if asked < 1 or amount.batches is not None or (room is not None and room < 1):
        return None
    before = Before(amount, len(chosen.batches))
    try:
        drawn = choose(source, Amount(asked, room), by, before=before, **options)
    except ConfigurationError:  # there are no others
        return None
    except Exception as error:
        without_further(name, error)
        return None
    drawn.asked = asked
    fits = room is None or nbytes(drawn.batches) <= room
    return drawn if fits and len(drawn.probe) >= further.least else None


def without_further(name: str, error: Exception) -> None:
    """Warns that a probe has no further samples, and why."""
    rank_zero_warn(f"`InfoGeometryMonitor(flag_size=...)`: takes no further samples beside {name!r}: {error}")
