"""iperf: measures how fast data goes over the network (nuttx-apps, netutils/iperf), with iperf 2 at the other end.

NuttX's neither tells a UDP server the end nor reports to a UDP client; this one does both, so that iperf 2 prints what
it should. Like NuttX's it serves one client and ends.
"""

from __future__ import annotations

from contextlib import closing
from errno import ENOMEM
from typing import TYPE_CHECKING

from kernel.apps.iperfplan import Plan, UsageError, given_options, make_plan, usage
from kernel.apps.iperfreport import Meter
from kernel.apps.iperfudp import FIN_TRIES, LINGER, Losses, datagram, fin, server_report
from kernel.apps.output import words
from kernel.apps.tcpserver import Crew, stream
from kernel.kernel import SIGINT
from kernel.socket import SO_REUSEADDR, SOCK_DGRAM, SOL_SOCKET, Address, Socket
from kernel.sockname import name_text

if TYPE_CHECKING:
    from kernel.syscalls import Sys

BUFSIZE = 16 << 10
RX_TIMEOUT = 10  # s
MAX_DELAY = 64  # times 10 ms, between attempts of a UDP client without memory


class Run:
    """One measurement. ``meter`` counts, prints, and says when the time is over."""

    def __init__(self, sys: Sys, plan: Plan, meter: Meter) -> None:
        self.sys = sys
        self.plan = plan
        self.meter = meter

    def run(self) -> None:
        """To its end, whatever that is: the time is over, the peer has ended, something failed or a signal came."""
        plan = self.plan
        kind = f"{'udp' if plan.udp else 'tcp'} {'server' if plan.server else 'client'}"
        work = {
            "tcp server": self._tcp_server,
            "tcp client": self._tcp_client,
            "udp server": self._udp_server,
            "udp client": self._udp_client,
        }[kind]
        try:
            work()
        except InterruptedError:
            pass
        except OSError as error:
            what = (error.strerror or "").split(":")[0].split(" ")[0]
            self.failed(f"{kind} {'create' if what == 'socket' else what}", error)

    def failed(self, what: str, error: OSError) -> None:
        """Says so."""
        self.sys.print(f"{what} error, error code: {error.errno}, reason: {words(self.sys, error)}")

    def _timeout(self, sock: Socket) -> None:
        if self.sys.kernel.options.get("NET_SOCKOPTS"):
            sock.settimeout(RX_TIMEOUT)

    def _listen(self, sock: Socket) -> None:
        if self.sys.kernel.options.get("NET_SOCKOPTS"):
            sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((self.plan.own, self.plan.port))

    # TCP

    def _tcp_server(self) -> None:
        listener = stream(self.sys, self.plan.family)
        with listener:
            self._listen(listener)
            listener.listen(5)
            client, peer = listener.accept()
            with client:
                self.sys.print(f"accept: {name_text(peer)}")
                self._timeout(client)
                self.meter.start()
                while not self.meter.over:
                    n = len(client.recv(BUFSIZE))
                    if n == 0:
                        self.sys.print(f"closed by the peer: {name_text(peer)}")
                        return
                    self.meter.total += n

    def _tcp_client(self) -> None:
        with stream(self.sys, self.plan.family) as sock:
            sock.connect((self.plan.peer, self.plan.port))
            self.meter.start()
            data = bytes(BUFSIZE)
            while not self.meter.over:
                self.meter.total += sock.send(data)

    # UDP

    def _udp_server(self) -> None:
        with self.sys.socket(self.plan.family, SOCK_DGRAM) as sock:
            self._listen(sock)
            self.sys.print(f"want recv={BUFSIZE}")
            losses = Losses()
            while not self.meter.over:
                data, peer = sock.recvfrom(BUFSIZE)
                if not self.meter.started:
                    self.sys.print(f"accept: {name_text(peer)}")
                    self._timeout(sock)
                    self.meter.start()
                self.meter.total += len(data)
                if losses.take(data, self.sys.now_ns):
                    self.meter.stop()
                    self._answer(sock, data, peer, losses)

    def _answer(self, sock: Socket, data: bytes, peer: Address, losses: Losses) -> None:
        """Tells the client what came, again as often as it asks for it: the answer may be lost."""
        report = server_report(data, self.meter.total, self.meter.elapsed_ns, losses)
        if self.sys.kernel.options.get("NET_SOCKOPTS"):
            sock.settimeout(LINGER)
            try:
                while True:
                    sock.sendto(report, peer)
                    peer = sock.recvfrom(BUFSIZE)[1]
            except TimeoutError:
                return
        sock.sendto(report, peer)

    def _udp_client(self) -> None:
        with self.sys.socket(self.plan.family, SOCK_DGRAM) as sock:
            sock.connect((self.plan.peer, self.plan.port))
            self.meter.start()
            number = 0
            try:
                while not self.meter.over:
                    number += 1
                    self._send(sock, datagram(number, self.sys.now_ns, self.plan.size))
                    self.meter.total += self.plan.size
            except InterruptedError:
                pass
            except OSError as error:
                self.sys.print(f"udp client send abort: err={error.errno}")
            self.meter.stop()
            self._finish(sock, number + 1)

    def _send(self, sock: Socket, data: bytes) -> None:
        """Waits while there is no memory."""
        delay = 1
        while True:
            try:
                sock.send(data)
                return
            except OSError as error:
                if error.errno != ENOMEM:
                    raise
            self.sys.usleep(delay * 10_000)
            delay = min(2 * delay, MAX_DELAY)

    def _finish(self, sock: Socket, number: int) -> None:
        """Tells the server that this was all, until it answers. That nobody does is no error."""
        if self.sys.kernel.options.get("NET_SOCKOPTS"):
            sock.settimeout(0.25)
            for _ in range(FIN_TRIES):
                try:
                    sock.send(fin(number, self.sys.now_ns, self.plan.size))
                    sock.recv(self.plan.size)
                    return
                except TimeoutError:
                    continue
                except InterruptedError:
                    raise
                except OSError:
                    return
        else:
            sock.send(fin(number, self.sys.now_ns, self.plan.size))


def abort(sys: Sys) -> None:
    """Ends all the others, as Ctrl-C does."""
    for pid, task in list(sys.kernel.tasks.by_pid.items()):
        if task.entry is main and pid != sys.getpid():
            sys.kill(pid, SIGINT)


def main(sys: Sys) -> int:
    """iperf -s|-c ip [-u] [-V] [-B ip] [-p port] [-i interval] [-t time], or iperf -a."""
    try:
        given = given_options(sys.argv)
        if "a" in given:
            abort(sys)
            return 0
        plan = make_plan(sys, given)
    except UsageError as error:
        sys.print(f"{error}\n{usage(sys.argv[0])}", end="")
        return 1
    sys.signal(SIGINT)
    sys.print(f"     IP: {plan.own}")
    sys.print(plan.describe())
    heap = sys.kernel.heap
    try:
        buffer = heap.malloc(plan.size if plan.udp and not plan.server else BUFSIZE, "iperf buffer")
    except OSError:
        sys.print("create buffer: not enough memory")
        return 1
    try:
        crew = Crew(sys)
        with closing(Meter(sys, crew, plan.interval, plan.time)) as meter, crew:
            Run(sys, plan, meter).run()
            meter.finish()
    finally:
        heap.free(buffer)
    sys.print("iperf exit")
    return 0
