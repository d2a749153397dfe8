"""The page of the tab alone, in a real browser, on made-up answers and under TensorBoard's content policy."""

import numpy as np
import pytest

from tests.browser import chromium
from tests.browser.tab_answers import TabAnswers
from tests.browser.tab_page import RELOAD, browse

pytestmark = chromium.needed

SHIFT = 8  # of the DevTools protocol


def test_a_hidden_run_is_hidden_everywhere():
    answers = TabAnswers(4)
    gone = "narrow_adam_0"  # the one that overfits

    async def work(page, server):
        seen = await page.drawn()
        listed = await page.value("[...d.querySelectorAll('.event')].map((one) => one.dataset.run)")
        await page.click_record(gone, 800)
        await page.until("d.querySelectorAll('.sample').length")
        await page.click(f"li[data-run='{gone}'] input")
        await page.click("#infogeo-tab-pair")
        await page.click("#infogeo-tab-run")
        boxes = await page.value(
            "[...d.querySelectorAll('.side select')].map((box) => [...box.options].map((one) => one.value))"
        )
        events = await page.value("[...d.querySelectorAll('.event')].map((one) => one.dataset.run)")
        samples = await page.value("d.querySelectorAll('.record-panel .sample').length")
        return seen, listed, await page.drawn(), boxes, events, samples

    before, listed, after, boxes, events, samples = browse(answers, work)
    assert before == (set(answers.names), set(answers.names))
    assert listed.count(gone) == 2
    assert after == (set(answers.names) - {gone},) * 2
    assert all(gone not in box for box in boxes)
    assert len(boxes) == 3
    assert gone not in events
    assert samples == 0


@pytest.mark.parametrize("place", [5, 20])
def test_a_click_on_a_record_shows_its_samples(place):
    answers = TabAnswers(3)
    step = int(answers.steps[place])

    async def work(page, server):
        await page.click_record("linear_sgd_0", step)
        await page.until("d.querySelectorAll('.sample').length")
        rows = "[...d.querySelectorAll('[data-list=forgotten] .sample')].map((one) => Number(one.dataset.sample))"
        await page.click("[data-list=forgotten] .more")
        await page.until("d.querySelectorAll('[data-list=forgotten] .sample').length > 10")
        shown = await page.value(rows)
        pictures = await page.value("d.querySelectorAll('[data-list=forgotten] img').length")
        await page.click("[data-list=forgotten] .sample")
        await page.until("d.querySelector('.detail-plot') !== null")
        return shown, pictures, [asked for name, asked in server.asked if name in ("samples", "sample")]

    shown, pictures, asked = browse(answers, work)
    expected = [item["sample"] for item in answers.samples_at("linear_sgd_0", step, 100)["lists"]["forgotten"]]
    assert shown == expected
    assert pictures == sum(sample % 2 for sample in expected)  # half of the made-up samples have one
    assert asked[0] == {"map": "a1", "run": "linear_sgd_0", "step": str(step)}
    assert asked[-1] == {"map": "a1", "run": "linear_sgd_0", "sample": str(expected[0])}


def test_what_is_chosen_outlives_a_run_that_grows_and_the_map_never_flips():
    answers = TabAnswers(3, 20)

    async def work(page, server):
        await page.click("li[data-run='linear_adam_0'] input")
        await page.click_record("linear_sgd_0", int(answers.steps[9]))
        await page.until("d.querySelectorAll('.sample').length")
        await page.value("d.querySelector('.map canvas').focus()")
        await page.press("+")
        await page.press("ArrowLeft")
        stopped = await page.value("w.infogeo.reading()")
        await page.choose("curve of", "entropy")
        before = await page.value("w.infogeo.coordinates('linear_sgd_0')")
        place = await page.value("w.infogeo.where('linear_sgd_0', 0)")
        answers.grow(21, last=6000)  # the made-up axes point the other way now
        await page.tab.value(RELOAD)
        await page.until("w.infogeo.revision() === 'r21'")
        await page.frame()
        after = await page.value("w.infogeo.coordinates('linear_sgd_0')")
        kept = await page.value(
            "[d.querySelector('select[aria-label=\"curve of\"]').value, d.querySelector('.record-head h3').textContent]"
        )
        assert await page.value("w.infogeo.reading()") == pytest.approx(stopped)
        return before, after, place, await page.value("w.infogeo.where('linear_sgd_0', 0)"), kept, await page.drawn()

    before, after, place, moved, kept, drawn = browse(answers, work)
    assert len(after) == len(before) + 1
    assert np.dot(before[0], after[0]) > 0
    assert np.hypot(*np.subtract(place, moved)) < 30  # pixels: the first record stays where it was
    assert kept == ["entropy", "linear_sgd_0"]
    assert drawn == ({"linear_sgd_0", "narrow_adam_0"},) * 2


