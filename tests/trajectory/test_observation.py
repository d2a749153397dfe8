"""What is known of every sample, and that pieces change nothing."""

import pytest
import torch

from lightning_infogeo.distributions import amplitudes, distances_to_truth, entropy
from lightning_infogeo.geodesics import ignorance, progress, progress_in, truth
from lightning_infogeo.trajectory import extend, start
from lightning_infogeo.trajectory.observation import Observation, empty_observation, fill, observe
from tests.helpers.contracts import random_logits

LABELS = torch.arange(23) % 6


def test_it_agrees_with_the_quantities_of_whole_predictions():
    z = random_logits(23, 6)
    seen, a = observe(z, LABELS), amplitudes(z)
    assert torch.equal(seen.entropies.mean(), entropy(z))
    assert torch.equal(seen.distances, distances_to_truth(z, LABELS))
    assert torch.equal(progress_in(seen.plane), progress(a, ignorance(a), truth(LABELS, a)))
    without = observe(z)
    assert without.distances is without.plane is None


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "none"])
def test_it_is_rebuilt_from_its_columns_and_filled_in_pieces(labels):
    z = random_logits(23, 6)
    seen = observe(z, labels)
    assert len(seen.columns) == Observation.width(labels is not None)
    filled = empty_observation(z, labels is not None)
    assert not filled.finite.any()
    for rows in (slice(0, 9), slice(9, 23)):
        fill(filled, rows, observe(z[rows], None if labels is None else labels[rows]))
    for other in (Observation.of([column.float() for column in seen.columns]), filled):
        assert (other.finite.dtype, other.plane is None) == (torch.bool, labels is None)
        for a, b in zip(seen.columns, other.columns, strict=True):
            torch.testing.assert_close(b, a, rtol=1e-6, atol=1e-7)


def walked(labels, whole=6):
    walk = random_logits(whole, 23, 6)
    walk[3, 5, 1] = torch.nan
    state, rows = start(walk[0]), []
    for step, z in enumerate(walk):
        before = (step - 1, walk[step - 1] + 0.1) if step else None
        state, row = extend(state, 2 * step, z, labels=labels, before=before)
        rows.append(row)
    return torch.stack(rows), state


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "none"])
@pytest.mark.parametrize("samples", [1, 4, 22])
def test_records_of_many_pieces_are_those_of_one(labels, samples, monkeypatch):
    rows, state = walked(labels)
    monkeypatch.setattr("lightning_infogeo.distributions.chunks.ELEMENTS", 6 * samples)
    in_pieces, same = walked(labels)
    torch.testing.assert_close(in_pieces, rows, rtol=1e-6, atol=1e-7, equal_nan=True)
    for a, b in zip(state, same, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


def test_a_large_state_is_written_in_place_and_its_ends_are_not_one_tensor(monkeypatch):
    monkeypatch.setattr("lightning_infogeo.distributions.chunks.ELEMENTS", 12)
    z = random_logits(23, 6)
    begun = start(z)
    state, _ = extend(begun, 0, z)
    assert state.last is begun.last
    state, _ = extend(state, 1, z + 1.5 * random_logits(23, 6, seed=1))
    assert torch.equal(state.first, z)
    assert not torch.equal(state.last, z)
