"""What ping and ping6 have in common (apps/system/ping, apps/netutils/ping): options, requests, what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

from kernel.apps.hosts import gethostip
from kernel.apps.output import complain
from kernel.kernel import SIGINT
from kernel.netlib.netdb import HOST_NOT_FOUND, GaiError
from kernel.nsh.commands.options import getopt
from kernel.nsh.numbers import decimal
from kernel.socket import SO_BINDTODEVICE, SOCK_DGRAM, SOL_SOCKET, Socket

if TYPE_CHECKING:
    from kernel.syscalls import Sys

HEADER = 8
MAX = 65535
PATTERN = bytes(range(0x20, 0x7F))
NUMBERS = {"c": ("count", "count"), "i": ("interval", "delay"), "W": ("timeout", "timeout"), "s": ("size", "size")}
"""Options with a number: what messages call it, and its field in Options."""

NO_HOST = "ERROR: Missing required <ip-address> argument"

USAGE = """
Usage: {name} [-c <count>] [-i <interval>] [-W <timeout>] [-s <size>] {host}
       {name} -h

Where:
  {what}
  -c <count> determines the number of pings.  Default 10.
  -i <interval> is the default delay between pings (milliseconds).
    Default 1000.
  -W <timeout> is the timeout for wait response (milliseconds).
    Default 1000.
  -s <size> specifies the number of data bytes to be sent.  Default 56.
  -I <interface> is the bind device for traffic
  -h shows this text and exits.
