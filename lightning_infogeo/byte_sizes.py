"""Numbers of bytes as people write them."""

from __future__ import annotations

import re
from typing import Any

from lightning_infogeo.schedules import is_int


def bytes_in(size: Any) -> int | None:
    """Returns the bytes that an int, or a string such as "256MB" or "1.5 GiB", stands for; None for anything else.

    Example:
        >>> bytes_in("256MB"), bytes_in("1KiB"), bytes_in(10), bytes_in("many")
        (256000000, 1024, 10, None)
    """
    if is_int(size):
        return int(size) if size > 0 else None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?)B?\s*", size) if isinstance(size, str) else None
    if match is None or float(match[1]) == 0:
        return None
    power = " kMGT".index(match[2].replace("K", "k") or " ")
    return int(float(match[1]) * float(1024 if match[3] else 1000) ** power)
