"""What was found is kept, and the page in the docs says it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from replications import page as page_module
from replications.claims import IMAGES, RESULTS, Claim, Replication, altogether, decided
from replications.page import ORDER, PAGE, page, section

FOUND = Replication(
    name="example",
    title="Two of three | hold",
    paper="2305.01604",
    design="Three networks.",
    claims=(
        Claim("it is so", "76 %", "MNIST: 80 %\nCIFAR-10: 70 %", "70 to 85 %", "holds"),
        Claim("it is | not", "< 0.05", "0.2", "", "does not hold"),
        Claim("so much", "as read", "3", "", "reported"),
    ),
    cost="0.1 CPU hours",
    limits=("Three are few.",),
    pictures={"map": "All of them."},
)


def test_results_are_read_as_they_were_written(tmp_path):
    FOUND.save({"map": Figure()}, tmp_path, into_docs=False)
    assert Replication.read(tmp_path / "example.json") == FOUND
    assert (tmp_path / "replications_example_map.png").exists()


def test_a_fault_while_drawing_leaves_what_was_kept_before(tmp_path):
    class Broken(Figure):
        def savefig(self, path, **settings):
            path.write_bytes(b"half a picture")
            raise MemoryError

    two = replace(FOUND, pictures={"map": "All of them.", "other": "Another."})
    two.save({"map": Figure(), "other": Figure()}, tmp_path, into_docs=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3
    changed = Figure(facecolor="red")
    with pytest.raises(MemoryError):
        replace(two, title="Another").save({"map": changed, "other": Broken()}, tmp_path, into_docs=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    replace(two, title="Another").save({"map": changed, "other": Figure()}, tmp_path, into_docs=False)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name for name, content in after.items() if content != before[name]} == {
        "example.json",
        "replications_example_map.png",
    }


def test_the_json_is_written_last(tmp_path, monkeypatch):
    """Interrupted between the two, the pictures are newer than the text, and never older."""
    order = []
    path_type = type(tmp_path)
    replaced = path_type.replace
    monkeypatch.setattr(path_type, "replace", lambda self, to: order.append(to.name) or replaced(self, to))
    FOUND.save({"map": Figure()}, tmp_path, into_docs=False)
    assert order == ["replications_example_map.png", "example.json"]


def test_the_command_is_kept_and_shown_and_results_without_one_are_read(tmp_path):
    made = replace(FOUND, command="python -m replications.example --data DIR --sets cifar-10")
    made.save({"map": Figure()}, tmp_path, into_docs=False)
    path = tmp_path / "example.json"
    assert Replication.read(path) == made
    assert "`python -m replications.example --data DIR --sets cifar-10` · arXiv" in section(made)
    earlier = json.loads(path.read_text())
    del earlier["command"]
    path.write_text(json.dumps(earlier))
    assert Replication.read(path) == FOUND
    assert "`python -m replications.example` · arXiv" in section(FOUND)


def test_a_picture_needs_a_caption_and_a_caption_a_picture(tmp_path):
    with pytest.raises(ValueError, match=r"pictures \[\], captions \['map'\]"):
        FOUND.save({}, tmp_path, into_docs=False)


def test_the_table_says_what_holds(capsys):
    FOUND.print(Console(width=140))
    printed = capsys.readouterr().out
    assert [word for word in re.findall(r"holds|does not hold|reported", printed)] == [
        "holds",
        "does not hold",
        "reported",
    ]
    assert "Three are few." in printed


def test_a_section_has_one_row_a_claim_whatever_its_cells_hold():
    rows = [line for line in section(FOUND).splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(FOUND.claims)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)
    assert "MNIST: 80 %<br>CIFAR-10: 70 %" in rows[1]


def test_the_page_says_what_was_found_last_and_all_of_it():
    assert PAGE.read_text() == page(), "run `python -m replications.page`"
    kept = {path.stem for path in RESULTS.glob("*.json")}
    assert kept == set(ORDER)
    for name in kept:
        found = Replication.read(RESULTS / f"{name}.json")
        assert found.claims
        for picture in found.pictures:
            assert (IMAGES / f"replications_{name}_{picture}.png").stat().st_size > 10_000


def test_the_page_says_which_trainings_are_not_recorded_by_the_callback():
    sources = {path.stem: path.read_text() for path in Path(page_module.__file__).parent.glob("*.py")}
    trains = {name for name, text in sources.items() if "from replications.trainings import fit" in text}
    without = {name for name in trains if "InfoGeometryMonitor(" not in sources[name]}
    assert without == {"linear_networks"}
    asked = {name for name in ORDER if "from replications.linear_networks import" in sources[name]}
    assert asked == {"phase_boundary"}
    assert "only the linear ones of `replications.phase_boundary`" in " ".join(page_module.START.split())


def test_too_few_data_leave_a_claim_undecided():
    assert decided(True) == decided(True, False) == "holds"
    assert decided(False) == decided(False, True) == "does not hold"
    assert decided(False, False) == "undecided"


@pytest.mark.parametrize(
    ("places", "verdict"),
    [
        ((), "reported"),
        (("reported", "holds"), "holds"),
        (("holds", "undecided"), "undecided"),
        (("undecided", "does not hold", "holds"), "does not hold"),
    ],
)
def test_a_claim_about_all_places_fails_at_one_and_is_open_at_one(places, verdict):
    assert altogether(places) == verdict
