"""Packets that never leave the board: lo, and eth0's own address."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from stack import BOARD_IP, Stack

from kernel.socket import AF_INET, IPPROTO_ICMP, SOCK_DGRAM


@pytest.mark.parametrize("address", ["127.0.0.1", BOARD_IP])
@pytest.mark.parametrize("size", [0, 1, 155, 1000, 1472])
def test_datagram_to_oneself_arrives(address: str, size: int) -> None:
    def body(sys: Any) -> Any:
        receiver, sender = sys.socket(), sys.socket()
        receiver.bind(("", 7))
        sender.bind(("", 8))
        sender.sendto(bytes(size), (address, 7))
        return receiver.recvfrom(2000)

    with Stack() as s:
        assert s.run(body) == (bytes(size), (address, 8))
        assert s.frames() == [] and s.leaks() == 0


@pytest.mark.parametrize("address", ["127.0.0.1", BOARD_IP])
def test_board_pings_itself(address: str) -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
        sock.sendto(b"\x08\0\0\0\0\1\0\2" + bytes(300), (address, 0))
        return sock.recvfrom(2000)

    with Stack() as s:
        message, peer = s.run(body)
        assert (message[0], message[4:], peer) == (0, b"\0\1\0\2" + bytes(300), (address, 0))
        assert s.frames() == [] and s.leaks() == 0


@pytest.mark.parametrize("address", ["127.0.0.1", BOARD_IP])
def test_closed_port_of_oneself_refuses(address: str) -> None:
    def body(sys: Any) -> Any:
        sock = sys.socket()
        sock.connect((address, 9))
        sock.send(bytes(1000))
        try:
            return sock.recv(9)
        except OSError as error:
            return error.errno

    with Stack() as s:
        assert s.run(body) == errno.ECONNREFUSED
        assert s.leaks() == 0


def test_unspecified_address_is_this_host() -> None:
    def body(sys: Any) -> Any:
        receiver, sender = sys.socket(), sys.socket()
        receiver.bind(("", 7))
        sender.connect(("", 7))
        sender.send(b"me")
        return receiver.recv(9), sender.getpeername()

    with Stack() as s:
        assert s.run(body) == (b"me", ("127.0.0.1", 7))


def test_lo_counts_what_it_carries_both_ways() -> None:
    def body(sys: Any) -> None:
        sock = sys.socket()
        sock.bind(("", 7))
        sock.sendto(b"abc", ("127.0.0.1", 7))
        sock.recv(9)

    with Stack() as s:
        s.run(body)
        lo = s.kernel.net.device("lo").stats
        assert (lo.tx_packets, lo.tx_done, lo.tx_bytes) == (lo.rx_packets, lo.rx_ipv4, lo.rx_bytes) == (1, 1, 31)


def test_lo_can_be_taken_down_and_up() -> None:
    def body(sys: Any) -> Any:
        lo = sys.kernel.net.device("lo")
        lo.ifdown()
        try:
            sys.socket().sendto(b"x", ("127.0.0.1", 7))
        except OSError as error:
            down = error.errno
        lo.ifup()
        return down, sys.socket().sendto(b"x", ("127.0.0.1", 7)), lo.state

    with Stack() as s:
        s.device.draddr = "0.0.0.0"
        assert s.run(body) == (errno.ENETUNREACH, 1, "RUNNING")
