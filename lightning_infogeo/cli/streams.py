"""Printing to consoles that cannot show every character, and to pipes whose reader has stopped."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from lightning_infogeo.printable import shown

_CLOSED_PIPE = (errno.EPIPE, errno.EINVAL)
"""Errors of a pipe without a reader; Windows gives the second."""


@contextmanager
def tolerant_output() -> Iterator[None]:
    """Lets a block print to any stream: missing characters are replaced, and output without a reader is dropped.

    The block continues in either case, so that the exit code does not depend on where its output goes.
    """
    original = sys.stdout, sys.stderr
    wrapped = [None if stream is None else _TolerantStream(stream) for stream in original]
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in wrapped)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = original
        for stream in wrapped:
            if stream is not None:
                stream.end()


class _TolerantStream:
    """A stream that raises neither for characters that it lacks nor for a reader that has stopped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes a text, with the characters replaced that the stream lacks."""
        with self._ignoring_closed_pipe():
            self._stream.write(shown(text, self._stream.encoding or "utf-8"))
        return len(text)

    def flush(self) -> None:
        """Flushes the stream."""
        with self._ignoring_closed_pipe():
            self._stream.flush()

    def end(self) -> None:
        """Redirects a stream without a reader, so that the interpreter's last flush does not raise."""
        self.flush()
        if self._closed:
            with contextlib.suppress(OSError):
                null_device = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null_device, self._stream.fileno())
                os.close(null_device)

    @contextmanager
    def _ignoring_closed_pipe(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _CLOSED_PIPE:
                raise
            self._closed = True
