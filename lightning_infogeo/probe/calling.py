"""Calling a model with the inputs of a batch, by the signature of its ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn


def call(module: nn.Module, inputs: Any) -> Any:
    """Returns the output of ``module`` for inputs.

    A mapping whose keys are parameters of the module's ``forward`` is passed by keyword, as Hugging Face's models take
    their batches. A tuple or list is passed as several arguments where ``forward`` needs that many and cannot be called
    with one. Anything else is passed as the only argument.

    Example:
        >>> class Masked(nn.Module):
        ...     def forward(self, x, mask):
        ...         return x * mask
        >>> call(Masked(), (2, 3)), call(Masked(), {"mask": 3, "x": 4})
        (6, 12)
    """
    if isinstance(inputs, Mapping) and _takes_by_name(module, inputs):
        return module(**inputs)
    if isinstance(inputs, (tuple, list)) and not _takes(module, 1) and _takes(module, len(inputs)):
        return module(*inputs)
    return module(inputs)


def takes_only_by_name(module: nn.Module, inputs: Mapping[Any, Any]) -> bool:
    """Returns whether ``forward`` takes these inputs by keyword, and no single argument without one."""
    return not _takes(module, 1) and _takes_by_name(module, inputs)


def _takes_by_name(module: nn.Module, inputs: Mapping[Any, Any]) -> bool:
    signature = _signature(module)
    if signature is None or not inputs or not all(isinstance(key, str) for key in inputs):
        return False
    named = {name: p for name, p in signature.parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not named.keys() & inputs.keys() and named:
        return False
    try:
        signature.bind(**inputs)
    except TypeError:
        return False
    return True


def _takes(module: nn.Module, arguments: int) -> bool:
    signature = _signature(module)
    if signature is None:
        return arguments == 1
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


def _signature(module: nn.Module) -> inspect.Signature | None:
    try:
        return inspect.signature(module.forward)
    except (TypeError, ValueError):
        return None
