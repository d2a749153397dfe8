"""The messages that a package can give, read off its source: what is filled in when one is given is an ellipsis."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

ERRORS = {"ConfigurationError", "ProcessesApart"}
WARNINGS = {"rank_zero_warn", "warn"}
CHECK = ["right", "argument", "value", "remedy"]
"""Arguments of the function in monitor/arguments.py that puts a message together."""


class Message(NamedTuple):
    kind: str  # "error" or "warning"
    text: str
    file: str


def rendered(node, names):
    """Returns the text of an expression, with an ellipsis for what only a run can tell."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(rendered(value, names) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return rendered(node.value, names) if isinstance(node.value, ast.Name) else "…"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return rendered(node.left, names) + rendered(node.right, names)
    if isinstance(node, ast.Name):
        return names.get(node.id, "…")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return rendered(node.func.value, names).replace("{}", "…")
    return "…"


def _assigned(nodes, before, names):
    """Returns ``names`` with the texts that assignments above a line give."""
    found = dict(names)
    for node in nodes:
        if isinstance(node, ast.Assign) and node.lineno < before and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = rendered(node.value, found)
    return found


def _message(call, names):
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called in ERRORS | WARNINGS and call.args:
        return "error" if called in ERRORS else "warning", rendered(call.args[0], names)
    if called == "check" and len(call.args) == len(CHECK):
        argument, value, remedy = call.args[1:]
        given = value.value if isinstance(value, ast.Constant) else "…"
        return "error", f"`InfoGeometryMonitor({rendered(argument, names)}={given})`: {rendered(remedy, names)}."
    return None


def messages(source, file=""):
    """Returns the messages of one file."""
    tree = ast.parse(source)
    constants = _assigned(tree.body, 10**9, {})
    found = []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if [each.arg for each in function.args.args] == CHECK:  # its calls say what it says
            continue
        nodes = sorted((n for n in ast.walk(function) if hasattr(n, "lineno")), key=lambda n: n.lineno)
        for node in nodes:
            names = _assigned(nodes, node.lineno, constants)
            if isinstance(node, ast.Call) and (made := _message(node, names)):
                found.append((*made, file))
            if isinstance(node, ast.Return) and function.name.startswith("describe_"):  # handed to a warning
                found.append(("warning", rendered(node.value, names), file))
    return [Message(kind, re.sub("…+", "…", text), file) for kind, text, file in found]


def messages_of(package: Path):
    """Returns all messages of a package, each text once; those that are only passed on are left out."""
    made = [
        message
        for path in sorted(package.rglob("*.py"))
        for message in messages(path.read_text(encoding="utf-8"), path.relative_to(package).as_posix())
    ]
    return [message for message in dict.fromkeys(made) if message.text != "…"]
