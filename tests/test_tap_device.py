"""TAP interfaces: frames between the host's kernel and a board, in a network namespace of the test's own.

As a program (in that namespace) it is the other half of its tests: ``test_tap_device.py CASE``.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wired import S, Wired, bench, frame

from board.mac import Mac
from board.wire import HostEnd, Port
from drivers.macregs import Cr, Reg
from kernel.clock import Clock
from kernel.core import lib
from lab.tap import TAP_MBPS, Tap, TapError

HERE = Path(__file__).resolve()


# On a socket pair, which needs no rights


@contextmanager
def tapped() -> Iterator[tuple[Clock, socket.socket, Port, HostEnd]]:
    """A port on one end of a socket pair; the other end; what is at the far end of the port's cable."""
    host, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with host, bench() as clock:
        port = Port(clock, lib.tap_attach(clock.bench, end.detach(), TAP_MBPS), "tap")
        other = HostEnd(clock, "02:00:00:00:00:0a", 1, arp=False)
        port.plug(other)
        yield clock, host, port, other


def test_frames_from_a_descriptor_arrive_at_once_and_in_bursts() -> None:
    with tapped() as (clock, host, port, other):
        reader = other.reader()
        sent = [frame(60 + i, fill=i) for i in range(100)]
        for data in sent:
            host.send(data)
        assert lib.tap_take(clock.bench, port.number) == 64
        assert lib.tap_take(clock.bench, port.number) == 36
        assert lib.tap_take(clock.bench, port.number) == 0
        got = list(iter(reader.poll, None))
        assert [arrival.data for arrival in got] == sent
        assert {arrival.time for arrival in got} == {clock.now_ns}


def test_frames_to_a_descriptor_are_written_at_once_and_whole() -> None:
    with tapped() as (_, host, _, other):
        host.setblocking(False)
        for size in (60, 1514, 9000):
            other.send(frame(size))
        assert [len(host.recv(65536)) for _ in range(3)] == [60, 1514, 9000]


def test_jumbo_frames_from_a_descriptor_are_whole() -> None:
    with tapped() as (clock, host, port, other):
        reader = other.reader()
        data = frame(1500) + bytes(range(256)) * 30
        host.send(data)
        lib.tap_take(clock.bench, port.number)
        arrival = reader.poll()
        assert arrival is not None and arrival.data == data


def test_a_descriptor_that_takes_no_more_counts_drops() -> None:
    with tapped() as (clock, _, port, other):
        for _ in range(5000):
            other.send(frame(1514))
        assert lib.tap_drops(clock.bench, port.number) > 0


def test_without_a_link_what_is_read_is_lost() -> None:
    host, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with host, bench() as clock:
        port = Port(clock, lib.tap_attach(clock.bench, end.detach(), TAP_MBPS), "tap")
        host.send(frame())
        assert lib.tap_take(clock.bench, port.number) == 1
        assert port.counters["tx_nolink"] == 1


def test_a_descriptor_whose_other_end_is_gone_takes_the_link_down_and_is_silent() -> None:
    host, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with bench() as clock:
        fd = end.detach()
        port = Port(clock, lib.tap_attach(clock.bench, fd, TAP_MBPS), "tap")
        other = HostEnd(clock, "02:00:00:00:00:0a", 1)
        port.plug(other)
        host.close()
        assert lib.tap_take(clock.bench, port.number) < 0
        assert other.link == 0
        other.send(frame())
        assert lib.tap_take(clock.bench, port.number) == 0
        assert select.select([fd], [], [], 0)[0] == []


def test_a_burst_fills_the_ring_of_a_controller_and_counts_the_rest() -> None:
    host, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with host, bench() as clock:
        board = lib.board_new(clock.bench, 1, 10_000_000, 64)
        mac = Mac(clock, board, "02:00:00:00:00:02", irq=5, rx_ring=16)
        port = Port(clock, lib.tap_attach(clock.bench, end.detach(), TAP_MBPS), "tap")
        port.plug(mac)
        mac.write(Reg.CR, Cr.RE | Cr.TE)
        for _ in range(20):
            host.send(frame())
        lib.tap_take(clock.bench, port.number)
        assert mac.peek(Reg.RXREADY) == 16
        assert mac.mac_counters["rx_overflows"] == 4
        lib.board_free(board)


