"""Which vectors are recorded, that training notices nothing, and what a projection does to distances."""

import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from lightning_infogeo.topology import NeuronSettings, Projection, affordable_dimension, incoming, neuron_layers
from tests.helpers.host_reads import audited


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(12, 8)
        self.body = nn.Sequential(nn.Conv1d(8, 6, 3), nn.BatchNorm1d(6), nn.Linear(5, 4))
        self.tied = nn.Linear(8, 12, bias=False)
        self.tied.weight = self.table.weight
        self.normed = parametrizations.weight_norm(nn.Linear(4, 4))
        self.one = nn.Linear(4, 1)


def test_layers_are_those_with_neurons_each_weight_once():
    net = Net()
    assert neuron_layers(net) == ("table", "body.0", "body.2")
    assert neuron_layers(net, ["one", "body.0"]) == ("body.0", "one")
    shapes = {name: tuple(v.shape) for name, v in incoming(net, neuron_layers(net)).items()}
    assert shapes == {"table": (12, 8), "body.0": (6, 24), "body.2": (4, 5)}


def test_a_vocabulary_is_followed_only_when_named():
    net = nn.Sequential(nn.Linear(4, 20_000), nn.Linear(4, 3))
    assert neuron_layers(net) == ("1",)
    assert neuron_layers(net, ["0"]) == ("0",)


LAYERS = [
    (nn.Linear(6, 5), (2, 6)),
    (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 9)),
    (nn.Conv2d(3, 5, (2, 3)), (2, 3, 6, 7)),
    (nn.ConvTranspose1d(4, 6, 3), (2, 4, 5)),
    (nn.ConvTranspose2d(4, 6, 3, groups=2), (2, 4, 5, 5)),
    (nn.ConvTranspose3d(6, 6, 2, groups=3), (2, 6, 3, 3, 3)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: type(value).__name__)
