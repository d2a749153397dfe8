"""Where a command prints: to consoles that cannot show every character, and to readers that stop reading."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from lightning_infogeo.loggers import shown

_GONE = (errno.EPIPE, errno.EINVAL)
"""What a pipe says that nobody reads any more; Windows says the second."""


@contextmanager
def forgiving() -> Iterator[None]:
    """Lets a block print: what a console has no character for is replaced, what nobody reads any more is lost.

    The block goes on in either case, and so the exit code is that of what it does, not of who watches.
    """
    own = sys.stdout, sys.stderr
    wrapped = [None if stream is None else _Forgiving(stream) for stream in own]
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in wrapped)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = own
        for stream in wrapped:
            if stream is not None:
                stream.end()


class _Forgiving:
    """A stream that never raises for what it is given or for who has stopped to read it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes what can be shown of a text."""
        with self._excused():
            self._stream.write(shown(text, self._stream.encoding or "utf-8"))
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        with self._excused():
            self._stream.flush()

    def end(self) -> None:
        """Leaves nothing for the interpreter to complain of when it flushes the stream for the last time."""
        self.flush()
        if self._lost:
            with contextlib.suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    @contextmanager
    def _excused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self._lost = True
