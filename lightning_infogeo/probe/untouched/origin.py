"""Whose code a class or function is, and which objects do not belong to the data."""

from __future__ import annotations

import enum
import functools
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np

from lightning_infogeo.probe.untouched.state_kind import module_of, mro_of, qualname_of

CORE, LIBRARY, USER = range(3)
"""Code of Python and the frameworks, which is not followed; of installed packages, partly; of the user, fully."""

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning", "lightning.fabric", "lightning_fabric")
_CORE_PACKAGES = frozenset({"torch", "numpy", "torchmetrics", "lightning_utilities", "lightning_infogeo"}) | {
    name.partition(".")[0] for name in _LIGHTNING
}
_TRAINER_PARTS = {"trainer", "loops", "callbacks", "loggers", "strategies", "accelerators", "plugins"} | {
    *("profilers", "tuner", "cli", "fabric"),
}
_THREADS = {"threading", "_thread", "queue", "_queue", "concurrent", "asyncio", "selectors", "socket", "ssl"}
_PROCESSES = {"managers", "process", "pool", "context", "synchronize", "queues", "connection", "heap"}
_CLIENTS = {"urllib3", "requests", "botocore", "boto3", "s3transfer", "aiobotocore", "aiohttp", "httpx", "httpcore"} | {
    *("google", "azure", "pymongo", "redis", "sqlalchemy", "psycopg", "psycopg2", "grpc", "ray", "dask", "distributed"),
    *("wandb", "mlflow", "tensorboard", "tensorflow", "matplotlib", "IPython", "tqdm", "logging"),
}
_TORCH = {"optim", "jit", "multiprocessing", "distributed", "utils.data.dataloader", "fx", "_C"}
_NOT_FOLLOWED = frozenset(
    {f"{root}.{part}" for root in _LIGHTNING for part in _TRAINER_PARTS}
    | {f"multiprocessing.{part}" for part in _PROCESSES}
    | {f"torch.{part}" for part in _TORCH}
    | {"weakref", "inspect", "importlib", "traceback"}
    | _THREADS
    | _CLIENTS
)
_FOLLOWED = frozenset(
    {("torch.utils.data.dataloader", "DataLoader"), ("torch._C", "TensorBase"), ("torch._C", "Generator")}
)


def is_not_followed(kind: type) -> bool:
    """Whether objects of a type are not followed: parts of the trainer, threads, clients of services."""
    if issubclass(kind, (enum.Enum, np.dtype)) or module_of(kind) == "typing":
        return True
    for base in mro_of(kind):
        module = module_of(base)
        if (module, qualname_of(base)) in _FOLLOWED:
            continue
        if (module, qualname_of(base)) == ("fsspec.spec", "AbstractFileSystem"):
            return True
        parts = module.split(".")
        if any(".".join(parts[:length]) in _NOT_FOLLOWED for length in range(1, min(len(parts), 4) + 1)):
            return True
    return False


def is_module_of_lightning(kind: type) -> bool:
    """Whether a class is a LightningModule, most of whose code is not about data."""
    return any(
        qualname_of(base) == "LightningModule" and module_of(base).startswith(_LIGHTNING) for base in mro_of(kind)
    )


def origin(module: Any) -> int:
    """Returns ``CORE``, ``LIBRARY`` or ``USER`` for a module's name."""
    return _origin(module.partition(".")[0]) if type(module) is str else LIBRARY


@functools.cache
def _origin(top: str) -> int:
    if top in _CORE_PACKAGES:
        return CORE
    module = sys.modules.get(top)
    names = vars(module) if module is not None else {}
    places = [names.get("__file__"), *list(names.get("__path__") or ())[:1]]
    path = next((place for place in places if isinstance(place, str)), None)
    if path is not None and not _INSTALLED.isdisjoint(Path(path).parts):
        return LIBRARY
    if top in sys.stdlib_module_names and (path is None or path.startswith(_PYTHON)):
        return CORE
    return USER


_PYTHON = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
