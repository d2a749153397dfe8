"""The density of weights along known paths."""

import copy
import io
import math
from unittest.mock import patch

import pytest
import torch
from torch import nn

from lightning_infogeo.parameters import DensityState, ParameterDensity
from tests.helpers.host_reads import audited
from tests.helpers.weight_paths import followed, ornstein_uhlenbeck, walk


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("weights", [10_000, 1_000_000])
@pytest.mark.parametrize(("mean", "variance"), [(4.0, 1.0), (0.0, 16.0)])
@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
def test_relaxation_has_the_length_of_the_closed_form_within_the_noise_floor(mean, variance, weights, estimator):
    records = 20 if weights > 10_000 else 10
    times = [2.0 * k / records for k in range(records + 1)]
    if mean:
        length = [mean * (1 - math.exp(-t)) for t in times]
    else:
        length = [math.log(variance / (1 + (variance - 1) * math.exp(-2 * t))) / 2**0.5 for t in times]
    path = ornstein_uhlenbeck(weights, times, mean, variance, 1.0)
    rows, _ = followed(ParameterDensity("network", estimator), path)
    floors = rows[1:, 0, 2].tolist()
    biased = sum(math.hypot(b - a, f) for a, b, f in zip(length[:-1], length[1:], floors, strict=True))
    assert float(rows[-1, 0, 1]) == pytest.approx(biased, rel=0.06 if weights == 10_000 else 0.02)
    assert float(rows[1, 0, 0]) == pytest.approx(math.hypot(length[1], floors[0]), rel=0.06)


def test_velocity_is_per_step_and_length_does_not_depend_on_the_steps():
    path = walk()
    even, _ = followed(ParameterDensity(), path, range(6))
    other, _ = followed(ParameterDensity(), path, [0, 1, 10, 100, 1000, 1003])
    assert torch.equal(even[:, :, 1], other[:, :, 1])
    steps = torch.tensor([1.0, 9, 90, 900, 3], dtype=torch.float64)
    torch.testing.assert_close(even[1:, :, 0] / steps[:, None], other[1:, :, 0])
    torch.testing.assert_close(even[1:, :, 2] / steps[:, None], other[1:, :, 2])


def test_an_affine_map_of_the_weights_changes_little_and_a_power_of_two_nothing():
    path = walk(scale=0.1)
    rows, _ = followed(ParameterDensity(), path)
    doubled, _ = followed(ParameterDensity(), [{n: [-4 * x for x in t] for n, t in g.items()} for g in path])
    mapped, _ = followed(ParameterDensity(), [{n: [3 * x - 7 for x in t] for n, t in g.items()} for g in path])
    torch.testing.assert_close(doubled[1:, :3], rows[1:, :3], rtol=0.05, atol=0)
    quadrupled, _ = followed(ParameterDensity(), [{n: [4 * x for x in t] for n, t in g.items()} for g in path])
    torch.testing.assert_close(quadrupled[1:], rows[1:], rtol=1e-9, atol=0)
    assert ((mapped[1:] / rows[1:])[:, :, :2] - 1).abs().max() < 0.12  # bins of up to 2^½ times the width
    only_later, _ = followed(ParameterDensity(), [path[0], *[{n: [2 * t[0]] for n, t in g.items()} for g in path[1:]]])
    assert float(only_later[1, 3, 1]) > 2 * float(rows[1, 3, 1])  # negative control


def test_independent_groups_add_in_squares_and_the_mixture_does_not():
    path = walk(2)
    swapped = [path[0], {"wide": [path[0]["deep"][0].view(300, 100)], "deep": [path[0]["wide"][0].view(150, 200)]}]
    swapped[0] = {name: path[0][name] for name in ("wide", "deep")}
    swapped[0]["wide"][0].mul_(3)
    swapped[1]["deep"] = [swapped[0]["wide"][0].view(150, 200).clone()]
    rows, _ = followed(ParameterDensity(), swapped)
    for column in (0, 2):
        torch.testing.assert_close(rows[1, 3, column], rows[1, :2, column].square().sum().sqrt())
    assert rows[1, 3, 0] > 1
    assert rows[1, 2, 0] == 0  # the same weights all in all: only their groups have changed


