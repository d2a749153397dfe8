"""What is written can be read: lazily, by others too, and never more than was committed."""

import json
import multiprocessing
import os
import random
import signal
import threading
import time

import numpy as np
import pytest
import torch
import xarray
import zarr

from lightning_infogeo.archive import Archive, ArchiveError, ArchiveWriter, BackgroundWriter, Folder, Row, to_arrays
from lightning_infogeo.archive.background import MAX_QUEUED, MIN_QUEUED
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = ["velocity", "length"]


def predictions(step, samples=6, classes=4):
    p = np.random.default_rng(step).dirichlet(np.ones(classes), samples)
    return np.sqrt(p).astype(np.float32)


def row(step):
    return {"val": Row([step / 3, np.nan], predictions(step)), "parameters/network": Row([step, -step])}


def known(step):
    return [{"name": "knee", "detected_at": at} for at in range(step + 1)]


def writer(path, **options):
    made = ArchiveWriter(Folder(path), {"model": "net", "seed": 3}, **options)
    about = {"schedule": "log", "lag": 1, "precision": "full float32", "fingerprint": "f"}
    made.add("val", QUANTITIES, about, (6, 4), constants={"labels": np.arange(6) % 4})
    made.add("parameters/network", QUANTITIES, {})
    return made


@pytest.fixture
def written(tmp_path):
    """Seven records, at steps 0, 3, 6, …"""
    made = writer(tmp_path / "run.zarr")
    for step in range(0, 21, 3):
        made.append(step, row(step), [{"name": "knee", "detected_at": step}])
    made.commit()
    made.close()
    return tmp_path / "run.zarr"


@pytest.mark.parametrize("place", ["file", "memory"])
def test_a_trajectory_comes_back(place, tmp_path):
    path = str(tmp_path / "run.zarr") if place == "file" else f"memory://{tmp_path.name}/run.zarr"
    made = writer(path)
    for step in (0, 3, 6):
        made.append(step, row(step))
    made.commit()
    opened = Trajectory.open(path)
    assert opened.steps.tolist() == [0, 3, 6]
    assert opened.velocity.tolist() == [0, 1, 2]
    assert opened.length.isnan().all()
    assert opened.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert opened.fingerprint == "f"
    assert opened.metadata == {"model": "net", "seed": 3}
    assert opened.name == "run"
    np.testing.assert_array_equal(opened.amplitudes[:], np.stack([predictions(step) for step in (0, 3, 6)]))
    made.close()


@pytest.mark.parametrize(
    "key",
    [np.s_[:], np.s_[2], np.s_[-1], np.s_[1:5:2], np.s_[::-1], np.s_[[5, 0]], np.s_[1:3, 2], np.s_[:, [0, 4], 1:]],
)
def test_amplitudes_are_read_in_parts(key, written):
    whole = np.stack([predictions(step) for step in range(0, 21, 3)])
    lists = isinstance(key, tuple) and any(isinstance(k, list) for k in key)
    expected = whole[:, key[1]][:, :, key[2]] if lists else whole[key]
    np.testing.assert_array_equal(Trajectory.open(written).amplitudes[key], expected)


def test_only_the_chunks_asked_for_are_read(tmp_path):
    made = ArchiveWriter(Folder(tmp_path / "run.zarr"), {})
    made.add("val", QUANTITIES, {}, (512, 10))  # three records a chunk
    for step in range(7):
        made.append(step, {"val": Row([0, 0], predictions(step, 512, 10))})
    made.commit()
    made.close()
    for chunk in (0, 2):
        (tmp_path / "run.zarr" / "val" / "amplitudes" / "c" / str(chunk) / "0" / "0").write_bytes(b"broken")
    opened = Trajectory.open(tmp_path / "run.zarr")
    np.testing.assert_array_equal(opened.amplitudes[3:6], np.stack([predictions(n, 512, 10) for n in (3, 4, 5)]))
    with pytest.raises(ArchiveError, match=r"c/0/0/0 is damaged"):
        opened.amplitudes[2]


@pytest.mark.parametrize("batches", [[1] * 9, [9], [2, 1, 4, 2], [3, 3, 3], [4, 5]])
@pytest.mark.parametrize("samples", [512, 2000])
def test_batches_and_sessions_leave_the_same_archive(batches, samples, tmp_path):
    """Records sharing chunks or not, committed alone or together, with or without closing in between."""
    step, path = 0, tmp_path / "run.zarr"
    for number, batch in enumerate(batches):
        if number % 2 == 0:
            made = ArchiveWriter(Folder(path), {})
            made.add("val", QUANTITIES, {}, (samples, 10))
        for _ in range(batch):
            values = None if step == 4 else predictions(step, samples, 10)
            made.append(step, {"val": Row([step, 2 * step], values)})
            step += 1
        made.commit()
        opened = Trajectory.open(path)
        assert opened.steps.tolist() == opened.velocity.tolist() == list(range(step))
        if number % 2 or number == len(batches) - 1:
            made.close()
    expected = np.stack([predictions(n, samples, 10) if n != 4 else np.full((samples, 10), np.nan) for n in range(9)])
    np.testing.assert_array_equal(Trajectory.open(path).amplitudes[:], expected)
    assert zarr.open_array(path / "val" / "steps", mode="r").shape == (9,)


