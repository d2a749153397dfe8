"""Evaluation in the middle of training; what it must leave alone as a whole is in ``monitor/test_unchanged``."""

import copy
import pickle

import pytest
import torch
from torch import nn

from lightning_infogeo.distributions import Selection, Tokens
from lightning_infogeo.distributions.distribution import IGNORED
from lightning_infogeo.probe import Evaluator, Inputs
from tests.helpers.classifiers import IMAGES, Classifier, noisy_net, random_streams, trainer

N = 50


@pytest.fixture
def made(tmp_path):
    return trainer([], tmp_path)


def evaluate(made, model, precision="full", chunk=16, inputs=IMAGES[:N]):
    return Evaluator(None, precision, chunk)(made, model, Inputs([inputs], [N]))


def test_it_is_the_model_in_evaluation_mode_without_gradients(made):
    model = Classifier(noisy_net())
    with torch.no_grad():
        model.eval()
        expected = torch.cat([model(IMAGES[start : min(start + 16, N)]) for start in range(0, N, 16)])
        model.train()
    logits = evaluate(made, model)
    assert torch.equal(logits, expected)
    assert not logits.requires_grad
    assert all(module.training for module in model.modules())


def test_flags_streams_and_log_are_put_back_after_an_exception(made):
    class Breaks(Classifier):
        def forward(self, x):
            torch.rand(3)
            raise ZeroDivisionError

    model = Breaks(noisy_net())
    model.net[1].training = False
    before, grad = random_streams(), torch.is_grad_enabled()
    with pytest.raises(ZeroDivisionError):
        evaluate(made, model)
    assert [m.training for m in model.net] == [True, False, True, True, True]
    assert random_streams() == before
    assert torch.is_grad_enabled() == grad
    assert "log" not in model.__dict__


def test_modules_with_a_train_method_of_their_own_are_not_asked(made):
    class Merges(nn.Linear):
        def train(self, mode=True):
            raise AssertionError("changes its weights when its mode changes")

        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    modes, model = [], Classifier(nn.Sequential(Merges(64, 10)))
    evaluate(made, model)
    assert set(modes) == {False}
    assert model.net[0].training


def test_a_random_model_gives_the_same_noise_every_time(made):
    class Noise(Classifier):
        def forward(self, x):
            return self.net(x) + torch.randn(len(x), 10)

    model = Noise()
    assert torch.equal(evaluate(made, model), evaluate(made, model))


def test_buffers_the_forward_writes_are_put_back(made):
    class Writes(Classifier):
        def __init__(self):
            super().__init__()
            self.register_buffer("in_place", torch.zeros(2))
            self.register_buffer("assigned", torch.zeros(2))
            self.register_buffer("missing", None)

        def forward(self, x):
            self.in_place += 1
            self.assigned = self.assigned + 1
            self.missing = torch.ones(1)
            return self.net(x)

    model, evaluator = Writes(), Evaluator(None, "full", 16)
    first = model.assigned
    for _ in range(3):
        evaluator(made, model, Inputs([IMAGES[:N]], [N]))
    assert model.in_place.tolist() == model.assigned.tolist() == [0, 0]
    assert model.assigned is first
    assert model.missing is None


def expanded(model):
    model.register_buffer("base", torch.zeros(1))
    model.register_buffer("buffer", model.base.expand(4))


BUFFERS = {
    "sparse": lambda model: model.register_buffer("buffer", torch.eye(3).to_sparse()),
    "compressed": lambda model: model.register_buffer("buffer", torch.eye(3).to_sparse_csr()),
    "conjugated": lambda model: model.register_buffer("buffer", torch.tensor([1 + 2j, 3 - 1j]).conj()),
    "imaginary part of such a one": lambda model: model.register_buffer("buffer", torch.tensor([1 + 2j]).conj().imag),
    "expanded": expanded,
    "two kinds of nested": lambda model: [
        model.register_buffer(name, torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout))
        for name, layout in (("buffer", torch.strided), ("jagged", torch.jagged))
    ],
}


@pytest.mark.filterwarnings("ignore:(Sparse|The PyTorch API of nested)")
@pytest.mark.parametrize("kind", BUFFERS)
def test_buffers_of_unusual_kinds_are_left_as_they_are(made, kind):
    class Counts(Classifier):
        def __init__(self):
            super().__init__()
            self.register_buffer("counter", torch.zeros(1))
            BUFFERS[kind](self)

        def forward(self, x):
            self.counter += 1
            if kind == "expanded":
                self.base += 1
            elif kind.startswith(("conj", "imag")):
                self.buffer.mul_(3)
            return self.net(x)

    model, evaluator = Counts(), Evaluator(None, "full", 16)
    buffers = dict(model.named_buffers())
    before = [str(buffer) for buffer in buffers.values()]
    for _ in range(3):
        evaluator(made, model, Inputs([IMAGES[:N]], [N]))
        assert [str(buffer) for buffer in model.buffers()] == before
    assert all(getattr(model, name) is buffer for name, buffer in buffers.items())


