"""Random streams are fixed for a while and put back."""

import random

import numpy as np
import pytest
import torch

from lightning_infogeo.probe.randomness import fixed_randomness
from tests.helpers.classifiers import random_streams

CPU = torch.device("cpu")


def draw():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()


def test_draws_are_the_same_each_time_and_the_streams_are_put_back():
    before = random_streams()
    with fixed_randomness(CPU):
        first = draw()
    assert random_streams() == before
    draw()
    with fixed_randomness(CPU):
        assert draw() == first


def test_the_streams_are_put_back_after_an_exception():
    before = random_streams()

    @fixed_randomness(CPU)
    def fail():
        draw()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert random_streams() == before
