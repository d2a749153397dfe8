"""What a model raises when it is called in a way that it is not made for, and a state that is none, as advice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from torch.nn.parameter import is_lazy

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError


@contextmanager
def explained(module: pl.LightningModule, action: str) -> Iterator[None]:
    """Turns whatever the block raises into a ``ConfigurationError`` that says how the model was called."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"`InfoGeometryMonitor(logits_fn=...)`: {action} `{type(module).__name__}` raised {type(error).__name__}: "
            f"{error}. By default it is called as module(inputs), inputs being the first element of a batch, or a "
            "mapping without its labels, which is passed by keyword where forward takes its keys; give "
            "split=lambda batch: (inputs, labels) where these are others, logits_fn=lambda module, inputs: ... to call "
            "it otherwise, or other samples by probes=Probe(inputs, labels)."
        ) from error


def check_initialised(module: pl.LightningModule) -> None:
    """Raises ``ConfigurationError`` where a first call of the model would make its parameters."""
    tensors = itertools.chain(module.named_parameters(), module.named_buffers())
    lazy = [name for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: `{type(module).__name__}` has uninitialised lazy parameters, {lazy}, and the "
            "first call would draw random numbers; call the model once in `configure_model`."
        )
