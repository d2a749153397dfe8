"""Evaluating a model on a probe in the middle of training, without any effect on training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import Categorical, Distribution, Selection
from lightning_infogeo.distributions.chunks import ELEMENTS
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_info
from lightning_infogeo.probe.calling import call
from lightning_infogeo.probe.fsdp import gathered, resharded
from lightning_infogeo.probe.inputs import Inputs
from lightning_infogeo.probe.randomness import fixed_generators, fixed_randomness, generators_of
from lightning_infogeo.probe.write_guard import WriteGuard

Precision = Literal["full", "training"]
Read = TypeVar("Read")
LogitsFunction = Callable[[pl.LightningModule, Any], Any]

_CLASSIFIERS_ONLY = "`InfoGeometryMonitor` follows classifiers: regression and other outputs are not supported."


class Evaluator(Portable, left_behind={"_agree": bool}):
    """Calls a model on a probe's inputs without side effects.

    During the call every submodule is in evaluation mode (each flag is set and put back, ``train`` is not called), all
    global random streams are in a fixed state, gradients are off, compiled modules run eagerly, ``self.log`` does
    nothing, and parameters and buffers that the forward writes are put back. The one side effect that cannot be undone
    is a change of other attributes, such as Python counters.

    Where memory runs out, this evaluation is repeated, and later ones are made, in calls of half as many samples: again
    and again down to ``least``, and once where calls are as small as that.

    Args:
        logits_fn: f(pl_module, inputs) -> logits; None for ``calling.call``.
        precision: "full" (autocast off) or "training" (the trainer's own context).
        chunk: samples per call.
        distribution: what the model's outputs mean.
        agree: f(whether smaller calls are possible) -> whether to repeat in smaller calls, called after an error:
            processes that call one model together must all do the same.
        least: samples per call, see above; None for ``chunk``.
    """

    def __init__(
        self,
        logits_fn: LogitsFunction | None,
        precision: Precision,
        chunk: int,
        distribution: Distribution | None = None,
        agree: Callable[[bool], bool] = bool,
        least: int | None = None,
    ) -> None:
        self.logits_fn = logits_fn
        self.precision = precision
        self.chunk = chunk
        self.least = chunk if least is None else least
        self.distribution = distribution or Categorical()
        self._agree = agree
        self._guard = WriteGuard()
        self._generators: list[Any] | None = None
        self._apart = True

    def to(self, device: torch.device) -> None:
        """Lets go of what is kept beside the model between two evaluations."""
        self._guard.to(device)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes an error that leaves the block known to all processes that call the model together."""
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
        samples = Selection(self.distribution, size) if selection is None else selection
        logits_of_all: list[Tensor] = []
        held: list[tuple[Tensor, int, int]] = []
        may_hold = self._apart and inputs.written is not None  # else the model may return what is put back after a call

        def write(outputs: Tensor, start: int, stop: int) -> None:
            logits = samples.take(outputs, start, stop)
            if stop - start == size:
                logits_of_all.append(logits.clone())
                return
            if not logits_of_all:  # allocated at once: parts that are joined later would take twice the memory
                logits_of_all.append(logits.new_empty(len(samples), logits.shape[1]))
            logits_of_all[0][samples.rows(start, stop)] = logits

        def read(outputs: Tensor, start: int, stop: int) -> None:
            if not start:
                held.clear()  # memory ran out before
            if may_hold and outputs.numel() * size <= ELEMENTS * (stop - start):
                held.append((outputs, start, stop))
            else:
                write(outputs, start, stop)

        self.calls(trainer, module, inputs, read)
        outputs = [part for part, _, _ in held]
        memory = {part.untyped_storage().data_ptr() for part in outputs}
        self._apart &= len(memory) == len(outputs) and memory.isdisjoint(self._guard.restored)
        if held and not self._apart:  # the model gives its outputs in memory that is written again
            return self(trainer, module, inputs, samples)
        if len(held) > 1 and not logits_of_all and len({part.shape[1:] for part in outputs}) == 1:
            return samples.take(torch.cat(outputs), 0, size)
        for part in held:
            write(*part)
        return logits_of_all[0]

    def calls(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        inputs: Inputs,
        read: Callable[[Tensor, int, int], Read],
    ) -> list[Read]:
        """Returns the results of ``read(outputs, start, stop)`` for each call; ``stop`` is exclusive.

        Where memory runs out, ``read`` gets all outputs again.

        Raises:
            ConfigurationError: where the output does not fit the distribution.
        """
        least = min(self.least, -(-self.chunk // 2))
        while True:
            try:
                return self._calls(trainer, module, inputs, read)
            except Exception as error:
                largest = inputs.largest(self.chunk)
                if not self._agree(largest > least and out_of_memory(error)):
                    raise
            # Outside the except block, in which the error would keep the memory of the calls alive.
            self.chunk = max(-(-largest // 2), least)
            if module.device.type != "cpu":
                torch.get_device_module(module.device).empty_cache()
            rank_zero_info(
                f"`InfoGeometryMonitor`: memory ran out on a probe; trying again, {self.chunk} samples at a time."
            )

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
            results = []
            for start, stop, batch in inputs.calls(self.chunk):
                with inputs.protected(batch) as given:
                    output = call(module, given) if self.logits_fn is None else self.logits_fn(module, given)
                    results.append(read(_outputs(output, stop - start, self.distribution), start, stop))
        inputs.mark_evaluated()
        return results


@contextmanager
def in_evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Sets the training flag of every submodule to False, and afterwards puts it back."""
    training = [submodule for submodule in module.modules() if submodule.training]
    try:
        for submodule in training:
            submodule.training = False
        yield
    finally:
        for submodule in training:
            submodule.training = True


def out_of_memory(error: BaseException) -> bool:
    """Returns whether an error means that memory ran out, on an accelerator or the host.

    Example:
        >>> out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")), out_of_memory(RuntimeError(""))
        (True, False)
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    says_so = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return says_so or isinstance(error, (MemoryError, torch.OutOfMemoryError))


def check_labels(labels: Tensor | None, classes: int, name: str) -> None:
    """Raises ``ConfigurationError`` where labels of the samples of a probe, shape (N,), are not among the classes."""
    if labels is not None and ((labels < 0) | (labels >= classes)).any():
        raise ConfigurationError(
            f"`Probe(labels=...)` of {name!r}: must lie in 0..{classes - 1} for the {classes} classes of the model, "
            f"got {int(labels.min())}..{int(labels.max())}; renumber the labels, or leave out samples without one (by "
            "the ignore_index of a distribution, as in output=Categorical(ignore_index=-1)). If these are not the "
            "labels, give split=lambda batch: (inputs, labels); if the model returns features rather than logits, give "
            "logits_fn=lambda module, inputs: ... that returns logits."
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
        whole = gathered(output.detach() if output.requires_grad else output)
        return whole if type(whole) is Tensor else whole.as_subclass(Tensor)
    else:
        got = f"a tensor of {output.dtype} and shape {tuple(output.shape)}"
        hint = distribution.hint(tuple(output.shape)) if output.is_floating_point() else ""
    raise ConfigurationError(
        f'`InfoGeometryMonitor(output="{distribution.name}")`: the model must return {distribution.expected(size)}, '
        f"got {got}; give logits_fn=lambda module, inputs: ... that does.{hint} {_CLASSIFIERS_ONLY}"
    )


@contextmanager
def _silent(module: nn.Module) -> Iterator[None]:
    """Makes ``self.log`` do nothing: a forward would otherwise overwrite values that training has logged."""
    kinds = pl.classes("LightningModule")
    loggers = [submodule for submodule in module.modules() if isinstance(submodule, kinds)]
    previous = [(submodule, submodule.__dict__.get("log")) for submodule in loggers]
    try:
        for submodule, _ in previous:
            submodule.__dict__["log"] = _ignore
        yield
    finally:
        for submodule, log in previous:
            if log is None:
                del submodule.__dict__["log"]
            else:
                submodule.__dict__["log"] = log


def _ignore(*args: Any, **kwargs: Any) -> None:
    pass
