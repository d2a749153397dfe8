"""An audit that fails where the host reads a tensor."""

from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_infogeo import InfoGeometryMonitor

READS = {
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.equal.default,
    torch.ops.aten.is_nonzero.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.unique_dim.default,
}


class Audit(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        boolean_index = function is torch.ops.aten.index.Tensor and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if function in READS or boolean_index:
            raise AssertionError(f"{function} reads from the device")
        return function(*args, **(kwargs or {}))


@contextmanager
def audited():
    def forbidden(self, *args, **kwargs):
        raise AssertionError("a tensor is read by the host")

    written = torch.Tensor.__setitem__

    def set_to_a_tensor(self, index, value):
        assert isinstance(value, torch.Tensor), "a number is copied from the host into a tensor"
        written(self, index, value)

    patches = [patch.object(torch.Tensor, name, forbidden) for name in ("item", "tolist", "numpy", "cpu", "__bool__")]
    patches.append(patch.object(torch.Tensor, "__setitem__", set_to_a_tensor))
    with Audit():
        for p in patches:
            p.start()
        try:
            yield
        finally:
            for p in patches:
                p.stop()


class Sentry(InfoGeometryMonitor):
    """Everything between a due record and its copy to the host is audited."""

    audits = 0

    def _record(self, *args, **kwargs):
        with audited():
            super()._record(*args, **kwargs)
        self.audits += 1
