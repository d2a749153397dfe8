"""docs/troubleshooting.md: every error of a set-up, and every warning, is found by its first words, and no other."""

import re
from pathlib import Path

import pytest

from tests.helpers.messages import messages, messages_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^- `` (.+?) ``\\\n((?:  .+\n)+)", PAGE, re.MULTILINE))
MESSAGES = messages_of(ROOT / "lightning_infogeo")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.text[:60])
def test_every_message_has_an_entry(message):
    assert [words for words in ENTRIES if message.text.startswith(words)], message


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