def test_indices_outside_are_refused(written):
    for key in (7, [1, 9], (0, 6)):
        with pytest.raises(IndexError):
            Trajectory.open(written).amplitudes[key]


def test_zarr_and_xarray_open_it(written):
    data = xarray.open_zarr(written, group="val")
    assert dict(data.sizes) == {"record": 7, "quantity": 2, "sample": 6, "class": 4}
    np.testing.assert_array_equal(data.amplitudes[3], predictions(9))
    group = zarr.open_group(written, mode="r")
    assert group["parameters/network/quantities"][-1].tolist() == [18, -18]
    assert zarr.open_array(written / "val" / "steps").shape == (7,)
    assert set(xarray.open_datatree(written, engine="zarr", consolidated=True).children) == {"parameters", "val"}


def test_what_is_not_committed_is_not_there(tmp_path):
    made = writer(tmp_path / "run.zarr")
    made.append(0, row(0))
    made.commit()
    made.append(1, row(1))
    assert Trajectory.open(tmp_path / "run.zarr").steps.tolist() == [0]
    assert xarray.open_zarr(tmp_path / "run.zarr", group="val").sizes["record"] == 1
    made.close()


def test_truncated_then_continued_is_as_if_never_interrupted(tmp_path):
    for name, interrupted in (("whole", False), ("resumed", True)):
        made = writer(tmp_path / name)
        for step in range(30):
            made.append(step, row(step if not interrupted or step < 12 else 99), known(step))
        made.commit()
        if interrupted:
            made.close()
            made = writer(tmp_path / name)
            made.truncate(11)
            assert Archive(tmp_path / name).events == known(11)
            for step in range(12, 30):
                made.append(step, row(step), known(step))
            made.commit()
        made.close()
    whole, resumed = Trajectory.open(tmp_path / "whole"), Trajectory.open(tmp_path / "resumed")
    assert resumed.steps.tolist() == list(range(30))
    np.testing.assert_array_equal(whole.amplitudes[:], resumed.amplitudes[:])
    np.testing.assert_array_equal(whole.velocity, resumed.velocity)
    assert Archive(tmp_path / "whole").events == Archive(tmp_path / "resumed").events


def test_two_writers_are_refused_and_a_closed_one_lets_the_next_in(tmp_path):
    first = writer(tmp_path / "run.zarr")
    with pytest.raises(ArchiveError, match=r"another process is writing"):
        writer(tmp_path / "run.zarr")
    first.close()
    writer(tmp_path / "run.zarr").close()


def test_an_archive_keeps_its_identity(tmp_path):
    first, second = writer(tmp_path / "a"), writer(tmp_path / "b")
    first.commit()
    first.close()
    second.close()
    again = writer(tmp_path / "a")
    assert first.run == again.run != second.run
    again.close()


@pytest.mark.parametrize("change", [{"quantities": ["velocity"]}, {"shape": (5, 4)}, {"fingerprint": "other"}])
def test_another_trajectory_of_the_same_name_is_refused(change, written):
    made = ArchiveWriter(Folder(written), {})
    given = {"quantities": QUANTITIES, "shape": (6, 4), "fingerprint": "f", **change}
    with pytest.raises(ArchiveError, match=r"another trajectory named 'val'"):
        made.add("val", given["quantities"], {"fingerprint": given["fingerprint"]}, given["shape"])
    made.close()


@pytest.mark.parametrize("name", ["../out", "a//b", "..", "a/../b", "", "zarr.json", "a\x00b"])
def test_names_that_lead_elsewhere_are_refused(name, tmp_path):
    made = ArchiveWriter(Folder(tmp_path / "run.zarr"), {})
    with pytest.raises(ArchiveError, match=r"cannot be the name"):
        made.add(name, QUANTITIES, {})
    made.close()


def test_half_precision_and_no_compression(tmp_path):
    made = ArchiveWriter(Folder(tmp_path / "run.zarr"), {}, compression=False)
    made.add("val", QUANTITIES, {}, (6, 4), dtype="float16")
    made.append(0, {"val": Row([0, 0], predictions(0))})
    made.commit()
    amplitudes = Trajectory.open(tmp_path / "run.zarr").amplitudes[:]
    assert amplitudes.dtype == torch.float16
    np.testing.assert_allclose(amplitudes[0], predictions(0), rtol=1e-3)
    made.close()


