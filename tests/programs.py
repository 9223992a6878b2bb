"""Programs for boards, where a test needs one and does not care how it is written."""

from __future__ import annotations

from typing import Any

AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM = 2, 10, 1, 2


def udp_echo(sys: Any, family: int = AF_INET) -> None:
    """Sends back what comes to UDP port 7."""
    s = sys.socket(family, SOCK_DGRAM)
    s.bind(("", 7))
    while True:
        data, peer = s.recvfrom(65535)
        s.sendto(data, peer)


def udp_echo6(sys: Any) -> None:
    """The same in IPv6."""
    udp_echo(sys, AF_INET6)


def tcp_echo(sys: Any, family: int = AF_INET) -> None:
    """Every connection to TCP port 7 gets back what it sends, up to its end; each has a task of its own."""

    def serve(sys: Any, client: Any) -> None:
        with client:
            while data := client.recv(4096):
                client.sendall(data)

    listener = sys.socket(family, SOCK_STREAM)
    listener.bind(("", 7))
    listener.listen()
    while True:
        client, _ = listener.accept()
        sys.spawn(lambda sys, client=client: serve(sys, client), "echo client")


def tcp_echo6(sys: Any) -> None:
    """The same in IPv6."""
    tcp_echo(sys, AF_INET6)
