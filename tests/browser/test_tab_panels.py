"""What the panels beside the map say, and how they keep to it: counts, events, the record that is looked at."""

import asyncio
import threading

import pytest

from tests.browser import chromium
from tests.browser.tab_answers import TabAnswers
from tests.browser.tab_page import browse

pytestmark = chromium.needed

HEAD = "d.querySelector('.record-head').innerText"
SAMPLES = "d.querySelectorAll('.record-panel .sample').length"
SETTLED = "d.querySelector('.record-panel .sample') !== null && d.querySelector('.stale') === null"


async def seek(page, share):
    """Draws the slider to a share of the time."""
    await page.value(
        f"(() => {{ const one = d.querySelector('input[type=range]'); one.value = {1000 * share};"
        " one.dispatchEvent(new w.Event('input')); })()"
    )
    await page.frame()


async def search(page, query):
    """Types into the search."""
    await page.value(
        f"(() => {{ const box = d.querySelector('input[type=search]'); box.value = {query!r};"
        " box.dispatchEvent(new w.Event('input')); })()"
    )
    await page.frame()


@pytest.mark.parametrize("where", ["map", "event"])
def test_on_a_phone_a_click_shows_the_head_of_the_panel(where):
    async def work(page, server):
        if where == "map":
            await page.value("d.querySelector('.map').scrollIntoView()")
            await page.click_record("narrow_adam_0", 800)
        else:
            await page.click(".event", 1)
        await page.until(SAMPLES)
        await page.frame()
        head = await page.value(
            "(({ top, bottom }) => [top, bottom])(d.querySelector('.record-head').getBoundingClientRect())"
        )
        strip = await page.value("d.querySelector('.strip').getBoundingClientRect().top")
        panel = await page.value("d.querySelector('.side').getBoundingClientRect().top")
        return head, strip < panel, await page.value("w.innerHeight")

    (top, bottom), first, high = browse(TabAnswers(12), work, width=390, height=844)
    assert 0 <= top < 100
    assert bottom < high
    assert first  # the verdicts come before the samples


def test_lists_say_how_many_there_are_and_show_more():
    async def work(page, server):
        await page.click_record("linear_adam_0", 800)
        await page.until(SAMPLES)
        count = "d.querySelector('[data-list=%s] .count').textContent.trim()"
        rows = "d.querySelectorAll('[data-list=%s] .sample').length"
        lists = ("forgotten", "confidently_wrong", "never_learnt")
        before = [await page.value(count % one) for one in lists]
        for one in lists[:2]:
            await page.click(f"[data-list={one}] .more")
        await page.until(SETTLED + " && " + rows % "forgotten" + " > 10")
        after = [(await page.value(count % one), await page.value(rows % one)) for one in lists]
        values = [await page.value(f"d.querySelector('[data-list={one}] .words .soft').textContent") for one in lists]
        title = await page.value("d.querySelector('[data-list=forgotten] .course title').textContent")
        await page.click("#infogeo-tab-run")
        await page.until("d.querySelectorAll('.run-panel .sample').length === 20")
        await page.click(".run-panel .more")
        ranked = await page.value(
            "[d.querySelector('.run-panel .count').textContent, d.querySelectorAll('.run-panel .sample').length]"
        )
        await page.click("#infogeo-tab-pair")
        await page.until("d.querySelectorAll('.pair-panel .sample').length === 10")
        classes = await page.value("d.querySelector('.pair-panel .count').textContent.trim()")
        distance = await page.value("d.querySelector('.pair-panel .words .soft').textContent")
        await page.click(".pair-panel .more", 0)
        await page.click(".pair-panel .more", 1)
        await page.until("d.querySelectorAll('.pair-panel .sample').length === 100")
        return (
            before,
            after,
            values,
            title,
            ranked,
            classes,
            distance,
            await page.value("d.querySelectorAll('.class').length"),
        )

    before, after, values, title, ranked, classes, distance, all_classes = browse(TabAnswers(3), work)
    assert before == ["4 of 26", "4 of 130", "3"]
    assert after == [("26", 26), ("100 of 130", 100), ("3", 3)]
    assert values[1].startswith("p(predicted) ")
    assert values[2].startswith("mean p(label) ")
    assert distance.startswith("distance 0.9 nats")
    assert "the bar is the record" in title
    assert "100 of 512" in ranked[0]
    assert ranked[1] == 100
    assert (classes, all_classes) == ("8 of 10", 10)