def test_a_large_record_is_cut_along_its_samples(tmp_path):
    made = ArchiveWriter(Folder(tmp_path / "run.zarr"), {})
    made.add("val", QUANTITIES, {}, (50, 200_000))
    values = np.random.default_rng(0).random((50, 200_000), dtype=np.float32)
    made.append(0, {"val": Row([0, 0], values)})
    made.commit()
    amplitudes = Trajectory.open(tmp_path / "run.zarr").amplitudes
    assert len(list((tmp_path / "run.zarr" / "val" / "amplitudes" / "c" / "0").iterdir())) == 2
    np.testing.assert_array_equal(amplitudes[0, 40:], values[40:])
    made.close()


@pytest.mark.parametrize(
    "inputs",
    [
        torch.arange(6.0).reshape(3, 2),
        {"a": torch.ones(3, dtype=torch.int64), "b": [torch.zeros(3, 1), (torch.ones(3, dtype=torch.bool),)]},
        {"text": ["x", "y", "z"], "mask": torch.ones(3, dtype=torch.float16)},
    ],
)
def test_inputs_come_back(inputs, tmp_path):
    tree, arrays = to_arrays(inputs)
    made = ArchiveWriter(Folder(tmp_path / "run.zarr"), {})
    made.add("val", QUANTITIES, {"inputs": tree}, (3, 2), constants={f"inputs/{i}": a for i, a in enumerate(arrays)})
    made.commit()
    made.close()
    back = Archive(tmp_path / "run.zarr")["val"].inputs()
    texts = [structure.pop("text", None) for structure in (back, inputs) if isinstance(structure, dict)]
    assert texts[:1] == texts[1:]
    torch.testing.assert_close(back, inputs, rtol=0, atol=0)


def test_inputs_that_would_need_pickle_are_not_stored():
    assert to_arrays({"a": object()}) is None
    assert to_arrays([torch.zeros(2, dtype=torch.bfloat16)]) is None


class Held(ArchiveWriter):
    """Writes when it is let, and notes how many records it is given at a time."""

    def hold(self):
        self.batches, self.busy, self.free = [], threading.Event(), threading.Event()
        return self

    def append(self, step, rows, events=None):
        if step == 50:
            raise OSError("disk full")
        super().append(step, rows, events)

    def commit(self):
        if waiting := sum(len(records) for records in self._pending.values()):
            self.batches.append(waiting)
            self.busy.set()
            assert self.free.wait(60)
        super().commit()


@pytest.mark.parametrize(("shape", "room"), [((6, 4), MAX_QUEUED), ((1000, 3000), MIN_QUEUED)])
def test_what_waits_is_bounded_and_written_together(shape, room, tmp_path):
    made = Held(Folder(tmp_path / "run.zarr"), {}, compression=False).hold()
    made.add("val", QUANTITIES, {}, shape)
    background = BackgroundWriter(made)

    def hand_over(step):
        background.append(step, {"val": Row([0, 0], np.full(shape, step, np.float32))}, None)

    hand_over(0)
    assert made.busy.wait(60)
    for step in range(1, 1 + room):
        hand_over(step)  # does not wait
    further = threading.Thread(target=hand_over, args=(1 + room,))
    further.start()
    further.join(0.2)
    assert further.is_alive()
    made.free.set()
    further.join(60)
    background.flush()
    background.close()
    assert made.batches == [1, room, 1]
    assert Trajectory.open(tmp_path / "run.zarr").amplitudes[:, -1, -1].tolist() == list(range(2 + room))


def test_the_background_says_what_failed_and_keeps_what_came_before(tmp_path):
    made = Held(Folder(tmp_path / "run.zarr"), {}).hold()
    made.free.set()
    made.add("val", QUANTITIES, {}, (6, 4))
    background = BackgroundWriter(made)

    def write_all():
        for step in range(10**6):
            background.append(step, {"val": row(step)["val"]}, None)

    with pytest.raises(OSError, match="disk full"):
        write_all()
    background.close()
    assert Trajectory.open(tmp_path / "run.zarr").steps.tolist() == list(range(50))


def _write_until_killed(path, written):
    made = writer(path)
    made.commit()
    background = BackgroundWriter(made)
    for step in range(10**6):
        background.append(step, row(step), [{"detected_at": step}])
        written.value = step