@pytest.mark.parametrize("estimator", ["histogram", "gaussian", "auto"])
def test_the_network_is_the_density_of_all_weights_together(estimator):
    path = walk()
    rows, _ = followed(ParameterDensity(estimator=estimator), path)
    pooled = [{"network": [t for tensors in groups.values() for t in tensors]} for groups in path]
    alone, _ = followed(ParameterDensity("network", estimator), pooled)
    torch.testing.assert_close(rows[1:, -2, :2], alone[1:, 0, :2], rtol=1e-9, atol=0)
    torch.testing.assert_close(rows[1:, -2, 2], alone[1:, 0, 2], rtol=0.03, atol=0)


@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
def test_a_group_is_what_it_is_alone(estimator):
    path = walk()
    rows, _ = followed(ParameterDensity(estimator=estimator), path)
    alone, _ = followed(ParameterDensity(estimator=estimator), [{"few": groups["few"]} for groups in path])
    torch.testing.assert_close(rows[1:, 2], alone[1:, 0], rtol=1e-9, atol=0)


@pytest.mark.parametrize("estimator", ["histogram", "gaussian"])
def test_the_noise_floor_of_the_network_counts_weights_and_not_groups(estimator):
    a, b = (groups["wide"][0] for groups in walk(2))
    pair = [{"many": [a[:290]], "few": [a[290:]]}, {"many": [a[:290]], "few": [b[290:]]}]
    rows, _ = followed(ParameterDensity(estimator=estimator), pair)
    pooled = [{"network": [*groups["many"], *groups["few"]]} for groups in pair]
    alone, _ = followed(ParameterDensity("network", estimator), pooled)
    torch.testing.assert_close(rows[1, 2, 2], alone[1, 0, 2], rtol=0.15, atol=0)


@pytest.mark.parametrize("estimator", ["histogram", "gaussian", "auto"])
def test_it_reads_nothing_back_from_the_device_and_sends_nothing_there(estimator):
    settings = ParameterDensity(estimator=estimator)
    path = walk(4)
    meta = {name: [t.to("meta") for t in tensors] for name, tensors in path[0].items()}
    state = settings.start(meta)
    for step in range(4):
        state, rows = settings.extend(state, step, meta)
    assert all(tensor.is_meta for tensor in (*state, rows))
    state = settings.start(path[0])
    for step, groups in enumerate(path):
        with audited(), patch("torch.tensor", side_effect=AssertionError("copied to the device")):
            state, rows = settings.extend(state, step, groups)
    assert rows.isfinite().all()


def test_deterministic_mode_changes_nothing():
    _, state = followed(ParameterDensity(), walk())
    torch.use_deterministic_algorithms(True)
    try:
        _, again = followed(ParameterDensity(), walk())
    finally:
        torch.use_deterministic_algorithms(False)
    assert same(state, again)


def test_state_resumes_bit_for_bit():
    settings, path = ParameterDensity(), walk(8)
    _, whole = followed(settings, path)
    state = settings.start(path[0])
    for step, groups in enumerate(path):
        state, _ = settings.extend(state, step, groups)
        file = io.BytesIO()
        torch.save(state._asdict(), file)
        file.seek(0)
        state = DensityState(**torch.load(file, weights_only=True))
    assert same(state, whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_of_the_weights(dtype):
    path = walk(dtype=dtype)
    rows, _ = followed(ParameterDensity(), path)
    full, _ = followed(ParameterDensity(), [{n: [t[0].float()] for n, t in groups.items()} for groups in path])
    assert rows[1:].isfinite().all()
    torch.testing.assert_close(rows[1:], full[1:], rtol=0 if dtype.itemsize == 2 else 1e-3, atol=0)


def test_weights_of_mixed_precision_and_layout_in_one_group():
    x = walk()[0]["wide"][0]
    parts = [x[:100].bfloat16(), x[100:200].double(), x[200:].clone().t()]
    rows, state = followed(ParameterDensity("network"), [{"network": parts}, {"network": parts}])
    assert state.counts[-1].sum() == x.numel()
    assert rows[1, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("estimator", ["histogram", "gaussian", "auto"])
def test_a_frozen_layer_does_not_move_at_all(estimator):
    path = walk()
    frozen = [{**groups, "deep": path[0]["deep"]} for groups in path]
    rows, _ = followed(ParameterDensity(estimator=estimator), frozen)
    assert rows[1:, 1].abs().max() == 0
    assert rows[1:, 0, 0].min() > 0
    assert rows[1:, 3, 0].min() > 0


@pytest.mark.parametrize("estimator", ["histogram", "gaussian", "auto"])
def test_pruned_and_constant_tensors_divide_by_nothing(estimator):
    ones, noise = torch.ones(20_000), walk()[0]["wide"][0]
    pruned = torch.where(torch.arange(noise.numel()).view_as(noise) % 10 > 0, 0, noise)
    first = {"zeros": [0 * ones], "ones": [ones], "pruned": [noise], "single": [ones[:1]]}
    second = {**first, "pruned": [pruned]}
    third = {**second, "zeros": [noise.flatten()[:20_000]], "single": [2 * ones[:1]]}
    rows, _ = followed(ParameterDensity(estimator=estimator), [first, first, second, third])
    assert rows[1:].isfinite().all()
    assert rows[1].abs().max() == 0
    assert rows[2, [0, 1, 3], 0].abs().max() == 0
    assert rows[2, 2, 0] > 0.5
    for group in (0, 3):  # from a constant to anything else
        assert 2 < float(rows[3, group, 0]) < 2.8285


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 2])
def test_broken_weights_give_a_row_of_nan_and_leave_the_state(broken, at):
    settings, path = ParameterDensity(), walk()
    ruined = copy.deepcopy(path[at])
    ruined["deep"][0][3, 4] = broken
    state, expected = settings.start(path[0]), settings.start(path[0])
    for step, groups in enumerate(path):
        if step == at:
            before = state
            state, rows = settings.extend(state, step, ruined)
            assert rows.isnan().all()
            assert same(state, before)
        state, rows = settings.extend(state, step, groups)
        expected, found = settings.extend(expected, step, groups)
        assert same(state, expected)
        assert torch.equal(rows.nan_to_num(-1), found.nan_to_num(-1))


