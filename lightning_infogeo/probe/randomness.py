"""Putting random streams into a fixed state, and afterwards back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from lightning_infogeo.probe.untouched.streams import reseed

SEED = 0
_PYTHON_STATE = random.Random(SEED).getstate()
_NUMPY_STATE: Any = np.random.RandomState(SEED).get_state(legacy=False)


_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def generators_of(module: nn.Module) -> list[Any]:
    """Returns the random generators that a module and its submodules hold as attributes."""
    values = (value for submodule in module.modules() for value in vars(submodule).values())
    return list({id(value): value for value in values if isinstance(value, _GENERATORS)}.values())


@contextmanager
def fixed_generators(generators: Sequence[Any]) -> Iterator[None]:
    """Seeds generators, and afterwards puts their state back."""
    before = [_state(generator) for generator in generators]
    try:
        for generator in generators:
            reseed(getattr(generator, "bit_generator", generator), SEED)
        yield
    finally:
        for generator, state in zip(generators, before, strict=True):
            _restore(generator, state)


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


@contextmanager
def fixed_randomness(device: torch.device) -> Iterator[None]:
    """Seeds torch (CPU and ``device``), NumPy and ``random``, and afterwards puts their state back.

    The seed is always the same: a model that draws random numbers even in evaluation mode then has the same noise at
    every record, so that distances show the movement of the network and not the noise.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state(legacy=False)
    torch_state = torch.get_rng_state()
    accelerator: Any = None if device.type == "cpu" else torch.get_device_module(device)
    device_argument = () if accelerator is None or device.type == "mps" else (device,)
    accelerator_state = None if accelerator is None else accelerator.get_rng_state(*device_argument)
    try:
        random.setstate(_PYTHON_STATE)
        np.random.set_state(_NUMPY_STATE)
        torch.default_generator.manual_seed(SEED)
        if accelerator is not None:
            accelerator.manual_seed(SEED)
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if accelerator is not None:
            accelerator.set_rng_state(accelerator_state, *device_argument)
