"""Reading an archive lazily, in bounded memory, and without trust in who wrote it."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.archive.folder import ArchiveError, Folder
from lightning_infogeo.archive.guarded import guarded_store
from lightning_infogeo.archive.inputs import from_arrays
from lightning_infogeo.archive.layout import FORMAT, KEY, itemsize, members_of

if TYPE_CHECKING:
    import zarr

_NEURONS = "neurons/"

LARGEST_TABLE = 2**30
"""The most bytes of steps, quantities, labels or inputs: they are read as a whole."""


class Archive:
    """A run as it was written so far; a training may go on writing meanwhile.

    Args:
        path: a local folder or a URL.

    Attributes:
        path: absolute where it is local.
        name: the folder's name without its ending; that of the folder around it for ``infogeo.zarr``.
        metadata: of the run.
        events: what the markers saw, a list of dicts.
        run: the identity of the run.
        before: identities of the runs that it continues, the first one first: their records up to where it began are
            in it, too.

    Raises:
        ArchiveError: where it is missing, damaged or no archive.
        ModuleNotFoundError: where zarr is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        folder = Folder(path)
        if not folder.exists():
            raise ArchiveError(f"archive {folder.path!r}: there is no archive (no zarr.json).")
        document = folder.document("zarr.json")
        attributes = document.get("attributes")
        about = attributes.get(KEY) if isinstance(attributes, dict) else None
        if not isinstance(attributes, dict) or not isinstance(about, dict):
            raise ArchiveError(f"archive {folder.path!r}: is a Zarr group that this package did not write.")
        if about.get("format") != FORMAT:
            raise ArchiveError(
                f"archive {folder.path!r}: has format {about.get('format')!r}, this version reads {FORMAT}; "
                "pip install --upgrade lightning-infogeo."
            )
        self.path, self.name = folder.path, folder.name
        self.run = str(about.get("run"))
        before = about.get("before", [])
        self.before = tuple(str(run) for run in before) if isinstance(before, list) else ()
        self.metadata: dict[str, Any] = _instance_of(dict, attributes.get("run"), folder, "run")
        self.events: list[dict[str, Any]] = _instance_of(list, attributes.get("events"), folder, "events")
        self._folder = folder
        self._members = members_of(document, folder.path)
        self._trajectories: dict[str, ArchivedTrajectory] = {}  # what has been read of one is not read again

    @property
    def names(self) -> list[str]:
        """Names of the trajectories in it: of probes, and of groups of weights, ``parameters/`` and a name."""
        groups = (name for name, member in self._members.items() if member["node_type"] == "group")
        listed = (name for name in groups if "quantities" in (self._members[name].get("attributes") or {}))
        return [name for name in listed if f"{name}/vectors" not in self._members]

    @property
    def probes(self) -> list[str]:
        """Names of those trajectories that have amplitudes."""
        return [name for name in self.names if f"{name}/amplitudes" in self._members]

    @property
    def layers(self) -> list[str]:
        """Names of the layers whose neurons are in it."""
        paths = (path for path in self._members if path.startswith(_NEURONS) and path.endswith("/vectors"))
        return [path.removeprefix(_NEURONS).removesuffix("/vectors") for path in paths]

    def neurons(self, layer: str) -> tuple[Tensor, Amplitudes]:
        """Returns steps (T,) and incoming weights (T, neurons, fan_in) of a layer, these read in the parts asked for.

        Raises:
            KeyError: where there is no such layer.
            ArchiveError: where it is damaged.
        """
        if layer not in self.layers:
            raise KeyError(f"archive {self.path!r}: there are no neurons of {layer!r}; there are {self.layers}.")
        steps, shape = self.table(f"{_NEURONS}{layer}/steps"), self.shape(f"{_NEURONS}{layer}/vectors")
        if shape is None or len(shape) != 3 or shape[:1] != steps.shape:
            raise ArchiveError(f"archive {self.path!r}: neurons of {layer!r} do not fit their steps.")
        return torch.from_numpy(steps), Amplitudes(self, f"{_NEURONS}{layer}/vectors", (shape[0], shape[1], shape[2]))

    def __getitem__(self, name: str) -> ArchivedTrajectory:
        """Returns one trajectory.

        Raises:
            KeyError: where there is none of this name.
        """
        if name not in self.names:
            raise KeyError(f"archive {self.path!r}: there is no {name!r}; there are {self.names}.")
        if name not in self._trajectories:
            self._trajectories[name] = ArchivedTrajectory(self, name)
        return self._trajectories[name]

    def array(self, path: str) -> zarr.Array[Any]:
        """Returns an array; its values are not read yet."""
        import zarr

        if path not in self._members or self._members[path]["node_type"] != "array":
            raise ArchiveError(f"archive {self.path!r}: there is no array {path!r}.")
        document = self._members[path]
        store = guarded_store(self._folder, path, document)
        return zarr.open_array(store, path=path, mode="r")

    def shape(self, path: str) -> tuple[int, ...] | None:
        """Returns the shape that an array had when the archive was opened; None where there is no such array."""
        document = self._members.get(path)
        return tuple(document["shape"]) if document and document["node_type"] == "array" else None

    def table(self, path: str) -> np.ndarray[Any, Any]:
        """Returns a whole array.

        Raises:
            ArchiveError: where it is damaged or larger than ``LARGEST_TABLE``.
        """
        document = self._members.get(path, {})
        shape = self.shape(path)
        if shape is None:
            raise ArchiveError(f"archive {self.path!r}: there is no array {path!r}.")
        size = int(np.prod(shape, dtype=object)) * itemsize(document["data_type"])
        if size > LARGEST_TABLE:
            raise ArchiveError(f"archive {self.path!r}: {path} would take {size} bytes; no archive holds that.")
        return self.read(path, tuple(slice(0, n) for n in shape))

    def read(self, path: str, key: Any) -> np.ndarray[Any, Any]:
        """Returns a part of an array.

        Raises:
            ArchiveError: where it cannot be decoded.
        """
        try:
            return np.asarray(self.array(path).oindex[key])
        except (ArchiveError, IndexError):
            raise
        except Exception as error:
            raise ArchiveError(
                f"archive {self.path!r}: {path} is damaged ({type(error).__name__}: {error})."
            ) from error


