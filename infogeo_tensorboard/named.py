"""What every plugin of this package tells TensorBoard: its name, and where its page is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tensorboard.plugins import base_plugin

from infogeo_tensorboard import PLUGIN_NAME

TAB_NAME = "Information geometry"
PAGE = "/index.js"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class NamedTab(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard has no types
    """A tab by the name "Information geometry"."""

    plugin_name = PLUGIN_NAME

    def is_active(self) -> bool:
        """Returns True: a tab that is hidden until TensorBoard finds data cannot say anything."""
        return True

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns the name and the address of the page."""
        return base_plugin.FrontendMetadata(es_module_path=PAGE, tab_name=TAB_NAME)
