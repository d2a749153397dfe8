"""A computation on the device that is captured as one CUDA graph, so that the host launches it at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree

Replay = Callable[[], None]
Capture = Callable[[Callable[[], None]], Replay]
"""Takes work and returns what repeats it on the same tensors; the work is not done before that."""


Result = TypeVar("Result")


class Stateful(Protocol):
    """Something whose state a computation replaces.

    Attributes:
        tensors: its state, in named tuples, dictionaries and lists; others after each computation.
    """

    tensors: Any


class _Captured(NamedTuple):
    """A captured computation: where it reads and writes.

    Attributes:
        given: tensors to be filled before it is repeated.
        states: the same, of all states; after it they hold the new ones.
        result: what it returned; overwritten by the next repeat.
        replay: repeats it.
    """

    given: list[Tensor]
    states: list[Tensor]
    result: Any
    replay: Replay


class CapturedComputation(Generic[Result]):
    """Repeats a computation by one launch once it has been seen; computes as usual where it cannot be captured.

    What a captured computation did depends on the tensors it read, and on nothing else: Python values that change must
    come in as tensors, or be part of the key.

    Args:
        compute: a function of tensors, in tuples, lists and dictionaries, that reads and replaces the states of
            ``owners`` and does nothing else.
        owners: of the states.
        capture: how to capture.

    Attributes:
        failed: why none is captured any more; None where all could be.
    """

    def __init__(self, compute: Callable[..., Result], owners: Sequence[Stateful], capture: Capture) -> None:
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

    def __call__(self, kind: Hashable, *arguments: Any) -> Result:
        """Computes; the first time of each kind as usual, which loads what is loaded once.

        Args:
            kind: the same only where nothing but the values of tensors differs.
            *arguments: of ``compute``.

        Returns:
            What ``compute`` returns, to be used before the next call.
        """
        given, form = _pytree.tree_flatten(arguments)
        kind = (kind, *(tensor.shape for tensor in given))
        if kind not in self._captured and self.failed is None and kind in self._seen:
            self._try(kind, given, form)
        if kind not in self._captured:
            self._seen.add(kind)
            return self._compute(*arguments)
        known = self._captured[kind]
        _fill(known.given, given)
        _fill(known.states, self._flat()[0])
        known.replay()
        self._set(known.states)
        result: Result = known.result
        return result

    def _try(self, kind: Hashable, given: list[Tensor], form: _pytree.TreeSpec) -> None:
        current, _ = self._flat()
        own = [tensor.clone() for tensor in given]
        states = [tensor if _large(tensor) else tensor.clone() for tensor in current]
        results: list[Result] = []

        def work() -> None:
            self._set(states)
            results.append(self._compute(*_pytree.tree_unflatten(own, form)))
            _fill(states, self._flat()[0])

        try:
            replay = self._capture(work)
        except Exception as error:
            self.failed = error
        else:
            self._captured[kind] = _Captured(own, states, results[0], replay)
        finally:
            self._set(current)

    def _flat(self) -> tuple[list[Tensor], _pytree.TreeSpec]:
        leaves, spec = _pytree.tree_flatten([owner.tensors for owner in self._owners])
        return leaves, spec

    def _set(self, tensors: list[Tensor]) -> None:
        states = _pytree.tree_unflatten(tensors, self._flat()[1])
        for owner, state in zip(self._owners, states, strict=True):
            owner.tensors = state


def cuda_graph(work: Callable[[], None]) -> Replay:
    """Captures work as a CUDA graph; waits for nothing, and does the work only when it is repeated.

    Raises:
        Exception: of any kind, where that cannot be; training can go on.
    """
    graph, here = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(here)
    with torch.cuda.stream(aside), _random_numbers_apart(here.device):
        # Other threads, such as those that pin batches, go on calling CUDA meanwhile.
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            work()
        except BaseException:
            with suppress(RuntimeError):  # which only says that the capture is invalid
                graph.capture_end()
            raise
        graph.capture_end()
    here.wait_stream(aside)
    return graph.replay


@contextmanager
def _random_numbers_apart(device: torch.device) -> Iterator[None]:
    """Lets a capture have random numbers of its own: after one that failed, its generator can be used no more."""
    assert device.index is not None
    generator = torch.cuda.default_generators[device.index]
    of_training = generator.graphsafe_get_state()
    generator.graphsafe_set_state(generator.clone_state())
    try:
        yield
    finally:
        generator.graphsafe_set_state(of_training)


_SMALL = 2**18
"""Numbers up to which a tensor is copied: small ones may share their memory with others at the beginning."""


def _large(tensor: Tensor) -> bool:
    return tensor.numel() > _SMALL


def _fill(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    pairs = [(to, tensor) for to, tensor in zip(targets, sources, strict=True) if to is not tensor]
    if pairs:
        torch._foreach_copy_([to for to, _ in pairs], [tensor for _, tensor in pairs])
