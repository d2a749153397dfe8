"""Which weights make up one density: a module's parameters by layer, by tensor, all together, or by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

Grouping = Literal["layer", "tensor", "network"] | Mapping[str, str]

BIASES = "biases"
"""Name of the group in which biases and normalisation parameters are pooled."""

_NORMALISATION = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def parameter_groups(
    module: nn.Module, groups: Grouping = "layer", biases: Literal["pooled", "out"] = "pooled"
) -> dict[str, list[Tensor]]:
    """Returns a module's floating parameters by group, frozen ones included, shared ones once and under one name.

    Biases and normalisation parameters are few, and distributed quite differently from the weights: a density of both
    would be neither's. Counted as such is whatever has fewer than two dimensions or belongs to a normalisation layer.

    Args:
        module: whose parameters to take.
        groups: "layer" for one group for each submodule that owns parameters, by its path ("root" for the module
            itself); "tensor" for one for each parameter; "network" for a single one; or a mapping of names to regular
            expressions, searched for in the full names of parameters, the first that matches deciding, where
            parameters that match none are left out.
        biases: "pooled" for one group of them all, named "biases" (with "network" they join it), or "out" to leave them
            out. Regular expressions alone decide where there are any.

    Returns:
        Names, without "/", to lists of parameters, none of them empty, in the order of the module.

    Raises:
        ValueError: where there is nothing to count, or a pattern is invalid or matches nothing that is left.

    Example:
        >>> {name: len(tensors) for name, tensors in parameter_groups(nn.Sequential(nn.Linear(2, 3))).items()}
        {'0': 1, 'biases': 1}
    """
    parameters = list(_floating(module))
    if isinstance(groups, str):
        named = [
            (_group(name, plain, groups), tensor) for name, tensor, plain in parameters if plain or biases != "out"
        ]
        remedy = "pass a module that has some" if biases != "out" else 'pass biases="pooled"'
    else:
        named = _matching(parameters, groups)
        remedy = "pass a module that has some"
    if not named:
        raise ValueError(
            f"`parameter_groups({type(module).__name__}, biases={biases!r})`: there are no floating parameters to "
            f"count; {remedy}."
        )
    by_group: dict[str, list[Tensor]] = {}
    for group, tensor in named:
        by_group.setdefault(group.replace("/", "_"), []).append(tensor)
    return by_group


def _floating(module: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Yields name, parameter, and whether it is neither a bias nor part of a normalisation."""
    for path, owner in module.named_modules():
        if any(is_lazy(parameter) for parameter in owner.parameters(recurse=False)):
            raise ValueError(
                f"`parameter_groups({type(module).__name__})`: {path or 'the module'} has parameters without a shape; "
                "run a batch through the module first."
            )
    for name, parameter in module.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            owner = module.get_submodule(name.rpartition(".")[0])
            yield name, parameter, parameter.dim() >= 2 and not isinstance(owner, _NORMALISATION)


def _group(name: str, plain: bool, groups: str) -> str:
    if groups == "network":
        return "network"
    if not plain:
        return BIASES
    return name if groups == "tensor" else name.rpartition(".")[0] or "root"


def _matching(parameters: list[tuple[str, Tensor, bool]], patterns: Mapping[str, str]) -> list[tuple[str, Tensor]]:
    named: list[tuple[str, Tensor]] = []
    left = parameters
    for group, pattern in patterns.items():
        try:
            matches = [bool(re.search(pattern, name)) for name, _, _ in left]
        except re.error as error:
            raise ValueError(
                f"`parameter_groups(groups={{{group!r}: {pattern!r}}})`: is not a regular expression: {error}."
            ) from None
        if not any(matches):
            raise ValueError(
                f"`parameter_groups(groups={{{group!r}: {pattern!r}}})`: matches none of the parameters left by the "
                f"patterns before it: {', '.join(name for name, _, _ in left) or 'there are none'}."
            )
        named += [(group, tensor) for (_, tensor, _), match in zip(left, matches, strict=True) if match]
        left = [parameter for parameter, match in zip(left, matches, strict=True) if not match]
    return named
