"""A tab that says why there is nothing to see; needs nothing but TensorBoard's base class."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from infogeo_tensorboard.named import PAGE, Application, NamedTab, StartResponse


class Unavailable(NamedTab):
    """Stands in for the plugin where that could not be loaded.

    Args:
        reason: in words, shown in the tab as text.
    """

    def __init__(self, reason: str) -> None:
        self.problem = f"This tab cannot be shown. {reason}"

    def get_plugin_apps(self) -> dict[str, Application]:
        """Returns the page and the state, both of which say what is wrong."""
        state = {"format": 1, "problem": self.problem, "revision": "", "maps": [], "runs": []}
        return {
            PAGE: _constant("text/javascript; charset=utf-8", sentence(self.problem)),
            "/state": _constant("application/json", json.dumps(state)),
        }


def sentence(words: str) -> str:
    """Returns an ES module whose page shows words, as text."""
    text = json.dumps(words)
    return (
        "export async function render() {\n"
        '  const line = document.createElement("p");\n'
        f"  line.textContent = {text};\n"
        '  line.style.cssText = "margin: 24px; font: 16px/1.5 Roboto, sans-serif; color: #757575; max-width: 60em";\n'
        "  document.body.append(line);\n"
        "}\n"
    )


def _constant(content_type: str, text: str) -> Application:
    body = text.encode()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-cache, must-revalidate"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start_response("200 OK", headers)
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]

    return application