class ArchivedTrajectory:
    """One trajectory of an archive; amplitudes are read when they are asked for.

    Args:
        archive: open.
        name: one of its ``names``.

    Attributes:
        attributes: of what was recorded: ``quantities``, and for a probe ``fingerprint``, ``schedule``, ``lag``, …
    """

    def __init__(self, archive: Archive, name: str) -> None:
        self.archive = archive
        self.name = name
        self.attributes: dict[str, Any] = archive._members[name]["attributes"]
        shape = archive.shape(f"{name}/steps")
        table = archive.shape(f"{name}/quantities")
        names = self.attributes["quantities"]
        listed = isinstance(names, list) and all(isinstance(quantity, str) for quantity in names)
        if shape is None or len(shape) != 1 or not listed or table != (shape[0], len(names)):
            raise ArchiveError(f"archive {archive.path!r}: what it says of {name!r} does not fit together.")

    def __len__(self) -> int:
        shape = self.archive.shape(f"{self.name}/steps")
        return shape[0] if shape else 0

    @functools.cached_property
    def steps(self) -> Tensor:
        """Optimizer steps of the records, shape (T,), int64.

        Raises:
            ArchiveError: where records that the archive counts are missing.
        """
        steps = self.archive.table(f"{self.name}/steps")
        if steps.dtype != np.int64 or (steps < 0).any() or (np.diff(steps) <= 0).any():
            raise ArchiveError(f"archive {self.archive.path!r}: steps of {self.name!r} are missing or out of order.")
        return torch.from_numpy(steps)

    @functools.cached_property
    def quantities(self) -> Tensor:
        """Shape (T, Q), float64."""
        return torch.from_numpy(self.archive.table(f"{self.name}/quantities").astype(np.float64, copy=False))

    @functools.cached_property
    def labels(self) -> Tensor | None:
        """Labels of the samples, shape (N,), int64; None where there are none."""
        path = f"{self.name}/labels"
        if self.archive.shape(path) is None:
            return None
        return torch.from_numpy(self.archive.table(path).astype(np.int64, copy=False))

    @functools.cached_property
    def targets(self) -> Tensor | None:
        """The probe's labels as they were given: of another shape than ``labels`` where an input has many samples."""
        path = f"{self.name}/targets"
        return self.labels if self.archive.shape(path) is None else torch.from_numpy(self.archive.table(path))

    @property
    def amplitudes(self) -> Amplitudes:
        """Shape (T, N, C), read in slices of records, samples and classes.

        Raises:
            ArchiveError: where there are none.
        """
        path = f"{self.name}/amplitudes"
        shape = self.archive.shape(path)
        if shape is None:
            raise ArchiveError(f"archive {self.archive.path!r}: there are no amplitudes of {self.name!r}.")
        if len(shape) != 3 or shape[0] != len(self):
            raise ArchiveError(f"archive {self.archive.path!r}: amplitudes of {self.name!r} do not fit its steps.")
        return Amplitudes(self.archive, path, (shape[0], shape[1], shape[2]))

    def inputs(self) -> Any:
        """Returns the inputs of the probe, as tensors.

        Raises:
            ArchiveError: where they are not stored, or damaged.
        """
        tree = self.attributes.get("inputs")
        if tree is None:
            raise ArchiveError(
                f"archive {self.archive.path!r}: holds no inputs of {self.name!r}; record it with "
                "ArchiveSettings(store_inputs=True)."
            )
        arrays: list[np.ndarray[Any, Any]] = []
        while self.archive.shape(f"{self.name}/inputs/{len(arrays)}") is not None:
            arrays.append(self.archive.table(f"{self.name}/inputs/{len(arrays)}"))
        try:
            return from_arrays(tree, arrays)
        except (ValueError, TypeError, RecursionError) as error:
            raise ArchiveError(f"archive {self.archive.path!r}: inputs of {self.name!r}: {error}") from None


