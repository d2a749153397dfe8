"""The tab in a real TensorBoard in a real browser, on log directories written by hand."""

import re

import numpy as np
import pytest

from tests.browser import chromium
from tests.browser.tab_page import TabPage
from tests.tab.event_files import RunFiles, WrittenProbe, trajectory, write_run
from tests.tab.served import FAST, SLOW, installed, tensorboard

pytestmark = chromium.needed

PROBE = WrittenProbe()
RUNS = ("a", "deep/b", "<i>c")
TABS = "[...document.querySelectorAll('tbdev-header, app-header *')].map((one) => one.textContent).join(' ')"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return installed(tmp_path_factory.mktemp("site"))


@pytest.fixture
def logs(tmp_path):
    """Writes three runs on one probe, each with its hyper-parameter, pictures and an event."""
    for seed, name in enumerate(RUNS):
        metadata = {"model": "Net", "hyperparameters": {"lr": 10.0**-seed}}
        files = RunFiles(tmp_path / name, run={"id": name, "continues": None, "metadata": metadata})
        for step, one in enumerate(trajectory(30, seed)):
            files.record(10 * step, PROBE, one)
        files.pictures(PROBE, np.full((2, 8, 8, 1), 99, np.uint8), [0, 1])
        event = {"name": "overfitting", "probe": "val", "step": 100, "detected_at": 150, "headline": "overfitting"}
        files.events(
            290,
            {
                "format": 1,
                "events": [event],
                "verdicts": {"val": "flag since 100"},
                "steps": {"last": 290, "planned": 290},
            },
        )
        files.close()
    return tmp_path


def browse(served, work, **looks):
    """Runs ``work(page)`` on the tab; nothing may go wrong in it."""

    async def inside(tab):
        await tab.visit(f"{served.address}#infogeo", **looks)
        page = TabPage(tab)
        await page.until("w?.infogeo?.drawn().map.length")
        found = await work(page)
        assert (tab.errors, tab.dialogs) == ([], [])
        return found

    return chromium.browse(inside)


@pytest.mark.parametrize("loader", [FAST, SLOW], ids=["fast", "slow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_tab_shows_runs_and_the_right_samples(logs, path, loader, dark, tmp_path):
    run, place = RUNS[1], 5
    probabilities = trajectory(30, 1)
    labels = PROBE.truth
    right = probabilities.argmax(-1) == labels
    own = probabilities[place, np.arange(len(labels)), labels]
    wrong = np.flatnonzero(~right[place])
    expected = {
        "forgotten": sorted((n for n in wrong if right[:place, n].any()), key=lambda n: own[n])[:100],
        "confidently_wrong": sorted(wrong, key=lambda n: -probabilities[place, n].max())[:100],
        "never_learnt": {n for n in wrong if not right[: place + 1, n].any()},
    }

    async def work(page):
        listed = await page.tab.value(TABS)
        await page.until("w.infogeo.drawn().map.length === 3")
        drawn = await page.drawn()
        ground = await page.value("w.getComputedStyle(d.body).backgroundColor")
        await page.click_record(run, 10 * place)
        await page.until("d.querySelectorAll('[data-list] .sample').length")
        head = await page.value("d.querySelector('.record-head').innerText")
        for _ in range(4):  # each click draws the lists anew
            await page.value("[...d.querySelectorAll('.more')].find((one) => one.textContent === 'more')?.click()")
            await page.frame()
        await page.until("![...d.querySelectorAll('.more')].some((one) => one.textContent === 'more')")
        await page.until("d.querySelector('.stale') === null")
        lists = await page.value(
            "Object.fromEntries([...d.querySelectorAll('[data-list]')].map((list) => [list.dataset.list,"
            " [...list.querySelectorAll('.sample')].map((one) => Number(one.dataset.sample))]))"
        )
        await page.tab.screenshot(tmp_path / "tab.png")
        return listed, drawn, ground, head, lists

    with tensorboard(logs, path, *loader) as served:
        listed, drawn, ground, head, lists = browse(served, work, dark=dark)
    assert re.search("information geometry", listed, re.IGNORECASE)
    assert drawn == (set(RUNS), set(RUNS))
    assert ground == ("rgb(48, 48, 48)" if dark else "rgb(255, 255, 255)")
    assert "step 50" in head
    assert lists["forgotten"] == expected["forgotten"]
    assert lists["confidently_wrong"] == expected["confidently_wrong"]
    assert set(lists["never_learnt"]) == expected["never_learnt"]
    assert len(lists["moved"]) == min(100, len(labels))
    assert expected["forgotten"]  # there is something to find


def test_a_run_that_grows_moves_on_the_page_and_all_panels_answer(logs, path):
    async def work(page):
        await page.until("w.infogeo.records() === 90")
        before = await page.value("w.infogeo.coordinates('a')")
        files = RunFiles(logs / "a")
        for step, one in enumerate(trajectory(35, 0)[30:], 30):
            files.record(10 * step, PROBE, one)
        files.close()
        await page.until("w.infogeo.records() === 95")  # of itself: nothing is clicked
        after = await page.value("w.infogeo.coordinates('a')")
        await page.click("#infogeo-tab-run")
        await page.until("d.querySelectorAll('.run-panel .sample').length === 20")
        # While they are shown: what is hidden before it has come is not asked for.
        await page.until("[...d.querySelectorAll('.run-panel img')].every((one) => one.complete)")
        pictures = await page.value("d.querySelectorAll('.run-panel img').length")
        await page.click("#infogeo-tab-pair")
        await page.until("d.querySelectorAll('.pair-panel .sample').length")
        await page.click(".pair-panel .sample")
        await page.until("d.querySelector('.detail-plot') !== null")
        return before, after, pictures

    with tensorboard(logs, path) as served:
        before, after, pictures = browse(served, work)
    assert (len(before), len(after)) == (30, 35)
    assert np.sum(np.multiply(before, after[:30]), axis=0)[0] > 0  # the map has not flipped
    assert pictures <= 2  # only two samples have one


def test_probes_of_another_fingerprint_are_another_map(logs, path):
    write_run(logs / "other", trajectory(7, 1), WrittenProbe(fingerprint="another"))

    async def work(page):
        await page.until("d.querySelector('li.elsewhere button') !== null")
        first = await page.drawn()
        await page.click("li.elsewhere button")
        await page.until("w.infogeo.records() === 7")
        return first, await page.drawn()

    with tensorboard(logs, path) as served:
        first, second = browse(served, work)
    assert first == (set(RUNS), set(RUNS))
    assert second == ({"other"}, {"other"})
