"""The plugin that TensorBoard talks to: addresses, and failures in words. What is heavy is imported when asked for."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard import plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from infogeo_tensorboard import PLUGIN_NAME
from infogeo_tensorboard.named import PAGE, Application, NamedTab, StartResponse
from infogeo_tensorboard.problems import RequestError, shortened
from infogeo_tensorboard.unavailable import sentence

ROUTES = ("state", "map", "samples", "cartography", "sample", "pair", "picture")

_BUNDLE = Path(__file__).parent / "static" / "index.js"
_log = logging.getLogger("tensorboard")


class InfogeoPlugin(NamedTab):
    """The tab "Information geometry".

    Args:
        context: of TensorBoard.
    """

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider = context.data_provider
        self._kept = (context.sampling_hints or {}).get(PLUGIN_NAME)
        self._lock = threading.Lock()
        self._service: Any = None

    def get_plugin_apps(self) -> dict[str, Application]:
        """Returns an application for each address below the plugin's own."""
        return {PAGE: self._serve_page, **{f"/{route}": self._application(route) for route in ROUTES}}

    def _application(self, route: str) -> Application:
        def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            return self._serve(route, environ, start_response)

        return application

    def _serve_page(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            text = _BUNDLE.read_text(encoding="utf8")
        except (OSError, UnicodeDecodeError):
            text = sentence("The page of this tab is missing from the installation of lightning-infogeo.")
        return _respond(environ, start_response, text, "text/javascript")

    def _serve(self, route: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        code = 200
        try:
            answer = self._answer(route, environ)
        except RequestError as error:
            answer, code = {"error": str(error)}, error.code
        except Exception as error:
            _log.exception("Information geometry: %s failed.", route)
            words = f"{type(error).__name__}: {shortened(error, 300)}"
            if route == "state":
                problem = f"The tab cannot read the log directory. {words}"
                answer = {"format": 1, "problem": problem, "revision": "", "maps": [], "runs": []}
            else:
                answer, code = {"error": words}, 500
        if isinstance(answer, bytes):
            return _respond(environ, start_response, answer, "image/png")
        return _respond(environ, start_response, json.dumps(answer, allow_nan=False), "application/json", code)

    def _answer(self, route: str, environ: dict[str, Any]) -> Any:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            raise RequestError(400, "only GET is answered")
        if self._provider is None:
            raise RuntimeError("TensorBoard was started without a data provider (--generic_data=false)")
        request = wrappers.Request(environ)
        from infogeo_tensorboard.source import Source

        context, experiment = plugin_util.context(environ), plugin_util.experiment_id(environ)
        source = Source(self._provider, context, experiment)
        return self._started().answer(route, request.args.to_dict(), source)

    def _started(self) -> Any:
        """Returns the service, which is imported at the first request."""
        with self._lock:
            if self._service is None:
                from infogeo_tensorboard.service import Service

                self._service = Service(self._kept)
            return self._service


def _respond(
    environ: dict[str, Any], start_response: StartResponse, content: str | bytes, content_type: str, code: int = 200
) -> Iterable[bytes]:
    response = http_util.Respond(wrappers.Request(environ), content, content_type, code=code)
    answered: Iterable[bytes] = response(environ, start_response)
    return answered
