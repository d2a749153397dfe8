"""A history of bounded size keeps what an embedding needs."""

import pytest
import torch

from lightning_infogeo import amplitudes, inpca, pairwise_bhattacharyya
from lightning_infogeo.trajectory.history import History, HistoryState, extend, in_order, mark, start, table
from tests.helpers.contracts import random_logits


def walk(records=120, samples=20, classes=5):
    """Fast at first, slow later, as training is."""
    steps = random_logits(records, samples, classes, seed=1, scale=1.0) / (1 + torch.arange(records) / 8)[:, None, None]
    return amplitudes(steps.cumsum(0))


def ordered(state) -> History:
    return in_order(state, table(state, len(state.steps)))


def kept(path, capacity, steps=None):
    state = start(path[0], capacity)
    for made, point in enumerate(path):
        state = extend(state, made if steps is None else steps[made], point)
    return ordered(state)


def test_below_its_capacity_everything_is_kept_with_exact_distances():
    path = walk(30)
    history = kept(path, 40)
    assert history.steps.tolist() == list(range(30))
    assert history.weights.tolist() == [1] * 30
    assert torch.equal(history.amplitudes, path)
    torch.testing.assert_close(history.distances.double(), pairwise_bhattacharyya(path), rtol=1e-4, atol=1e-7)


def test_a_full_history_keeps_first_and_last_and_every_record_counts_once():
    path = walk()
    for records in (17, 40, 120):
        history = kept(path[:records], 16)
        assert len(history.steps) == 16
        assert (history.steps[0], history.steps[-1]) == (0, records - 1)
        assert history.weights.sum() == records
        assert torch.equal(history.amplitudes, path[history.steps])
        exact = pairwise_bhattacharyya(history.amplitudes)
        torch.testing.assert_close(history.distances.double(), exact, rtol=1e-4, atol=1e-7)


def test_gaps_are_the_distances_to_the_record_before():
    """Of which the two that a record makes are all that is ever computed."""
    path = walk()
    state = start(path[0], 16)
    for step, point in enumerate(path):
        state = extend(state, step, point)
        history, order = ordered(state), state.steps.argsort()[-min(step + 1, 16) :]
        gaps = [0, *history.distances.diagonal(1).tolist()]
        assert state.gaps[order].tolist() == pytest.approx(gaps, rel=1e-4, abs=1e-7)


def test_marked_records_are_kept_up_to_a_quarter_of_the_slots():
    path = walk()
    state = start(path[0], 16)
    for made, point in enumerate(path):
        state = extend(state, made, point)
        if made in (5, 9, 14, 40):
            state = mark(state, made - 1)
            near = ordered(state).steps[ordered(state).marked].tolist()[-1]
            assert abs(near - (made - 1)) <= 3  # itself, unless it has been dropped already
    kept_marks = ordered(state).steps[ordered(state).marked].tolist()
    assert kept_marks == [4, 8, 13, near]
    state = mark(state, 119)
    assert int(state.marked.sum()) == 5
    for made, point in enumerate(path, 120):
        state = extend(state, made, point)
    assert int(state.marked.sum()) == 4  # with five, any of them may go
    assert ordered(state).weights.sum() == 240


def slow(path, capacity):
    """From the definition, on lists."""
    records = []
    for step, point in enumerate(path):
        records.append([step, 1.0, 0.0, point])
        if len(records) > capacity:
            table = pairwise_bhattacharyya(torch.stack([r[3] for r in records]))
            merged = {
                (i, h): records[i][1] * float(table[i, h]) + records[i][2]
                for i in range(1, capacity)
                for h in (i - 1, i + 1)
            }
            i, h = min(merged, key=lambda pair: merged[pair] + (records[pair[1]][2] - records[pair[0]][2]) / 2)
            records[h][1] += records[i][1]
            records[h][2] += merged[i, h]
            del records[i]
    return [[r[field] for r in records] for field in range(3)]


@pytest.mark.parametrize("capacity", [3, 5, 12])
def test_it_drops_what_the_definition_drops(capacity):
    path = walk(60)
    state = start(path[0], capacity)
    for step, point in enumerate(path):
        state = extend(state, step, point)
    order = state.steps.argsort()
    steps, weights, spreads = slow(path, capacity)
    assert (state.steps[order].tolist(), state.weights[order].tolist()) == (steps, weights)
    assert state.spreads[order].tolist() == pytest.approx(spreads, rel=1e-4)


def test_a_record_that_is_not_finite_leaves_it_as_it_is():
    path = walk(20)
    broken = path.clone()
    broken[[0, 7, 15]] = torch.nan
    finite = [k for k in range(20) if k not in (0, 7, 15)]
    for capacity in (8, 40):
        a, b = kept(broken, capacity), kept(path[finite], capacity, finite)
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_reads_nothing_back_from_the_device():
    point = torch.empty(6, 3, device="meta")
    state = start(point, 4)
    for made in range(6):
        state = extend(state, made, point)
    assert all(tensor.is_meta for tensor in [*state, table(state, 4)])


def test_a_table_of_two_histories_has_a_row_for_the_slots_of_the_first():
    a, b = walk(8), walk(16)[8:]
    one, other = start(a[0], 6), start(b[0], 6)
    for step in range(4):
        one, other = extend(one, step, a[step]), extend(other, step, b[step])
    across = table(one, 4, other=other)
    assert across.shape == (6, 6)
    torch.testing.assert_close(across[:4, :4], pairwise_bhattacharyya(a[:4], b[:4]).float())
    assert not across[4:].any()
    assert not across[:, 4:].any()


def test_the_capped_embedding_is_close_to_the_exact_one():
    """On a random path, which is harder to spare records of than a real one (benchmarks/embedding_error.py)."""
    path = walk(400)
    exact = inpca(pairwise_bhattacharyya(path), 3)
    history = kept(path, 100)
    capped = inpca(history.distances, 3, weights=history.weights)
    assert abs(capped.explained_stress - exact.explained_stress) < 0.01
    spread = exact.coordinates.norm()
    turned = capped.aligned(exact.coordinates[history.steps]).coordinates
    assert (turned - exact.coordinates[history.steps]).norm() < 0.05 * spread
    # Negative control: without the weights the slow end of the path counts too little.
    unweighted = inpca(history.distances, 3).aligned(exact.coordinates[history.steps]).coordinates
    assert (unweighted - exact.coordinates[history.steps]).norm() > 0.05 * spread


def test_slots_survive_a_round_trip():
    state = start(torch.ones(2, 2), 4)
    state = extend(state, 3, amplitudes(torch.zeros(2, 2)))
    again = HistoryState(**{name: value.clone() for name, value in state._asdict().items()})
    a = extend(state, 5, amplitudes(torch.ones(2, 2)))
    b = extend(again, 5, amplitudes(torch.ones(2, 2)))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
