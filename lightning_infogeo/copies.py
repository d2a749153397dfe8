"""Copies and pickles of objects in use: their values on the host, without live handles."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor


class Portable:
    """A class whose objects can be copied and pickled at any time; doing so waits for the device.

    Args:
        left_behind: of a class, attributes that a copy does not take over, and what it has instead.

    Example:
        >>> class Reader(Portable, left_behind={"file": None}):
        ...     pass
        >>> reader = Reader()
        >>> reader.lines, reader.file = [1, 2], open(__file__)
        >>> vars(copy.deepcopy(reader))
        {'lines': [1, 2], 'file': None}
        >>> reader.file.close()
    """

    _left_behind: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, left_behind: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._left_behind = left_behind or {}

    def __getstate__(self) -> dict[str, Any]:
        """Returns the attributes of a copy."""
        state = {name: on_host(value) for name, value in vars(self).items() if name not in self._left_behind}
        return {**state, **copy.deepcopy(dict(self._left_behind))}


def on_host(value: Any) -> Any:
    """Returns a value with the tensors in its dicts, lists and tuples on the host; the value itself if they are."""
    if isinstance(value, Tensor):
        return value if value.device.type == "cpu" else value.cpu()
    if isinstance(value, dict):
        moved: Any = {key: on_host(item) for key, item in value.items()}
        unchanged = all(moved[key] is item for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        moved = [on_host(item) for item in value]
        unchanged = all(a is b for a, b in zip(moved, value, strict=True))
        if isinstance(value, tuple):
            moved = value._make(moved) if hasattr(value, "_make") else tuple(moved)
    else:
        return value
    return value if unchanged else moved
