"""ping: asks a host whether it is there, by ICMP. What it prints is what NuttX's ping prints (apps/system/ping)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isqrt
from typing import TYPE_CHECKING

from kernel.apps.hosts import gethostip
from kernel.fs.openfile import STDERR
from kernel.kernel import SIGINT
from kernel.nsh.commands.options import getopt
from kernel.nsh.numbers import decimal
from kernel.socket import AF_INET, IPPROTO_ICMP, SOCK_DGRAM, Socket

if TYPE_CHECKING:
    from kernel.syscalls import Sys

ECHO_REPLY, ECHO_REQUEST = 0, 8
HEADER = 8
MAX = 65535
PATTERN = bytes(range(0x20, 0x7F))
NUMBERS = {"c": ("count", "count"), "i": ("interval", "delay"), "W": ("timeout", "timeout"), "s": ("size", "size")}
NO_HOST = "ERROR: Missing required <ip-address> argument"
"""Options with a number: what messages call it, and its field in Options."""

USAGE = """
Usage: ping [-c <count>] [-i <interval>] [-W <timeout>] [-s <size>] <ip-address>
       ping -h

Where:
  <ip-address> is the IPv4 address request the ICMP ECHO reply.
  -c <count> determines the number of pings.  Default 10.
  -i <interval> is the default delay between pings (milliseconds).
    Default 1000.
  -W <timeout> is the timeout for wait response (milliseconds).
    Default 1000.
  -s <size> specifies the number of data bytes to be sent.  Default 56.
  -I <interface> is the bind device for traffic
  -h shows this text and exits.
