"""The page as text: nothing is loaded, nothing recorded is code, and its numbers are those of the comparison."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lightning_infogeo.archive import Archive
from lightning_infogeo.cli import main
from lightning_infogeo.comparison import compare, joint_embedding
from lightning_infogeo.html_report import ReportPayload, ReportRun, page, payload
from lightning_infogeo.html_report import html_tables as tables
from lightning_infogeo.html_report.typed_arrays import packed
from lightning_infogeo.html_report.verdicts import verdict_on
from tests.helpers.hostile_archives import IMAGE, LINK, SCRIPT, hostile
from tests.helpers.packed_numbers import numbers
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import on_the_geodesic, training


class Parsed(HTMLParser):
    """What a browser makes of a page: elements with their attributes, and the text in each kind of them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.within = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.within.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.within.pop() == tag  # nothing recorded opens or closes an element

    def handle_data(self, data):
        if self.within:
            self.texts[self.within[-1]][-1] += data

    @property
    def data(self):
        return json.loads(self.texts["script"][0])


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = hostile(tmp_path_factory.mktemp("hostile"))
    main(["report", str(folder), "-o", str(folder / "report.html")])
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parsed(text):
    return Parsed(text)


def test_it_is_well_formed_and_loads_nothing(text, parsed):
    assert parsed.within == []
    names = {tag for tag, _ in parsed.elements}
    assert names.isdisjoint({"img", "a", "link", "iframe", "object", "embed", "base", "form", "svg"})
    attributes = {name for _, given in parsed.elements for name in given}
    assert attributes.isdisjoint({"src", "href", "srcset", "action"})
    assert not [name for name in attributes if name.startswith("on")]
    own = text.replace(parsed.texts["script"][1], "")  # plotly.js has addresses of maps and of its makers in it
    assert not re.search(r"https?:|//[a-z]|@import|url\(", own, re.IGNORECASE)


def test_its_policy_allows_its_two_scripts_and_no_connection(parsed):
    (policy,) = (given["content"] for tag, given in parsed.elements if given.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules  # falls back to none
    hashes = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in parsed.texts["script"][1:]]
    assert rules["script-src"].split() == [f"'sha256-{one}'" for one in hashes]
    assert [given for tag, given in parsed.elements if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
        {},
    ]


def test_names_metadata_and_events_are_text(text, parsed):
    cells = [*parsed.texts["td"], *parsed.texts["li"]]
    for expected in (IMAGE, SCRIPT, LINK.replace("/", "∕"), SCRIPT.replace("/", "∕"), f"['{SCRIPT}']"):
        assert any(expected in cell for cell in cells), expected
    assert any(f"{SCRIPT} on val since step 4, known at 6" in said for said in parsed.texts["b"])
    assert IMAGE in parsed.texts["th"]  # a key of the metadata
    assert "alert(1)</script>" not in text
    assert "<img" not in text.replace(parsed.texts["script"][1], "")
    assert parsed.data["runs"] == [IMAGE, LINK.replace("/", "∕"), SCRIPT.replace("/", "∕")]
    assert {event["message"] for event in parsed.data["events"]} == {IMAGE, f"['{SCRIPT}']"}
    assert [event["step"] for event in parsed.data["events"]] == [4, None]


