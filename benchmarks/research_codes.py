"""The two research codes that compute all distances of a history, read from paths to their checkouts.

They are grasp-lyrl/low-dimensional-deepnets (utils/distance.py) and grasp-lyrl/picture_of_space_of_tasks
(info_geometry/inpca.py). Their files are run without the imports that plotting and notebooks need.
"""

import importlib.util
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SAMPLES_AT_A_TIME = 100_000
"""Records × samples that the first code is given at a time."""


def low_dimensional(checkout: str, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """Returns a function from probabilities (T, N, C), on the CPU, to distances (T, T); it computes on ``device``."""
    module = _read(Path(checkout) / "utils" / "distance.py", (("from ensurepip import bootstrap\n", ""),))

    def distances(probabilities: Tensor) -> Tensor:
        chunks = max(1, len(probabilities) * probabilities.shape[1] // SAMPLES_AT_A_TIME)
        return torch.from_numpy(module.dbhat(probabilities, probabilities, dev=device, chunks=chunks))

    return distances


def picture(checkout: str, samples: int) -> Callable[[Tensor], Tensor]:
    """Returns a function as ``low_dimensional`` does, of NumPy, on the CPU.

    That code always goes over 50,000 samples and solves the eigenproblem; here it goes over ``samples`` and stops at
    the distances.
    """
    replaced = (
        ("from utils.read import read_preds\n", ""),
        ("from utils.plot import plot_inpca\n", ""),
        ("range(0, 50000, batch_size)", f"range(0, {samples}, batch_size)"),
        ("    # Compute eigen-decomposition of double-centered", "    return Dmat\n    #"),
        ("from tqdm import tqdm\n", "tqdm = iter\n"),
    )
    module = _read(Path(checkout) / "info_geometry" / "inpca.py", replaced)

    def distances(probabilities: Tensor) -> Tensor:
        found: np.ndarray = module.compute_inpca_h5([[probabilities.numpy()]])
        return torch.from_numpy(found)

    return distances


def _read(path: Path, replaced: tuple[tuple[str, str], ...]) -> types.ModuleType:
    source = path.read_text(encoding="utf-8")
    for old, new in replaced:
        source = source.replace(old, new)
    spec = importlib.util.spec_from_loader(path.stem, None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module
