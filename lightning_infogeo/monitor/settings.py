"""What the monitor keeps for the embedding and in the archive, and when it draws."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True)
class ArchiveSettings:
    """What an archive holds beside steps, quantities and events, and where it is.

    Args:
        path: "auto" for ``{prefix}.zarr`` in the folder of the run: beside the logs, or where ``ModelCheckpoint`` puts
            its files with loggers that share a folder; else a folder, or any URL that fsspec knows.
        dtype: of amplitudes, "float32" or "float16". In float16 small distances are lost: for pictures only.
        compression: whether arrays are compressed, without loss.
        store_inputs: whether the probes' inputs are stored, so that later runs can be followed on the same; None for
            those of up to 16 MiB.
        metadata: to be kept with the run, of what JSON can say; what runs are grouped by in comparisons.

    Raises:
        ConfigurationError: where a value is impossible.
    """

    path: str | os.PathLike[str] = "auto"
    dtype: Literal["float32", "float16"] = "float32"
    compression: bool = True
    store_inputs: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = isinstance(self.path, (str, os.PathLike)) and os.fspath(self.path) != ""
        for name, right, remedy in (
            ("path", named, 'must be "auto", a folder or a URL'),
            ("dtype", self.dtype in ("float32", "float16"), 'must be "float32" or "float16"'),
            ("compression", isinstance(self.compression, bool), "must be True or False"),
            ("store_inputs", self.store_inputs in (None, True, False), "must be True, False or None"),
            ("metadata", isinstance(self.metadata, Mapping), "must be a mapping of names to plain values"),
        ):
            if not right:
                raise ConfigurationError(f"`ArchiveSettings({name}={getattr(self, name)!r})`: {remedy}.")


def bytes_of(memory: Any) -> int:
    """Returns the bytes that an int, or a string such as "256MB" or "1.5 GiB", stands for.

    Raises:
        ConfigurationError: for anything else.

    Example:
        >>> bytes_of("256MB"), bytes_of("1KiB"), bytes_of(10)
        (256000000, 1024, 10)
    """
    if is_int(memory) and memory > 0:
        return int(memory)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?)B?\s*", memory) if isinstance(memory, str) else None
    if found is None or float(found[1]) == 0:
        raise ConfigurationError(
            f'`InfoGeometryMonitor(memory={memory!r})`: must be a positive number of bytes, such as "256MB" or 10**8.'
        )
    power = " kMGT".index(found[2].replace("K", "k") or " ")
    return int(float(found[1]) * float(1024 if found[3] else 1000) ** power)
