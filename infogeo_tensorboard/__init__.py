"""The tab "Information geometry" of TensorBoard; imports neither torch nor lightning.

TensorBoard loads ``InfogeoLoader`` by the entry point ``tensorboard_plugins`` and ends where that raises. So nothing
here can: what may be missing or broken is imported inside of functions, and the tab says in words what is wrong.
"""

from __future__ import annotations

import logging
from typing import Any

try:
    from tensorboard.plugins.base_plugin import TBLoader
except Exception:  # whoever imports this without a working TensorBoard does not need the loader
    TBLoader = object

_log = logging.getLogger("tensorboard")  # where TensorBoard's own lines go

PLUGIN_NAME = "infogeo"
"""In event files and in addresses."""


class InfogeoLoader(TBLoader):  # type: ignore[misc]  # TensorBoard has no types
    """Brings the tab into TensorBoard, or a tab that says why it cannot be shown."""

    def fix_flags(self, flags: Any) -> None:
        """Keeps every record: by default TensorBoard keeps 10 or 100 tensors a tag, at random.

        Args:
            flags: of TensorBoard; a number that the user gives for this plugin stays.
        """
        try:
            flags.samples_per_plugin.setdefault(PLUGIN_NAME, 0)
        except Exception as error:
            _log.warning("Information geometry: some records may be left out (%r).", error)

    def load(self, context: Any) -> Any:
        """Returns the plugin; one that only says what is wrong where that fails; None where nothing can be said.

        Args:
            context: of TensorBoard.
        """
        try:
            from infogeo_tensorboard.plugin import InfogeoPlugin

            return InfogeoPlugin(context)
        except Exception as error:
            _log.warning("Information geometry: the tab cannot be shown.", exc_info=True)
            return _saying(error)


def _saying(error: Exception) -> Any:
    try:
        from infogeo_tensorboard.unavailable import Unavailable

        return Unavailable(f"{type(error).__name__}: {error}")
    except Exception:
        return None
