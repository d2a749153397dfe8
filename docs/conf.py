"""How Sphinx builds the site (`make docs`). Neither building the site nor reading it needs a network."""

import sys
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_extensions")]

project = "lightning-infogeo"
author = "lightning-infogeo maintainers"
version = release = import_module("lightning_infogeo").__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "public_names",
    "repository_links",
]
exclude_patterns = ["_build", "_extensions"]
nitpicky = True
smartquotes_action = "D"  # dashes alone: a value in quotes is to be copied as it is
OTHERS = (
    "torch",
    "numpy",
    "pandas",
    "matplotlib",
    "lightning",
    "torchmetrics",
    "zarr",
    "rich",
    "collections",
    "os",
    "pathlib",
)
nitpick_ignore_regex = [
    # Names of other packages, whole or as they are imported: their documents are elsewhere, and nothing is downloaded.
    (r"py:.*", rf"({'|'.join(OTHERS)})\..*"),
    (r"py:class", r"Tensor|Figure|np\.ndarray"),
    (r"py:.*", r"typing\.Literal.*"),  # within a string
    # Of the package, what a reader needs no page for: aliases of Literals, and what only the package hands to itself.
    (r"py:class", r"Kind|Model|ShadowRuns|.*\.comparison\.jobs\.Work"),
]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # as on the forge: every heading can be linked to

nb_execution_mode = "force"  # by the package as it is, whenever a notebook is read
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_inherit_docstrings = False  # Lightning's hooks are not ours to describe
autodoc_member_order = "bysource"
autosummary_generate = False
maximum_signature_line_length = 72
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
viewcode_line_numbers = True

html_theme = "furo"
html_title = f"lightning-infogeo {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["search_from_files.js"]
html_search_scorer = str(DOCS / "_static" / "search_order.js")
html_show_copyright = False
html_copy_source = False
toc_object_entries_show_parents = "hide"
html_theme_options = {"navigation_with_keys": True}
pygments_dark_style = "github-dark"