def test_dark_is_followed_while_the_page_is_open():
    async def work(page, server):
        grounds = []
        for _ in range(2):
            grounds.append(await page.value("w.getComputedStyle(d.body).backgroundColor"))
            await page.tab.value("(document.body.classList.toggle('dark-mode'), null)")
            await page.frame()
        return grounds

    assert browse(TabAnswers(2), work, dark=True) == ["rgb(48, 48, 48)", "rgb(255, 255, 255)"]


def test_every_control_is_reached_by_the_keyboard_and_its_focus_is_seen():
    reached = """(() => { const one = d.activeElement; if (one === d.body) return null;
        const style = w.getComputedStyle(one);
        const all = [...d.querySelectorAll("button, select, input, canvas[tabindex]")];
        return [all.indexOf(one), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]; })()"""
    controls = """[...d.querySelectorAll("button, select, input, canvas[tabindex]")].map((one, i) => [one, i]).filter(
        ([one]) => one.getClientRects().length && !one.disabled && one.tabIndex >= 0).map(([_, i]) => i)"""

    async def work(page, server):
        await page.value("d.querySelector('header select').focus()")
        await page.press("Tab")
        await page.press("Tab", SHIFT)  # a focus that comes from the keyboard
        found = {}
        for _ in range(120):
            at = await page.value(reached)
            if at is None:
                break
            if at[0] in found:
                break
            found[at[0]] = at[1]
            await page.press("Tab")
        return found, await page.value(controls)

    found, controls = browse(TabAnswers(3), work)
    assert set(controls) <= set(found)
    assert len(controls) > 25
    assert all(found.values()), found


def test_arrows_move_time_enter_opens_samples_and_escape_goes_back():
    answers = TabAnswers(3)

    async def work(page, server):
        readings = [await page.value("w.infogeo.reading()")]
        await page.value("d.querySelector('.map canvas').focus()")
        for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
            await page.press(key)
            readings.append(await page.value("w.infogeo.reading()"))
        records = await page.value("w.infogeo.records()")
        await page.press("n")
        await page.press("Enter")
        await page.until("d.querySelectorAll('.sample').length")
        head = await page.value("d.querySelector('.record-head').innerText")
        await page.press("Escape")
        back = await page.value("d.querySelectorAll('.sample').length")
        return readings, records, head, back

    readings, records, head, back = browse(answers, work)
    assert np.allclose(readings, answers.steps[[-1, -2, -3, -2]])
    assert records == 3 * 33
    assert "linear_adam_0" in head
    assert f"step {answers.steps[-2]:,}" in head
    assert back == 0


def test_play_runs_from_the_first_record_to_the_last():
    async def work(page, server):
        await page.click(".play")
        seen = []
        while not seen or seen[-1] < 4000:
            seen.append(await page.value("w.infogeo.reading()"))
        return seen

    seen = browse(TabAnswers(2), work)
    assert seen == sorted(seen)
    assert seen[0] < 100


def test_runs_are_filtered_and_coloured_by_hyper_parameters():
    answers = TabAnswers(12)

    async def work(page, server):
        offered = await page.value(
            "[...d.querySelector('select[aria-label=\"colour by\"]').options].map((one) => one.value)"
        )
        await page.choose("filter by", "optimizer")
        await page.click(".filter input")  # adam
        drawn = await page.drawn()
        await page.choose("colour by", "lr")
        legend = await page.value("d.querySelector('.legend').innerText")
        await page.click(".filter button")
        await page.value(
            "(() => { const box = d.querySelector('input[type=search]'); box.value = 'wide lr=0.1';"
            " box.dispatchEvent(new w.Event('input')); })()"
        )
        return offered, drawn, legend, await page.drawn()

    offered, drawn, legend, searched = browse(answers, work)
    assert offered == [":run", ":verdict", ":step", "lr", "model", "optimizer", "seed"]
    assert drawn == ({name for name in answers.names if "sgd" in name},) * 2
    assert "0.001" in legend
    assert "(log)" in legend
    expected = {name for i, name in enumerate(answers.names) if "wide" in name and i % 3 == 0}
    assert searched == (expected, expected)


def test_maps_are_never_mixed():
    async def work(page, server):
        await page.click_record("linear_adam_0", 4000)
        await page.until("d.querySelectorAll('.sample').length")
        await page.choose("map", "b2")
        await page.ready()
        await page.until("d.querySelectorAll('.record-panel .sample').length")
        head = await page.value("d.querySelector('.record-head').innerText")
        asked = [(name, asked["map"], asked.get("step")) for name, asked in server.asked if name in ("map", "samples")]
        return head, asked

    head, asked = browse(TabAnswers(2), work)
    assert asked == [("map", "a1", None), ("samples", "a1", "4000"), ("map", "b2", None), ("samples", "b2", "4000")]
    assert head.startswith("linear_adam_0")  # the run is on both maps, so it is still looked at