class Amplitudes:
    """Amplitudes on disk, read by indexing.

    Args:
        archive: that holds them.
        path: of the array in it.
        shape: of the array.

    Attributes:
        shape: (T, N, C).
        dtype: "float32" or "float16".
    """

    def __init__(self, archive: Archive, path: str, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.dtype = str(archive._members[path]["data_type"])
        self._archive = archive
        self._path = path

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Tensor:
        """Returns a part; records, samples and classes are each indexed by an int, a slice or an array of ints."""
        given = key if isinstance(key, tuple) else (key,)
        if len(given) > 3:
            raise IndexError(f"amplitudes have three dimensions, not {len(given)}")
        whole = (*given, *(slice(None) for _ in range(3 - len(given))))
        read = self._archive.read(self._path, tuple(_indices(k, n) for k, n in zip(whole, self.shape, strict=True)))
        single = tuple(0 if isinstance(k, (int, np.integer)) else slice(None) for k in whole)
        return torch.from_numpy(np.ascontiguousarray(read[single]))


def _indices(key: Any, size: int) -> slice | np.ndarray[Any, Any]:
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        return slice(start, max(start, stop)) if step == 1 else np.arange(start, stop, step)
    indices = np.atleast_1d(np.asarray(key))
    if indices.dtype == bool:
        indices = indices.nonzero()[0]
    if indices.size and (indices.dtype.kind not in "iu" or indices.max() >= size or indices.min() < -size):
        raise IndexError(f"{key!r} is not within {size}")
    return indices.astype(np.int64) % max(size, 1)


def _instance_of(kind: type, value: Any, folder: Folder, name: str) -> Any:
    if not isinstance(value, kind):
        raise ArchiveError(f"archive {folder.path!r}: {name} is not a {kind.__name__}.")
    return value
