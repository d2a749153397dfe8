"""Loggers that nobody here knows, by the methods they have."""

from __future__ import annotations

from typing import Any

from lightning_infogeo.loggers.adapters.adapter import LoggerAdapter
from lightning_infogeo.loggers.picture import Picture


class FigureMethodAdapter(LoggerAdapter):
    """A logger with ``log_figure(key, figure, step=...)``."""

    takes = frozenset({"figures"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it has the method."""
        return hasattr(type(logger), "log_figure")  # DummyLogger has any attribute, but its class has not

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Gives it the figure itself."""
        self.logger.log_figure(key, picture.figure, step=x)


class ImageMethodAdapter(LoggerAdapter):
    """A logger with ``log_image(key, images, step=...)``."""

    takes = frozenset({"figures"})

    @staticmethod
    def fits(logger: Any) -> bool:
        """Returns whether it has the method."""
        return hasattr(type(logger), "log_image")

    def write_figure(self, key: str, picture: Picture, x: int) -> None:
        """Gives it the figure as pixels."""
        self.logger.log_image(key, [picture.pixels], step=x)
