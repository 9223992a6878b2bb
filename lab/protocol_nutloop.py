"""Where pyserial looks when somebody opens ``nutloop://...``: see `lab/serialurl.py`.

pyserial takes an ImportError of this module for an unknown protocol, so it imports nothing until it is asked.
"""

from __future__ import annotations

from typing import Any


def serial_class_for_url(url: str) -> tuple[str, Any]:
    """pyserial's question: the name of the port, and what makes it. Raises SerialException."""
    from lab.serialurl import port_maker

    return url, port_maker(url)
