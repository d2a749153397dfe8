"""A computation on the device that is captured as one CUDA graph, so that the host launches it at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils import _pytree

Replay = Callable[[], None]
Capture = Callable[[Callable[[], None]], Replay]
"""Takes work and returns what repeats it on the same tensors; the work is not done before that."""


class Stateful(Protocol):
    """Something whose state a computation replaces.

    Attributes:
        state: tensors, in named tuples, dictionaries and lists; a new one after each computation.
    """

    state: object


class _Captured(NamedTuple):
    """A captured computation: where it reads and writes.

    Attributes:
        inputs: tensors to be filled before it is repeated.
        states: the same, of all states; after it they hold the new ones.
        outputs: what it wrote; overwritten by the next repeat.
        replay: repeats it.
    """

    inputs: list[Tensor]
    states: list[Tensor]
    outputs: list[Tensor]
    replay: Replay


class CapturedComputation:
    """Repeats a computation by one launch once it has been seen; computes as usual where it cannot be captured.

    What a captured computation did depends on the tensors it read, and on nothing else: Python values that change must
    come in as tensors, or be part of the key.

    Args:
        compute: a function of tensors that returns tensors; it reads and replaces the states of ``owners``.
        owners: of the states.
        capture: how to capture.

    Attributes:
        captured: how many kinds of computation have been captured.
        failed: why none is captured any more; None where all could be.
    """

    def __init__(
        self, compute: Callable[[list[Tensor]], list[Tensor]], owners: Sequence[Stateful], capture: Capture
    ) -> None:
        self._compute = compute
        self._owners = owners
        self._capture = capture
        self._seen: set[Hashable] = set()
        self._captured: dict[Hashable, _Captured] = {}
        self.failed: Exception | None = None

    @property
    def captured(self) -> int:
        """How many kinds of computation have been captured."""
        return len(self._captured)

    def __call__(self, key: Hashable, inputs: list[Tensor]) -> list[Tensor]:
        """Computes; the first time of each kind as usual, which loads what is loaded once.

        Args:
            key: of the kind, the same only where nothing but tensors differs.
            inputs: of shapes that the key determines.

        Returns:
            What ``compute`` returns, to be used before the next call.
        """
        if key not in self._captured and self.failed is None and key in self._seen:
            self._try(key, inputs)
        if key not in self._captured:
            self._seen.add(key)
            return self._compute(inputs)
        known = self._captured[key]
        _fill(known.inputs, inputs)
        _fill(known.states, self._flat()[0])
        known.replay()
        self._set(known.states)
        return known.outputs

    def _try(self, key: Hashable, inputs: list[Tensor]) -> None:
        current, _ = self._flat()
        known = [tensor.clone() for tensor in inputs]
        states = [tensor if _large(tensor) else tensor.clone() for tensor in current]
        outputs: list[Tensor] = []

        def work() -> None:
            self._set(states)
            outputs[:] = self._compute(known)
            _fill(states, self._flat()[0])

        try:
            replay = self._capture(work)
        except Exception as error:
            self.failed = error
        else:
            self._captured[key] = _Captured(known, states, outputs, replay)
        finally:
            self._set(current)

    def _flat(self) -> tuple[list[Tensor], _pytree.TreeSpec]:
        leaves, spec = _pytree.tree_flatten([owner.state for owner in self._owners])
        return leaves, spec

    def _set(self, tensors: list[Tensor]) -> None:
        states = _pytree.tree_unflatten(tensors, self._flat()[1])
        for owner, state in zip(self._owners, states, strict=True):
            owner.state = state


def cuda_graph(work: Callable[[], None]) -> Replay:
    """Captures work as a CUDA graph; waits for nothing, and does the work only when it is repeated."""
    graph, here = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(here)
    with torch.cuda.stream(aside):
        # Other threads, such as those that pin batches, go on calling CUDA meanwhile.
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            work()
        finally:
            graph.capture_end()
    here.wait_stream(aside)
    return graph.replay


_SMALL = 2**18
"""Numbers up to which a tensor is copied: small ones may share their memory with others at the beginning."""


def _large(tensor: Tensor) -> bool:
    return tensor.numel() > _SMALL


def _fill(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    pairs = [(to, tensor) for to, tensor in zip(targets, sources, strict=True) if to is not tensor]
    if pairs:
        torch._foreach_copy_([to for to, _ in pairs], [tensor for _, tensor in pairs])
