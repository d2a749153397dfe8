"""Advice for errors of a model that is called on a probe, and for one whose parameters are not initialised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from torch.nn.parameter import is_lazy

import lightning_infogeo.lightnings as pl
from lightning_infogeo.errors import ConfigurationError


@contextmanager
def explained(module: pl.LightningModule, action: str) -> Iterator[None]:
    """Turns any error of the block into a ``ConfigurationError`` that says how the model was called."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"`InfoGeometryMonitor(logits_fn=...)`: {action} `{type(module).__name__}` raised {type(error).__name__}: "
            f"{error}. By default it is called as module(inputs), where inputs are the first element of a batch, or a "
            "mapping without its labels, passed by keyword if forward takes its keys. Give "
            "split=lambda batch: (inputs, labels) for other inputs, logits_fn=lambda module, inputs: ... for another "
            "call, or probes=Probe(inputs, labels) for other samples."
        ) from error


def check_initialised(module: pl.LightningModule) -> None:
    """Raises ``ConfigurationError`` where the first call of the model would initialise its parameters."""
    tensors = itertools.chain(module.named_parameters(), module.named_buffers())
    lazy = [name for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        raise ConfigurationError(
            f"`InfoGeometryMonitor`: `{type(module).__name__}` has uninitialised lazy parameters, {lazy}, for which "
            "the first call would draw random numbers; call the model once in `configure_model`."
        )
