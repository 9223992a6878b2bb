"""Names of sockets: addresses, and errors that name the call."""

from __future__ import annotations

import os

Address = tuple[str, int]


def os_error(errno: int, what: str) -> OSError:
    """The OSError of a positive errno."""
    return OSError(errno, f"{what}: {os.strerror(errno)}")
