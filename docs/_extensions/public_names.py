"""What the API reference shows of classes, and where the names in signatures lead.

A public name is documented as ``lightning_infogeo.name``, wherever its module is; annotations name the module.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import lightning_infogeo

PACKAGE = lightning_infogeo.__name__
FIELD = "Alias for field number"  # what Python itself says of a named tuple's fields; the class says what they are
COLON = "\ue000"


def skip(app: Sphinx, what: str, name: str, member: object, skipped: bool, options: object) -> bool | None:
    """Returns True for members to leave out, None for those that autodoc may judge."""
    return True if str(getattr(member, "__doc__", "")).startswith(FIELD) else None


def prepare(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """Changes what a docstring says to others than its readers, before napoleon reads it.

    Bars of |x| are bars, not reStructuredText's substitution. A property's first line is a sentence; napoleon would
    take what is before a colon for its type.
    """
    for at, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split("(``.*?``)", line)
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[at] = "".join(parts)
    if what in ("property", "attribute") and lines:
        lines[0] = lines[0].replace(":", COLON)


def finish(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """Puts back the colons, after napoleon has read."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def public(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement) -> nodes.reference | None:
    """Returns a link to the public name, for a target that is written as its module has it."""
    target = node.get("reftarget", "")
    name = target.rpartition(".")[2]
    if node.get("refdomain") != "py" or not target.startswith(PACKAGE) or name not in lightning_infogeo.__all__:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"{PACKAGE}.{name}", node, text)


def lead_back(app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object) -> None:
    """Lets links from a source file lead to what is documented of it: viewcode writes all as if of one module."""
    if not page.startswith(f"_modules/{PACKAGE}/"):
        return
    parts = page.split("/")[1:]
    homes = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    known = app.env.domains.python_domain.objects

    def link(match: re.Match[str]) -> str:
        home = next((home for home in reversed(homes) if match[1].startswith(f"{home}.")), "")
        names = [match[1], *(f"{each}.{match[1].removeprefix(f'{home}.')}" for each in homes)]
        return f".html#{next((name for name in names if name in known), match[1])}"

    context["body"] = re.sub(r"\.html#([\w.]+)", link, str(context["body"]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects them; napoleon listens at priority 500."""
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", prepare, priority=400)
    app.connect("autodoc-process-docstring", finish, priority=600)
    app.connect("missing-reference", public)
    app.connect("html-page-context", lead_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