def test_its_numbers_are_those_of_the_comparison(parsed):
    order = (1, 2, 0)  # of the names
    runs = [training(k, records=12, samples=20, way=k // 2) for k in order]
    found = compare([run._replace(amplitudes=run.amplitudes.float()) for run in runs], n_components=12)
    data = parsed.data
    close = {"rtol": 1e-4, "atol": 1e-6}
    axes = torch.tensor([numbers(column).tolist() for column in data["map"]["axes"]]).double()
    torch.testing.assert_close(axes.mT, found.embedding.coordinates[:, :3], **close)
    torch.testing.assert_close(
        torch.tensor(data["spectrum"]["eigenvalues"]).double(), found.embedding.eigenvalues, **close
    )
    order = data["distances"]["order"]
    table = torch.tensor(numbers(data["distances"]["table"]).tolist()).double()
    torch.testing.assert_close(table.reshape(3, 3), found.distances[order][:, order], **close)
    joins = sorted(max(across) for _, across in data["distances"]["tree"])
    torch.testing.assert_close(torch.tensor(joins).double(), torch.from_numpy(found.tree[:, 2]), **close)
    assert numbers(data["map"]["steps"]).tolist() == list(range(12)) * 3
    assert data["map"]["starts"] == [0, 12, 24, 36]
    assert [one["name"] for one in data["series"]] == ["val", "train", "parameters/network"]
    curve = data["series"][0]["curves"][2]
    assert numbers(curve["values"]["length"]) == pytest.approx([0.1 * k for k in range(12)])
    keys = {one["key"]: one for one in data["keys"]}
    assert (keys["width"]["texts"], keys["width"]["values"]) == (["32", "16", "16"], ["16", "32"])
    assert keys["width"]["numbers"] is None  # two values are told apart by colours
    assert keys["seed"]["numbers"] == [1, 2, 0]


def subjects(folder, runs):
    paths = [write(folder / f"{run.name}.zarr", run) for run in runs]
    return [ReportRun(run.name, Archive(path)) for run, path in zip(runs, paths, strict=True)]


def test_one_run_without_labels_has_a_page(tmp_path):
    run = training(1, records=6, samples=10)._replace(labels=None)
    found = joint_embedding([run])
    parsed = Parsed(page(ReportPayload(subjects(tmp_path, [run]), "val", 10, 5, found)))
    assert parsed.data["distances"] is None
    assert parsed.data["map"]["progress"] is None
    assert parsed.texts["h1"] == [run.name]
    assert len(numbers(parsed.data["map"]["milestones"][0])) == 1
    assert parsed.data["verdicts"][0]["kind"] == "clean"


def test_one_record_has_a_page(tmp_path):
    run = on_the_geodesic([0.5], "one")
    found = compare([run])
    data = Parsed(page(ReportPayload(subjects(tmp_path, [run]), "val", 10, 3, found.embedding, found))).data
    assert numbers(data["map"]["steps"]).tolist() == [0]
    assert data["distances"] is None


def test_long_runs_are_thinned_to_their_last_record_and_this_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "POINTS", 10)
    monkeypatch.setattr(tables, "POINTS", 10)
    runs = [on_the_geodesic([(k + 1) / 20 for k in range(20)], name) for name in "ab"]
    found = compare(runs)
    parsed = Parsed(page(ReportPayload(subjects(tmp_path, runs), "val", 10, 3, found.embedding, found)))
    assert numbers(parsed.data["map"]["steps"]).tolist() == [3, 7, 11, 15, 19] * 2
    assert numbers(parsed.data["series"][0]["curves"][0]["steps"]).tolist() == [3, 7, 11, 15, 19]
    assert any("some of the 40 checkpoints" in item for item in parsed.texts["li"])


def test_what_is_not_finite_is_left_open(tmp_path):
    run = training(1, records=6, samples=10)
    found = joint_embedding([run])
    write(tmp_path / "a.zarr", run, bad=(2,))
    data = Parsed(page(ReportPayload([ReportRun("a", Archive(tmp_path / "a.zarr"))], "val", 10, 5, found))).data
    length = data["series"][0]["curves"][0]["values"]["length"]
    assert np.isnan(numbers(length)).tolist() == [False, False, True, False, False, False]


def test_the_settings_of_runs_are_columns_of_their_table(parsed):
    heads = parsed.texts["th"]
    assert heads.index("verdict") < heads.index("note") < heads.index("width")
    assert not [cell for cell in parsed.texts["td"] if cell.startswith("{")]


def test_large_steps_are_whole_numbers():
    steps = torch.tensor([1, 2**31 + 5])
    assert numbers(packed(steps)).tolist() == steps.tolist()


@pytest.mark.parametrize(
    ("distances", "kind", "text"),
    [
        ([1.0, 0.5, 0.25], "clean", "clean: at its closest"),
        ([1.0, 0.5, 0.504], "clean", "clean: up 0.8%"),
        ([1.0, 0.5, 0.55], "watch", "watch: up 10.0% since step 1"),
    ],
)
def test_a_verdict_without_a_flag_is_about_the_closest_approach(distances, kind, text):
    quantities = torch.tensor(distances, dtype=torch.float64)[:, None]
    recorded = SimpleNamespace(
        attributes={"quantities": ["distance_to_truth"]}, quantities=quantities, steps=torch.arange(3)
    )
    made = type("Recorded", (), {"events": [], "__getitem__": lambda *_: recorded})()
    assert verdict_on(made, "val") == (kind, text)


def test_a_flag_counts_until_it_is_withdrawn():
    flag = {"name": "overfitting", "probe": "val", "step": 4, "detected_at": 6, "strength": 0.5, "message": "up"}
    recorded = SimpleNamespace(attributes={"quantities": []})
    made = type("Recorded", (), {"events": [flag], "__getitem__": lambda *_: recorded})()
    assert verdict_on(made, "val") == ("flagged", "flagged on val since step 4, known at 6")
    made.events = [flag, {**flag, "name": "recovered"}]
    assert verdict_on(made, "val").kind == "unknown"