def test_a_vector_holds_what_its_neuron_gets_and_nothing_else(layer, shape):
    """The sum of squares of a vector is the gradient that the neuron's output sends to its own weights only."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    channel = -1 if isinstance(layer, nn.Linear) else 1
    outputs = layer(x)
    neurons = outputs.shape[channel]
    for neuron in range(neurons):
        layer.zero_grad()
        layer(x).select(channel, neuron).square().sum().backward()
        copy = type(layer).__new__(type(layer))
        copy.__dict__ = {**layer.__dict__, "_parameters": {"weight": nn.Parameter(layer.weight.grad.ne(0).float())}}
        touched = incoming(nn.Sequential(copy), ["0"])["0"]
        assert touched.shape[0] == neurons
        assert touched[neuron].all()
        assert touched.sum() == touched[neuron].sum()


def states():
    return torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize("memory", [2**28, 90_000])
def test_recording_leaves_weights_gradients_and_generators_alone(memory):
    net = nn.Sequential(nn.Linear(100, 30), nn.Linear(30, 5))
    net(torch.randn(2, 100)).sum().backward()
    before = [(p, p._version, p.grad.clone()) for p in net.parameters()]
    torch_state, *others = states()
    recorder = NeuronSettings(memory=memory).start(net, records=10)
    first = recorder.record(net)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert others == list(states()[1:])
    for parameter, version, grad in before:
        assert parameter._version == version
        assert torch.equal(parameter.grad, grad)
    kept = {name: v.clone() for name, v in first.items()}
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    for name, vectors in first.items():
        assert not vectors.requires_grad
        assert torch.equal(vectors, kept[name])  # a copy, not a view
        assert vectors.shape == recorder.shapes[name]
    assert bool(recorder.projections) == (memory == 90_000)
    assert 10 * recorder.bytes <= memory


def test_a_record_reads_nothing_from_the_device():
    net = nn.Sequential(nn.Linear(100, 30), nn.ConvTranspose1d(4, 6, 3), nn.Linear(100, 7)).to("meta")
    for memory in (2**28, 80_000):
        recorder = NeuronSettings(memory=memory).start(net, records=10)
        assert recorder.record(net)["0"].device.type == "meta"
    with audited():
        NeuronSettings(memory=80_000).start(nn.Linear(100, 30), records=10).record(nn.Linear(100, 30))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_records_are_float32_whatever_the_weights_and_autocast(dtype):
    net = nn.Linear(100, 30).to(dtype)
    exact = NeuronSettings().start(net, 10).record(net)[""]
    assert torch.equal(exact, net.weight.detach().float())
    recorder = NeuronSettings(memory=60_000).start(net, records=10)
    with torch.autocast("cpu"), torch.inference_mode():
        projected = recorder.record(net)[""]
    torch.testing.assert_close(projected, exact @ recorder.projections[""].matrix)
    assert projected.dtype == torch.float32


def test_squared_distances_are_off_by_the_stated_error():
    """Over 600 draws: mean 1 and standard deviation √(2/k), as of χ²_k / k."""
    x = torch.randn(500, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -2, 500)
    factors = torch.stack([Projection(500, 50, seed)(x).square().sum() / x.square().sum() for seed in range(600)])
    stated = Projection(500, 50).relative_error
    assert stated == pytest.approx(0.2)
    assert float(factors.mean()) == pytest.approx(1, abs=4 * stated / math.sqrt(600))
    assert float(factors.std()) == pytest.approx(stated, rel=0.12)
    assert float((factors.sqrt() - 1).std()) == pytest.approx(stated / 2, rel=0.12)


def test_a_single_vector_with_one_large_entry_is_no_worse():
    """Sparse projections fail here; a normal one has the same error for every direction."""
    x = torch.eye(500)[0]
    factors = torch.stack([Projection(500, 50, seed)(x).square().sum() for seed in range(600)])
    assert float(factors.std()) == pytest.approx(0.2, rel=0.12)


def test_the_same_seed_is_the_same_projection():
    assert torch.equal(Projection(30, 5, 1).matrix, Projection(30, 5, 1).matrix)
    assert not torch.equal(Projection(30, 5, 1).matrix, Projection(30, 5, 2).matrix)


def test_layers_are_projected_only_where_all_would_not_fit():
    sizes, records = [(100, 784), (100, 100), (10, 100)], 200
    whole = 4 * records * sum(n * f for n, f in sizes)
    assert affordable_dimension(sizes, records, whole) == 784
    for memory in (whole - 1, whole // 2, whole // 4):
        d = affordable_dimension(sizes, records, memory)
        assert 4 * records * sum(n * min(f, d) for n, f in sizes) <= memory
        assert 4 * records * sum(n * min(f, d + 1) for n, f in sizes) > memory
    net = nn.Sequential(*(nn.Linear(f, n) for n, f in sizes))
    recorder = NeuronSettings(memory=whole // 4).start(net, records)
    assert list(recorder.projections) == ["0"]


@pytest.mark.parametrize(
    ("settings", "net", "message"),
    [
        ({"layers": ["2"]}, nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "'2' is no Linear.* there are '0'"),
        ({"layers": ["1"]}, nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "'1' is no Linear"),
        ({"layers": ["normed"]}, Net(), "'normed' is no Linear"),
        ({"layers": "0"}, nn.Linear(2, 2), "list of at least one"),
        ({"layers": []}, nn.Linear(2, 2), "list of at least one"),
        ({"layers": False}, nn.Linear(2, 2), "layers=False"),
        ({}, nn.ReLU(), "there are none of any size"),
        ({}, nn.Linear(2, 1), r"there are '' \(1\)"),
        ({"memory": 100}, nn.Linear(200, 10), "raise it, name fewer layers"),
        ({}, nn.LazyLinear(3), "without a shape"),
    ],
)
def test_impossible_choices_are_named(settings, net, message):
    with pytest.raises(ValueError, match=message):
        NeuronSettings(**settings).start(net, records=10)


def test_impossible_numbers_are_named():
    with pytest.raises(ValueError, match="memory=0"):
        NeuronSettings(memory=0)
    with pytest.raises(ValueError, match="records=0"):
        NeuronSettings().start(nn.Linear(2, 2), records=0)
    with pytest.raises(ValueError, match="both must be positive"):
        Projection(0, 3)
