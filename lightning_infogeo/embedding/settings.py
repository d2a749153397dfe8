"""What the monitor keeps for the embedding, and when it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.schedules import is_int

LEAST_RECORDS = 8


@dataclass(frozen=True)
class EmbeddingSettings:
    """How the trajectory is kept and drawn.

    Args:
        max_records: records kept for the embedding, at least 8; beyond, those are dropped that the path can best spare.
        share: the most of the training's time to spend on pictures while it runs, with four seconds to begin with; they
            are drawn beside the training, and the last one always. 0 for the last one alone, 1 for no limit.
        per_decade: pictures per factor of ten in steps, at most; None for five, or as many as make fourteen in a
            short training and thirty in an endless one.
        probes: names of the probes to draw, each alone; () for the first one that is held out, or the only one.
        mesh: whether TensorBoard also gets the points in three dimensions (its Mesh plugin).
        projector: whether TensorBoard's projector gets the points once, at the end. It does not reload: not live.
        joint: names of probes that hold the same samples, seen in different ways (augmented or not): they are drawn in
            one picture. Probes of different samples have no distances to each other.

    Raises:
        ConfigurationError: where a value is impossible.

    Example:
        The last picture alone, of more records than by default.

        >>> EmbeddingSettings(max_records=512, share=0)
        EmbeddingSettings(max_records=512, share=0, per_decade=None, probes=(), mesh=False, projector=False, joint=())
    """

    max_records: int = 256
    share: float = 0.02
    per_decade: int | None = None
    probes: tuple[str, ...] = ()
    mesh: bool = False
    projector: bool = False
    joint: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("max_records", LEAST_RECORDS), ("per_decade", 1)):
            value = getattr(self, name)
            if (not is_int(value) or value < least) and not (name == "per_decade" and value is None):
                raise ConfigurationError(f"`EmbeddingSettings({name}={value!r})`: must be an int of at least {least}.")
        if not isinstance(self.share, (int, float)) or not 0 <= self.share <= 1:
            raise ConfigurationError(f"`EmbeddingSettings(share={self.share!r})`: must lie between 0 and 1.")
        if not _are_names(self.probes):
            raise ConfigurationError(f"`EmbeddingSettings(probes={self.probes!r})`: must be names of probes, or ().")
        if not _are_names(self.joint) or len(self.joint) == 1:
            raise ConfigurationError(
                f"`EmbeddingSettings(joint={self.joint!r})`: must be the names of two or more probes, or ()."
            )
        object.__setattr__(self, "probes", tuple(self.probes))
        object.__setattr__(self, "joint", tuple(self.joint))

    def drawn(self, probes: Sequence[str], held_out: Sequence[str]) -> list[tuple[str, ...]]:
        """Returns which probes are drawn, those together that share a picture; the first is what pictures are about.

        Args:
            probes: names of all there are.
            held_out: of those among them that are not trained on.

        Example:
            >>> EmbeddingSettings().drawn(["train", "val", "val_1"], ["val", "val_1"])
            [('val',)]
            >>> EmbeddingSettings(joint=("clean", "blurred"), probes=("val",)).drawn(["clean", "blurred", "val"], [])
            [('clean', 'blurred'), ('val',)]
        """
        together = [self.joint] if self.joint else []
        alone = [(name,) for name in self.probes if name not in self.joint]
        return together + alone or [(name,) for name in [*held_out, *probes][:1]]

    def next_picture(self, drawn: int, final: int | None) -> int:
        """Returns the step from which on a record is drawn.

        Args:
            drawn: the step of the last picture; 0 for none.
            final: the step at which the training will end; None where that is not known.

        Example:
            >>> steps = [0]
            >>> while steps[-1] < 4000:
            ...     steps.append(EmbeddingSettings().next_picture(steps[-1], final=4000))
            >>> steps[1:]
            [3, 5, 8, 13, 21, 33, 52, 82, 130, 206, 326, 517, 819, 1298, 2057, 3260, 5167]
        """
        ratio = 10 ** (1 / (self.per_decade or _PER_DECADE))
        if self.per_decade is None and final is not None:
            whole = max(final / FIRST, 2)
            # Dense enough for a training that is ended early, and not too dense for one that is endless.
            ratio = min(whole ** (1 / (_FEWEST - 1)), max(ratio, whole ** (1 / (_MOST - 1))))
        return max(FIRST, drawn + 1, round(drawn * ratio))


def _are_names(value: Any) -> bool:
    """Whether a value lists different names."""
    listed = isinstance(value, (tuple, list)) and all(isinstance(name, str) for name in value)
    return listed and len(set(value)) == len(value)


FIRST = 3
"""The step of the first picture: of fewer records there is nothing to see."""

_FEWEST, _MOST, _PER_DECADE = 14, 30, 5