def test_outputs_of_long_and_short_batches_are_put_in_their_places(made, monkeypatch):
    monkeypatch.setattr("lightning_infogeo.probe.evaluation.ELEMENTS", 1000)

    class Positions(Classifier):
        def forward(self, x):
            return torch.stack([x, -x], -1)

    lengths = 3, 100, 3
    batches = [torch.arange(4.0 * length).reshape(4, length) for length in lengths]
    labels = torch.full((12, 100), IGNORED)
    for batch, (rows, length) in enumerate(zip(labels.split(4), lengths, strict=True)):
        rows[:, :length] = batch % 2
    selection = Selection(Tokens(max_tokens=None), 12, labels, ragged=True)
    selection.settle(torch.zeros(4, 3, 2))
    logits = Evaluator(None, "full", 16, Tokens())(made, Positions(), Inputs(batches, [4, 4, 4]), selection)
    assert torch.equal(logits[:, 0], torch.cat([batch.flatten() for batch in batches]))


def test_precision_is_full_unless_that_of_training_is_asked_for(tmp_path):
    mixed = trainer([], tmp_path, precision="bf16-mixed")
    model = Classifier()
    full, training = (evaluate(mixed, model, precision) for precision in ("full", "training"))
    assert (full.dtype, training.dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(full, evaluate(trainer([], tmp_path), model))


def test_the_logits_are_a_copy(made):
    class Hands(Classifier):
        out = torch.zeros(N, 10)

        def forward(self, x):
            return self.out

    logits = evaluate(made, Hands(), chunk=N)
    Hands.out += 1
    assert logits.sum() == 0


@pytest.mark.parametrize("chunk", [16, 50])
@pytest.mark.parametrize("given_back", ["buffer", "inputs"])
def test_logits_in_memory_that_is_put_back_are_read_before(made, given_back, chunk):
    class Reuses(Classifier):
        def __init__(self):
            super().__init__()
            self.register_buffer("buffer", torch.zeros(N, 64))

        def forward(self, x):
            out = self.buffer[: len(x)] if given_back == "buffer" else x
            return out.copy_(x + 1)

    model, evaluator, inputs = Reuses(), Evaluator(None, "full", chunk), Inputs([IMAGES[:N].clone()], [N])
    for _ in range(3):
        assert torch.equal(evaluator(made, model, inputs), IMAGES[:N] + 1)
        assert torch.equal(inputs.batches[0], IMAGES[:N])
        assert not model.buffer.any()


class Tight(Classifier):
    """Has room for so many samples at once, and keeps how many it was asked for."""

    def __init__(self, room):
        super().__init__()
        self.room, self.asked = room, []

    def forward(self, x):
        self.asked.append(len(x))
        if len(x) > self.room:
            raise MemoryError("no room")
        return self.net(x)


@pytest.mark.parametrize("cut", [True, False], ids=["one batch", "batches of a loader"])
def test_calls_are_halved_until_they_fit(made, cut):
    model = Tight(room=5)
    inputs = Inputs([IMAGES[:N]], [N]) if cut else Inputs(list(IMAGES[:N].split(30)), [30, 20])
    evaluator = Evaluator(None, "full", 64, least=3)
    logits = evaluator(made, model, inputs)
    torch.testing.assert_close(logits, model.net(IMAGES[:N]))
    assert model.asked[:4] == ([50, 25, 13, 7] if cut else [30, 15, 8, 4])
    assert evaluator.chunk == 4
    tried = len(model.asked)
    evaluator(made, model, inputs)
    assert max(model.asked[tried:]) == 4


def test_they_are_not_made_smaller_than_is_allowed_but_for_one_time(made):
    model = Tight(room=5)
    evaluator = Evaluator(None, "full", 64, least=12)
    with pytest.raises(MemoryError):
        evaluator(made, model, Inputs([IMAGES[:N]], [N]))
    assert model.asked == [50, 25, 13, 12]
    model.asked.clear()
    with pytest.raises(MemoryError):  # memory may have become shorter since: each evaluation halves once
        evaluator(made, model, Inputs([IMAGES[:N]], [N]))
    assert model.asked == [12, 6]
    assert len(evaluator(made, model, Inputs([IMAGES[:N]], [N]))) == N
    assert evaluator.chunk == 3


def test_a_batch_that_cannot_be_cut_is_not_tried_again(made):
    model = Tight(room=5)
    with pytest.raises(MemoryError):
        Evaluator(None, "full", 64, least=1)(made, model, Inputs([torch.zeros(7, 64)], [6]))
    assert model.asked == [7]


def test_copies_of_buffers_are_no_part_of_a_copy_and_are_let_go_with_the_device(made):
    """They are on the model's device, where a monitor that is pickled or has ended must leave nothing."""
    module = Classifier(noisy_net())
    inputs, evaluator = Inputs([IMAGES[:32]], [32]), Evaluator(None, "full", 16)
    for _ in range(2):
        evaluator(made, module, inputs)
    assert evaluator._guard._copies
    assert not copy.deepcopy(evaluator)._guard._copies
    assert not pickle.loads(pickle.dumps(evaluator))._guard._copies
    evaluator.to(torch.device("cpu"))
    assert not evaluator._guard._copies
    evaluator(made, module, inputs)
    assert evaluator._guard._copies
