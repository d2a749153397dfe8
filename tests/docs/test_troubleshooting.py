"""docs/troubleshooting.md: every error of a set-up, and every warning, is found by its first words, and no other."""

import re
from pathlib import Path

import lightning.pytorch as pl
import pytest

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, OverfittingOnset
from lightning_infogeo.demo import DigitsClassifier, digits
from tests.helpers.messages import messages, messages_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^- `` (.+?) ``\\\n((?:  .+\n)+)", PAGE, re.MULTILINE))
MESSAGES = messages_of(ROOT / "lightning_infogeo")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.text[:60])
def test_every_message_has_an_entry(message):
    assert [words for words in ENTRIES if message.text.startswith(words)], message


def fit(model, monitor):
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    pl.Trainer(max_steps=2, accelerator="cpu", callbacks=[monitor], **quiet).fit(model, *digits(seed=0))


class Certain(DigitsClassifier):
    def forward(self, images):
        return super().forward(images).softmax(-1)


class Pair(DigitsClassifier):
    def forward(self, images):
        return 0, super().forward(images)


MISTAKES = {
    "the output on probe … is probabilities": lambda: fit(Certain(), InfoGeometryMonitor()),
    "the model must return": lambda: fit(Pair(), InfoGeometryMonitor()),
    "must return (inputs, labels)": lambda: fit(DigitsClassifier(), InfoGeometryMonitor(split=lambda batch: batch[0])),
    "holds … records": lambda: fit(DigitsClassifier(), InfoGeometryMonitor(memory="10kB")),
    "must be a positive int": lambda: InfoGeometryMonitor(probe_size=0),
    "… is no marker": lambda: InfoGeometryMonitor(markers=[OverfittingOnset]),
    "must be True, False or": lambda: InfoGeometryMonitor(embedding=3),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_user_finds_what_a_mistake_raises(words):
    with pytest.raises(ConfigurationError) as raised:
        MISTAKES[words]()
    fitting = [e for e in ENTRIES if re.match(".*?".join(map(re.escape, e.split("…"))), str(raised.value), re.DOTALL)]
    assert any(entry.endswith(words) for entry in fitting), (str(raised.value), fitting)


@pytest.mark.filterwarnings("ignore:You passed in a `val_dataloader`")
def test_two_cures_work(monkeypatch):
    monitor = InfoGeometryMonitor(logits_fn=lambda module, inputs: module(inputs).log())
    fit(Certain(), monitor)
    assert set(monitor.trajectories) == {"train", "val"}
    monkeypatch.setattr(DigitsClassifier, "validation_step", pl.LightningModule.validation_step)
    train, val = digits(seed=0)
    monitor = InfoGeometryMonitor(probes={"train": train, "val": val})
    fit(DigitsClassifier(), monitor)
    assert set(monitor.trajectories) == {"train", "val"}


def test_every_entry_is_of_a_message_and_has_a_cure():
    for words, cure in ENTRIES.items():
        assert any(message.text.startswith(words) for message in MESSAGES), words
        assert cure.strip(), words


def test_there_are_no_more_bullets_with_words_than_entries():
    assert len(re.findall(r"^- ``", PAGE, re.MULTILINE)) == len(ENTRIES) > 100


def test_a_message_that_is_new_would_be_seen():
    source = """
ONCE = "`A`: reads {}, once"
def f(x):
    remedy = f"{x} is no marker"
    check(x, "markers", x, remedy)
    raise ConfigurationError(ONCE.format(x))
def g(x):
    rank_zero_warn(f"`B`: {x.name} raised " "it")
def check(right, argument, value, remedy):
    raise ConfigurationError(f"`InfoGeometryMonitor({argument}={value!r})`: {remedy}.")
"""
    assert {(kind, text) for kind, text, _ in messages(source)} == {
        ("error", "`InfoGeometryMonitor(markers=…)`: … is no marker."),
        ("error", "`A`: reads …, once"),
        ("warning", "`B`: … raised it"),
    }


def test_few_messages_cannot_be_read_off_the_source():
    """Those that are only passed on: of another process, or of a function that describes a record."""
    passed_on = [
        (path.name, message.kind)
        for path in (ROOT / "lightning_infogeo").rglob("*.py")
        for message in messages(path.read_text(encoding="utf-8"))
        if message.text == "…"
    ]
    assert sorted(passed_on) == [("collectives.py", "error"), ("collectives.py", "error"), ("session.py", "warning")]
