"""One choice for the whole page: what is chosen in one place is seen in all plots, and kept in the address."""

import pytest

from lightning_infogeo.cli import main
from tests.browser.chromium import browse, needed
from tests.browser.pictures import DRAWN, drawn, runs_of, traces
from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

pytestmark = needed

LEAVES = "(() => { const t = document.getElementById('distances').data.find((one) => one.meta === 'leaves');"
FLAG = {"name": "overfitting", "probe": "val", "step": 6, "detected_at": 9, "strength": 0.2, "message": "word " * 60}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for k, lr in enumerate((0.001, 0.01, 0.1, 1.0)):
        run = training(k, records=12, samples=20, way=k % 2, stride=2, lr=lr, net={"kind": "mlp" if k < 2 else "cnn"})
        write(folder / f"run_{k}.zarr", run, events=[FLAG] if k == 1 else [])
    main(["report", str(folder), "-o", str(folder / "report.html")])
    return folder / "report.html"


async def read_all(tab):
    read = {}
    for element in ("map", "curves"):
        await drawn(tab, element)
        read[element] = runs_of(await tab.value(traces(element, ("meta", "uid", "opacity", "line", "marker", "x"))))
    await drawn(tab, "distances")
    read["leaves"] = await tab.value(LEAVES + " return { runs: t.customdata, opacity: t.marker.opacity }; })()")
    read["heat"] = await tab.value("document.getElementById('distances').data.find((t) => t.type === 'heatmap').z")
    read["rows"] = await tab.value("[...document.querySelectorAll('tr[data-run]')].map((r) => [r.hidden, r.className])")
    read["events"] = await tab.value("[...document.querySelectorAll('li.event')].map((r) => r.hidden)")
    read["hash"] = await tab.value("location.hash")
    return read


def visited(path, act, **options):
    async def visit(tab):
        await tab.open(path, **options)
        await tab.until(DRAWN)
        await act(tab)
        read = await read_all(tab)
        assert tab.errors == []
        return read

    return browse(visit)


def test_a_run_highlighted_in_the_list_stands_out_in_all_plots(path):
    async def act(tab):
        await tab.click("#runs li:nth-child(3) .name")

    read = visited(path, act)
    for element in ("map", "curves"):
        faint = {trace["uid"]: trace["opacity"] < 0.2 for trace in read[element]}
        assert faint == {"run-0": True, "run-1": True, "run-2": False, "run-3": True}
    faint = dict(zip(read["leaves"]["runs"], read["leaves"]["opacity"], strict=True))
    assert [faint[k] < 0.2 for k in range(4)] == [True, True, False, True]
    assert [classes for _, classes in read["rows"]] == ["", "", "marked", ""]
    assert "mark=2" in read["hash"]


def test_a_hidden_run_is_nowhere(path):
    async def act(tab):
        await tab.click("#runs li:nth-child(2) input")

    read = visited(path, act)
    for element in ("map", "curves"):
        assert [trace["uid"] for trace in read[element]] == ["run-0", "run-2", "run-3"]
    assert sorted(read["leaves"]["runs"]) == [0, 2, 3]
    assert sum(all(cell is None for cell in row) for row in read["heat"]) == 1
    assert [hidden for hidden, _ in read["rows"]] == [False, True, False, False]
    assert read["events"] == [True]


def test_a_number_colours_by_a_scale_with_a_bar_and_filters(path):
    async def act(tab):
        await tab.choose("key", "lr")
        await tab.choose("filter", "lr")
        await tab.value(
            "(() => { const box = document.querySelector('#filters input'); box.value = '0.005';"
            " box.dispatchEvent(new Event('change')); })()"
        )
        act.bar = await tab.value("[...document.querySelectorAll('#scale span')].map((one) => one.textContent)")

    read = visited(path, act)
    assert act.bar == ["lr (log)", "0.001", "", "1"]
    assert [trace["uid"] for trace in read["map"]] == ["run-1", "run-2", "run-3"]
    assert len({trace["line"]["color"] for trace in read["map"]}) == 3
    colours = {trace["uid"]: trace["line"]["color"] for trace in read["map"]}
    assert colours == {trace["uid"]: trace["line"]["color"] for trace in read["curves"]}
    assert "only.lr=0.005.." in read["hash"]


