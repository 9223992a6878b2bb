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


def tcp_echo(sys: Any) -> None:
    """Every connection to TCP port 7 gets back what it sends, up to its end; each has a task of its own."""

    def serve(sys: Any, client: Any) -> None:
        with client:
            while data := client.recv(4096):
                client.sendall(data)

    listener = sys.socket(2, 1)
    listener.bind(("", 7))
    listener.listen()
    while True:
        client, _ = listener.accept()
        sys.spawn(lambda sys, client=client: serve(sys, client), "echo client")
