"""A tab that says why there is nothing to see; needs nothing but TensorBoard's base class."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tensorboard.plugins import base_plugin

from infogeo_tensorboard import PLUGIN_NAME

TAB_NAME = "Information geometry"
PAGE = "/index.js"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Unavailable(base_plugin.TBPlugin):  # type: ignore[misc]
    """Stands in for the plugin where that could not be loaded.

    Args:
        reason: in words, shown in the tab as text.
    """

    plugin_name = PLUGIN_NAME

    def __init__(self, reason: str) -> None:
        self.problem = f"This tab cannot be shown. {reason}"

    def get_plugin_apps(self) -> dict[str, Application]:
        """Returns the page and the state, both of which say what is wrong."""
        state = {"format": 1, "problem": self.problem, "revision": "", "maps": [], "runs": []}
        return {
            PAGE: _constant("text/javascript; charset=utf-8", sentence(self.problem)),
            "/state": _constant("application/json", json.dumps(state)),
        }

    def is_active(self) -> bool:
        """Returns True: a tab that is hidden cannot say anything."""
        return True

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns the name and the address of the page."""
        return base_plugin.FrontendMetadata(es_module_path=PAGE, tab_name=TAB_NAME)


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
