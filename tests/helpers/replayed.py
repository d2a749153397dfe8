"""A capture on the CPU: operations are recorded once and repeated on the same memory, as a CUDA graph repeats them."""

import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from tests.helpers.host_reads import READS

OF_SCALARS = {torch.ops.aten.masked_fill.Tensor, torch.ops.aten.masked_fill_.Tensor, torch.ops.aten.fill_.Tensor}
"""These read their last argument on CUDA."""


class _Tape(TorchDispatchMode):
    """Records every operation; one that reads a number from the device is an error, as in a capture."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.overwritten = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in READS | OF_SCALARS:
            raise RuntimeError(f"{func} reads from the device, which no capture can")
        for value, argument in zip(args, func._schema.arguments, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write:
                for tensor in tensors(value):
                    storage = tensor.untyped_storage()
                    self.overwritten.setdefault(storage.data_ptr(), (storage, storage.clone()))
        made = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, made))
        return made


def tensors(values):
    return [leaf for leaf in _pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def replayed(work):
    """Returns what repeats the operations of ``work``, and undoes what they did meanwhile to memory of others.

    As of a CUDA graph, what is repeated reads and writes the tensors that it did when recorded, and Python values in it
    stay what they were then.
    """
    tape = _Tape()
    try:
        with tape:
            work()
    finally:
        for storage, before in tape.overwritten.values():
            storage.copy_(before)

    def repeat():
        for func, args, kwargs, made in tape.calls:
            for kept, found in zip(tensors(made), tensors(func(*args, **kwargs)), strict=True):
                if kept.data_ptr() != found.data_ptr():
                    kept.copy_(found)

    return repeat
