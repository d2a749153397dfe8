"""A figure as it was drawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from typing_extensions import Self

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture(NamedTuple):
    """A figure with its pixels, drawn once for all loggers.

    Attributes:
        figure: of matplotlib's.
        pixels: shape (height, width, 4), uint8: red, green, blue and opacity.
        png: the same as a file.
    """

    figure: Figure
    pixels: np.ndarray[Any, Any]
    png: bytes

    @classmethod
    def of(cls, figure: Figure) -> Self:
        """Returns the picture of a figure; it is drawn without a window, in any thread."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image  # matplotlib needs it

        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        pixels, file = np.asarray(canvas.buffer_rgba()).copy(), io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return cls(figure, pixels, file.getvalue())
