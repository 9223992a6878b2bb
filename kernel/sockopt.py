"""Values of socket options in their two forms: what a program means, and the bytes that C programs pass."""

from __future__ import annotations

import struct
from errno import EDOM, EINVAL

from kernel.sockname import os_error

SOL_SOCKET, IPPROTO_TCP = 1, 6
SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE = 13, 20, 21, 25

Value = int | float | tuple[int, int] | str
"""SO_LINGER: (on, seconds). SO_RCVTIMEO, SO_SNDTIMEO: seconds, or (seconds, microseconds). SO_BINDTODEVICE: a name."""

_PAIRS = {SO_LINGER: "ii", SO_RCVTIMEO: "qq", SO_SNDTIMEO: "qq"}


def unpack(level: int, option: int, value: bytes) -> Value:
    """The value in an int, struct linger, struct timeval or name of C. Raises OSError (EINVAL, EDOM: its length)."""
    if level == SOL_SOCKET and option == SO_BINDTODEVICE:
        return value.rstrip(b"\0").decode()
    form = _PAIRS.get(option, "i") if level == SOL_SOCKET else "i"
    if len(value) != struct.calcsize(form):
        errno = EDOM if level == IPPROTO_TCP else EINVAL
        raise os_error(errno, f"setsockopt({level}, {option}): a value of {len(value)} bytes")
    numbers = struct.unpack(form, value)
    return numbers[0] if form == "i" else (numbers[0], numbers[1])


def pack(level: int, option: int, value: int | float | tuple[int, int], buflen: int) -> bytes:
    """The reverse, into so many bytes. Raises OSError (EINVAL: too few)."""
    form = _PAIRS.get(option, "i") if level == SOL_SOCKET else "i"
    if isinstance(value, tuple):
        data = struct.pack(form, *value)
    elif form == "qq":
        micros = round(value * 1_000_000)
        data = struct.pack(form, *divmod(micros, 1_000_000))
    else:
        data = struct.pack(form, int(value))
    if len(data) > buflen:
        raise os_error(EINVAL, f"getsockopt({level}, {option}): {buflen} bytes are too few")
    return data