def test_withdrawn_flags_are_told_as_such_and_a_click_tells_an_event_in_full():
    answers = TabAnswers(12)

    async def work(page, server):
        title = await page.value("d.querySelector('h5[data-kind=overfitting]').textContent")
        runs = await page.value("[...d.querySelectorAll('.event')].slice(0, 6).map((one) => one.dataset.run)")
        kinds = await page.value("[...d.querySelectorAll('h5')].map((one) => one.dataset.kind)")
        rows = await page.value(
            "[...d.querySelectorAll('.event.withdrawn')].map((one) => [one.dataset.run, one.innerText])"
        )
        struck = await page.value("w.getComputedStyle(d.querySelector('.event.withdrawn .when')).textDecorationLine")
        standing = await page.value(
            "w.getComputedStyle(d.querySelector('.event:not(.withdrawn) .when')).textDecorationLine"
        )
        await page.click(".event:not(.withdrawn)")
        await page.until(SAMPLES)
        return title, runs, kinds, rows, (struck, standing), await page.value(HEAD)

    title, runs, kinds, rows, lines, head = browse(answers, work)
    assert title.endswith("overfitting · 3 standing, 3 withdrawn")
    assert kinds == ["overfitting", "knee"]  # what withdraws a flag is told with the flag
    assert [name for name, _ in rows] == ["linear_adam_0", "linear_adam_1", "linear_adam_2"]
    assert runs == [f"{name}_{i}" for name in ("narrow_adam", "linear_adam") for i in range(3)]  # what stands is first
    assert all("withdrawn at 193" in text for _, text in rows)
    assert lines == ("line-through", "none")
    nearest = min(answers.steps.tolist(), key=lambda step: abs(step - 670))
    assert "overfitting on val since step 670, known at 825: stop." in head
    assert f"Of step 670 the nearest record is {nearest}." in head


def test_panel_and_ring_go_with_the_time():
    answers = TabAnswers(3)
    run, place = "linear_adam_0", 20

    async def work(page, server):
        await page.click_record(run, int(answers.steps[place]))
        await page.until(SETTLED)
        heads = [await page.value(HEAD)]
        await page.value("d.querySelector('.map canvas').focus()")
        await page.press("End")
        for _ in range(2):
            await page.press("ArrowLeft")
        heads.append(await page.value(HEAD))
        await seek(page, 0)
        heads.append(await page.value(HEAD))
        await page.until(SETTLED)
        asked = [one["step"] for name, one in server.asked if name == "samples"]
        await page.press("Escape")
        await page.click(".event:not(.withdrawn)")  # of step 670, which is still to come
        await page.until(SETTLED)
        return heads, asked, await page.value("w.infogeo.reading()")

    heads, asked, reading = browse(answers, work)
    expected = [answers.steps[place], answers.steps[-3], answers.steps[0]]
    assert [f"step {step:,}\n" in head for step, head in zip(expected, heads, strict=True)] == [True] * 3
    assert (asked[0], asked[-1]) == (str(expected[0]), "0")
    assert reading == pytest.approx(min(answers.steps, key=lambda step: abs(step - 670)))


def test_an_answer_that_comes_late_is_not_shown_under_another_record():
    answers = TabAnswers(3)
    late, wanted = str(answers.steps[-3]), str(answers.steps[0])
    drawn = "new w.MutationObserver(() => w.heads.push(d.querySelector('.record-head b').textContent))"

    async def work(page, server):
        server.held[late] = threading.Event()
        await page.click_record("linear_adam_0", int(answers.steps[20]))
        await page.until(SETTLED)
        await seek(page, 1)
        await page.press("ArrowLeft")
        await page.press("ArrowLeft")
        for _ in range(6000):
            if ("samples", late) in [(name, one.get("step")) for name, one in server.asked]:
                break
            await asyncio.sleep(0.01)
        await page.value(
            f"(w.heads = [], {drawn}.observe(d.querySelector('.record-panel > :last-child'), {{childList: true}}))"
        )
        await seek(page, 0)
        server.held[late].set()  # comes while the panel waits whether time goes on
        await page.until(SETTLED)
        return await page.value("w.heads"), [one["step"] for name, one in server.asked if name == "samples"]

    heads, asked = browse(answers, work)
    assert heads == [f"step {wanted}"]
    assert asked[-2:] == [late, wanted]


def test_a_hidden_run_leaves_a_comparison_and_is_said():
    answers = TabAnswers(3)

    async def work(page, server):
        await page.click("#infogeo-tab-pair")
        await page.choose("first run", answers.names[1])
        await page.until("d.querySelectorAll('.pair-panel .sample').length")
        await page.click(f"li[data-run='{answers.names[1]}'] input")
        await page.until("d.querySelectorAll('.pair-panel .sample').length")
        boxes = await page.value("[...d.querySelectorAll('.pair-panel select')].map((box) => box.value)")
        said = await page.value("d.querySelector('.pair-panel').innerText")
        caption = await page.value("d.querySelector('.caption').innerText")
        await page.click(".pair-panel p button")
        return (
            boxes,
            said,
            caption,
            await page.value("[...d.querySelectorAll('.pair-panel select')].map((box) => box.value)"),
        )

    boxes, said, caption, back = browse(answers, work)
    assert set(boxes) == {answers.names[0], answers.names[2]}
    assert f"{answers.names[1]} is hidden" in said
    assert caption.startswith("2 of 3 runs, 68 of 102 records")
    assert answers.names[1] in back


