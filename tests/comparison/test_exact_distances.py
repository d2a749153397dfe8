"""Distances in tiles are those of one computation, in bounded memory and after interruptions."""

import pytest
import torch

import lightning_infogeo.comparison.exact_distances as tiles
from lightning_infogeo import pairwise_bhattacharyya
from lightning_infogeo.comparison import Work
from lightning_infogeo.comparison.checkpoints import Checkpoints, digest
from lightning_infogeo.comparison.exact_distances import exact_distances
from tests.helpers.synthetic_runs import Spy, training

RUNS = [training(seed, records=records) for seed, records in ((0, 30), (1, 17), (2, 25))]


def whole(runs=RUNS):
    return pairwise_bhattacharyya(torch.cat([run.amplitudes for run in runs]))


def kept_in(folder, runs=RUNS):
    """Distances in blocks of 16 records, finished tiles being kept."""
    work, points = Work(memory=1, folder=folder), Checkpoints(runs)
    return exact_distances(points, work, content=digest(points, work))


@pytest.fixture
def computed(monkeypatch):
    """Counts the tiles that are computed."""
    calls = []
    real = tiles.pairwise_bhattacharyya

    def counted(*arguments):
        calls.append(arguments[0].shape)
        return real(*arguments)

    monkeypatch.setattr(tiles, "pairwise_bhattacharyya", counted)
    monkeypatch.setattr(
        "lightning_infogeo.comparison.checkpoints.BlockSize.parts", lambda cut, count: [slice(0, count)]
    )
    return calls


@pytest.mark.parametrize("memory", [1, 10**5, 10**9])
def test_tiles_give_all_distances_whatever_the_memory(memory):
    found = exact_distances(Checkpoints(RUNS), Work(memory))
    torch.testing.assert_close(found, whole(), rtol=1e-12, atol=1e-15)
    assert torch.equal(found, found.T)
    assert found.diagonal().eq(0).all()


def test_some_of_the_checkpoints_in_any_order():
    which = torch.tensor([70, 3, 31, 2, 46])
    torch.testing.assert_close(exact_distances(Checkpoints(RUNS), Work(), which), whole()[which][:, which])


@pytest.mark.parametrize("memory", [10**5, 4 * 10**5])
def test_no_read_is_larger_than_the_memory_allows(memory):
    spies = [Spy(run.amplitudes) for run in RUNS]
    runs = [run._replace(amplitudes=spy) for run, spy in zip(RUNS, spies, strict=True)]
    torch.testing.assert_close(exact_distances(Checkpoints(runs), Work(memory)), whole(), rtol=1e-12, atol=1e-15)
    assert max(max(spy.reads) for spy in spies) <= memory * 3 / 16


def test_records_too_large_for_the_memory_are_read_in_parts():
    spy = Spy(RUNS[0].amplitudes)
    runs = [RUNS[0]._replace(amplitudes=spy)]
    exact_distances(Checkpoints(runs), Work(memory=20_000))
    assert max(spy.reads) <= 20_000 * 3 / 16 < 16 * RUNS[0].amplitudes[0].numel() * 8


def test_finished_tiles_are_not_computed_again(tmp_path, computed):
    first = kept_in(tmp_path)
    made = len(computed)
    assert made == 15  # 72 records: 5 blocks
    assert torch.equal(kept_in(tmp_path), first)
    assert len(computed) == made


def test_after_a_crash_only_what_is_missing_is_computed(tmp_path, computed):
    def fails(*arguments, real=tiles.pairwise_bhattacharyya):
        if len(computed) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "pairwise_bhattacharyya", fails)
        with pytest.raises(KeyboardInterrupt):
            kept_in(tmp_path)
    found = kept_in(tmp_path)
    assert len(computed) == 15
    torch.testing.assert_close(found, whole(), rtol=1e-12, atol=1e-15)


def damage_by_cutting(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_one_number(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(bytes(content))


def damage_by_emptying(path):
    path.write_bytes(b"")


def damage_by_exchange(path):
    other = max(path.parent.glob("*.npy"))
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("damage", [damage_by_cutting, damage_one_number, damage_by_emptying, damage_by_exchange])
def test_a_damaged_tile_is_computed_again(tmp_path, computed, damage):
    first = kept_in(tmp_path)
    damage(min(tmp_path.glob("tiles-*/*.npy")))
    assert torch.equal(kept_in(tmp_path), first)
    assert len(computed) == 16


def test_tiles_of_other_data_are_not_taken(tmp_path, computed):
    kept_in(tmp_path)
    changed = RUNS[1].amplitudes.clone()
    changed[8, 20] = changed[8, 20].flip(-1)  # one sample of one record in the middle of a run
    other = [RUNS[0], RUNS[1]._replace(amplitudes=changed), RUNS[2]]
    folders = set(tmp_path.glob("tiles-*"))
    torch.testing.assert_close(kept_in(tmp_path, other), whole(other), rtol=1e-12, atol=1e-15)
    assert len(computed) == 30
    # Nor where someone puts them into the folder of these data.
    (new,) = set(tmp_path.glob("tiles-*")) - folders
    (old,) = folders
    for path in new.glob("*.npy"):
        path.unlink()
    for path in old.glob("*.npy"):
        path.rename(new / path.name)
    torch.testing.assert_close(kept_in(tmp_path, other), whole(other), rtol=1e-12, atol=1e-15)
    assert len(computed) == 45


def test_a_record_that_is_not_finite_is_named():
    broken = RUNS[1].amplitudes.clone()
    broken[5, 0, 0] = torch.nan
    runs = [RUNS[0], RUNS[1]._replace(amplitudes=broken)]
    with pytest.raises(ValueError, match=r"Run 'w0-s1' holds NaN or ∞ at step 5"):
        exact_distances(Checkpoints(runs), Work())


def test_half_precision_is_read_as_float32():
    runs = [run._replace(amplitudes=run.amplitudes.numpy().astype("float16")) for run in RUNS]
    found = exact_distances(Checkpoints(runs), Work())
    torch.testing.assert_close(found, whole(), rtol=0, atol=2e-3)
