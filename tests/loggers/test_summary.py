"""The summary of a training as text, and values on their way to the host."""

import io
import logging
import math
import re
import sys
from html import unescape

import markdown
import pytest
import torch
from rich.console import Console

from lightning_infogeo.loggers import HostCopies, event_list, summary_table
from lightning_infogeo.markers import Event, Verdict
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = ("velocity", "length", "displacement", "straightness", "roughness", "entropy")
LABELLED_QUANTITIES = (*QUANTITIES, "distance_to_truth", "progress")


def shown(trajectories, *more):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(summary_table(trajectories, *more))
    return console.export_text()


def test_the_table_names_the_closest_approach_and_skipped_records():
    trajectory = Trajectory(LABELLED_QUANTITIES, "", 1, "")
    trajectory.append(0, [math.nan, 0, 0, 1, math.nan, 2, 1.15, 0.0])
    trajectory.append(40, [0.1, 2.5, 2, 0.8, 0.7, 2, 0.2191, 0.6])
    trajectory.append(50, [math.nan] * 8)
    trajectory.append(60, [0.1, 3.456, 2, 0.579, 0.5, 1, 0.5, 0.7])
    bare = Trajectory(QUANTITIES, "", 1, "")
    bare.append(7, [math.nan, 0, 0, 1, math.nan, 2])
    text = shown({"val": trajectory, "bare": bare, "empty": Trajectory(QUANTITIES, "", 1, "")})
    row = next(line for line in text.splitlines() if " val " in line)
    for cell in ("4", "3.456", "0.2191 at 40", "0.5000"):
        assert f"│ {cell} │" in " ".join(row.split())
    assert "Last records: steps 7 to 60." in text
    assert "no labels" in text
    assert "val 1" in text


def test_the_table_gives_four_answers_and_names_every_event():
    trajectory = Trajectory(LABELLED_QUANTITIES, "", 1, "")
    trajectory.append(40, [0.1, 2.5, 2, 0.8, 0.7, 2, 0.2191, 0.6])
    verdicts = {
        "a": Verdict("flagged", 0.05, 100),
        "b": Verdict("clean", 0.034, 100),
        "c": Verdict("undecidable", 0.21, 2200),
        "d": Verdict("clean", 0.0, 0),
        "e": Verdict("watch", 0.061, 190, 0.042),
        "f": Verdict("undecidable", math.inf, 0),
    }
    events = [Event("knee", "a", 123, 300, -0.5, "it bends"), Event("overfitting", "a", 456, 789, 0.3, "it turns")]
    text = " ".join(shown(dict.fromkeys("abcdefg", trajectory), events, verdicts).split())
    for words in (
        "flagged since step 456, known at 789",
        "clean (resolution 3.4%)",
        "a rise below 21%",
        "needs 2200 samples",
        "at its closest",
    ):
        assert words in text
    for words in ("watch: up by 4.2%, not yet significant", "(would be from 6.1%)", "undecidable: too few records"):
        assert words in text
    for event in events:
        assert f"- {event.headline}: {event.message}" in text
    assert event_list(events).splitlines() == [
        "- **knee on a since step 123, known at 300**: it bends",
        "- **overfitting on a since step 456, known at 789**: it turns",
    ]


def test_copies_are_given_once_and_in_order():
    copies = HostCopies()
    for step in range(3):
        copies.start_copy(step, None, torch.tensor([float(step), math.inf]))
    assert copies
    assert copies.finish() == [(step, None, [step, math.inf]) for step in range(3)]
    assert not copies
    assert copies.finish() == []


def test_texts_of_events_are_text_alone_in_markdown():
    """As TensorBoard renders it; what names and messages hold comes from users and their data."""
    texts = [
        "<script>alert(1)</script>",
        "a | b\n\n| c | d |\r\n# e",
        "[x](javascript:alert(1)) ![y](http://z)",
        "`*&amp;*`\\",
    ]
    events = [Event(text, text, 1, 2, 0.5, text) for text in texts]
    html = markdown.markdown(
        event_list(events), extensions=["markdown.extensions.tables", "markdown.extensions.fenced_code"]
    )
    lines = [unescape(" ".join(re.sub(r"<[^>]*>", "", item).split())) for item in html.split("<li>")[1:]]
    once = [" ".join(text.split()) for text in texts]
    assert lines == [f"{text} on {text} since step 1, known at 2: {text}" for text in once]
    assert set(re.findall(r"</?(\w+)", html)) <= {"ul", "li", "strong"}


def one_table():
    trajectory = Trajectory(LABELLED_QUANTITIES, "", 1, "")
    trajectory.append(40, [0.1, 2.5, 2, 0.8, 0.7, 2, 0.2191, 0.6])
    return summary_table({"val": trajectory, "bare–": Trajectory(QUANTITIES, "", 1, "")})


def test_the_table_is_one_in_print_in_logs_and_in_notebooks(capsys, caplog):
    table = one_table()
    print(table)
    printed = capsys.readouterr().out
    with caplog.at_level(logging.INFO):
        logging.info("%s", table)
    bundle = table._repr_mimebundle_((), ())
    for text in (printed, repr(table), caplog.text, bundle["text/plain"], table._repr_html_(), bundle["text/html"]):
        assert "Information geometry of this training" in text
        assert re.search(r"│ val .*0\.2191", text)
    assert "<pre" in table._repr_html_()
    assert "\x1b" not in printed  # no colours where they would be characters


def test_the_text_of_a_table_does_not_depend_on_being_in_a_notebook(monkeypatch):
    """There rich displays what it is told to write into a file."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "│ val " in str(one_table())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp932", "cp1252"])
def test_a_table_can_be_shown_on_a_console_of_any_encoding(monkeypatch, encoding):
    for show in (print, lambda table: Console().print(table)):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        show(one_table())
        stream.flush()
        text = stream.buffer.getvalue().decode(encoding)
        assert "0.2191" in text
        assert ("bare–" if encoding == "cp1252" else "bare?") in text
    with pytest.raises(UnicodeEncodeError):  # as it would be without
        "–".encode("cp932")