def test_killed_at_any_moment_it_holds_every_record_that_was_committed(tmp_path):
    """Fifty kill −9: whole records, in order, right ones; xarray opens it; the lock of the dead is taken over."""
    context = multiprocessing.get_context("fork")
    counts = []
    for attempt in range(50):
        path = tmp_path / f"{attempt}.zarr"
        moments = random.Random(attempt)
        written, at = context.Value("q", -1), moments.randint(0, 60)
        process = context.Process(target=_write_until_killed, args=(path, written))
        process.start()
        while written.value < at:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        opened = Trajectory.open(path)
        counts.append(len(opened))
        assert len(opened) >= at - 2 * MAX_QUEUED  # no more were waiting or being written
        assert opened.steps.tolist() == list(range(len(opened)))
        assert opened.velocity.tolist() == [step / 3 for step in range(len(opened))]
        if len(opened):
            expected = np.stack([predictions(step) for step in range(len(opened))])
            np.testing.assert_array_equal(opened.amplitudes[:], expected)
            assert opened.events == [{"detected_at": len(opened) - 1}]
        assert xarray.open_zarr(path, group="val").sizes["record"] == len(opened)
        if attempt % 10 == 0:
            again = writer(path)
            again.append(10**7, row(0))
            again.commit()
            again.close()
            assert len(Trajectory.open(path)) == len(opened) + 1
    assert max(counts) >= 10


def damaged(written, change):
    document = json.loads((written / "zarr.json").read_text())
    change(document)
    (written / "zarr.json").write_text(json.dumps(document))


def array_of(document, name="val/amplitudes"):
    return document["consolidated_metadata"]["metadata"][name]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.clear(),
        lambda d: d["attributes"].clear(),
        lambda d: d["attributes"]["lightning_infogeo"].update(format=99),
        lambda d: d["attributes"].update(run="text"),
        lambda d: d.pop("consolidated_metadata"),
        lambda d: array_of(d).update(shape=[7, 6]),
        lambda d: array_of(d).update(shape=[2**60, 6, 4]),
        lambda d: array_of(d).update(shape=[-1, 6, 4]),
        lambda d: array_of(d)["chunk_grid"]["configuration"].update(chunk_shape=[2**20, 2**20, 2**20]),
        lambda d: array_of(d).update(data_type="object"),
        lambda d: array_of(d)["codecs"].append({"name": "numcodecs.pickle"}),
        lambda d: array_of(d, "val/steps").update(shape=[8]),
        lambda d: d["consolidated_metadata"]["metadata"].update({"../out": {"node_type": "group"}}),
        lambda d: d["consolidated_metadata"]["metadata"].pop("val/steps"),
    ],
)
def test_a_damaged_archive_says_so(change, written):
    damaged(written, change)
    with pytest.raises(ArchiveError, match=r"archive"):
        Trajectory.open(written).amplitudes[:]


def test_more_records_than_there_are_chunks_is_damage_and_takes_no_memory(written):
    def claim(document):
        for name in ("val/steps", "val/quantities", "val/amplitudes"):
            array_of(document, name)["shape"][0] = 10**6

    damaged(written, claim)
    with pytest.raises(ArchiveError, match=r"missing or out of order"):
        Trajectory.open(written)


def test_a_chunk_that_claims_to_be_larger_is_not_decoded(written):
    chunk = written / "val" / "amplitudes" / "c" / "0" / "0" / "0"
    contents = bytearray(chunk.read_bytes())
    contents[4:8] = (2**31 - 1).to_bytes(4, "little")
    chunk.write_bytes(bytes(contents))
    with pytest.raises(ArchiveError, match=r"damaged"):
        Trajectory.open(written).amplitudes[:]


def test_a_link_out_of_the_archive_is_not_followed(written, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 100)
    chunk = written / "val" / "amplitudes" / "c" / "0" / "0" / "0"
    chunk.unlink()
    chunk.symlink_to(secret)
    with pytest.raises(ArchiveError, match=r"lies outside"):
        Trajectory.open(written).amplitudes[3]


def test_missing_and_foreign_folders_are_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"there is no archive"):
        Trajectory.open(tmp_path / "nothing")
    zarr.create_group(tmp_path / "other.zarr")
    with pytest.raises(ArchiveError, match=r"this package did not write"):
        Trajectory.open(tmp_path / "other.zarr")
    (tmp_path / "text.zarr").mkdir()
    (tmp_path / "text.zarr" / "zarr.json").write_text("[" * 10**5)
    with pytest.raises(ArchiveError, match=r"not JSON"):
        Trajectory.open(tmp_path / "text.zarr")


def test_a_trajectory_in_memory_has_no_archive():
    with pytest.raises(RuntimeError, match=r'archive="auto"'):
        _ = Trajectory(QUANTITIES, "log", 1, "full float32").amplitudes
