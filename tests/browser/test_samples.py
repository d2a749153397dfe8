"""The samples of the page in a real browser: which are drawn and ranked, and that the choice of runs is theirs, too."""

import pytest

from lightning_infogeo.cli import main
from tests.browser.chromium import browse, needed
from tests.browser.pictures import DRAWN, drawn, traces
from tests.helpers.hostile_archives import IMAGE, hostile
from tests.helpers.slow_answers import slow_lists, slow_summary
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

pytestmark = needed

RUNS = [training(k, records=12, samples=20, classes=4) for k in range(3)]
TRAINED = [training(50 + k, records=12, samples=20, classes=4) for k in range(3)]
OFFERED = "[...document.getElementById('sample-run').options].map((o) => o.textContent)"
CHOSEN = "document.getElementById('sample-run').selectedOptions[0]?.textContent ?? null"
TABLE = "[...document.querySelectorAll('#label-errors tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))"
FIELDS = ("meta", "x", "y", "customdata", "marker")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """One visit, in the order in which a reader clicks."""
    folder = tmp_path_factory.mktemp("runs")
    for k, run in enumerate(RUNS):
        write(folder / f"run_{k}.zarr", run, more={"train": TRAINED[k]})
    main(["report", str(folder), "-o", str(folder / "report.html")])

    async def visit(tab):
        await tab.open(folder / "report.html")
        await tab.until(DRAWN)
        await drawn(tab, "samples")
        read = {"first": await tab.value(traces("samples", FIELDS)), "table": await tab.value(TABLE)}
        read["offered"] = await tab.value(OFFERED)
        await tab.click("#label-errors tbody tr:nth-child(2)")
        await drawn(tab, "samples")
        read["ringed"] = await tab.value(traces("samples", FIELDS))
        await tab.choose("sample-probe", "val")
        await drawn(tab, "samples")
        read["val"] = await tab.value(TABLE)
        await tab.click("#runs li:nth-child(3) .name")
        await drawn(tab, "samples")
        read["highlighted"], read["of the highlighted"] = await tab.value(CHOSEN), await tab.value(TABLE)
        await tab.click("#runs li:nth-child(3) input")
        await drawn(tab, "samples")
        read["after hiding"] = await tab.value(OFFERED), await tab.value(CHOSEN)
        for k in (1, 2):
            await tab.click(f"#runs li:nth-child({k}) input")
        await drawn(tab, "samples")
        read["all hidden"] = await tab.value(TABLE), await tab.value(traces("samples", FIELDS))
        read["errors"] = tab.errors
        return read

    return browse(visit)


def ranked(run):
    return slow_lists(run.amplitudes.square().tolist(), run.labels.tolist())["ranked"]


def test_the_cartography_is_that_of_the_probe_trained_on(seen):
    found = slow_summary(TRAINED[0].amplitudes.square().tolist(), TRAINED[0].labels.tolist())
    assert seen["offered"] == ["run_0", "run_1", "run_2"]
    points = [
        (n, *place)
        for trace in seen["first"]
        for n, *place in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    ]
    assert sorted(n for n, *_ in points) == list(range(20))
    for n, x, y in points:
        assert (x, y) == pytest.approx((found[n]["variability"], found[n]["confidence"]), rel=1e-4)
    learnt = seen["first"][0]
    assert learnt["meta"] == "learnt"
    colours = learnt["marker"]["color"]
    assert list(colours) == [found[n]["forgetting"] for n in learnt["customdata"]]
    assert len(set(colours)) > 1


def test_the_table_ranks_by_the_area_under_the_margin(seen):
    assert [int(row[1]) for row in seen["table"]] == ranked(TRAINED[0])
    assert [int(row[1]) for row in seen["val"]] == ranked(RUNS[0])
    assert [int(row[0]) for row in seen["table"]] == list(range(1, 21))


def test_a_row_that_is_clicked_is_ringed_in_the_plot(seen):
    (ring,) = [trace for trace in seen["ringed"] if trace["meta"] == "ringed"]
    assert ring["customdata"] == [ranked(TRAINED[0])[1]]
    assert not [trace for trace in seen["first"] if trace["meta"] == "ringed"]


def test_they_follow_the_choice_of_runs(seen):
    assert seen["highlighted"] == "run_2"
    assert [int(row[1]) for row in seen["of the highlighted"]] == ranked(RUNS[2])
    assert seen["after hiding"] == (["run_0", "run_1"], "run_0")
    assert seen["all hidden"][0] == []
    assert seen["all hidden"][1] == []
    assert seen["errors"] == []


def test_names_of_runs_are_text_there_too(tmp_path):
    folder = hostile(tmp_path)
    main(["report", str(folder), "-o", str(folder / "report.html")])

    async def visit(tab):
        await tab.open(folder / "report.html")
        await tab.until(DRAWN)
        await drawn(tab, "samples")
        return await tab.value(OFFERED), tab.dialogs, tab.errors

    offered, dialogs, errors = browse(visit)
    assert IMAGE in offered
    assert (dialogs, errors) == ([], [])
