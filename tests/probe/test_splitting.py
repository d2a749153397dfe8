"""Inputs and labels of batches, wherever they stand, and how a model is called with them."""

import types
from collections import namedtuple

import pytest
import torch
from torch import nn

from lightning_infogeo import ConfigurationError
from lightning_infogeo.probe.calling import call
from lightning_infogeo.probe.splitting import split

X, Y = torch.arange(18.0).reshape(6, 3), torch.arange(6) % 3
MASK = torch.ones(6, 3)


@pytest.mark.parametrize(
    ("batch", "inputs", "labels", "origin"),
    [
        ((X, Y), X, Y, "second of 2 elements"),
        ((X, MASK, Y), X, MASK, "second of 3 elements"),
        ({"x": X, "targets": Y}, X, Y, "'targets'"),
        ({"image": X, "mask": Y}, X, Y, "'mask'"),
        ({"image": X, "mask": Y, "file": ["a"] * 6}, X, Y, "'mask'"),
        ({"image": X, "mask": MASK, "label": Y}, None, Y, "'label'"),
    ],
)
def test_labels_are_found_and_said_where(batch, inputs, labels, origin):
    found = split(batch)
    assert found.labels is labels
    assert found.origin == origin
    assert inputs is None or found.inputs is inputs


def test_an_object_with_labels_is_its_own_input():
    graph = types.SimpleNamespace(x=X, edge_index=torch.zeros(2, 9), y=Y)
    assert split(graph) == (graph, Y, "attribute 'y'")
    with pytest.raises(ConfigurationError, match="split=lambda batch"):
        split(types.SimpleNamespace(x=X, y="a name"))


def test_a_function_decides_alone():
    assert split((X, MASK, Y), lambda batch: ((batch[0], batch[1]), batch[2])) == ((X, MASK), Y, "from split=")
    assert split(X, lambda batch: (batch, None)).labels is None
    for wrong in (X, (X, Y, MASK), {"a": X}):
        with pytest.raises(ConfigurationError, match=r"split=...\)`: must return \(inputs, labels\)"):
            split((X, Y), lambda batch, wrong=wrong: wrong)


class Takes(nn.Module):
    """Returns the arguments it was called with, by the names of its forward."""


def model(forward):
    return type("Model", (Takes,), {"forward": forward})()


@pytest.mark.parametrize(
    ("forward", "inputs", "expected"),
    [
        (lambda self, x: ("x", x), X, ("x", X)),
        (lambda self, x: ("x", x), (X, MASK), ("x", (X, MASK))),
        (lambda self, x, mask: (x, mask), (X, MASK), (X, MASK)),
        (lambda self, x, mask: (x, mask), [X, MASK], (X, MASK)),
        (lambda self, *parts: parts, (X, MASK), ((X, MASK),)),
        (lambda self, ids, mask=None: (ids, mask), {"ids": X, "mask": MASK}, (X, MASK)),
        (lambda self, **kw: sorted(kw), {"ids": X, "mask": MASK}, ["ids", "mask"]),
        (lambda self, ids, **kw: (ids, sorted(kw)), {"ids": X, "mask": MASK}, (X, ["mask"])),
        (lambda self, batch: ("batch", batch), {"ids": X, "mask": MASK}, ("batch", {"ids": X, "mask": MASK})),
        (lambda self, batch, **kw: ("batch", batch), {"ids": X}, ("batch", {"ids": X})),
        (lambda self, ids, mask, more: None, {"ids": X, "mask": MASK}, TypeError),
        (lambda self, ids, mask: (ids, mask), {"ids": X, "mask": MASK, "file": "a"}, (X, MASK)),
        (lambda self, ids, mask=None: (ids, mask), {"ids": X, "mask": MASK, "file": "a"}, (X, MASK)),
        (lambda self, ids, mask=None: ids, {"ids": X, "file": "a"}, {"ids": X, "file": "a"}),
        (lambda self, ids: ids, {"ids": X, "file": "a"}, {"ids": X, "file": "a"}),
        (lambda self: None, {"file": "a"}, TypeError),
    ],
    ids=range(16),
)
def test_a_model_is_called_as_its_forward_reads(forward, inputs, expected):
    if expected is TypeError:
        with pytest.raises(TypeError):
            call(model(forward), inputs)
        return
    assert repr(call(model(forward), inputs)) == repr(expected)


def test_a_mapping_that_only_its_keys_can_pass_stays_one():
    batch = {"input_ids": X, "labels": Y}
    assert split(batch).inputs is X
    assert split(batch, None, lambda others: True).inputs == {"input_ids": X}


def test_a_second_element_that_is_nothing_is_no_label():
    for batch in ((X, None, Y), namedtuple("Item", "graph weights y_true")(X, None, Y)):
        with pytest.raises(ConfigurationError, match="split=lambda batch"):
            split(batch)
    assert split((X, None)).labels is None
