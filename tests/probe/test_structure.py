"""What batches and probes are made of: inputs and labels, samples that are cut and joined."""

import dataclasses
from collections import UserDict, namedtuple

import numpy as np
import pytest
import torch

from lightning_infogeo import ConfigurationError, Probe
from lightning_infogeo.probe.splitting import split
from lightning_infogeo.probe.structure import concatenate, cut, leaves

X, Y = torch.arange(18.0).reshape(6, 3), torch.arange(6) % 3


@dataclasses.dataclass
class Batch:
    image: torch.Tensor
    label: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Rich:
    image: torch.Tensor
    mask: torch.Tensor
    target: torch.Tensor


Named = namedtuple("Named", "x y")
Positional = namedtuple("Positional", "first second")
EXTRA = torch.ones(6)


class TestSplit:
    @pytest.mark.parametrize(
        "batch",
        [
            (X, Y),
            [X, Y],
            (X, Y, EXTRA),
            Named(X, Y),
            Positional(X, Y),
            {"image": X, "label": Y},
            {"x": X, "labels": Y},
            {"x": X, "y": Y},
            {"x": X, "target": Y},
            UserDict({"x": X, "y": Y}),
            Batch(X, Y),
        ],
        ids=lambda batch: type(batch).__name__,
    )
    def test_finds_inputs_and_labels(self, batch):
        inputs, labels, _ = split(batch)
        assert inputs is X
        assert labels is Y

    def test_several_inputs_stay_together_without_the_labels(self):
        inputs, labels, _ = split({"ids": X, "mask": EXTRA, "labels": Y})
        assert inputs.keys() == {"ids", "mask"}
        assert labels is Y

    def test_a_dataclass_of_several_inputs_stays_as_it_is(self):
        batch = Rich(X, EXTRA, Y)
        assert split(batch)[:2] == (batch, Y)

    @pytest.mark.parametrize("batch", [X, (X,), [X], {"a": X, "b": Y}, "text", None, 3], ids=type)
    def test_anything_else_names_the_probe(self, batch):
        with pytest.raises(ConfigurationError, match=r"probes=Probe\(inputs, labels\)"):
            split(batch)


class TestProbe:
    def test_copies_what_it_is_given(self):
        x, y = X.clone(), Y.clone()
        probe = Probe(x, y)
        x.zero_()
        y.zero_()
        assert torch.equal(probe.inputs, X)
        assert torch.equal(probe.labels, Y)

    @pytest.mark.parametrize(
        "inputs",
        [
            X,
            X.numpy(),
            {"a": X, "b": [X, (X, EXTRA)]},
            Batch(X, Y),
            [X, torch.tensor(0.5)],
            ["one", "two", "three", "four", "five", "six"],
            {"text": tuple("abcdef"), "length": X},
        ],
    )
    def test_counts_the_samples_of_nested_inputs(self, inputs):
        assert len(Probe(inputs, Y)) == 6

    @pytest.mark.parametrize("labels", [Y, Y.tolist(), Y.numpy(), Y.int(), Y.numpy().astype(np.uint8)])
    def test_takes_labels_of_any_integer_type(self, labels):
        assert torch.equal(Probe(X, labels).labels, Y)
        assert Probe(X).labels is None

    def test_fingerprint_tells_contents_shape_type_and_structure_apart(self):
        variants = [X, X + 1e-6, X.double(), X.reshape(6, 3, 1), [X], {"a": X}, X.flip(0)]
        prints = [Probe(variant).fingerprint for variant in variants]
        assert len(set(prints)) == len(variants)
        assert Probe(X.clone(), Y).fingerprint == prints[0]
        assert len(prints[0]) == 64

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.uint8, torch.complex64])
    def test_any_type_of_input_has_a_fingerprint(self, dtype):
        assert Probe(torch.ones(4, 2).to(dtype)).fingerprint != Probe(torch.zeros(4, 2).to(dtype)).fingerprint

    @pytest.mark.parametrize(
        ("inputs", "labels", "message"),
        [
            (torch.empty(0, 3), None, "no samples"),
            ([X, X[:4]], None, r"first dimensions of \[4, 6\] disagree"),
            (3, None, "no tensor with a first dimension"),
            (torch.tensor(1.0), None, "no tensor with a first dimension"),
            ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], None, "no tensor with a first dimension"),
            (torch.eye(3).to_sparse(), None, "sparse"),
            (X, Y[:5], r"integer class indices of shape \(6,\), got torch.int64 of shape \(5,\)"),
            (X, Y.float(), "got torch.float32"),
            (X, torch.eye(6) / 2, r"got torch.float32 of shape \(6, 6\).*classifiers only"),
            (X, ["a"] * 6, r"`Probe\(labels=list\)`"),
            (X, {"a": Y}, r"`Probe\(labels=dict\)`"),
        ],
    )
    def test_impossible_samples_are_named(self, inputs, labels, message):
        with pytest.raises(ConfigurationError, match=message):
            Probe(inputs, labels)


def test_cut_and_concatenate_are_inverse():
    batch = {"a": [X, (EXTRA, torch.tensor(2.0))], "b": Batch(X, Y), "c": list("abcdef")}
    whole = concatenate([cut(batch, 0, 2), cut(batch, 2, 6)])
    for joined, given in zip(leaves(whole), leaves(batch), strict=True):
        if isinstance(given, torch.Tensor):
            assert torch.equal(joined, given)
        else:
            assert joined == given


def test_batches_of_different_structure_cannot_be_joined():
    with pytest.raises(ValueError, match="differ in structure"):
        concatenate([(X, Y), ([X, X], Y)])