"""


class UsageError(Exception):
    """The command line makes no sense; the text says why, "" if only help was asked for."""


@dataclass
class Options:
    """The command line. Times are in milliseconds."""

    host: str = ""
    count: int = 10
    delay: int = 1000
    timeout: int = 1000
    size: int = 56
    notes: list[str] = field(default_factory=list)


@dataclass
class Result:
    """What came of the requests. Times are in microseconds."""

    requests: int = 0
    replies: int = 0
    troubles: int = 0
    times: list[int] = field(default_factory=list)


def parse_options(argv: list[str]) -> Options:
    """Raises UsageError."""
    options = Options()
    given, rest = getopt(argv, ":c:i:W:s:I:h")
    for flag, text in given:
        if flag == "h":
            raise UsageError("")
        if flag == ":":
            raise UsageError("ERROR: Missing required argument")
        if flag == "?":
            raise UsageError("ERROR: Unrecognized option")
        if flag == "I":
            options.notes.append("ERROR: Bind to device not supported")
            continue
        shown, attribute = NUMBERS[flag]
        value = decimal(text)
        if not 1 <= value <= MAX:
            raise UsageError(f"ERROR: <{shown}> out of range: {value}")
        setattr(options, attribute, value)
    if not rest:
        raise UsageError(NO_HOST)
    options.host = rest[0]
    return options


def complain(sys: Sys, text: str) -> None:
    """Writes a line to standard error."""
    stderr = sys.task.files.get(STDERR)
    if stderr is not None:
        stderr.write(f"{text}\n".encode("utf-8", "replace"))


class Ping:
    """One run of ping."""

    def __init__(self, sys: Sys, options: Options, sock: Socket) -> None:
        self._sys = sys
        self._options = options
        self._sock = sock
        self._id = sys.getpid() & 0xFFFF
        self._data = (PATTERN * (options.size // len(PATTERN) + 1))[: options.size]
        self.result = Result()

    def run(self) -> None:
        """All requests, one after the other, and the summary."""
        sys, options, result = self._sys, self._options, self.result
        begun = sys.ticks
        sys.signal(SIGINT)
        sys.print(f"PING {options.host} {options.size} bytes of data")
        try:
            for seqno in range(options.count):
                start = sys.ticks
                result.requests += 1
                self._ask(seqno, start)
                left = options.delay * 1000 - self._since(start)
                if left > 0:
                    sys.usleep(left)
        except InterruptedError:
            pass  # Ctrl-C: the summary all the same
        self._summary(self._since(begun))

    def _since(self, ticks: int) -> int:
        return (self._sys.ticks - ticks) * self._sys.kernel.tick_ns // 1000

    def _trouble(self, text: str) -> None:
        complain(self._sys, text)
        self.result.troubles += 1

    def _ask(self, seqno: int, start: int) -> None:
        """One request and what comes of it."""
        head = bytes((ECHO_REQUEST, 0, 0, 0)) + self._id.to_bytes(2, "big") + seqno.to_bytes(2, "big")
        try:
            self._sock.sendto(head + self._data, (self._options.host, 0))
        except InterruptedError:
            raise
        except OSError as error:
            self._trouble(f"ERROR: sendto failed at seqno {seqno}: {error.errno}")
            return
        limit = min(self._options.delay, self._options.timeout) * 1000
        while not self._answer(seqno, start) and self._since(start) < limit:
            pass

    def _answer(self, seqno: int, start: int) -> bool:
        """Waits for one reply; says whether the request is dealt with."""
        options = self._options
        left = options.timeout - self._since(start) // 1000
        try:
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left / 1000)
            reply, _ = self._sock.recvfrom(HEADER + options.size)
        except InterruptedError:
            raise
        except TimeoutError:
            self._sys.print(f"No response from {options.host}: icmp_seq={seqno} time={options.timeout} ms")
            self.result.troubles += 1
            return True
        except OSError as error:
            self._trouble(f"ERROR: recvfrom failed: {error.errno}")
            return True
        elapsed = self._since(start)
        if len(reply) < HEADER:
            self._trouble(f"ERROR: short ICMP packet: {len(reply)}")
            return True
        if reply[0] != ECHO_REPLY:
            self._trouble(f"WARNING: ICMP packet with unknown type: {reply[0]}")
            return True
        got = int.from_bytes(reply[6:8], "big")
        if got != seqno:
            late = "WARNING: Received after timeout"
            early = f"WARNING: Ignoring ICMP reply to sequence {got}.  Expected <= {seqno}"
            self._trouble(late if got < seqno else early)
            return False
        self._reply(seqno, elapsed, reply[HEADER:])
        return True

    def _reply(self, seqno: int, elapsed: int, data: bytes) -> None:
        options, result = self._options, self.result
        time = f"{elapsed // 1000}.{elapsed % 1000 // 100}"
        self._sys.print(f"{options.size} bytes from {options.host}: icmp_seq={seqno} time={time} ms")
        result.times.append(elapsed)
        if len(data) != options.size:
            self._trouble(f"WARNING: Ignoring ICMP reply with different payload size: {len(data)} vs {options.size}")
        elif data != self._data:
            self._trouble("WARNING: Echoed data corrupted")
        else:
            result.replies += 1

    def _summary(self, elapsed: int) -> None:
        result = self.result
        sent, received, times = result.requests, result.replies, result.times
        loss = (100 * (sent - received) + sent // 2) // sent
        self._sys.print(
            f"{sent} packets transmitted, {received} received, {loss}% packet loss, time {elapsed // 1000} ms"
        )
        if received:
            average = sum(times) // received
            deviation = isqrt(max(0, sum(t * t for t in times) // received - average * average))
            rtt = "/".join(f"{us // 1000}.{us % 1000:03}" for us in (min(times), average, max(times), deviation))
            self._sys.print(f"rtt min/avg/max/mdev = {rtt} ms")


def main(sys: Sys) -> int:
    """ping [-c count] [-i interval] [-W timeout] [-s size] <ip-address>. Fails if anything went wrong at all."""
    try:
        options = parse_options(sys.argv)
    except UsageError as error:
        why = str(error)
        if why == NO_HOST:
            sys.print(why)  # not as an error
        elif why:
            complain(sys, why)
        sys.print(USAGE, end="")
        return 1 if why else 0
    try:
        options.host = gethostip(sys, options.host)
    except InterruptedError:
        return 1
    except OSError:
        complain(sys, f"ERROR: ping_gethostip({options.host}) failed")
        return 1
    try:
        sock = sys.socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
    except OSError as error:
        complain(sys, f"ERROR: socket() failed: {error.errno}")
        return 1
    with sock:
        for note in options.notes:
            complain(sys, note)
        ping = Ping(sys, options, sock)
        ping.run()
    return 1 if ping.result.troubles else 0
