"""What the reader of the tab chooses: colours, filters, and the search, by values; and what is shown of them."""

import json

import pytest

from tests.browser import chromium
from tests.browser.tab_answers import TabAnswers
from tests.browser.tab_page import RELOAD, browse

pytestmark = chromium.needed

NEAR = [
    {"lr": 1e-5, "bs": 4000, "wd": 0.1, "parameters": 1234567},
    {"lr": 1.04e-5, "bs": 2000, "wd": "0.1", "parameters": 1234890},
    {"lr": 1.02e-5, "bs": 1000, "wd": 0.2, "parameters": 1234999},
]
"""Hyper-parameters that few digits do not tell apart."""
BOXES = "[...d.querySelectorAll('.filter label')].map((one) => one.textContent)"


class Tried(TabAnswers):
    """Runs with these metadata."""

    def __init__(self, *metadata):
        super().__init__(len(metadata), 10)
        self.metadata, self.revision = metadata, f"of {len(metadata)}"

    def another(self, metadata):
        """Begins another run."""
        self.__init__(*self.metadata, metadata)

    def state(self):
        """Returns the answer to ``state``."""
        answer = super().state()
        for run, own in zip(answer["runs"], self.metadata, strict=True):
            run["metadata"] = own
        return answer


async def search(page, query):
    """Types into the search, and returns the places of the runs that are left on the map."""
    await page.value(
        f"(() => {{ const box = d.querySelector('input[type=search]'); box.value = {query!r};"
        " box.dispatchEvent(new w.Event('input')); })()"
    )
    return (await page.drawn())[0]


def test_near_values_are_told_apart_by_as_many_digits_as_they_need():
    answers = Tried(*NEAR)

    async def work(page, server):
        found = {}
        await page.choose("colour by", "lr")
        legend = await page.value("d.querySelector('.legend').textContent")
        for name in NEAR[0]:
            await page.choose("filter by", name)
            found[name] = await page.value(BOXES)
            await page.click(".filter input", 1)  # the second value
            found[name].append(await page.drawn())
            await page.click(".filter button")
        return legend, found

    legend, found = browse(answers, work)
    assert legend == "1e-51.04e-5"
    first, second, third = answers.names
    assert found == {
        "lr": ["1e-5", "1.02e-5", "1.04e-5", ({first, second},) * 2],
        "bs": ["1,000", "2,000", "4,000", ({first, third},) * 2],
        "wd": ["0.1", "0.2", '"0.1"', ({first, second},) * 2],
        "parameters": ["1,234,567", "1,234,890", "1,234,999", ({first, third},) * 2],
    }


def test_the_search_compares_numbers_however_they_are_typed():
    expected = {
        "lr=1e-5": {0},
        "lr=0.00001": {0},
        "LR=1.0E-5": {0},
        "lr=1.02e-5": {2},
        "lr=1": set(),
        "bs=4000": {0},
        "bs=4,000": {0},
        "bs=400": set(),
        "4000": {0},
        "parameters=1234890": {1},
        "wd=0.1": {0, 1},
        "wd=.1 bs=2e3": {1},
        'wd="0.1"': {1},
        "bs=": {0, 1, 2},
        "": {0, 1, 2},
    }
    answers = Tried(*NEAR)

    async def work(page, server):
        return {query: {answers.names.index(name) for name in await search(page, query)} for query in expected}

    assert browse(answers, work) == expected


def test_a_value_of_which_few_digits_are_shown_is_found_as_shown_and_as_it_is():
    answers = Tried({"lr": 0.1 + 0.2, "wd": 1.23456e-5}, {"lr": 0.5, "wd": 1.23456e-5})

    async def work(page, server):
        return [
            len(await search(page, query)) for query in ("lr=0.3", "wd=1.23e-5", "wd=1.23456e-5", "wd=1.24e-5", "lr=0")
        ]

    assert browse(answers, work) == [1, 2, 2, 0, 0]


@pytest.mark.parametrize("many", [False, True], ids=["boxes", "range"])
@pytest.mark.parametrize("later", [{"lr": 7.0, "seed": 1}, {"seed": 1}, {"lr": "auto"}])
def test_a_filter_that_excludes_nothing_lets_later_runs_pass(many, later):
    answers = Tried(*({"lr": 0.1 * (i + 1)} for i in range(9 if many else 2)))

    async def work(page, server):
        await page.choose("filter by", "lr")
        kind = await page.value("d.querySelector('.filter input').type")
        answers.another(later)
        await page.tab.value(RELOAD)
        await page.until(f"w.infogeo.revision() === {answers.revision!r}")
        return kind, await page.drawn()

    assert browse(answers, work) == ("number" if many else "checkbox", (set(answers.names),) * 2)


