"""Amplitudes, entropy and distance to truth of every kind of output."""

import math

import numpy as np
import pytest
import torch

from lightning_infogeo import amplitudes, bhattacharyya_from_logits
from lightning_infogeo.distributions import Bernoulli, Categorical, Selection, Tokens, distance_to_truth, entropy
from lightning_infogeo.trajectory import extend, start
from tests.helpers import oracles
from tests.helpers.contracts import random_logits


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_amplitudes_are_unit_vectors_in_full_precision(given, expected):
    a = amplitudes(random_logits(3, 4, 5, dtype=given))
    assert a.dtype == expected
    torch.testing.assert_close(a.square().sum(-1), torch.ones(3, 4, dtype=expected))


def test_amplitudes_do_not_overflow():
    a = amplitudes(torch.tensor([[1e4, 0.0], [-1e4, -2e4]]))
    torch.testing.assert_close(a, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))


def test_distance_to_truth_is_half_the_cross_entropy_and_is_not_clipped():
    logits, labels = random_logits(20, 4), torch.arange(20) % 4
    half = torch.nn.functional.cross_entropy(logits.double(), labels) / 2
    assert distance_to_truth(logits, labels).item() == pytest.approx(half.item(), rel=1e-6)
    confident_and_wrong = torch.tensor([[0.0, 1e4]])
    assert distance_to_truth(confident_and_wrong, torch.tensor([0])).item() == pytest.approx(5e3)


def test_distance_to_truth_of_ignorance_is_half_the_logarithm_of_the_classes():
    assert distance_to_truth(torch.zeros(6, 10), torch.arange(6)).item() == pytest.approx(math.log(10) / 2)


def test_entropy_agrees_with_the_definition_and_its_limits():
    logits = random_logits(30, 6)
    p = oracles.softmax(logits)
    np.testing.assert_allclose(entropy(logits), -(p * np.log(p)).sum(-1).mean(), rtol=1e-6)
    assert entropy(torch.zeros(3, 8)).item() == pytest.approx(math.log(8))
    assert str(entropy(torch.tensor([[1e4, 0.0], [0.0, -torch.inf]])).item()) == "0.0"


def test_a_bernoulli_output_is_a_two_class_softmax():
    """With logits (n,) exactly: the same numbers as for (0, z), and as for any two logits whose difference is z."""
    walk, labels = random_logits(5, 30, dtype=torch.float64), torch.arange(30) % 2
    pairs = torch.stack([random_logits(30, seed=9, dtype=torch.float64).expand(5, 30)] * 2, -1)
    pairs = torch.stack([pairs[..., 0], pairs[..., 0] + walk], -1)
    chosen = Selection(Bernoulli(), 30, labels)
    as_factors = torch.stack([chosen.take(z, 0, 30) for z in walk])
    assert torch.equal(as_factors[..., 1], walk)
    assert torch.equal(chosen.labels, labels)
    for factors, classes in zip(recorded(as_factors, labels), recorded(pairs, labels), strict=True):
        torch.testing.assert_close(factors, classes, rtol=1e-9, atol=1e-12, equal_nan=True)


def test_several_labels_are_the_product_of_two_point_distributions_a_factor_a_sample():
    z, w = random_logits(6, 4, dtype=torch.float64), random_logits(6, 4, seed=1, dtype=torch.float64)
    chosen = Selection(Bernoulli(), 6)
    got = bhattacharyya_from_logits(chosen.take(z, 0, 6), chosen.take(w, 0, 6))
    # The joint distribution of the four answers, 16 outcomes: its overlap is the product, d_B the sum over factors.
    outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    joint = [(outcomes[None] * x[:, None]).sum(-1) for x in (z, w)]
    assert got.item() == pytest.approx(bhattacharyya_from_logits(*joint).item() / 4, rel=1e-12)
    labels = torch.arange(24).reshape(6, 4) % 2
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(z, labels.double())
    flat = Selection(Bernoulli(), 6, labels)
    flat.settle(z)
    assert distance_to_truth(flat.take(z, 0, 6), flat.labels).item() == pytest.approx(cross_entropy.item() / 2)


def test_tokens_equal_a_flattened_categorical_probe():
    walk = random_logits(4, 3, 7, 11)
    labels = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(0))
    labels[1, 2:5] = labels[2, 0] = -100
    chosen = Selection(Tokens(), 3, labels)
    kept = labels.flatten() != -100
    tokens = torch.stack([torch.cat([chosen.take(z[:2], 0, 2), chosen.take(z[2:], 2, 3)]) for z in walk])
    flat = walk.flatten(1, 2)[:, kept]
    assert torch.equal(tokens, flat)
    assert torch.equal(chosen.labels, labels.flatten()[kept])
    loss = torch.nn.functional.cross_entropy(walk[0].flatten(0, 1), labels.flatten())
    assert distance_to_truth(tokens[0], chosen.labels).item() == pytest.approx(loss.item() / 2)


def test_tokens_that_are_their_own_labels_are_shifted_by_one():
    ids, logits = torch.arange(12).reshape(2, 6), random_logits(2, 6, 12)
    chosen = Selection(Tokens(shift=True), 2, ids)
    taken = chosen.take(logits, 0, 2)
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    assert distance_to_truth(taken, chosen.labels).item() == pytest.approx(loss.item() / 2)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_position_of_a_map_is_a_sample(memory_format):
    maps = random_logits(2, 3, 4, 5).to(memory_format=memory_format)
    labels = torch.arange(40).reshape(2, 4, 5) % 3
    labels[0, 0] = 255
    chosen = Selection(Categorical(ignore_index=255), 2, labels)
    loss = torch.nn.functional.cross_entropy(maps, labels, ignore_index=255)
    taken = chosen.take(maps, 0, 2)
    assert len(chosen) == 35
    assert distance_to_truth(taken, chosen.labels).item() == pytest.approx(loss.item() / 2)


@pytest.mark.parametrize("kind", [Categorical, Tokens, Bernoulli])
def test_a_distribution_is_a_value(kind):
    assert kind() == kind()
    assert hash(kind()) == hash(kind())
    assert kind(seed=1) != kind()
    with pytest.raises(AttributeError):
        kind().seed = 2


@pytest.mark.parametrize(
    ("kind", "argument"),
    [(Categorical, "max_positions"), (Tokens, "max_tokens"), (Bernoulli, "max_factors"), (Tokens, "sketch_dim")],
)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many"])
def test_impossible_sizes_are_named(kind, argument, value):
    with pytest.raises(ValueError, match=rf"`{kind.__name__}\({argument}={value!r}\)`: must be a positive int"):
        kind(**{argument: value})


def recorded(walk, labels):
    state, rows = start(walk[0]), []
    for step, z in enumerate(walk):
        before = (step - 1, walk[step - 1] + 0.01) if step else None
        state, row = extend(state, 3 * step, z, labels=labels, before=before)
        rows.append(row)
    return rows
