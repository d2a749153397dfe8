"""The two packages that PyTorch Lightning comes in, ``lightning.pytorch`` and ``pytorch_lightning``.

Each has classes of its own, and a project imports one of them, before this package or after it. So none is imported
here: the classes of what is loaded are looked up when they are needed, or become bases as soon as they are there.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

# Both packages log and warn through these, and each points them at its own log when it is imported.
from lightning_utilities.core.rank_zero import rank_zero_info as rank_zero_info
from lightning_utilities.core.rank_zero import rank_zero_warn as rank_zero_warn

PACKAGES = {"lightning.pytorch": "lightning", "pytorch_lightning": "pytorch-lightning"}
"""As they are imported, and the names of the distributions that they are installed by."""

if TYPE_CHECKING:
    from lightning.fabric.utilities.exceptions import MisconfigurationException as MisconfigurationException
    from lightning.pytorch import Callback as Callback
    from lightning.pytorch import LightningModule as LightningModule
    from lightning.pytorch import Trainer as Trainer
else:
    LightningModule = Trainer = Any

    # A class without bases of its own could not be given others later.
    class _Object:
        pass

    class _Error(Exception):
        pass

    class _Callback(_Object):
        """A callback of every Lightning that is loaded."""

    class _Misconfiguration(_Error):
        """Caught as the error of that name of every Lightning that is loaded."""

    Callback, MisconfigurationException = _Callback, _Misconfiguration


def classes(*names: str) -> tuple[type, ...]:
    """Returns the classes of these names, such as "strategies.DDPStrategy", of every Lightning that is loaded."""
    found = []
    for package in PACKAGES:
        for name in names:
            module, _, attribute = f"{package}.{name}".rpartition(".")
            kind = getattr(sys.modules.get(module), attribute, None)
            if kind is not None:
                found.append(kind)
    return tuple(found)


def packages_of(thing: object) -> tuple[str, ...]:
    """Returns the packages that the class of ``thing`` builds on: one, or none where it is not of Lightning."""
    modules = [f"{kind.__module__}." for kind in type(thing).__mro__]
    return tuple(package for package in PACKAGES if any(module.startswith(f"{package}.") for module in modules))


def _adopt() -> None:
    for ours, name in (
        (Callback, "callbacks.callback.Callback"),
        (MisconfigurationException, "utilities.exceptions.MisconfigurationException"),
    ):
        missing = tuple(kind for kind in classes(name) if kind not in ours.__bases__)
        if missing:
            ours.__bases__ += missing


class _Lookout:
    """Finds no module. It is asked at each import, and so learns of a Lightning before anything is done with it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        _adopt()


_adopt()
sys.meta_path.insert(0, _Lookout)
