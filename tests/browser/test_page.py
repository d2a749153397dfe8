"""The page in a real browser without a network: what is drawn, what clicks do, and that nothing recorded runs."""

import asyncio

import pytest

from lightning_infogeo.cli import main
from tests.browser.chromium import browse, needed
from tests.browser.pictures import DRAWN, drawn, runs_of, traces
from tests.helpers.hostile_archives import IMAGE, SCRIPT, hostile

pytestmark = needed

SHOWN = IMAGE.replace("<", "&lt;").replace(">", "&gt;")  # as plotly wants it; it draws the text as it is


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = hostile(tmp_path_factory.mktemp("hostile"))
    main(["report", str(folder), "-o", str(folder / "report.html"), "--group-by", "width"])
    return folder / "report.html"


@pytest.fixture(scope="module")
def seen(path):
    """One visit: everything that the tests look at, read in the order in which a reader clicks."""

    async def visit(tab):
        await tab.open(path)
        await tab.until(DRAWN)
        await drawn(tab, "map")
        read = {"map": await tab.value(traces("map", ("type", "name", "meta", "x", "y", "z", "text")))}
        read["spectrum"] = await tab.value(traces("spectrum", ("x", "y")))
        read["canvas"] = await tab.value("document.querySelectorAll('#map canvas').length")
        await drawn(tab, "distances")
        read["distances"] = await tab.value(traces("distances", ("type", "meta", "x", "y", "z")))
        read["ticks"] = await tab.value(
            "[...document.querySelectorAll('#distances .ytick text')].map((t) => t.textContent)"
        )
        await drawn(tab, "curves")
        read["curves"] = await tab.value(traces("curves", ("name", "meta", "x", "y", "text")))
        await tab.choose("quantity", "information length [rad]")
        read["lengths"] = await tab.value(traces("curves", ("name", "meta", "y")))
        read["title"] = await tab.value("document.querySelector('#curves .ytitle').textContent")
        await tab.choose("series", "parameters/network")
        read["offered"] = await tab.value("[...document.getElementById('quantity').options].map((o) => o.textContent)")
        await tab.choose("series", "val")
        await tab.click("#events-shown")
        await drawn(tab, "curves")
        read["quiet"] = await tab.value(traces("curves", ("meta",)))
        await tab.choose("key", "run")
        await drawn(tab, "map")
        read["by run"] = await tab.value(traces("map", ("name", "meta", "line")))
        read["legend"] = await tab.value("[...document.querySelectorAll('#runs .name')].map((t) => t.textContent)")
        await tab.choose("key", "step")
        await drawn(tab, "map")
        read["by step"] = await tab.value("[...document.getElementById('map').data[0].marker.color]")
        await tab.choose("view", "PC1 and PC2")
        await drawn(tab, "map")
        read["flat"] = await tab.value(traces("map", ("type",)))
        await tab.click("tr > th:nth-child(3)")
        await tab.click("tr > th:nth-child(1)")
        read["sorted"] = await tab.value("document.querySelector('tr[data-run]').cells[0].textContent")
        read["elements"] = await tab.value("document.querySelectorAll('img, a[href]:not(.modebar-btn), iframe').length")
        read["tab"] = tab
        return read

    return browse(visit)


def test_it_asks_for_nothing_and_nothing_recorded_runs(seen, path):
    tab = seen["tab"]
    assert [url for url in tab.requested if not url.startswith("data:")] == [path.resolve().as_uri()]
    assert tab.dialogs == []
    assert tab.errors == []
    assert seen["elements"] == 0


def test_the_map_is_drawn_in_three_dimensions_a_trace_for_each_run(seen):
    runs = runs_of(seen["map"])
    assert {trace["type"] for trace in seen["map"]} == {"scatter3d"}
    assert seen["canvas"] > 0
    assert [len(trace["x"]) for trace in runs] == [12, 12, 12]
    assert runs[0]["text"] == SHOWN
    assert [trace["name"] for trace in seen["map"]][3:] == ["geodesic", "ignorance P₀", "truth P⁎"]


def test_another_quantity_is_drawn_when_it_is_chosen(seen):
    assert runs_of(seen["curves"])[0]["y"][:2] == [1, 0.5]  # distance to truth, as recorded
    lengths = runs_of(seen["lengths"])
    assert lengths[0]["y"][:4] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert len(lengths) == 3
    assert seen["title"] == "information length [rad]"
    assert seen["offered"][0] == "velocity of the weights' distribution [rad per step]"