@pytest.mark.parametrize(("axis", "last"), [("step", 10), ("progress", None)])
def test_the_slider_cuts_every_plot(path, axis, last):
    async def act(tab):
        await tab.choose("x", axis)
        if axis == "step":
            await tab.click("#log")
        place = 1000 * last / 22 if axis == "step" else 500
        await tab.value(
            f"(() => {{ const bar = document.getElementById('until'); bar.value = '{place:.0f}';"
            " bar.dispatchEvent(new Event('input')); })()"
        )

    read = visited(path, act)
    assert all(0 < len(trace["x"]) < 12 for trace in read["map"])
    if axis == "step":
        assert [trace["x"] for trace in read["curves"]] == [[0, 2, 4, 6, 8, 10]] * 4
        assert {len(trace["x"]) for trace in read["map"]} == {6}
    else:
        assert max(max(trace["x"]) for trace in read["curves"]) <= 0.5
    assert "until=" in read["hash"]


def test_the_address_brings_back_what_was_chosen(path):
    async def act(tab):
        await tab.value(
            "location.hash = 'colour=lr&hide=0&mark=3&x=progress&scale=linear&until=0.7&view=0,1&quantity=length'"
        )

    read = visited(path, act)
    assert [trace["uid"] for trace in read["map"]] == ["run-1", "run-2", "run-3"]
    assert [trace["opacity"] < 0.2 for trace in read["map"]] == [True, True, False]
    for part in ("colour=lr", "hide=0", "mark=3", "x=progress", "scale=linear", "until=0.7", "quantity=length"):
        assert part in read["hash"]

    async def again(tab):
        await tab.value(f"location.hash = {read['hash'][1:]!r}")

    assert visited(path, again) == read


def test_an_address_that_no_page_wrote_is_read_as_far_as_it_goes(path):
    async def act(tab):
        await tab.value("location.hash = 'colour=nothing&hide=7,x&until=y&view=9&series=<b>&only.net.kind=['")

    read = visited(path, act)
    assert [trace["uid"] for trace in read["map"]] == ["run-0", "run-1", "run-2", "run-3"]


def test_no_two_runs_look_the_same(tmp_path):
    for k in range(60):
        write(tmp_path / f"{k:02d}.zarr", training(k, records=3, samples=6, way=0, half=k % 2))
    main(["report", str(tmp_path), "-o", str(tmp_path / "report.html")])

    async def act(tab):
        await tab.choose("key", "half")

    read = visited(tmp_path / "report.html", act)
    looks = {(one["line"]["color"], one["line"]["dash"], one["marker"]["symbol"]) for one in read["curves"]}
    assert len(read["curves"]) == len(looks) == 60


def test_a_narrow_page_neither_scrolls_sideways_nor_covers_its_titles(path):
    async def act(tab):
        act.widths = await tab.value("[document.documentElement.scrollWidth, window.innerWidth]")
        act.wide = await tab.value(
            "[...document.querySelectorAll('li.event, #runs, #time, .plot, h2')]"
            ".filter((one) => one.getBoundingClientRect().right > window.innerWidth).map((one) => one.id)"
        )
        act.legends = await tab.value("document.querySelectorAll('.plot .legend').length")

    visited(path, act, width=390)
    assert act.widths[0] <= act.widths[1] == 390
    assert act.wide == []
    assert act.legends == 0


def test_the_strip_says_what_the_events_say(path):
    async def act(tab):
        act.said = await tab.value("[...document.querySelectorAll('#runs .verdict')].map((one) => one.textContent)")
        act.counts = await tab.value("[...document.querySelectorAll('#verdicts button')].map((one) => one.textContent)")
        await tab.click("#verdicts .flagged")

    read = visited(path, act)
    assert act.said[1] == "flagged on val since step 6, known at 9"
    assert act.counts == ["1 flagged", "3 clean"]
    assert "mark=1" in read["hash"]
