"""Networks of one hidden layer of any width, in the standard and in the maximal update parametrisation.

Maximal update is table 3 of Yang et al., arXiv 2203.03466, for Adam: of the weights that read the images, and of all
biases, initial deviation and rate do not know the width n; of those that read the hidden layer the initial deviation
goes like 1/n (not 1/√n) and the rate like 1/n. At the base width both are PyTorch's own initialisation at one rate.
There is no weight between two hidden layers, whose rate would go like 1/n, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from replications.side_by_side import Member, SideBySide, hidden_layer

Parametrisation = Literal["standard", "maximal update"]
PARAMETRISATIONS: tuple[Parametrisation, ...] = ("standard", "maximal update")
BASE = 128


def member(parametrisation: Parametrisation, features: int, width: int, rate: float, classes: int = 10) -> Member:
    """Returns a freshly initialised network and the rates of its parameters.

    Args:
        parametrisation: how initial weights and rates depend on the width.
        features: numbers in an image.
        width: of the hidden layer.
        rate: of Adam, at the base width.
        classes: number of logits.
    """
    network = hidden_layer(features, width, classes=classes)
    rates = {name: rate for name, _ in network.named_parameters()}
    if parametrisation == "maximal update":
        second = network.get_submodule("second")
        assert isinstance(second, nn.Linear)
        with torch.no_grad():
            # PyTorch draws both from ±1/√n.
            second.weight.mul_((BASE / width) ** 0.5)
            second.bias.mul_((width / BASE) ** 0.5)
        rates["second.weight"] = rate * BASE / width
    return Member(network, rates)


def logit_changes(
    parametrisation: Parametrisation, widths: Sequence[int], images: Tensor, labels: Tensor, rate: float, steps: int
) -> Tensor:
    """Returns by how much the logits of networks change in a few steps of Adam on all images: the coordinate check.

    Args:
        parametrisation: of the networks.
        widths: of their hidden layers.
        images: shape (N, features).
        labels: shape (N,).
        rate: of Adam, at the base width.
        steps: of the optimizer.

    Returns:
        Root mean square over images and classes, shape (widths,).
    """
    model = SideBySide({str(n): member(parametrisation, images.shape[1], n, rate) for n in widths})
    optimizer = model.configure_optimizers()
    with torch.no_grad():
        before = [one(images) for one in model.networks.values()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model.training_step((images[:, None], labels[:, None]), 0)
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        after = [one(images) for one in model.networks.values()]
    return torch.stack([(a - b).square().mean().sqrt() for a, b in zip(after, before, strict=True)])
