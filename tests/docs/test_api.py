"""The API reference has every public name, with its source and an example that the tests run."""

import ast
import doctest
import inspect
import json
import re
import textwrap

import pytest

import lightning_infogeo
from tests.helpers.site import ROOT, Page, build_once, needed

pytestmark = needed
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
EXAMPLES = re.compile(r"^```python\n(>>> .*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = {name: getattr(lightning_infogeo, name) for name in lightning_infogeo.__all__}


def examples(page):
    """Returns the examples of a page, one after the other, as doctest reads them."""
    return "\n".join(EXAMPLES.findall(page.read_text(encoding="utf-8")))


def used_in_notebooks():
    """Returns the names in the code of the notebooks, which run when the site is built."""
    books = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "docs" / "notebooks").glob("*.ipynb")]
    cells = ["".join(cell["source"]) for book in books for cell in book["cells"] if cell["cell_type"] == "code"]
    return set(re.findall(r"\w+", "\n".join(cells)))


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)], ids=lambda page: page.stem)
def test_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(examples(page), {}, page.name, str(page), 0)
    found = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(test)
    assert found.attempted > 3
    assert found.failed == 0


def has_example(name):
    """Whether a name is shown in a docstring, which pytest runs, on a page, or in a notebook."""
    pages = re.findall(r"\w+", "\n".join(map(examples, PAGES)))
    return ">>>" in (SHOWN[name].__doc__ or "") or name in pages or name in used_in_notebooks()


@pytest.mark.parametrize("name", SHOWN)
def test_a_public_name_has_an_example_that_runs(name):
    """A class that is made by functions alone has that of the function."""
    makers = [
        maker for maker, made in SHOWN.items() if inspect.isfunction(made) and made.__annotations__["return"] == name
    ]
    assert has_example(name) or any(map(has_example, makers))


def raises(name):
    """Whether a call of a function, or the making of an object of a class, has a ``raise`` of its own."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(SHOWN[name]))).body
    makers = [node for node in tree.body if getattr(node, "name", "") in ("__init__", "__post_init__")]
    parts = makers if isinstance(tree, ast.ClassDef) else [tree]
    return any(isinstance(node, ast.Raise) for part in parts for node in ast.walk(part))


@pytest.mark.parametrize("name", SHOWN)
def test_what_raises_says_when(name):
    assert not raises(name) or "Raises:" in SHOWN[name].__doc__


def test_a_raise_would_be_noticed():
    assert raises("trajectory_distance")
    assert raises("OverfittingOnset")
    assert not raises("Event")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    built = build_once(tmp_path_factory)
    return {path.stem: Page(path) for path in (built.html / "api").glob("*.html")}


@pytest.mark.parametrize("name", SHOWN)
def test_a_public_name_is_there_with_its_source_and_in_the_table(reference, name):
    whole = f"lightning_infogeo.{name}"
    (page,) = (page for stem, page in reference.items() if stem != "index" and whole in page.ids)
    assert any(link.endswith(f"#{whole}") for link in reference["index"].links)
    source = SHOWN[name].__module__.replace(".", "/")
    assert any(re.search(rf"_modules/{source}\.html#{SHOWN[name].__name__}$", link) for link in page.links)
