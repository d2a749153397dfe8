import math

import numpy as np
import pytest
import torch

from lightning_infogeo import amplitudes
from lightning_infogeo.distributions import distance_to_truth, entropy
from tests import oracles
from tests.contracts import random_logits


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