def test_weights_that_shrink_or_spread_a_hundredfold_keep_their_resolution():
    """On the first record's grid alone, what happens within one of its bins would be lost."""
    x = walk()[0]["wide"][0]
    for factor in (0.5, 2.0):
        path = [{"network": [x * factor**k]} for k in range(8)]
        rows, state = followed(ParameterDensity("network"), path)
        assert int((state.counts[-1] > 0).sum()) > 50
        first, last = float(rows[1, 0, 0]), float(rows[-1, 0, 0])
        assert last == pytest.approx(first, rel=0.1)


def test_what_it_keeps_and_counts_of_a_module():
    module = nn.Sequential(nn.Linear(30, 500), nn.BatchNorm1d(500), nn.Linear(500, 10))
    settings = ParameterDensity()
    groups = settings.groups_of(module)
    state, rows = settings.extend(settings.start(groups), 0, groups)
    assert settings.rows_of(groups) == ("0", "biases", "2", "network", "network_independent")
    assert rows[:, 1].tolist() == [0] * 5
    assert rows[:, [0, 2]].isnan().all()
    assert state.counts.sum(1).tolist() == [15_000, 1_510, 5_000, 21_510]
    assert not any(tensor.requires_grad for tensor in (*state, rows))
    with torch.no_grad():
        module[0].weight.mul_(1.5)
    _, rows = settings.extend(state, 1, groups)
    assert rows[:, 0].sign().tolist() == [1, 0, 0, 1, 1]
    assert rows[0, 0] == rows[4, 0]


def test_what_is_kept_does_not_grow_with_the_weights():
    kept = {}
    for number in (10**5, 10**6):
        settings = ParameterDensity("network")
        state = settings.start({"network": [torch.zeros(number, device="meta")]})
        kept[number] = sum(tensor.nbytes for tensor in state)
    assert kept[10**6] < 1.1 * kept[10**5] < 100_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": "block"}, "groups='block'"),
        ({"groups": {}}, "at least one name"),
        ({"groups": {"a/b": "."}}, "a/b"),
        ({"groups": {"network": "."}}, "stand for all"),
        ({"estimator": "mean"}, "estimator='mean'"),
        ({"bins": 1}, "bins=1"),
        ({"bins": 3.5}, r"bins=3\.5"),
        ({"biases": "in"}, "biases='in'"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ParameterDensity(**arguments)


def test_groups_without_weights_are_named():
    with pytest.raises(ValueError, match="no weights in none"):
        ParameterDensity().start({"some": [torch.ones(2)], "none": [torch.ones(0)]})


def test_the_number_of_bins_can_be_chosen():
    path = walk(2)
    _, state = followed(ParameterDensity(bins=20), path)
    used = (state.counts > 0).sum(1)
    assert int(used.min()) >= 10
    assert int(used.max()) <= 42