def test_a_hidden_run_has_no_part_in_the_verdicts_nor_a_sample_that_is_open():
    answers = TabAnswers(4)  # one of them overfits
    strip = "[...d.querySelectorAll('.strip button')].map((one) => one.textContent)"

    async def work(page, server):
        before = await page.value(strip)
        await page.click_record("narrow_adam_0", 800)
        await page.until("d.querySelectorAll('.sample').length")
        await page.click(".sample")
        opened = await page.value("!d.querySelector('.detail').hidden")
        await page.click("li[data-run='narrow_adam_0'] input")
        return before, opened, await page.value(strip), await page.value("!d.querySelector('.detail').hidden")

    before, opened, after, still = browse(answers, work)
    assert "1 overfitting" in before
    assert after == [one for one in before if one != "1 overfitting"]
    assert (opened, still) == (True, False)


def test_what_a_resting_pointer_is_told_goes_and_comes_with_what_is_drawn_there():
    answers = TabAnswers(3, 20)
    run = "linear_sgd_0"
    said = "d.querySelector('.tip').hidden ? null : d.querySelector('.tip strong').textContent"

    async def work(page, server):
        x, y = await page.value(f"w.infogeo.where({run!r}, {answers.steps[12]})")
        top = await page.tab.value("document.querySelector('iframe').getBoundingClientRect().y")
        await page.tab.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y + top, button="none")
        await page.frame()
        heard = [await page.value(said)]
        for changed in (
            f"li[data-run={run!r}] input",
            f"li[data-run={run!r}] input",
            ".run-list .row button:last-child",
        ):
            await page.click(changed)
            await page.frame()
            heard.append(await page.value(said))
        await page.click(".run-list .row button")
        await page.frame()
        heard.append(await page.value(said))
        return heard

    first, hidden, shown, none, everything = browse(answers, work)
    assert (first, shown, everything) == (run, run, run)
    assert hidden != run
    assert none is None


def test_a_view_that_fails_leaves_the_others_and_is_said():
    answers = TabAnswers(3)
    whole = answers.state

    def state():
        answer = whole()
        answer["runs"][0]["events"][0]["name"] = None  # the kinds of events cannot be named
        return answer

    answers.state = state

    async def work(page, server):
        await page.until("!d.querySelector('.trouble').hidden")
        words = await page.value("d.querySelector('.trouble').textContent")
        listed = await page.value("[...d.querySelectorAll('li.run')].map((one) => one.dataset.run)")
        answers.state = whole
        answers.grow(35)
        await page.tab.value(RELOAD)
        await page.until("d.querySelector('.trouble').hidden")
        return words, listed

    words, listed = browse(answers, work, wrong=("TypeError",))
    assert "A part of this page could not be drawn" in words
    assert listed == answers.names


@pytest.mark.parametrize(
    "damaged",
    [
        {"filters": None, "camera": None, "marked": 7, "pair": ["one"], "selected": {"run": 1}, "clock": "never"},
        {
            "filters": [{"key": "lr"}],
            "camera": {"yaw": None},
            "time": "late",
            "panel": [],
            "colour": None,
            "events": {},
        },
        ["not", "a", "choice"],
    ],
)
def test_of_a_damaged_choice_what_is_sound_is_kept(damaged):
    answers = TabAnswers(3)
    hidden = answers.names[:1]
    if isinstance(damaged, dict):
        damaged = {**damaged, "hidden": hidden}

    async def work(page, server):
        await page.click(".run-list .row button")  # a choice, which is kept
        (key,) = await page.value("Object.keys(w.sessionStorage)")
        await page.value("(w.before = true)")
        await page.value(f"(w.sessionStorage.setItem({key!r}, {json.dumps(json.dumps(damaged))}), null)")
        await page.tab.send("Page.reload")
        await page.until("w?.infogeo && !w.before")
        await page.ready()
        return await page.drawn()

    expected = set(answers.names) - set(hidden if isinstance(damaged, dict) else ())
    assert browse(answers, work) == (expected, expected)


def test_a_sketched_map_says_what_becomes_of_distances():
    async def work(page, server):
        texts = [await page.value("d.querySelector('.caption').textContent")]
        await page.click("#infogeo-tab-pair")
        await page.until("d.querySelectorAll('.pair-panel .sample').length")
        return [*texts, await page.value("d.querySelector('.pair-panel').textContent")]

    words = "distances are compressed beyond about 1 nat, and none exceeds 2.1 nats"
    assert all(words in text for text in browse(TabAnswers(2, classes=1000), work))
    assert not any(words in text for text in browse(TabAnswers(2), work))
