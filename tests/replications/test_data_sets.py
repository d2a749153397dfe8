"""Folders as torchvision fills them are read; anything else is refused in words."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from replications.data_sets import UnreadableError, fingerprint, load, read_arrays, standardised
from tests.helpers.idx_files import write_idx, write_mnist


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


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (eval, ("1",))

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.eval"):
        read_arrays(folder / "data_batch_1")
    with pytest.raises(UnreadableError, match=r"data_batch_1 cannot be read .*builtins\.eval"):
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


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"<html>404</html>",
        lambda content: b"",
        lambda content: gzip.compress(gzip.decompress(content)[:-1]),
        lambda content: gzip.compress(b"\0\0\x0d\1" + gzip.decompress(content)[4:]),
    ],
    ids=["truncated", "another thing", "empty", "a value is missing", "of another type"],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name, damage):
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UnreadableError, match=rf"{name} cannot be read \(.*remove its folder.*replications\.fetch"):
        load("mnist", tmp_path)


def test_as_many_labels_as_images_are_expected(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz", np.zeros(2))
    with pytest.raises(UnreadableError, match=r"t10k-labels.* 2 labels for 3 images"):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    "batch",
    [
        {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2]},
        {"data": np.zeros((4, 3072), np.float32), "labels": [0, 1, 2, 3]},
        {"data": np.zeros((4, 1000), np.uint8), "labels": [0, 1, 2, 3]},
        {"labels": [0]},
        [1, 2],
    ],
)
def test_a_batch_of_another_shape_is_named(tmp_path, batch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch))
    with pytest.raises(UnreadableError, match="data_batch_1 cannot be read"):
        load("cifar-10", tmp_path)


def test_a_fingerprint_is_of_the_content_not_of_the_files(tmp_path):
    found = []
    for k, packed in enumerate((True, False, True)):
        written = write_mnist(tmp_path / str(k), packed=packed)
        if k == 2:
            name = "t10k-labels-idx1-ubyte.gz"
            write_idx(tmp_path / "2" / "MNIST" / "raw" / name, (written[name] + 1) % 10)
        found.append(fingerprint("mnist", tmp_path / str(k)))
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 16