def test_what_the_hint_the_legend_and_the_caption_say():
    async def work(page, server):
        keys = await page.value("[...d.querySelectorAll('kbd')].map((one) => one.textContent)")
        await page.value("[...d.querySelectorAll('.corner button')].find((one) => one.textContent === '2-D').click()")
        await page.choose("colour by", ":step")
        legend = await page.value("d.querySelector('.legend').textContent")
        caption = await page.value("d.querySelector('.caption').textContent")
        chips = await page.value("d.querySelector('.kinds').getBoundingClientRect().bottom")
        canvas = await page.value("d.querySelector('.map canvas').getBoundingClientRect().top")
        high = [await page.value("d.querySelector('.time').offsetHeight")]
        await page.click(".play")
        high.append(await page.value("d.querySelector('.time').offsetHeight"))
        await page.click("#infogeo-tab-pair")
        await page.value("d.querySelector('.map canvas').focus()")
        await page.press("Enter")
        await page.until(SAMPLES)
        await page.press("Escape")
        panel = await page.value("d.querySelector('[role=tab][aria-selected=true]').id")
        return keys, legend, caption, chips <= canvas, high, panel

    keys, legend, caption, apart, high, panel = browse(TabAnswers(3), work)
    assert keys == ["← →", "Home End", "shift + arrows", "+ −", "N P", "Enter", "Esc"]
    assert legend == "step 04,000 (log)"  # its two ends, with the bar between them
    two = 12.1**2 + 3.4**2
    share = 1 - (1 - (1 - (1 - 0.968) ** 2) * two / (two + 0.6**2)) ** 0.5
    assert f"these two axes show {100 * share:.0f} % of all distances, three would show 97 %" in caption
    assert "time-like" not in caption  # the third axis is, and is not seen
    assert apart  # no letters of the map stand under a chip
    assert high[0] == high[1]
    assert panel == "infogeo-tab-pair"  # as it was before the record was opened


def test_a_search_that_finds_nothing_says_so_and_is_cleared():
    async def work(page, server):
        await search(page, "no such run")
        said = await page.value("d.querySelector('.nothing').innerText")
        await page.click(".nothing button")
        cleared = await page.value("d.querySelector('input[type=search]').value")
        drawn = await page.drawn()
        await page.click(".run-list button", 1)  # none
        hidden = await page.value("d.querySelector('.nothing').innerText")
        await page.click(".nothing button")
        return said, cleared, drawn, hidden, await page.drawn()

    answers = TabAnswers(3)
    said, cleared, drawn, hidden, again = browse(answers, work)
    assert said.startswith("No run matches the search and the filters.")
    assert cleared == ""
    assert hidden.startswith("All runs are hidden.")
    assert drawn == again == (set(answers.names),) * 2


WRITTEN = """(() => {
  w.letters = [];
  const write = w.CanvasRenderingContext2D.prototype.fillText;
  w.CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.canvas.closest(".map")) w.letters.push([text, x, y, this.measureText(text).width]);
    write.apply(this, arguments);
  };
})()"""


@pytest.mark.parametrize("runs", [1, 12])
def test_letters_on_the_map_do_not_lie_on_each_other_from_any_side(runs):
    async def work(page, server):
        await page.value(WRITTEN)
        seen = []
        await page.value("d.querySelector('.map canvas').focus()")
        for key, modifiers in [("ArrowRight", 8)] * 12 + [("ArrowLeft", 8)] * 4:
            await page.value("(w.letters.length = 0, null)")
            await page.press(key, modifiers)
            seen.append(await page.value("w.letters"))
        return seen

    seen = browse(TabAnswers(runs), work)
    assert {"truth", "ignorance", "axis 1"} <= {text for letters in seen for text, *_ in letters}
    assert len({tuple(map(tuple, letters)) for letters in seen}) > 8  # it turns
    for letters in seen:
        last = {text: (x, y, wide) for text, x, y, wide in letters}  # of the frame drawn last
        always = {"truth", "ignorance"}
        for one, (x, y, wide) in last.items():
            for other, (left, high, long) in last.items():
                if one < other and not {one, other} <= always:
                    assert x + wide <= left or left + long <= x or abs(y - high) >= 12, (one, other)
