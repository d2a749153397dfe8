"""What can be reached from an object: live handles are found however deep they lie."""

import gc
import io
import threading
import types
from collections import deque

import torch
from torch import nn

HANDLES = (threading.Thread, type(threading.Lock()), type(threading.RLock()), io.IOBase)
_CODE = (type, types.ModuleType, types.FunctionType, types.CodeType)


def reachable(start):
    """Returns all objects that ``start`` keeps alive, other than code."""
    seen, waiting = {id(start): start}, deque([start])
    while waiting:
        for found in gc.get_referents(waiting.popleft()):
            if id(found) not in seen and not isinstance(found, _CODE):
                seen[id(found)] = found
                waiting.append(found)
    return list(seen.values())


def handles(start):
    return [found for found in reachable(start) if isinstance(found, HANDLES)]


def models(start):
    return [found for found in reachable(start) if isinstance(found, (nn.Module, nn.Parameter))]


def on_devices(start):
    """Returns the tensors elsewhere than on the host."""
    return [found for found in reachable(start) if isinstance(found, torch.Tensor) and found.device.type != "cpu"]


def plain(value):
    """Returns a state as values that can be compared by ``==``, NaN with NaN."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), repr(value.tolist())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return repr(value)
