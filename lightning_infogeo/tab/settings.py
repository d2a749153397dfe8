"""How much is written for the tab in TensorBoard."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_infogeo.byte_sizes import bytes_in
from lightning_infogeo.errors import ConfigurationError

_LEAST = 100_000


@dataclass(frozen=True)
class TabSettings:
    """How much is written to TensorBoard's event files for the tab "Information geometry".

    Args:
        budget: bytes in the event files of one fit, as an int of at least 100,000 or such as "8MB". Where all records
            would take more, each holds sketches in place of many classes, then fewer samples; then there are fewer.
        pictures: whether small copies of the samples are written once, where inputs are images; up to a quarter of
            the budget.

    Raises:
        ConfigurationError: where a value is impossible.

    Example:
        >>> TabSettings("1.5 MB").nbytes
        1500000
    """

    budget: int | str = "8MB"
    pictures: bool = True

    def __post_init__(self) -> None:
        size = bytes_in(self.budget)
        if size is None or size < _LEAST:
            raise ConfigurationError(
                f"`TabSettings(budget={self.budget!r})`: must be at least {_LEAST:,} bytes, as an int or such as "
                '"8MB"; tab=False writes nothing.'
            )
        if not isinstance(self.pictures, bool):
            raise ConfigurationError(f"`TabSettings(pictures={self.pictures!r})`: must be True or False.")

    @property
    def nbytes(self) -> int:
        """The budget as a number."""
        size = bytes_in(self.budget)
        assert size is not None
        return size
