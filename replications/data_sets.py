"""MNIST, Fashion-MNIST and CIFAR-10 as torchvision lays them out in a folder, read without torchvision."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

Content = TypeVar("Content")

IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
"""Folders of the data sets that are idx files, gzipped or not, in ``raw``."""
CIFAR = "cifar-10-batches-py"
NAMES = (*IDX, "cifar-10")


class UnreadableError(ValueError):
    """A file of a data set that is there and is not what its name says."""


class Images(NamedTuple):
    """Images and labels, as they were published.

    Attributes:
        train: shape (N, channels, height, width), uint8.
        train_labels: shape (N,), int64.
        test: of the published test set.
        test_labels: of these.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def load(name: str, folder: Path | None = None) -> Images:
    """Reads a data set.

    Args:
        name: "mnist", "fashion-mnist", "cifar-10", or "digits": scikit-learn's 1,797 of 8 × 8, which need no folder and
            of which every fifth is held out.
        folder: that torchvision's ``root`` would be.

    Raises:
        ValueError: for another name.
        UnreadableError: for a file that is not what its name says.
        FileNotFoundError: where the folder lacks a file, with the command that fetches it.
    """
    if name == "digits":
        return _digits()
    if name not in NAMES:
        raise ValueError(f"`name={name!r}`: no such data set; there are {', '.join((*NAMES, 'digits'))}.")
    if folder is None:
        raise FileNotFoundError(f"{name} is read from a folder: give `--data DIR`, as docs/replications.md says.")
    where = folder_of(name, folder)
    if name in IDX:
        parts = [_labelled(where, split) for split in ("train", "t10k")]
        return Images(*parts[0], *parts[1])
    batches = [_read(where / name, _batch) for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")]
    pixels, labels = zip(*batches, strict=True)
    return Images(torch.cat(pixels[:5]), torch.cat(labels[:5]), pixels[5], labels[5])


def folder_of(name: str, folder: Path) -> Path:
    """Returns where the files of a data set are, in the folder of all of them."""
    return folder / IDX[name] / "raw" if name in IDX else folder / CIFAR


@lru_cache(maxsize=8)
def fingerprint(name: str, folder: Path | None = None) -> str:
    """Returns a number in hexadecimal that another content of a data set would not have, whatever its files are.

    Raises:
        ValueError: as ``load``.
        FileNotFoundError: as ``load``.
    """
    made = hashlib.sha256()
    for part in load(name, folder):
        made.update(str(tuple(part.shape)).encode())
        made.update(part.contiguous().numpy().data)
    return made.hexdigest()[:16]


def standardised(images: Tensor, like: Tensor) -> Tensor:
    """Returns pixels less the mean of all pixels of ``like``, in units of their standard deviation, float32."""
    deviation, mean = torch.std_mean(like.float())
    return (images.float() - mean) / deviation


def _labelled(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    images = _read(_packed_or_not(folder, f"{split}-images-idx3"), lambda path: _idx(path, 3))
    where = _packed_or_not(folder, f"{split}-labels-idx1")
    labels = _read(where, lambda path: _idx(path, 1))
    if len(images) != len(labels):
        raise _unreadable(where, f"it has {len(labels):,} labels for {len(images):,} images")
    return images[:, None], labels.long()


def _packed_or_not(folder: Path, name: str) -> Path:
    plain = folder / f"{name}-ubyte"
    return plain if plain.exists() else folder / f"{name}-ubyte.gz"


def _idx(path: Path, dimensions: int) -> Tensor:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if content[:4] != bytes([0, 0, 8, dimensions]):
        raise ValueError(f"bytes in {dimensions} dimensions were expected, and it begins with {content[:4].hex()}")
    shape = [int.from_bytes(content[4 * k + 4 : 4 * k + 8], "big") for k in range(dimensions)]
    return torch.frombuffer(bytearray(content[4 * dimensions + 4 :]), dtype=torch.uint8).reshape(shape)


def _batch(path: Path) -> tuple[Tensor, Tensor]:
    batch = read_arrays(path)
    pixels, labels = torch.from_numpy(batch["data"]).reshape(-1, 3, 32, 32), torch.tensor(batch["labels"])
    if pixels.dtype != torch.uint8 or labels.dtype != torch.int64 or labels.shape != (len(pixels),):
        raise ValueError(f"it has labels of shape {tuple(labels.shape)} for {len(pixels):,} images")
    return pixels, labels


def _read(path: Path, how: Callable[[Path], Content]) -> Content:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run `python -m replications.fetch --data DIR`, or see its help.")
    try:
        return how(path)
    except Exception as fault:  # of a damaged pickle or gzip file any can come
        raise _unreadable(path, f"{type(fault).__name__}: {fault}") from fault


def _unreadable(path: Path, why: str) -> UnreadableError:
    return UnreadableError(
        f"{path} cannot be read ({why}): remove its folder and run `python -m replications.fetch --data DIR`."
    )


_OF_ARRAYS = {
    *(("numpy", name) for name in ("ndarray", "dtype")),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
}


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled arrays in dicts and refuses anything else, since a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns what rebuilds an array.

        Raises:
            UnpicklingError: for anything else.
        """
        if (module, name) in _OF_ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of an array.")


def read_arrays(path: Path) -> Any:
    """Reads a pickle, gzipped or not, of arrays, numbers and strings in lists and dicts.

    Raises:
        UnpicklingError: where it holds anything else.
    """
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        return _ArraysOnly(file, encoding="latin1").load()


def _digits() -> Images:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = torch.from_numpy((x * 255 / 16).round()).to(torch.uint8).reshape(-1, 1, 8, 8)
    labels, held_out = torch.from_numpy(y).long(), torch.arange(len(y)) % 5 == 4
    return Images(images[~held_out], labels[~held_out], images[held_out], labels[held_out])
