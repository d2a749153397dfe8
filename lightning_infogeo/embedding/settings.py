"""What the monitor keeps for the embedding, and when it draws."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.schedules import is_int

LEAST_RECORDS = 8


@dataclass(frozen=True)
class EmbeddingSettings:
    """How the trajectory is kept and drawn.

    Args:
        max_records: records kept for the embedding, at least 8; beyond, those are dropped that the path can best spare.
        share: the most of the training's time to spend on pictures while it runs; the last one is always drawn.
        per_decade: pictures per factor of ten in steps, at most.
        mesh: whether TensorBoard also gets the points in three dimensions (its Mesh plugin).
        projector: whether TensorBoard's projector gets the points once, at the end. It does not reload: not live.
        joint: names of probes that hold the same samples, seen in different ways (augmented or not): they are drawn in
            one picture. Probes of different samples have no distances to each other.

    Raises:
        ConfigurationError: where a value is impossible.
    """

    max_records: int = 256
    share: float = 0.02
    per_decade: int = 6
    mesh: bool = False
    projector: bool = False
    joint: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("max_records", LEAST_RECORDS), ("per_decade", 1)):
            value = getattr(self, name)
            if not is_int(value) or value < least:
                raise ConfigurationError(f"`EmbeddingSettings({name}={value!r})`: must be an int of at least {least}.")
        if not isinstance(self.share, (int, float)) or not 0 <= self.share <= 1:
            raise ConfigurationError(f"`EmbeddingSettings(share={self.share!r})`: must lie between 0 and 1.")
        named = isinstance(self.joint, (tuple, list)) and all(isinstance(name, str) for name in self.joint)
        if not named or len(set(self.joint)) != len(self.joint) or len(self.joint) == 1:
            raise ConfigurationError(
                f"`EmbeddingSettings(joint={self.joint!r})`: must be the names of two or more probes, or ()."
            )
        object.__setattr__(self, "joint", tuple(self.joint))

    def groups(self, probes: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Returns which probes share a picture, by a name for each.

        Example:
            >>> EmbeddingSettings(joint=("clean", "augmented")).groups(["clean", "augmented", "val"])
            {'clean, augmented': ('clean', 'augmented'), 'val': ('val',)}
        """
        alone = {name: (name,) for name in probes if name not in self.joint}
        return {**({", ".join(self.joint): self.joint} if self.joint else {}), **alone}
