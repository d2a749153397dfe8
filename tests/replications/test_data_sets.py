"""Folders as torchvision fills them are read; anything else is refused in words."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from replications.data_sets import load, standardised
from replications.fetch import cifar


def write_idx(path, values, packed=True):
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_packed_or_not(tmp_path, packed):
    random = np.random.default_rng(0)
    written = {}
    for split, count in (("train", 5), ("t10k", 3)):
        for kind, shape in (("images-idx3", (count, 4, 6)), ("labels-idx1", (count,))):
            written[split, kind] = random.integers(0, 256, shape)
            name = f"{split}-{kind}-ubyte" + ".gz" * packed
            write_idx(tmp_path / "FashionMNIST" / "raw" / name, written[split, kind], packed)
    images = load("fashion-mnist", tmp_path)
    assert images.train.shape == (5, 1, 4, 6)
    assert images.test_labels.dtype == torch.int64
    np.testing.assert_array_equal(images.train[:, 0].numpy(), written["train", "images-idx3"])
    np.testing.assert_array_equal(images.test_labels.numpy(), written["t10k", "labels-idx1"])


def test_jpegs_become_batches_that_hold_every_image_once(tmp_path):
    image = pytest.importorskip("PIL.Image")
    from replications.fetch import CLASSES

    grey = {}
    for split, count in (("train", 2), ("test", 1)):
        for label, name in enumerate(CLASSES):
            folder = tmp_path / "jpegs" / split / name
            folder.mkdir(parents=True)
            for k in range(count):
                value = 20 * label + 10 * k
                grey.setdefault(split, []).append((label, value))
                image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(folder / f"{k}.jpg")
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    cifar(batches, tmp_path / "jpegs")
    images = load("cifar-10", tmp_path)
    for pixels, labels, split in (
        (images.train, images.train_labels, "train"),
        (images.test, images.test_labels, "test"),
    ):
        assert pixels.shape[1:] == (3, 32, 32)
        read = sorted((int(label), float(x.float().mean())) for x, label in zip(pixels, labels, strict=True))
        assert [label for label, _ in read] == [label for label, _ in grey[split]]
        assert [value for _, value in read] == pytest.approx([value for _, value in grey[split]], abs=2)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (eval, ("1",))

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.eval"):
        load("cifar-10", tmp_path)


def test_what_is_missing_is_named_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte\.gz.*replications\.fetch"):
        load("mnist", tmp_path)
    with pytest.raises(FileNotFoundError, match="--data DIR"):
        load("mnist")
    with pytest.raises(ValueError, match="no such data set; there are mnist"):
        load("imagenet", tmp_path)


def test_digits_are_all_there_and_held_out_ones_are_others():
    images = load("digits")
    assert len(images.train) + len(images.test) == 1797
    assert images.train.max() == 255
    scaled = standardised(images.test, like=images.train)
    assert float(standardised(images.train, like=images.train).mean()) == pytest.approx(0, abs=1e-5)
    assert 0.9 < float(scaled.std()) < 1.1
