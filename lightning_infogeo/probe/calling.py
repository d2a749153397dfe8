"""Calling a model with the inputs of a batch, by the signature of its ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn


def call(module: nn.Module, inputs: Any) -> Any:
    """Returns the output of ``module`` for inputs.

    A mapping whose keys are parameters of the module's ``forward`` is passed by keyword, as Hugging Face's models take
    their batches; keys that it does not take, as a name of each sample, are left out. A tuple or list is passed as
    several arguments where ``forward`` needs that many and cannot be called with one. Anything else is passed as the
    only argument.

    Example:
        >>> class Masked(nn.Module):
        ...     def forward(self, x, mask):
        ...         return x * mask
        >>> call(Masked(), (2, 3)), call(Masked(), {"mask": 3, "x": 4})
        (6, 12)
        >>> call(Masked(), {"mask": 3, "x": 4, "file": "a.png"})
        12
    """
    named = _by_name(module, inputs) if isinstance(inputs, Mapping) else None
    if named is not None:
        return module(**named)
    if isinstance(inputs, (tuple, list)) and not _takes(module, 1) and _takes(module, len(inputs)):
        return module(*inputs)
    return module(inputs)


def takes_only_by_name(module: nn.Module, inputs: Mapping[Any, Any]) -> bool:
    """Returns whether ``forward`` takes these inputs by keyword, and no single argument without one."""
    return not _takes(module, 1) and _by_name(module, inputs) is not None


def _by_name(module: nn.Module, inputs: Mapping[Any, Any]) -> Mapping[str, Any] | None:
    """Returns those of the inputs that ``forward`` takes by keyword; None where it is not called so."""
    signature = _signature(module)
    if signature is None or not inputs or not all(isinstance(key, str) for key in inputs):
        return None
    parameters = signature.parameters.values()
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    any_name = any(p.kind == p.VAR_KEYWORD for p in parameters)
    taken = {key: value for key, value in inputs.items() if any_name or key in names}
    if not taken or (names and not names & taken.keys()):
        return None
    if len(taken) == 1 < len(inputs) and _takes(module, 1):  # more likely the mapping is its one argument
        return None
    try:
        signature.bind(**taken)
    except TypeError:
        return None
    return taken


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