def test_what_is_not_ours_is_text():
    answers = TabAnswers(3, hostile=True)

    async def work(page, server):
        await page.choose("colour by", "<script>alert(2)</script>")
        await page.choose("filter by", "<script>alert(2)</script>")
        await page.click(".event")
        await page.until("d.querySelectorAll('.sample').length")
        for panel in ("run", "pair"):
            await page.click(f"#infogeo-tab-{panel}")
            await page.until(f"d.querySelectorAll('.{panel}-panel .sample').length")
        count = "d.querySelectorAll('script:not([src]), i:not([class]), img[src=x], [onerror]').length"
        made = await page.value(count)
        wide = await page.value("d.documentElement.scrollWidth - w.innerWidth")
        text = await page.value("d.body.innerText")
        await page.value("d.body.insertAdjacentHTML('beforeend', '<i>x')")  # what must not happen would be counted
        return made, wide, text, await page.value(count)

    made, wide, text, control = browse(answers, work)
    assert (made, wide) == (0, 0)
    assert '<img src=x onerror="alert(1' in text
    assert "<script>alert(2)</script>" in text
    assert "<i>" in text
    assert control == 1


@pytest.mark.parametrize("width", [390, 900, 1600])
def test_nothing_is_cut_off_at_any_width(width):
    async def work(page, server):
        await page.click_record("narrow_adam_0", 800)
        await page.until("d.querySelectorAll('.sample').length")
        return await page.value("d.documentElement.scrollWidth - d.documentElement.clientWidth")

    assert browse(TabAnswers(4), work, width=width) == 0


EMPTY = {"format": 1, "problem": None, "revision": "0", "maps": [], "runs": []}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (EMPTY, "No predictions in this log directory"),
        ({**EMPTY, "problem": "zarr is broken"}, "zarr is broken"),
        ({**EMPTY, "runs": TabAnswers(1).state()["runs"]}, "none has written predictions yet"),
    ],
)
def test_what_is_said_where_there_is_no_map(state, words):
    async def work(page, server):
        await page.until(f"d?.body?.innerText.includes({words!r})")

    browse({"state": state}, work, ready=False)


def test_a_server_that_is_gone_is_said_and_comes_back():
    async def work(page, server):
        server.broken = "no such map"
        await page.tab.value(RELOAD)
        await page.until("d.querySelector('.trouble').innerText.includes('no such map')")
        assert await page.value("w.infogeo.records()") > 0  # what was known stays
        server.broken = None
        await page.tab.value(RELOAD)
        await page.until("d.querySelector('.trouble').hidden")

    browse(TabAnswers(2), work)


def test_a_server_that_does_not_answer_is_said():
    async def work(page, server):
        server.__exit__()
        await page.tab.value(RELOAD)
        await page.until("d.querySelector('.trouble').innerText.includes('TensorBoard has not answered since')")
        assert await page.value("w.infogeo.records()") > 0

    browse(TabAnswers(2), work)


def test_time_runs_on_each_clock():
    answers = TabAnswers(2)

    async def work(page, server):
        found = []
        for clock in ("progress", "wall", "step"):
            await page.choose("clock", clock)
            await page.value("d.querySelector('.map canvas').focus()")
            await page.press("ArrowLeft")
            found.append((await page.value("w.infogeo.reading()"), await page.value("w.infogeo.records()")))
            await page.press("End")
        return found

    (progress, _), (minutes, by_minutes), (step, by_step) = browse(answers, work)
    reached = np.unique(np.concatenate([np.maximum.accumulate(answers.path(run)[1]) for run in range(2)]))
    assert progress == pytest.approx(reached[-2])
    assert minutes == pytest.approx(0.5 * answers.steps[-2] / 60)
    assert step == pytest.approx(answers.steps[-2])
    assert by_minutes == by_step == 2 * 33


def test_without_labels_and_with_many_classes():
    async def work(page, server):
        await page.click_record("linear_adam_0", 800)
        await page.until("d.querySelectorAll('.sample').length")
        await page.click("#infogeo-tab-run")
        await page.until("d.body.innerText.includes('cartography')")
        return await page.value("d.body.innerText")

    text = browse(TabAnswers(2, labelled=False, classes=1000), work)
    assert "ignorance" in text
    assert "truth" not in text.replace("distance to truth", "")
    assert "This probe has no labels, so its samples have no cartography." in text


def test_the_page_counts_its_frames(capsys):
    """How many there are depends on the machine; that each draws all 6,000 records does not."""

    async def work(page, server):
        return await page.value("await w.infogeo.frames(2)")

    frames = browse(TabAnswers(60, 100), work)
    with capsys.disabled():
        print(f"\n60 runs x 100 records: {frames['perSecond']:.1f} frames a second", end=" ")
    assert frames["records"] == 6000
    assert frames["runs"] == 60
    assert frames["frames"] == pytest.approx(frames["perSecond"] * frames["seconds"])
    assert frames["frames"] > 1
