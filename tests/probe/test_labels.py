"""Labels of every type and shape."""

import numpy as np
import pytest
import torch

from lightning_infogeo.distributions import IGNORED, Bernoulli, Categorical, Selection, Tokens
from lightning_infogeo.probe.labels import labels_of

Y = torch.tensor([2, 0, 1, 1])


class Labelled(torch.Tensor):
    """A tensor of another class, as readers of medical images give them."""


@pytest.mark.parametrize(
    "given",
    [Y, Y.tolist(), tuple(Y.tolist()), Y.numpy(), Y.int(), Y.to(torch.uint8), [torch.tensor(y) for y in Y.tolist()]],
    ids=range(7),
)
def test_indices_of_any_kind_become_int64(given):
    found = labels_of([given], [4])
    assert torch.equal(found.values, Y)
    assert found.values.dtype == torch.int64
    assert not found.binary


def test_a_subclass_of_tensor_becomes_a_tensor():
    found = labels_of([Y.as_subclass(Labelled)], [4]).values
    assert type(found) is torch.Tensor


def test_batches_are_joined_and_nothing_is_nothing():
    assert torch.equal(labels_of([Y, Y[:2]], [4, 2]).values, torch.cat([Y, Y[:2]]))
    assert labels_of([None, None], [4, 2]).values is None


SOFT = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.1, 0.8]])


@pytest.mark.parametrize("soft", [SOFT, SOFT.double(), SOFT.half(), SOFT[:, :, None, None].expand(2, 3, 4, 4)])
def test_probabilities_of_classes_are_no_labels_and_it_is_said(soft):
    found = labels_of([soft], [2])
    assert found.values is None
    assert "soft labels" in found.missing
    one_hot = torch.eye(3)[[0, 2]]
    assert "soft labels" in labels_of([SOFT, one_hot], [2, 2]).missing  # mixed from batch to batch


@pytest.mark.parametrize(
    "wrong",
    [torch.tensor([0.5, 1.5]), torch.randn(2, 3), torch.full((2, 3), 0.5), torch.tensor([0.0, 2.0]), torch.zeros(3)],
)
def test_what_is_no_label_is_described(wrong):
    with pytest.raises(ValueError, match=r"class indices of shape \(2,\), got torch.float"):
        labels_of([wrong], [2])


@pytest.mark.parametrize("wrong", [["a", "b"], [{"boxes": 1}] * 2, [[1, 2], [3]], "ab"])
def test_what_is_no_number_is_named(wrong):
    with pytest.raises(ValueError, match=r"got `(list|str)`"):
        labels_of([wrong], [2])


def test_maps_in_one_channel_may_be_floating():
    maps = torch.randint(0, 3, (2, 1, 4, 4))
    found = labels_of([maps.float()], [2])
    assert torch.equal(found.values, maps)
    assert not found.binary
    assert not labels_of([(maps > 1).float()], [2]).binary
    assert labels_of([torch.tensor([0.0, 1.0])], [2]).binary


def test_labels_of_varying_shape_are_filled_up_and_left_out():
    tokens, outputs = (
        [torch.tensor([[1, 2, 0]]), torch.tensor([[2], [1]])],
        [torch.randn(1, 3, 4), torch.randn(2, 1, 4)],
    )
    found = labels_of(tokens, [1, 2])
    assert found.ragged
    assert found.values.tolist() == [[1, 2, 0], [2, IGNORED, IGNORED], [1, IGNORED, IGNORED]]
    chosen = Selection(Tokens(), 3, found.values, ragged=True)
    taken = torch.cat([chosen.take(outputs[0], 0, 1), chosen.take(outputs[1], 1, 3)])
    assert chosen.labels.tolist() == [1, 2, 0, 2, 1]
    assert torch.equal(taken, torch.cat([out.flatten(0, 1) for out in outputs]))


def test_maps_of_varying_size_are_followed_at_their_own_positions():
    generator = torch.Generator().manual_seed(0)
    sizes = [(2, 3), (4, 2)]
    outputs = [torch.randn(1, 5, *size, generator=generator) for size in sizes]
    maps = [torch.randint(0, 5, (1, *size), generator=generator) for size in sizes]
    maps[0][0, 0, 0] = 255
    found = labels_of(maps, [1, 1])
    chosen = Selection(Categorical(ignore_index=255), 2, found.values, ragged=True)
    taken = torch.cat([chosen.take(outputs[0], 0, 1), chosen.take(outputs[1], 1, 2)])
    loss = torch.nn.functional.cross_entropy(taken, chosen.labels, reduction="sum")
    expected = sum(
        torch.nn.functional.cross_entropy(out, of, ignore_index=255, reduction="sum")
        for out, of in zip(outputs, maps, strict=True)
    )
    torch.testing.assert_close(loss, expected)
    assert len(chosen) == 13


@pytest.mark.parametrize("kind", [torch.int64, torch.float32, torch.bool])
def test_one_hot_labels_are_classes(kind):
    one_hot = torch.eye(3)[Y].to(kind)
    chosen = Selection(Categorical(), 4, labels_of([one_hot], [4]).values)
    chosen.settle(torch.zeros(4, 3))
    assert torch.equal(chosen.labels, Y)
    maps = torch.eye(3)[torch.randint(0, 3, (4, 2, 2))].movedim(-1, 1).to(kind)
    chosen = Selection(Categorical(), 4, labels_of([maps], [4]).values)
    chosen.settle(torch.zeros(4, 3, 2, 2))
    assert torch.equal(chosen.labels, maps.int().argmax(1).flatten())


def test_several_answers_at_once_are_not_one_hot():
    answers = torch.tensor([[1, 1, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"class indices of shape \(2,\)"):
        Selection(Categorical(), 2, answers).settle(torch.zeros(2, 3))
    chosen = Selection(Bernoulli(), 2, answers)
    chosen.settle(torch.zeros(2, 3))
    assert chosen.labels.tolist() == [1, 1, 0, 0, 0, 0]


def test_what_cross_entropy_leaves_out_is_left_out():
    labels = torch.tensor([1, IGNORED, 0, 2])
    chosen = Selection(Categorical(), 4, labels)
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    taken = chosen.take(logits, 0, 4)
    expected = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(torch.nn.functional.cross_entropy(taken, chosen.labels), expected)
    assert np.array_equal(chosen.labels, [1, 0, 2])


def test_answers_that_are_not_known_are_left_out():
    answers = torch.tensor([[1.0, torch.nan, 0.0], [torch.nan, 0.0, 1.0]])
    found = labels_of([answers], [2])
    assert found.binary
    for distribution in (Bernoulli(), Bernoulli(ignore_index=-1)):
        chosen = Selection(distribution, 2, found.values)
        chosen.settle(torch.zeros(2, 3))
        assert chosen.labels.tolist() == [1, 0, 0, 1]
