"""Splitting a batch into inputs and labels, automatically or by a user's function."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

from torch import Tensor

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe.structure import fields_of, is_plain, rows_of

LABEL_NAMES = ("label", "labels", "y", "target", "targets")
"""Names of labels in mappings, dataclasses and objects such as graphs."""

IMAGE, MASK = "image", "mask"
"""Names of inputs and labels in segmentation, used where there is none of ``LABEL_NAMES``."""

ADVICE = (
    "Say where they are by split=lambda batch: (inputs, labels), or give the samples yourself: "
    "probes=Probe(inputs, labels)."
)

Split = Callable[[Any], Any]


class Pair(NamedTuple):
    """The two parts of a batch.

    Attributes:
        inputs: of the model.
        labels: None where there are none.
        origin: where the labels were found, in words.
    """

    inputs: Any
    labels: Any
    origin: str

    @property
    def size(self) -> int | None:
        """The number of samples, by the labels, else by the inputs; None where it is not known."""
        if hasattr(self.labels, "__len__") and getattr(self.labels, "shape", None) != ():
            return len(self.labels)
        return rows_of(self.inputs)


def split(batch: Any, by: Split | None = None, named: Callable[[Mapping[Any, Any]], bool] | None = None) -> Pair:
    """Returns inputs and labels of a batch.

    Without ``by``, a tuple or list is (inputs, labels, ...). A mapping, dataclass or object has its labels under one of
    ``LABEL_NAMES``; the inputs are the one remaining value, or if several remain, the mapping without the labels, or
    the dataclass or object itself. A mapping with "image" and "mask" and no other labels has these two.

    Args:
        batch: as the model's ``training_step`` gets it.
        by: f(batch) -> (inputs, labels), labels None where there are none; None for the rules above.
        named: f(inputs) -> whether the model takes a mapping only by keyword, so that one with a single key stays one.

    Raises:
        ConfigurationError: where they cannot be found.
    """
    if by is not None:
        return _by_function(batch, by)
    plain = isinstance(batch, (tuple, list)) and not is_plain(batch) and len(batch) >= 2
    if plain and not hasattr(batch, "_fields") and not (batch[1] is None and len(batch) > 2):
        return Pair(batch[0], batch[1], f"second of {len(batch)} elements")
    fields = fields_of(batch)
    name = next((name for name in LABEL_NAMES if name in fields), None)
    if name is not None:
        others = {key: value for key, value in fields.items() if key != name}
        if len(others) == 1 and not (isinstance(batch, Mapping) and named is not None and named(others)):
            return Pair(next(iter(others.values())), fields[name], f"{name!r}")
        return Pair(_without(batch, name) if isinstance(batch, Mapping) else batch, fields[name], f"{name!r}")
    if IMAGE in fields and MASK in fields:
        return Pair(fields[IMAGE], fields[MASK], f"{MASK!r}")
    if hasattr(batch, "_fields") and plain and batch[1] is not None:
        return Pair(batch[0], batch[1], f"{batch._fields[1]!r}")
    name = next((name for name in LABEL_NAMES if isinstance(getattr(batch, name, None), Tensor)), None)
    if name is not None and not fields:
        return Pair(batch, getattr(batch, name), f"attribute {name!r}")
    raise ConfigurationError(
        f"`InfoGeometryMonitor(split=None)`: cannot tell inputs from labels in a batch of type "
        f"`{type(batch).__name__}`{f' with {sorted(map(str, fields))}' if fields else ''}: expected (inputs, labels, "
        f"...), or a mapping, dataclass or object with one of {', '.join(LABEL_NAMES)}. {ADVICE}"
    )


def _by_function(batch: Any, by: Split) -> Pair:
    try:
        result = by(batch)
    except Exception as error:
        fields = sorted(map(str, fields_of(batch)))
        raise ConfigurationError(
            f"`InfoGeometryMonitor(split=...)`: raised {type(error).__name__}: {error} on a batch of type "
            f"`{type(batch).__name__}`{f' with {fields}' if fields else ''}."
        ) from error
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise ConfigurationError(
            f"`InfoGeometryMonitor(split=...)`: must return (inputs, labels), with labels None where there are none; "
            f"of a batch of type `{type(batch).__name__}` it returned `{type(result).__name__}`"
            f"{f' of {len(result)}' if isinstance(result, (tuple, list)) else ''}."
        )
    return Pair(result[0], result[1], "from split=")


def _without(mapping: Mapping[Any, Any], name: str) -> Any:
    if not isinstance(mapping, MutableMapping):
        return {key: value for key, value in mapping.items() if key != name}
    result = copy.copy(mapping)
    del result[name]
    return result
