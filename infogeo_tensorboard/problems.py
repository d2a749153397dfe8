"""What can be wrong with a request or with what was recorded, in words."""

from __future__ import annotations


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        code: HTTP status, 400 where the request is bad, 404 where it names what does not exist.
        words: for people.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class RecordedError(ValueError):
    """Recorded data that cannot be read; the message says which and why."""


class NewerFormatError(RecordedError):
    """Recorded by a newer version of the package."""

    def __init__(self) -> None:
        super().__init__("recorded by a newer version of lightning-infogeo; update it where TensorBoard runs")


def shortened(value: object, limit: int = 80) -> str:
    """Returns a value as it is quoted in a message, without line breaks and at most ``limit`` characters long."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
