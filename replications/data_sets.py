"""MNIST, Fashion-MNIST and CIFAR-10 as torchvision lays them out in a folder, read without torchvision."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

IDX = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
"""Folders of the data sets that are idx files, gzipped or not, in ``raw``."""
CIFAR = "cifar-10-batches-py"
NAMES = (*IDX, "cifar-10")


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
        ValueError: for another name, or a file that is not what its name says.
        FileNotFoundError: where the folder lacks a file, with the command that fetches it.
    """
    if name == "digits":
        return _digits()
    if name not in NAMES:
        raise ValueError(f"`name={name!r}`: no such data set; there are {', '.join((*NAMES, 'digits'))}.")
    if folder is None:
        raise FileNotFoundError(f"{name} is read from a folder: give `--data DIR`, as docs/replications.md says.")
    if name in IDX:
        raw = folder / IDX[name] / "raw"
        parts = [_idx(raw, f"{split}-{kind}") for split in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
        return Images(parts[0][:, None], parts[1].long(), parts[2][:, None], parts[3].long())
    batches = [read_arrays(folder / CIFAR / name) for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")]
    pixels = [torch.from_numpy(batch["data"]).reshape(-1, 3, 32, 32) for batch in batches]
    labels = [torch.tensor(batch["labels"]) for batch in batches]
    return Images(torch.cat(pixels[:5]), torch.cat(labels[:5]), pixels[5], labels[5])


def standardised(images: Tensor, like: Tensor) -> Tensor:
    """Returns pixels less the mean of all pixels of ``like``, in units of their standard deviation, float32."""
    deviation, mean = torch.std_mean(like.float())
    return (images.float() - mean) / deviation


def _idx(folder: Path, name: str) -> Tensor:
    plain, packed = folder / f"{name}-ubyte", folder / f"{name}-ubyte.gz"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(_there(packed).read_bytes())
    kind, dimensions = content[2:4]
    if kind != 8:
        raise ValueError(f"{folder / name}: bytes were expected, not values of the kind {kind}.")
    shape = [int.from_bytes(content[4 * k + 4 : 4 * k + 8], "big") for k in range(dimensions)]
    return torch.frombuffer(bytearray(content[4 * dimensions + 4 :]), dtype=torch.uint8).reshape(shape)


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
        FileNotFoundError: where it is not there.
        UnpicklingError: where it holds anything else.
    """
    with (gzip.open if path.suffix == ".gz" else open)(_there(path), "rb") as file:
        return _ArraysOnly(file, encoding="latin1").load()


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run `python -m replications.fetch --data DIR`, or see its help.")
    return path


def _digits() -> Images:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = torch.from_numpy((x * 255 / 16).round()).to(torch.uint8).reshape(-1, 1, 8, 8)
    labels, held_out = torch.from_numpy(y).long(), torch.arange(len(y)) % 5 == 4
    return Images(images[~held_out], labels[~held_out], images[held_out], labels[held_out])