# Errors


def test_a_tap_in_lockstep_is_an_error() -> None:
    with bench() as clock, pytest.raises(TapError, match=r"lockstep.*live=True"):
        Tap(clock, "tap0")


def test_a_name_that_is_too_long_says_so() -> None:
    with bench() as clock:
        clock.go_live(0)
        with pytest.raises(TapError, match="at most 15 characters"):
            Tap(clock, "a-name-too-long-for-linux")


# In a namespace


def run_case(case: str, *, needs: tuple[str, ...] = ()) -> None:
    """Runs this file's ``case`` in a namespace of its own; skips where that may not be."""
    for tool in ("unshare", "ip", *needs):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("/dev/net/tun does not exist here")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun may not be opened by this user")
    try:
        probe = subprocess.run(
            ["unshare", "-rn", "ip", "tuntap", "add", "dev", "tap0", "mode", "tap"], capture_output=True, check=False
        )
    except OSError as error:
        pytest.skip(f"unshare does not run: {error}")
    if probe.returncode != 0:
        pytest.skip(f"no TAP in a namespace of one's own: {probe.stderr.decode().strip()}")
    run_alone(case, "unshare", "-rn")


def run_alone(case: str, *within: str) -> None:
    """Runs this file's ``case`` in a process of its own."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE.parent.parent)))}
    command = [*within, sys.executable, str(HERE), case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hosts_ping_reaches_the_board() -> None:
    run_case("ping", needs=("ping",))


def test_a_tap_in_use_and_a_name_that_is_no_tap_say_so() -> None:
    run_case("busy")


def test_who_may_not_have_the_tap_is_told_which_step_was_refused() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody who may not")
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("/dev/net/tun does not exist here")
    run_alone("forbidden")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _tap_up() -> None:
    _ip("tuntap", "add", "dev", "tap0", "mode", "tap")
    _ip("addr", "add", "10.0.1.1/24", "dev", "tap0")
    _ip("link", "set", "tap0", "up")


def case_ping() -> None:
    _tap_up()
    with Wired(live=True) as w:
        w.mac.unplug()
        tap = Tap(w.clock, "tap0")
        tap.plug(w.mac)
        tap.capture()
        host = subprocess.Popen(
            ["ping", "-c", "3", "-i", "0.2", "-W", "2", "10.0.1.2"], stdout=subprocess.PIPE, text=True
        )
        w.clock.run(w.clock.now_ns + 10 * S, look=lambda: host.poll() is not None)
        text = host.communicate()[0]
        assert "3 received" in text, text
        frames = tap.captured()
        assert any(record.outgoing for record in frames) and any(not record.outgoing for record in frames)
        assert tap.drops == 0
        tap.close()
        tap.close()


def case_busy() -> None:
    with bench() as clock:
        clock.go_live(0)
        Tap(clock, "tap0")
        for name, message in (("tap0", "another program has it open"), ("lo", "is no TAP")):
            try:
                Tap(clock, name)
            except TapError as error:
                assert message in str(error), error
            else:
                raise AssertionError(f"{name} was had")


def case_forbidden() -> None:
    os.setgid(1)
    os.setuid(1)
    with bench() as clock:
        clock.go_live(0)
        try:
            os.close(os.open("/dev/net/tun", os.O_RDWR))
            step, remedy = "TUNSETIFF is refused", "ip tuntap add dev tap0 mode tap user"
        except PermissionError:
            step, remedy = "cannot open /dev/net/tun", "chmod 0666 /dev/net/tun"
        try:
            Tap(clock, "tap0")
        except TapError as error:
            assert step in str(error) and remedy in str(error), error
        else:
            raise AssertionError("tap0 was had")


if __name__ == "__main__":
    {"ping": case_ping, "busy": case_busy, "forbidden": case_forbidden}[sys.argv[1]]()
