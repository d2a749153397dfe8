"""Which parameters belong to which group."""

import pytest
import torch
from torch import nn

from lightning_infogeo.parameters import parameter_groups


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 4))
        self.counter = nn.Parameter(torch.arange(4), requires_grad=False)
        self.first = nn.Linear(4, 6)
        self.norm = nn.LayerNorm((2, 3))
        self.last = nn.Linear(6, 4)
        self.tied = nn.Linear(4, 6)
        self.tied.weight = self.first.weight
        self.last.weight.requires_grad_(False)


def names(module, **arguments):
    """Names of groups to the numbers of weights of their tensors."""
    return {name: [t.numel() for t in tensors] for name, tensors in parameter_groups(module, **arguments).items()}


def test_layers_hold_weights_once_and_biases_are_pooled():
    assert names(Block()) == {"root": [16], "first": [24], "biases": [6, 6, 6, 4, 6], "last": [24]}


def test_biases_and_normalisation_can_be_left_out():
    assert names(Block(), biases="out") == {"root": [16], "first": [24], "last": [24]}


def test_tensors_and_the_network():
    assert list(names(Block(), groups="tensor")) == ["scale", "first.weight", "biases", "last.weight"]
    assert names(Block(), groups="network", biases="out") == {"network": [16, 24, 24]}
    assert sum(names(Block(), groups="network")["network"]) == 16 + 24 + 24 + 28


def test_frozen_parameters_are_included_and_others_than_floating_are_not():
    module = Block()
    found = [tensor for tensors in parameter_groups(module).values() for tensor in tensors]
    assert any(tensor is module.last.weight for tensor in found)
    assert all(tensor is not module.counter for tensor in found)


def test_patterns_decide_alone_and_the_first_that_matches():
    found = names(Block(), groups={"first layer": "^first", "the rest": "weight", "all biases": "bias"}, biases="out")
    assert found == {"first layer": [24, 6], "the rest": [6, 24], "all biases": [6, 4, 6]}


def test_names_are_fit_for_keys():
    module = nn.Module()
    module.add_module("a/b", nn.Linear(2, 2))
    assert list(names(module)) == ["a_b", "biases"]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"'attention': 'attn'.*scale, first\.weight"):
        parameter_groups(Block(), {"attention": "attn"})
    with pytest.raises(ValueError, match="there are none"):
        parameter_groups(Block(), {"all": ".", "more": "weight"})
    with pytest.raises(ValueError, match="not a regular expression"):
        parameter_groups(Block(), {"all": "("})
    with pytest.raises(ValueError, match="no floating parameters"):
        parameter_groups(nn.ReLU())
    with pytest.raises(ValueError, match='pass biases="pooled"'):
        parameter_groups(nn.LayerNorm(3), biases="out")
    with pytest.raises(ValueError, match="run a batch through"):
        parameter_groups(nn.Sequential(nn.LazyLinear(3)))