"""


class Dialect(NamedTuple):
    """Where the two programs differ."""

    name: str
    family: int
    proto: int
    request: int
    """type of its message"""
    reply: int
    address: str
    """usage: what a host may be given as"""
    hostname: str
    """the same if names are looked up"""
    begin: str
    """format of the first line"""
    colon: str
    """after the address of a reply"""
    comma: str
    """after the loss"""
    goes_on: bool
    """after an error of the socket"""


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
    device: str = ""


@dataclass
class Result:
    """What came of the requests. Times are in microseconds."""

    requests: int = 0
    replies: int = 0
    troubles: int = 0
    times: list[int] = field(default_factory=list)


def parse_options(argv: list[str], warn: Callable[[str], None] | None = None) -> Options:
    """``warn``: is told that there is no SO_BINDTODEVICE; None: there is. Raises UsageError."""
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
            options.device = text
            if warn is not None:
                options.device = ""
                warn("ERROR: Bind to device not supported")
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


def usage(sys: Sys, dialect: Dialect) -> str:
    """The text of -h."""
    options = sys.kernel.options
    names = options["LIBC_NETDB"] and options["NETDB_DNSCLIENT"]
    host, what = ("<hostname>", dialect.hostname) if names else ("<ip-address>", dialect.address)
    return USAGE.format(name=dialect.name, host=host, what=what)


class Pinger:
    """One run."""

    def __init__(self, sys: Sys, dialect: Dialect, options: Options, sock: Socket) -> None:
        self._sys = sys
        self._dialect = dialect
        self._options = options
        self._sock = sock
        self._id = sys.getpid() & 0xFFFF
        self._data = (PATTERN * (options.size // len(PATTERN) + 1))[: options.size]
        self.result = Result()

    def run(self) -> None:
        """All requests, one after the other, and the summary."""
        sys, options = self._sys, self._options
        begun = sys.ticks
        sys.signal(SIGINT)
        sys.print(self._dialect.begin.format(host=options.host, size=options.size))
        try:
            for seqno in range(options.count):
                start = sys.ticks
                if not self._ask(seqno, start) and not self._dialect.goes_on:
                    break
                left = options.delay * 1000 - self._since(start)
                if left > 0:
                    sys.usleep(left)
        except InterruptedError:
            pass  # Ctrl-C: the summary all the same
        if self.result.requests:
            self._summary(self._since(begun))

    def _since(self, ticks: int) -> int:
        return (self._sys.ticks - ticks) * self._sys.kernel.tick_ns // 1000

    def _trouble(self, text: str) -> None:
        complain(self._sys, f"{text}\n")
        self.result.troubles += 1

    def _ask(self, seqno: int, start: int) -> bool:
        """One request and what comes of it; False after an error of the socket."""
        head = bytes((self._dialect.request, 0, 0, 0)) + self._id.to_bytes(2, "big") + seqno.to_bytes(2, "big")
        self.result.requests += self._dialect.goes_on
        try:
            self._sock.sendto(head + self._data, (self._options.host, 0))
        except InterruptedError:
            raise
        except OSError as error:
            self._trouble(f"ERROR: sendto failed at seqno {seqno}: {error.errno}")
            return False
        self.result.requests += not self._dialect.goes_on
        limit = min(self._options.delay, self._options.timeout) * 1000
        while (answer := self._answer(seqno, start)) is None:
            if self._since(start) >= limit:
                return True
        return answer

    def _answer(self, seqno: int, start: int) -> bool | None:
        """Waits for one reply; None: there may be another one, False: an error of the socket."""
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
            return False
        elapsed = self._since(start)
        if len(reply) < HEADER:
            self._trouble(f"ERROR: short ICMP packet: {len(reply)}")
            return False
        if reply[0] != self._dialect.reply:
            self._trouble(f"WARNING: ICMP packet with unknown type: {reply[0]}")
            return True
        got = int.from_bytes(reply[6:8], "big")
        if got != seqno:
            late = "WARNING: Received after timeout"
            early = f"WARNING: Ignoring ICMP reply to sequence {got}.  Expected <= {seqno}"
            self._trouble(late if got < seqno else early)
            return None
        self._reply(seqno, elapsed, reply[HEADER:])
        return True

    def _reply(self, seqno: int, elapsed: int, data: bytes) -> None:
        options, result = self._options, self.result
        time = f"{elapsed // 1000}.{elapsed % 1000 // 100}"
        self._sys.print(
            f"{options.size} bytes from {options.host}{self._dialect.colon} icmp_seq={seqno} time={time} ms"
        )
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
            f"{sent} packets transmitted, {received} received, {loss}% packet loss{self._dialect.comma}"
            f"time {elapsed // 1000} ms"
        )
        if received:
            average = sum(times) // received
            deviation = isqrt(max(0, sum(t * t for t in times) // received - average * average))
            rtt = "/".join(f"{us // 1000}.{us % 1000:03}" for us in (min(times), average, max(times), deviation))
            self._sys.print(f"rtt min/avg/max/mdev = {rtt} ms")


def run(sys: Sys, dialect: Dialect, fallback: Dialect | None = None) -> int:
    """A whole program; fails if anything went wrong at all. ``fallback``: who tries a host that it cannot find."""
    binds = sys.kernel.options["NET_BINDTODEVICE"]
    try:
        options = parse_options(sys.argv, None if binds else lambda text: complain(sys, f"{text}\n"))
    except UsageError as error:
        why = str(error)
        if why == NO_HOST:
            sys.print(why)  # not as an error
        elif why:
            complain(sys, f"{why}\n")
        sys.print(usage(sys, dialect), end="")
        return 1 if why else 0
    try:
        options.host = gethostip(sys, options.host, dialect.family)
    except InterruptedError:
        return 1
    except OSError as error:
        unknown = isinstance(error, GaiError) and error.errno == HOST_NOT_FOUND  # in any family
        if fallback is not None and not unknown:
            return run(sys, fallback)
        complain(sys, f"ERROR: {(fallback or dialect).name}_gethostip({options.host}) failed\n")
        return 1
    try:
        sock = sys.socket(dialect.family, SOCK_DGRAM, dialect.proto)
    except OSError as error:
        complain(sys, f"ERROR: socket() failed: {error.errno}\n")
        return 1
    with closing(sock):
        if options.device:
            try:
                sock.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, options.device)
            except OSError as error:
                complain(sys, f"ERROR: setsockopt error: {error.errno}\n")
                return 1
        pinger = Pinger(sys, dialect, options, sock)
        pinger.run()
    return 1 if pinger.result.troubles else 0
