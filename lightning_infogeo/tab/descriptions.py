"""What describes a run in event files, shortened so that it stays small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

LONGEST = 200
"""Characters of a value, a name, or of the JSON of a list."""

_MOST, _NAMES = 200, 60_000


def bounded(value: Any, depth: int = 0) -> Any:
    """Returns metadata with long texts, lists and mappings cut; numbers stay as they are.

    Example:
        >>> bounded({"lr": 0.1, "sizes": list(range(1000))})["sizes"][:20]
        '[0, 1, 2, 3, 4, 5, 6'
        >>> len(bounded("a" * 1000))
        200
    """
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, dict) and depth < 2:
        return {bounded(str(key)): bounded(value[key], depth + 1) for key in list(value)[:_MOST]}
    if isinstance(value, (dict, list)):
        if depth == 1 and isinstance(value, list) and all(isinstance(item, dict) for item in value):  # optimizers
            return [bounded(item, depth) for item in value[:8]]
        text = json.dumps(value[: 4 * LONGEST] if isinstance(value, list) else value)
        return value if len(text) <= LONGEST else _cut(text)
    return value


def names_of(classes: Any, count: int) -> list[str] | None:
    """Returns the names of ``count`` classes, each cut; None where these are none, or very many.

    Example:
        >>> names_of(("cat", "dog"), 2), names_of(["cat"], 2), names_of([1, 2], 2)
        (['cat', 'dog'], None, None)
    """
    if not isinstance(classes, Sequence) or isinstance(classes, str) or len(classes) != count:
        return None
    if not all(isinstance(name, str) for name in classes):
        return None
    cut = [_cut(name) for name in classes]
    return cut if sum(map(len, cut)) <= _NAMES else None


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
