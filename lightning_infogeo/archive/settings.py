"""What an archive holds beside steps, quantities and events, and where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lightning_infogeo.errors import ConfigurationError


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

    Example:
        >>> ArchiveSettings("runs/wide_0.zarr", metadata={"model": "wide", "seed": 0}).metadata["model"]
        'wide'
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
