"""Blocks of code in documents, and the arguments that they give to what can be imported."""

import ast
import builtins
import importlib
import importlib.util
import inspect
import re
import shlex
import textwrap
from typing import NamedTuple


class Block(NamedTuple):
    code: str
    needs: tuple[str, ...]  # what the page says it needs, of what tests may not have
    line: int

    def missing(self):
        """Returns what is not here: a package, or anything that no package is."""
        return [name for name in self.needs if not name.isidentifier() or importlib.util.find_spec(name) is None]


def blocks(text):
    """Returns the blocks of Python of a page in Markdown."""
    found = []
    for match in re.finditer(r"(?:<!-- needs: (.+?) -->\n)? *```python\n(.*?)```", text, re.DOTALL):
        needs = tuple(match[1].split(", ")) if match[1] else ()
        found.append(Block(textwrap.dedent(match[2]), needs, text[: match.start(2)].count("\n") + 1))
    return found


def commands(text):
    """Returns the words of the commands of this package that a page gives in blocks of their own."""
    lines = [
        line for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for line in block.split("\n")
    ]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("lightning-infogeo ")]


def importable(code):
    """Returns what the imports of a block that does not run give, as far as it is here."""
    names = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            named = [each for each in node.names if each.asname or "." not in each.name]
            names.update({each.asname or each.name: _module(each.name) for each in named})
        if isinstance(node, ast.ImportFrom) and (module := _module(node.module)) is not None:
            names.update({each.asname or each.name: getattr(module, each.name) for each in node.names})
    return names


def wrong_arguments(code, known=None):
    """Returns the keyword arguments in calls of importable names that those do not take.

    Args:
        code: of a block.
        known: names given by the blocks before it.
    """
    names = {**vars(builtins), **(known or {}), **importable(code)}
    wrong = []
    for node in ast.walk(ast.parse(code)):
        called = _value(node.func, names) if isinstance(node, ast.Call) else None
        if not callable(called):
            continue
        try:
            parameters = inspect.signature(called).parameters.values()
        except ValueError:  # of C
            continue
        if any(each.kind is each.VAR_KEYWORD for each in parameters):
            continue
        taken = {each.name for each in parameters}
        wrong += [each.arg for each in node.keywords if each.arg is not None and each.arg not in taken]
    return wrong


def _module(name):
    return importlib.import_module(name) if importlib.util.find_spec(name.partition(".")[0]) else None


def _value(node, names):
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, names), node.attr, None)
    return None
