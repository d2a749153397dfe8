"""What JSON can say: no NaN, no ∞, nothing nested without end, and curves in as many digits as can be seen."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_DEEPEST = 8


def rounded(values: ArrayLike, digits: int = 6) -> Any:
    """Returns nested lists of numbers with so many significant digits; None for NaN and ∞.

    Example:
        >>> rounded([1.23456789, float("nan")])
        [1.23457, None]
    """
    array = np.asarray(values, np.float64)
    flat = [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in array.ravel().tolist()]
    return np.array(flat, object).reshape(array.shape).tolist()


def finite(value: Any, depth: int = 0) -> Any:
    """Returns what was read from JSON, with None for NaN, ∞ and what is nested deeper than eight levels.

    Example:
        >>> finite({"strength": float("inf"), "step": 3})
        {'strength': None, 'step': 3}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dict, list)) and depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(key): finite(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item, depth + 1) for item in value]
    return value


def flat_metadata(metadata: object) -> dict[str, Any]:
    """Returns the metadata of a run as names and plain values, for colouring and filtering.

    Hyper-parameters keep their own names, unless one is taken; optimizers become "optimizer" and, where no
    hyper-parameter is called so, "lr"; what else is nested gets the names on the way, joined by dots.

    Args:
        metadata: as a run's tags have it.

    Example:
        >>> flat_metadata({"model": "Net", "hyperparameters": {"width": 8}, "optimizers": [{"name": "SGD", "lr": 0.1}]})
        {'model': 'Net', 'width': 8, 'optimizer': 'SGD', 'lr': 0.1}
    """
    if not isinstance(metadata, dict):
        return {}
    given = finite(metadata)
    found: dict[str, Any] = {}
    _flatten({key: value for key, value in given.items() if key not in ("hyperparameters", "optimizers")}, "", found)
    hyperparameters: dict[str, Any] = {}
    _flatten(given.get("hyperparameters"), "", hyperparameters)
    for name, value in hyperparameters.items():
        found[name if name not in found else f"hyperparameters.{name}"] = value
    optimizers = given.get("optimizers")
    optimizers = [one for one in optimizers if isinstance(one, dict)] if isinstance(optimizers, list) else []
    for name, source in (("optimizer", "name"), ("lr", "lr")):
        values = [one[source] for one in optimizers if isinstance(one.get(source), (str, int, float))]
        if values and name not in found:
            found[name] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    return found


def _flatten(value: Any, name: str, found: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _flatten(item, f"{name}.{key}" if name else key, found)
    elif name:
        found[name] = json.dumps(value)[:200] if isinstance(value, list) else value
