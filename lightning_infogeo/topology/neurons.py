"""Recording the incoming weights of neurons: layers, vectors, and projections that fit a budget of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from lightning_infogeo.topology.projection import Projection, affordable_dimension

MAX_NEURONS = 10_000
"""Layers with more neurons, such as embeddings of a vocabulary, are recorded only if they are named."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_KINDS = (nn.Linear, nn.Embedding, *_CONVOLUTIONS, *_TRANSPOSED)

Layers = bool | Sequence[str]


def neuron_layers(module: nn.Module, layers: Layers = True) -> tuple[str, ...]:
    """Returns the names of the layers whose neurons are to be followed, in the order of the module.

    Layers with neurons are Linear (rows), convolutions (filters) and Embedding (rows). ``True`` takes all of them
    except those with a single neuron or more than 10,000, and those that share the weight of an earlier layer (tied). A
    layer whose weight is not a floating parameter of its own (parametrised, quantised, sharded) is never taken.

    Args:
        module: whose layers.
        layers: ``True``, or names as of ``module.named_modules()``; "" is the module itself.

    Raises:
        ValueError: for a name that is not a layer with neurons, or where there is none.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Linear(2, 1))
        >>> neuron_layers(net)
        ('0', '2')
    """
    available: dict[str, Tensor] = {}
    for name, layer in module.named_modules():
        weight: Tensor | None = layer._parameters.get("weight") if isinstance(layer, _KINDS) else None
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                f"`neuron_layers({type(module).__name__})`: {name or 'the module'} has a weight without a shape; run "
                "a batch through the module first."
            )
        if weight is not None and weight.is_floating_point() and weight.dim() > 1 and weight.numel():
            available[name] = weight
    kinds = "Linear, convolution and Embedding"
    if isinstance(layers, str) or (layers is not True and not (isinstance(layers, Sequence) and layers)):
        raise ValueError(f"`neuron_layers(layers={layers!r})`: must be True or a list of at least one layer's name.")
    if layers is not True:
        unknown = [name for name in layers if name not in available]
        if unknown:
            raise ValueError(
                f"`neuron_layers(layers={list(layers)!r})`: {', '.join(map(repr, unknown))} is no {kinds} layer with "
                f"a floating weight of its own; there are {', '.join(map(repr, available)) or 'none'}."
            )
        return tuple(name for name in available if name in layers)
    chosen, seen = [], set()
    for name, weight in available.items():
        neurons = _neurons(module.get_submodule(name))
        if id(weight) not in seen and 1 < neurons <= MAX_NEURONS:
            chosen.append(name)
        seen.add(id(weight))
    if not chosen:
        sizes = ", ".join(f"{name!r} ({_neurons(module.get_submodule(name))})" for name in available)
        raise ValueError(
            f"`neuron_layers({type(module).__name__}, True)`: there is no {kinds} layer with 2 to {MAX_NEURONS} "
            f"neurons; there are {sizes or 'none of any size'}: name the layers to be followed."
        )
    return tuple(chosen)


def incoming(module: nn.Module, layers: Sequence[str]) -> dict[str, Tensor]:
    """Returns the incoming weights of neurons, one vector each, as they are now.

    They are views of the weights where the layout allows, outside of autograd: copy them to keep them beyond the next
    step. No value is read from the device, and no hook, parametrisation or random number generator is used.

    Args:
        module: with the layers.
        layers: names, as from ``neuron_layers``.

    Returns:
        For each name shape (neurons, fan_in), in the type and on the device of the weight: rows of a Linear or an
        Embedding, filters of a convolution, flattened; of a transposed one, what leads to each output channel.
    """
    return {name: _incoming(module.get_submodule(name)) for name in layers}


def _incoming(layer: nn.Module) -> Tensor:
    detached = torch.as_tensor(layer._parameters["weight"]).detach()
    if isinstance(layer, _TRANSPOSED):
        # (inputs, outputs / groups, ...) with inputs sorted by group
        grouped = detached.reshape(layer.groups, -1, *detached.shape[1:]).transpose(1, 2)
        return grouped.flatten(0, 1).flatten(1)
    return detached.flatten(1)


def _neurons(layer: nn.Module) -> int:
    return int(_incoming(layer).shape[0])


class NeuronRecorder(NamedTuple):
    """Records the incoming weights of chosen layers; made by ``NeuronSettings.start``.

    Attributes:
        layers: names, in the order of the module.
        projections: by layer, for projected layers only; on the device of the weights.
        shapes: of one record by layer, (neurons, fan_in or projected dimension).
    """

    layers: tuple[str, ...]
    projections: Mapping[str, Projection]
    shapes: Mapping[str, tuple[int, int]]

    @property
    def bytes(self) -> int:
        """Bytes of one record."""
        return 4 * sum(neurons * dimension for neurons, dimension in self.shapes.values())

    def record(self, module: nn.Module) -> dict[str, Tensor]:
        """Returns the vectors of each layer, shape (neurons, fan_in or projected), float32, copies, on the device.

        Nothing is read from the device, and training is not affected.
        """
        with torch.no_grad():
            return {
                name: self.projections[name](weights) if name in self.projections else weights.float().clone()
                for name, weights in incoming(module, self.layers).items()
            }


@dataclass(frozen=True)
class NeuronSettings:
    """How to record the incoming weights of neurons.

    Args:
        layers: ``True`` for all that ``neuron_layers`` takes, or names.
        memory: bytes that all records together may take. Where they would take more, every layer of more than D inputs
            is projected to D dimensions, the largest D that fits.
        seed: of the projections.

    Raises:
        ValueError: for values other than these.

    Example:
        >>> net = nn.Linear(1000, 10)
        >>> NeuronSettings(memory=1_000_000).start(net, records=100).shapes
        {'': (10, 250)}
    """

    layers: Layers = True
    memory: int = 2**28
    seed: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.memory, int) or self.memory < 1:
            raise ValueError(f"`NeuronSettings(memory={self.memory!r})`: must be a positive number of bytes.")

    def start(self, module: nn.Module, records: int) -> NeuronRecorder:
        """Returns the recorder of a module whose weights are on their device.

        Args:
            module: with the layers.
            records: expected number of them.

        Raises:
            ValueError: for layers that are not there, or where the budget is too small for any projection.
        """
        layers = neuron_layers(module, self.layers)
        vectors = incoming(module, layers)
        sizes = {name: (weights.shape[0], weights.shape[1]) for name, weights in vectors.items()}
        dimension = affordable_dimension(list(sizes.values()), records, self.memory)
        projections = {
            name: Projection(fan_in, dimension, self.seed, device=vectors[name].device)
            for name, (_, fan_in) in sizes.items()
            if fan_in > dimension
        }
        shapes = {name: (neurons, min(fan_in, dimension)) for name, (neurons, fan_in) in sizes.items()}
        return NeuronRecorder(layers, projections, shapes)
