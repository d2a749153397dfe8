"""Every global random stream in a fixed state for a while, and back where it was afterwards."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

SEED = 0
_PYTHON_STATE = random.Random(SEED).getstate()
_NUMPY_STATE: Any = np.random.RandomState(SEED).get_state(legacy=False)


@contextmanager
def fixed_randomness(device: torch.device) -> Iterator[None]:
    """Seeds torch (CPU and ``device``), NumPy and ``random``; on leaving, however, they are as they were before.

    With the same seed each time, a model that draws random numbers even in evaluation mode gives the same noise at
    every record, so that distances show the movement of the network and not the noise.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state(legacy=False)
    torch_state = torch.get_rng_state()
    accelerator: Any = None if device.type == "cpu" else torch.get_device_module(device)
    where = () if accelerator is None or device.type == "mps" else (device,)
    accelerator_state = None if accelerator is None else accelerator.get_rng_state(*where)
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
            accelerator.set_rng_state(accelerator_state, *where)
