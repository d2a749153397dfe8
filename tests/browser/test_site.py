"""The site is read from files with the network off: pages, light and dark, on wide and narrow screens, and search."""

import pytest

from tests.browser import chromium
from tests.helpers.site import build_once, needed

pytestmark = [*needed, *chromium.needed]
NARROW, WIDE = 390, 1440
PAGES = ("index", "guide", "api/monitor", "notebooks/first_run", "gallery/index", "replications")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return build_once(tmp_path_factory).html


def test_search_finds_without_a_server(site):
    async def found(tab, words):
        await tab.open(site / "search.html")
        await tab.until("document.querySelector('input[name=q]') !== null")
        await tab.send("Page.navigate", url=f"{(site / 'search.html').as_uri()}?q={words}")
        await tab.until("/found|did not match/.test(document.querySelector('.search-summary')?.textContent)")
        titles = "[...document.querySelectorAll('#search-results ul.search li a')].map((each) => each.textContent)"
        return await tab.value(titles), tab.errors

    async def both(tab):
        return await found(tab, "OverfittingOnset"), await found(tab, "straightness"), await found(tab, "nosuchword")

    api, words, nothing = chromium.browse(both)
    assert api[0][0] == "lightning_infogeo.OverfittingOnset"
    assert "Guide" in words[0]
    assert nothing[0] == []
    assert api[1] == []


def test_pages_fit_screens_in_light_and_dark(site):
    async def looked_at(tab):
        seen = []
        for page in PAGES:
            for width in (WIDE, NARROW):
                for dark in (False, True):
                    await tab.open(site / f"{page}.html", dark=dark, width=width)
                    await tab.until("document.readyState === 'complete' && document.querySelector('article') !== null")
                    await tab.frames()
                    beyond = await tab.value("document.documentElement.scrollWidth - window.innerWidth")
                    colour = await tab.value("getComputedStyle(document.body).backgroundColor")
                    broken = await tab.value("[...document.images].filter((each) => !each.naturalWidth).length")
                    seen.append((page, dark, beyond, sum(map(int, colour[4:-1].split(","))), broken))
        return seen, tab.errors, [one for one in tab.requested if not one.startswith(("file:", "data:"))]

    seen, errors, elsewhere = chromium.browse(looked_at)
    assert [one for one in seen if one[2] > 0 or one[4]] == []
    assert all((brightness < 200) == dark for _, dark, _, brightness, _ in seen)
    assert errors == []
    assert elsewhere == []
