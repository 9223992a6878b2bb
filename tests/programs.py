"""Programs for boards, where a test needs one and does not care how it is written."""

from __future__ import annotations

from typing import Any


def udp_echo(sys: Any) -> None:
    """Sends back what comes to UDP port 7."""
    s = sys.socket()
    s.bind(("", 7))
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data, peer)
