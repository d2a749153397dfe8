"""The site builds without a warning, every link of it leads somewhere, and it is read without a network."""

import re
import shutil
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import lightning_infogeo
from tests.helpers.site import ROOT, Page, build, build_once, needed

pytestmark = needed
GENERATED = ("genindex", "search", "py-modindex", "_modules")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_once(tmp_path_factory)


@pytest.fixture(scope="module")
def pages(built):
    return {path: Page(path) for path in sorted(built.html.rglob("*.html"))}


def test_it_builds_without_a_warning(built):
    assert built.code == 0, built.said
    assert ": WARNING: " not in built.said


@pytest.mark.parametrize("link", ["nowhere.md", "here.md#no-such-heading", "../examples/no_such_script.py"])
def test_a_link_to_nowhere_would_be_noticed(tmp_path, link):
    """On the site's own settings, on a page that holds one such link."""
    for name in ("conf.py", "_extensions", "_static"):
        (shutil.copytree if (ROOT / "docs" / name).is_dir() else shutil.copy)(ROOT / "docs" / name, tmp_path / name)
    (tmp_path / "index.md").write_text("# Index\n\n[here](here.md#a-heading)\n\n```{toctree}\nhere\n```\n")
    (tmp_path / "here.md").write_text(f"# Here\n\n## A heading\n\n[there]({link})\n")
    found = build(tmp_path, tmp_path / "html")
    assert found.code != 0
    assert "here.md:5: WARNING" in found.said
    assert "index.md" not in found.said


def test_every_link_leads_to_a_page_and_a_place_on_it(built, pages):
    missing = []
    for page in pages.values():
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].ids):
                missing.append((page.path.relative_to(built.html).as_posix(), link))
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert missing == []


def test_nothing_is_loaded_from_elsewhere(built, pages):
    loaded = [link for page in pages.values() for link in page.loaded]
    assert [link for link in loaded if urlsplit(link).scheme not in ("", "data") or link.startswith("//")] == []
    assert len(loaded) > 100
    styles = [path.read_text(encoding="utf-8") for path in built.html.rglob("*.css")]
    assert [url for style in styles for url in re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//\S+", style)] == []


def test_it_says_of_which_version_it_is(built, pages):
    assert f"lightning-infogeo {lightning_infogeo.__version__}" in pages[built.html / "index.html"].text


def test_every_page_is_found_from_the_start_page(built, pages):
    """From it, or from a page that its side bar names."""
    start = built.html / "index.html"
    reached = {start}
    for _ in range(2):
        links = [(path, link) for path in reached if path in pages for link in pages[path].links]
        reached |= {(path.parent / unquote(urlsplit(link).path)).resolve() for path, link in links}
    written = {path for path in pages if not path.relative_to(built.html).as_posix().startswith(GENERATED)}
    assert len(written) > 40
    assert written - reached == set()


def test_every_example_is_in_the_gallery_to_be_read_and_to_be_had(built, pages):
    gallery = pages[built.html / "gallery" / "index.html"].links
    for script in (ROOT / "examples").glob("*.py"):
        assert f"{script.stem}.html" in gallery
        links = pages[built.html / "gallery" / f"{script.stem}.html"].links
        assert any(link.startswith("../_downloads/") and link.endswith(f"/{script.name}") for link in links)
    for notebook in (ROOT / "docs" / "notebooks").glob("*.ipynb"):
        assert any(link.startswith("../_downloads/") and link.endswith(f"/{notebook.name}") for link in gallery)


def test_a_file_that_a_page_shows_is_linked_to_as_that_page(built, pages):
    links = pages[built.html / "flags.html"].links
    assert {"gallery/overfitting_flag.html", "gallery/grokking.html"} <= set(links)
    assert "../contributing.html" not in links
    assert "../guide.html" in pages[built.html / "project" / "contributing.html"].links


def test_workflows_run_what_a_contributor_runs_and_publish_tags_alone():
    files = (ROOT / ".github" / "workflows" / f"{name}.yml" for name in ("tests", "docs"))
    tests, docs = (yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"] for path in files)
    assert ".ci/run" in [step.get("run") for step in tests["tests"]["steps"]]
    assert "make docs" in [step.get("run") for step in docs["build"]["steps"]]
    assert docs["publish"]["if"] == "startsWith(github.ref, 'refs/tags/v')"


def test_the_notebooks_show_what_came_out(built, pages):
    first, recorded = (pages[built.html / "notebooks" / f"{name}.html"] for name in ("first_run", "recorded_runs"))
    assert re.search(r"overfitting on val since step \d+, known at \d+", first.text)
    last, kept = map(float, re.search(r"validation loss: ([\d.]+) at the end, ([\d.]+) with", first.text).groups())
    assert kept < last
    assert re.search(r"model: [\d.]+ nats between groups", recorded.text)
    for page, pictures in ((first, 2), (recorded, 4)):
        assert sum("_images/" in link for link in page.loaded) == pictures
        assert "Traceback" not in page.text
