"""What holds of all pages: links lead somewhere, the README is short, and what is quoted is what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def without_code(text):
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """Returns the anchors that a forge gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE)
    words = [re.sub(r"\[(.+?)\]\(.+?\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page):
    text = without_code(page.read_text(encoding="utf-8"))
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text):
        if "://" in target:
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), (target, anchor)


def sentences(text, stops=".?!"):
    """Returns the sentences of a page's running text, a cell of a table or an item of a list counting as a text."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", without_code(text))
    plain = re.sub(r"``.+?``|`[^`]*`", "code", plain)
    texts = re.split(r"\n\s*\n|\n(?= *(?:- |\d+\. |#|\|))|\|", plain)
    return [each for one in texts for each in re.split(rf"(?<=[{stops}])[*\s]+", " ".join(one.split())) if each]


def test_the_readme_is_read_in_a_minute():
    assert len(README.splitlines()) < 100
    assert {each: len(each.split()) for each in sentences(README) if len(each.split()) > 25} == {}


FIRST = ("index", "start", "curves", "flag_decisions", "glossary", "troubleshooting", "guide", "own_marker")
RECIPES = sorted(f"recipes/{path.stem}" for path in (ROOT / "docs" / "recipes").glob("*.md"))


@pytest.mark.parametrize("page", [*FIRST, "comparison", "cite", *RECIPES])
def test_one_idea_is_said_at_a_time(page):
    """In at most 25 words, counted to the next stop, colon or semicolon."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert [each for each in sentences(text, stops=".?!:;") if len(each.split()) > 25] == []


def test_a_long_sentence_would_be_seen():
    assert max(len(each.split()) for each in sentences("a " * 30 + ".\n\n| b | c |")) == 31


def test_each_promise_of_the_readme_is_linked_to_what_shows_it():
    promises = re.search(r"\| promise \| shown by \|\n\|.*\n((?:\|.*\n)+)", README)[1].splitlines()
    assert len(promises) >= 8
    for promise in promises:
        assert re.search(r"\]\((tests|benchmarks)/", promise.split(" | ")[-1]), promise


@pytest.mark.parametrize("name", ["flags.md", "README.md"])
def test_the_worth_of_the_flag_is_said_alike(name):
    """77 to be recalled, 73 healthy: the README quotes docs/flags.md."""
    text = README if name == "README.md" else (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert "204" in text
    assert "77" in text
    assert "73" in text


def test_bibtex_and_citation_name_the_same_works():
    page = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
    cff = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    titles = re.findall(r'title: "(.+?)"', cff)
    assert len(titles) == 9
    assert re.findall(r"title = \{(.+?)\}", page) == titles
    version = re.search(r"^version: (.+)$", cff, re.MULTILINE)[1]
    assert f"version = {{{version}}}" in page


def test_the_kinds_of_curves_on_the_page_are_those_of_the_script():
    page = (ROOT / "docs" / "curves.md").read_text(encoding="utf-8")
    script = (ROOT / "examples" / "read_your_curves.py").read_text(encoding="utf-8")
    kinds = re.findall(r'^    "(\w+)": Kind', script, re.MULTILINE)
    assert len(kinds) == 6
    for kind in kinds:
        assert f"images/curves_{kind}.png" in page
        assert f"| {kind.replace('_', ' ')} |" in page
