"""Damage of every kind to what is read: archives, states of checkpoints, and command lines.

Each function here makes one damaged thing from what Hypothesis draws, uses it as a user would, and lets through what is
promised (SECURITY.md): all is well, or an error that says so; returns whether it was refused. Anything else is a bug.
"""

import contextlib
import copy
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe, Trajectory
from lightning_infogeo.archive import Archive, ArchiveError
from lightning_infogeo.cli import main
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit
from tests.helpers.markers import At

LARGEST = 2**22
"""Numbers of an array that are read at once here; its shape says before how many there are."""

NUMBERS = [-1, 0, 1, 2, 3, 7, 13, 512, 2**20, 2**31, 2**40, 2**63, 10**30, 0.5, -1e300]
TEXTS = [
    "",
    ".",
    "..",
    "../out",
    "/etc/passwd",
    "val",
    "train",
    "a/b",
    "\x00",
    "zarr.json",
    "\ud7ff",
    "int64",
    "|S8",
    "<f8",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.integers(-(2**66), 2**66),
    st.floats(),
    st.sampled_from(TEXTS),
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(TEXTS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


class Watched(Classifier):
    """Trains on a batch for each step."""

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        pass


def monitor(archive=None):
    probes = {name: Probe(IMAGES[a : a + 6], LABELS[a : a + 6]) for name, a in (("train", 0), ("val", 900))}
    return InfoGeometryMonitor(
        probes, schedule=1, lag=2, parameters=True, neurons=["net.2"], archive=archive, markers=[At(1, 2)]
    )


class Originals:
    """What is sound: an archive, its files as bytes, and a checkpoint.

    Args:
        folder: to work in.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.archive = self.folder / "runs" / "a.zarr"
        made = monitor(self.archive)
        with quiet():
            self.trainer = fit(made, folder, Watched, max_steps=3)
        self.checkpoint = self.folder / "sound.ckpt"
        self.trainer.save_checkpoint(self.checkpoint)
        self.saved = torch.load(self.checkpoint, weights_only=True)
        self.files = {
            str(p.relative_to(self.archive)): p.read_bytes() for p in sorted(self.archive.rglob("*")) if p.is_file()
        }
        shutil.copytree(self.archive, self.folder / "runs" / "b.zarr")
        assert self.read() > 500

    def restore(self, names):
        """Puts files of the archive back."""
        for name in names:
            (self.archive / name).parent.mkdir(parents=True, exist_ok=True)
            (self.archive / name).write_bytes(self.files[name])

    def read(self):
        """Reads all there is, and returns how many numbers that were."""
        archive, count = Archive(self.archive), 0
        str(archive.metadata), str(archive.events)
        for name in archive.names:
            recorded = archive[name]
            parts = [recorded.steps, recorded.quantities, recorded.labels, recorded.targets]
            if name in archive.probes:
                amplitudes = recorded.amplitudes
                parts.append(
                    amplitudes[:] if int(np.prod(amplitudes.shape, dtype=object)) < LARGEST else amplitudes[:1, :3, :3]
                )
                if "inputs" in recorded.attributes:
                    recorded.inputs()
                Trajectory.open(self.archive, name).length  # noqa: B018
            count += sum(part.numel() for part in parts if part is not None)
        return count


@contextlib.contextmanager
def quiet():
    with warnings.catch_warnings(), open(os.devnull, "w") as nothing:
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            yield


def promised(right, error):
    """Lets an error through that says what it has to."""
    if not right:
        raise AssertionError(f"says too little: {error!r}") from error


def places(value, path=()):
    """Yields the paths of everything in nested lists and mappings, of those as well."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def exchanged(draw, value, other):
    """Returns a copy in which one thing is gone, or ``other`` than it was."""
    made = copy.deepcopy(value)
    *parents, last = draw(st.sampled_from(sorted(places(made), key=repr)))
    owner = made
    for key in parents:
        owner = owner[key]
    if draw(st.integers(0, 4)) == 0:
        del owner[last]
    else:
        owner[last] = draw(other(owner[last]))
    return made


@st.composite
def contents(draw, name, original):
    """Draws what is in a file of an archive instead of ``original``; None for no file."""
    kind = draw(st.sampled_from(["values", "flip", "cut", "insert", "gone"]))
    if kind == "values" and name.endswith(".json"):
        document = json.loads(original)
        for _ in range(draw(st.integers(1, 3))):
            document = exchanged(draw, document, lambda old: VALUES | st.just(old))
        return json.dumps(document).encode("utf-8", "surrogatepass")
    if kind == "gone":
        return None
    at = draw(st.integers(0, max(len(original) - 1, 0)))
    if kind == "cut":
        return original[:at]
    if kind == "insert":
        return original[:at] + draw(st.binary(max_size=20)) + original[at:]
    changed = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        if changed:
            changed[draw(st.integers(0, len(changed) - 1))] ^= draw(st.integers(1, 255))
    return bytes(changed)


def damage(data, originals):
    """Changes one to three files of the archive; returns their names."""
    every = st.sampled_from(["zarr.json", *sorted(originals.files)])  # most of what is said is said there
    names = data.draw(st.lists(every | st.just("zarr.json"), min_size=1, max_size=3, unique=True))
    for name in names:
        made = data.draw(contents(name, originals.files[name]))
        if made is None:
            (originals.archive / name).unlink(missing_ok=True)
        else:
            (originals.archive / name).write_bytes(made)
    return names


def an_archive(data, originals):
    """A damaged archive can be read, or says that it is damaged."""
    names = damage(data, originals)
    try:
        originals.read()
    except ArchiveError as error:
        promised("archive" in str(error), error)
        return True
    finally:
        originals.restore(names)
    return False


def other_than(value):
    """Draws something in the place of a value of a checkpoint's state."""
    if isinstance(value, torch.Tensor):
        tensors = [
            value[:0] if value.dim() else value[None],
            value.new_zeros(3, 2),
            value.to(torch.int32),
            value.double() * torch.nan,
        ]
        return st.sampled_from(tensors) | SCALARS
    return VALUES | st.just(torch.zeros(2))


def a_state(data, originals):
    """With a damaged state training goes on to its end, or is refused before the first step."""
    state = copy.deepcopy(originals.saved)
    (key,) = state["callbacks"]
    for _ in range(data.draw(st.integers(1, 2))):
        if state["callbacks"][key]:
            state["callbacks"][key] = exchanged(data.draw, state["callbacks"][key], other_than)
    path = originals.folder / "damaged.ckpt"
    torch.save(state, path)
    with quiet():
        try:
            made = fit(monitor(), originals.folder, Watched, ckpt_path=path, max_steps=5)
        except ConfigurationError as error:
            promised("InfoGeometryMonitor" in str(error), error)
            return True
    assert made.global_step == 5
    return False


OPTIONS = [
    "--out",
    "-o",
    "--output",
    "--group-by",
    "--landmarks",
    "--probe",
    "--same-probe",
    "--skip",
    "--device",
    "--help",
]
WORDS = [
    "runs",
    "runs/a.zarr",
    "runs/b.zarr",
    "runs/*",
    "none",
    "memory://x",
    "nosuch://x",
    "val",
    "train",
    "0",
    "1",
    "2",
    "-3",
]
WORDS += [
    "1e9",
    "model",
    "hyperparameters.lr",
    "cpu",
    "cuda:99",
    "meta",
    "made/x",
    "made/y.html",
    "",
    "--",
    "=",
    "null",
    "[1]",
]
RIGHT = ["--out made/x", "--group-by model", "--landmarks 3", "--probe train", "--same-probe", "--skip", "runs/b.zarr"]
LETTERS = st.text(st.characters(exclude_characters="/\\~:\x00", exclude_categories=["Cs"]), max_size=8)


def a_command_line(data, originals):
    """A command does what it is told, or says what is wrong and exits with one of its codes."""
    word = st.sampled_from(OPTIONS) | st.sampled_from(WORDS) | LETTERS
    right = st.lists(st.sampled_from(RIGHT), max_size=3, unique=True).map(lambda pairs: " ".join(pairs).split())
    arguments = data.draw(right | st.lists(word, max_size=6))
    command = data.draw(st.sampled_from(["compare", "report", "compare", "report", "dance", ""]))
    names = damage(data, originals) if data.draw(st.booleans()) else []
    here = Path.cwd()
    os.chdir(originals.folder)
    try:
        with quiet():
            main([command, data.draw(st.sampled_from(WORDS[:4])), *arguments])
    except SystemExit as stopped:
        promised(stopped.code in (None, 0, 1, 2, 3, 4, 5), stopped)
        return stopped.code not in (None, 0)
    finally:
        os.chdir(here)
        originals.restore(names)
        shutil.rmtree(originals.folder / "made", ignore_errors=True)
    return False


KINDS = {"archives": an_archive, "states": a_state, "command lines": a_command_line}
