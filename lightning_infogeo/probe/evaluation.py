"""Evaluating a model on a probe in the middle of training, so that training cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import Categorical, Distribution, Selection
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_info
from lightning_infogeo.probe.calling import call
from lightning_infogeo.probe.fsdp import joined, resharded
from lightning_infogeo.probe.inputs import Inputs
from lightning_infogeo.probe.randomness import fixed_generators, fixed_randomness, generators_of
from lightning_infogeo.probe.write_guard import WriteGuard

Precision = Literal["full", "training"]
Read = TypeVar("Read")
LogitsFunction = Callable[[pl.LightningModule, Any], Any]

_SCOPE = "`InfoGeometryMonitor` follows classifiers: regression and other outputs are not supported."


class Evaluator(Portable, left_behind={"_agree": bool}):
    """Calls a model on a probe's inputs and leaves no trace of having done so.

    During the call every submodule is in evaluation mode (each flag is put back, none is toggled through ``train``),
    all global random streams are in a fixed state, gradients are off, compiled modules run eagerly, ``self.log`` does
    nothing, and parameters and buffers that the forward writes are put back. Attributes of other kinds that a forward
    changes, such as Python counters, are the one trace that cannot be seen.

    Where memory runs out, the evaluation is made once more in calls of half as many samples, and so are those to come.

    Args:
        logits_fn: f(pl_module, inputs) -> logits; None for what ``calling.call`` does.
        precision: "full" (autocast off) or "training" (the trainer's own context).
        chunk: samples per call.
        distribution: what the model's outputs mean.
        agree: told, where something has raised, whether calls could be made again in smaller ones, and returns whether
            they shall be: processes that call one model together all have to do the same.
    """

    def __init__(
        self,
        logits_fn: LogitsFunction | None,
        precision: Precision,
        chunk: int,
        distribution: Distribution | None = None,
        agree: Callable[[bool], bool] = bool,
    ) -> None:
        self.logits_fn = logits_fn
        self.precision = precision
        self.chunk = chunk
        self.distribution = distribution or Categorical()
        self._agree = agree
        self._guard = WriteGuard()
        self._generators: list[Any] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Lets a block with calls be left by an error in all processes that call the model together, or in none."""
        try:
            yield
        except Exception:
            self._agree(False)
            raise

    def __call__(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        inputs: Inputs,
        selection: Selection | None = None,
    ) -> Tensor:
        """Returns the logits of the samples as the model gives them, shape (N, C).

        Args:
            trainer: of the module.
            module: the model.
            inputs: of a probe.
            selection: which samples of the outputs; None for all of them.

        Raises:
            ConfigurationError: where the output does not fit the distribution.
        """
        size = len(inputs)
        chosen = selection or Selection(self.distribution, size)
        found: list[Tensor] = []

        def read(outputs: Tensor, start: int, stop: int) -> None:
            logits = chosen.take(outputs, start, stop)
            if stop - start == size:
                found.append(logits.clone())
                return
            if not found:  # room for all at once: pieces kept and then joined would take it twice
                found.append(logits.new_empty(len(chosen), logits.shape[1]))
            found[0][chosen.rows(start, stop)] = logits

        self.calls(trainer, module, inputs, read)
        return found[0]

    def calls(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        inputs: Inputs,
        read: Callable[[Tensor, int, int], Read],
    ) -> list[Read]:
        """Returns what ``read`` makes of each call's outputs, given the first and (exclusively) the last input.

        Where memory runs out ``read`` is given all outputs again.

        Raises:
            ConfigurationError: where the output does not fit the distribution.
        """
        made = partial(self._calls, trainer, module, inputs, read)
        try:
            return made()
        except Exception as error:
            if not self._agree(inputs.largest(self.chunk) > 1 and out_of_memory(error)):
                raise
        # Not above, where the error holds on to what the calls had in memory.
        self.chunk = -(-inputs.largest(self.chunk) // 2)
        if module.device.type != "cpu":
            torch.get_device_module(module.device).empty_cache()
        rank_zero_info(
            f"`InfoGeometryMonitor`: memory ran out on a probe; trying again, {self.chunk} samples at a time."
        )
        with self.together():
            return made()

    def _calls(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        inputs: Inputs,
        read: Callable[[Tensor, int, int], Read],
    ) -> list[Read]:
        with ExitStack() as stack:
            if self._generators is None:
                self._generators = generators_of(module)
            stack.enter_context(fixed_randomness(module.device))
            stack.enter_context(fixed_generators(self._generators))
            stack.enter_context(in_evaluation_mode(module))
            stack.enter_context(_silent(module))
            stack.enter_context(self._guard.protect(module))
            stack.enter_context(torch.no_grad())
            stack.enter_context(trainer.precision_plugin.forward_context())
            if self.precision == "full":
                stack.enter_context(torch.autocast(module.device.type, enabled=False))
            stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(resharded(module))
            found = []
            for start, stop, batch in inputs.calls(self.chunk):
                with inputs.lent(batch) as given:
                    output = call(module, given) if self.logits_fn is None else self.logits_fn(module, given)
                    found.append(read(_outputs(output, stop - start, self.distribution), start, stop))
        inputs.seen()
        return found


@contextmanager
def in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Sets the training flag of every submodule to False, and of those that had it back to True."""
    training = [submodule for submodule in module.modules() if submodule.training]
    try:
        for submodule in training:
            submodule.training = False
        yield
    finally:
        for submodule in training:
            submodule.training = True


def out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that there was no memory left, on an accelerator or the host.

    Example:
        >>> out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")), out_of_memory(RuntimeError(""))
        (True, False)
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    said = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return said or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def check_labels(labels: Tensor | None, classes: int, name: str) -> None:
    """Raises ``ConfigurationError`` where labels of the samples of a probe, shape (N,), are not among the classes."""
    if labels is not None and ((labels < 0) | (labels >= classes)).any():
        raise ConfigurationError(
            f"`Probe(labels=...)` of {name!r}: must lie in 0..{classes - 1} for the {classes} classes of the model, "
            f"got {int(labels.min())}..{int(labels.max())}; renumber the labels, or leave out samples without one (by "
            "the ignore_index of a distribution, as in output=Categorical(ignore_index=-1)). If these are no labels, "
            "say where they are by split=lambda batch: (inputs, labels); if the model returns features rather than "
            "logits, give logits_fn=lambda module, inputs: ... that returns logits."
        )


def _outputs(output: Any, size: int, distribution: Distribution) -> Tensor:
    if isinstance(output, Mapping) and "logits" in output:
        output = output["logits"]
    elif not isinstance(output, Tensor) and hasattr(output, "logits"):
        output = output.logits
    hint = ""
    if not isinstance(output, Tensor):
        got = f"`{type(output).__name__}`"
    elif output.is_floating_point() and output.dim() and len(output) == size and distribution.fits(tuple(output.shape)):
        return joined(output.detach()).as_subclass(Tensor)
    else:
        got = f"a tensor of {output.dtype} and shape {tuple(output.shape)}"
        hint = distribution.hint(tuple(output.shape)) if output.is_floating_point() else ""
    raise ConfigurationError(
        f'`InfoGeometryMonitor(output="{distribution.name}")`: the model must return {distribution.expected(size)}, '
        f"got {got}; give logits_fn=lambda module, inputs: ... that does.{hint} {_SCOPE}"
    )


@contextmanager
def _silent(module: nn.Module) -> Iterator[None]:
    """Makes ``self.log`` do nothing: what a forward logs here would overwrite what training logged."""
    kinds = pl.classes("LightningModule")
    loggers = [submodule for submodule in module.modules() if isinstance(submodule, kinds)]
    own = [(submodule, submodule.__dict__.get("log")) for submodule in loggers]
    try:
        for submodule, _ in own:
            submodule.__dict__["log"] = _ignore
        yield
    finally:
        for submodule, log in own:
            if log is None:
                del submodule.__dict__["log"]
            else:
                submodule.__dict__["log"] = log


def _ignore(*args: Any, **kwargs: Any) -> None:
    pass