def test_events_stand_on_the_curves_until_they_are_switched_off(seen):
    (event,) = [trace for trace in seen["curves"] if trace["meta"] == "events"]
    assert (event["x"], event["y"]) == ([5], [pytest.approx(1 / 5)])
    assert "&lt;img src=x" in event["text"][0]
    assert "since step 4, known at 6" in event["text"][0]
    assert not [trace for trace in seen["quiet"] if trace["meta"] == "events"]


def test_another_key_colours_everything(seen):
    colours = [trace["line"]["color"] for trace in runs_of(seen["by run"])]
    assert len(set(colours)) == 3
    assert [seen["legend"][k] for k in (0, 2)] == [IMAGE, SCRIPT.replace("/", "∕")]  # as it is read
    assert seen["by step"][1] == pytest.approx(0.30103)
    assert {trace["type"] for trace in seen["flat"]} == {"scatter"}


def test_distances_and_spectrum_are_drawn(seen):
    (heat,) = [trace for trace in seen["distances"] if trace["type"] == "heatmap"]
    assert [heat["z"][k][k] for k in range(3)] == [0, 0, 0]
    assert heat["z"][0][1] == heat["z"][1][0] > 0
    (tree,) = [trace for trace in seen["distances"] if trace["meta"] == "tree"]
    joins = [across for across in tree["x"] if across is not None]
    assert max(joins) == pytest.approx(max(map(max, heat["z"])), rel=1e-5)  # complete linkage
    assert sorted(seen["ticks"]) == sorted(seen["ticks"], key=str)
    assert any(tick.startswith('"><img') for tick in seen["ticks"])
    bars, stress = seen["spectrum"]
    assert len(bars["y"]) == 12
    assert stress["y"] == sorted(stress["y"])
    assert seen["sorted"] == IMAGE


def test_a_page_that_did_not_escape_would_be_noticed(tmp_path):
    """Negative control: the driver sees alerts, errors and requests."""
    bad = tmp_path / "bad.html"
    bad.write_text(f"<body data-drawn=1>{SCRIPT}<p title=\"{IMAGE}<script src='https://example.org/a.js'></script>")

    async def visit(tab):
        await tab.open(bad)
        await tab.until(DRAWN)
        for _ in range(600):
            if tab.dialogs and tab.errors and tab.requested[1:]:  # the first is the page
                break
            await asyncio.sleep(0.1)
            await tab.value("1")
        return tab

    tab = browse(visit)
    assert "1" in tab.dialogs
    assert tab.errors
    assert "https://example.org/a.js" in tab.requested


def test_neurons_are_drawn_as_paths_graph_and_capacity(tmp_path):
    from tests.helpers.recorded_neurons import recorded

    recorded(tmp_path / "run.zarr")
    main(["report", str(tmp_path), "-o", str(tmp_path / "report.html")])

    async def visit(tab):
        await tab.open(tmp_path / "report.html")
        await tab.until(DRAWN)
        await drawn(tab, "neurons")
        read = {"paths": await tab.value(traces("neurons", ("meta", "x")))}
        await tab.choose("neuron-view", "learning graph")
        read["graph"] = await tab.value(traces("neurons", ("meta", "x")))
        read["caption"] = await tab.value("document.getElementById('neurons-caption').textContent")
        await tab.choose("neuron-view", "capacity")
        read["capacity"] = await tab.value(traces("neurons", ("meta", "y")))
        read["errors"] = tab.errors
        return read

    read = browse(visit)
    (paths,) = read["paths"]
    assert (paths["meta"], len(paths["x"])) == ("neurons", 4 * (80 + 1))  # a gap after each neuron
    assert {trace["meta"] for trace in read["graph"]} >= {"edges", "nodes"}
    assert "components 1, independent cycles 0" in read["caption"]
    (capacity,) = read["capacity"]
    assert (capacity["y"][0], capacity["y"][-1]) == (1, 2)
    assert read["errors"] == []


def test_dark_pages_are_dark_and_one_run_without_labels_is_drawn(tmp_path):
    from tests.helpers.synthetic_archives import write
    from tests.helpers.synthetic_runs import training

    write(tmp_path / "a.zarr", training(1, records=6, samples=10)._replace(labels=None))
    main(["report", str(tmp_path), "-o", str(tmp_path / "report.html")])

    async def visit(tab):
        await tab.open(tmp_path / "report.html", dark=True)
        await drawn(tab, "map")
        names = await tab.value(traces("map", ("name", "uid")))
        await drawn(tab, "curves")
        paper = await tab.value("document.getElementById('curves').layout.paper_bgcolor")
        return names, paper, await tab.value("document.getElementById('distances-section')"), tab.errors

    names, paper, distances, errors = browse(visit)
    assert [trace["uid"] or trace["name"] for trace in names] == ["run-0", "ignorance P₀"]
    assert paper == "#1c2026"
    assert distances is None
    assert errors == []
