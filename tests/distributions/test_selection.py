"""Which positions are followed: decided by labels, shapes and seed alone."""

import pytest
import torch

from lightning_infogeo.distributions import Bernoulli, Categorical, Selection, Tokens
from tests.helpers.contracts import random_logits


def numbered(inputs, *positions):
    """Outputs whose only class value says which position they are, for reading a selection back."""
    count = torch.Size(positions).numel()
    return torch.arange(inputs * count).float().reshape(inputs, *positions)


def places(selection, inputs, *positions):
    """The flat positions that a selection of tokens takes."""
    outputs = numbered(inputs, *positions)[..., None].repeat(1, 1, 2)
    return selection.take(outputs, 0, inputs)[:, 0].long().tolist()


def test_a_subset_is_the_same_whatever_the_random_streams_and_the_calls():
    """As in another process, and after a resume with another batch size."""
    labels = torch.randint(0, 5, (8, 100), generator=torch.Generator().manual_seed(3))
    labels[:, ::7] = -100
    outputs, taken = random_logits(8, 100, 5), []
    for seed, chunk in ((0, 8), (1, 3), (2, 1)):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        chosen = Selection(Tokens(max_tokens=50), 8, labels.clone())
        parts = [chosen.take(outputs[i : i + chunk], i, min(i + chunk, 8)) for i in range(0, 8, chunk)]
        taken.append((torch.cat(parts), chosen.labels))
        assert torch.equal(torch.get_rng_state(), before)
    for logits, chosen_labels in taken:
        assert logits.shape == (50, 5)
        assert torch.equal(logits, taken[0][0])
        assert torch.equal(chosen_labels, taken[0][1])
        assert (chosen_labels != -100).all()


def test_another_seed_takes_others():
    taken = [places(Selection(Tokens(max_tokens=50, seed=seed), 8), 8, 100) for seed in (0, 1)]
    assert taken[0] != taken[1]
    assert all(len(set(t)) == 50 and t == sorted(t) for t in taken)


def test_a_subset_is_spread_evenly_over_the_inputs_and_every_position_has_its_chance():
    hits = torch.zeros(4, 25)
    for seed in range(400):
        taken = torch.tensor(places(Selection(Tokens(max_tokens=12, seed=seed), 4), 4, 25))
        assert torch.bincount(taken // 25, minlength=4).tolist() == [3, 3, 3, 3]
        hits[taken // 25, taken % 25] += 1
    expected = 400 * 12 / 100
    assert ((hits - expected).abs() < 5 * expected**0.5).all()


def test_labels_and_logits_stay_together():
    ids = torch.arange(60).reshape(6, 10)
    outputs = torch.nn.functional.one_hot(ids, 60).float()
    for distribution in (Tokens(max_tokens=17), Tokens(max_tokens=None), Tokens(max_tokens=17, ignore_index=3)):
        chosen = Selection(distribution, 6, ids)
        assert torch.equal(chosen.take(outputs, 0, 6).argmax(-1), chosen.labels)
    maps = outputs.reshape(6, 2, 5, 60).permute(0, 3, 1, 2)
    chosen = Selection(Categorical(max_positions=17), 6, ids.reshape(6, 2, 5))
    assert torch.equal(chosen.take(maps, 0, 6).argmax(1), chosen.labels)


def test_parts_are_the_whole_in_pieces():
    chosen = Selection(Tokens(max_tokens=31), 6, torch.zeros(6, 20, dtype=torch.int64))
    outputs = random_logits(6, 20, 3)
    parts = [part for i in (0, 2, 4) for part in chosen.parts(outputs[i : i + 2], i, i + 2, 4)]
    assert torch.equal(torch.cat([logits for _, logits in parts]), chosen.take(outputs, 0, 6))
    assert parts[0][0].start == 0
    assert parts[-1][0].stop == len(chosen) == 31


def test_plain_classification_is_taken_as_it_is_however_large():
    outputs = random_logits(5000, 3)
    chosen = Selection(Categorical(max_positions=10), 5000)
    assert torch.equal(chosen.take(outputs, 0, 5000), outputs)
    left_out = Selection(Categorical(ignore_index=-1), 4, torch.tensor([0, -1, 2, -1]))
    assert torch.equal(left_out.take(outputs[:4], 0, 4), outputs[[0, 2]])
    assert left_out.labels.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("labels", "shape"), [((5,), (5, 1)), ((5, 1), (5,)), ((5, 3), (5, 3)), ((5, 1, 2, 2), (5, 2, 2)), ((1,), (1,))]
)
def test_a_dimension_of_one_more_or_less_is_no_matter(labels, shape):
    chosen = Selection(Bernoulli(), shape[0], torch.ones(labels, dtype=torch.int64))
    assert chosen.take(torch.zeros(shape), 0, shape[0]).shape == (torch.Size(shape).numel(), 2)
    assert len(chosen.labels) == len(chosen)


@pytest.mark.parametrize(
    ("distribution", "labels", "outputs", "message"),
    [
        (Tokens(), (4, 7), (4, 8, 5), r"shape \(4, 8\), got \(4, 7\), for outputs of shape \(4, 8, 5\)"),
        (Tokens(), (4,), (4, 8, 5), r"got \(4,\)"),
        (Categorical(), (4, 8), (4, 5), r"shape \(4,\), got \(4, 8\)"),
        (Categorical(), (4,), (4, 5, 6, 6), r"shape \(4, 6, 6\), got \(4,\)"),
        (Bernoulli(), (4,), (4, 5), r"shape \(4, 5\), got \(4,\)"),
    ],
)
def test_labels_that_do_not_fit_are_named(distribution, labels, outputs, message):
    with pytest.raises(ValueError, match=message):
        Selection(distribution, 4, torch.zeros(labels, dtype=torch.int64)).settle(torch.zeros(outputs))


def test_without_one_label_there_is_nothing_to_follow():
    with pytest.raises(ValueError, match="every label is ignore_index=-100"):
        Selection(Tokens(), 2, torch.full((2, 3), -100)).settle(torch.zeros(2, 3, 4))
