"""Which sockets a board has, for a diagnosis: whose a semaphore is, and whose an I/O buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.iob import IobOwner
from kernel.tcp import tcp_connections
from kernel.udp import udp_connections

if TYPE_CHECKING:
    from kernel.kernel import Kernel

UDP_OWNERS = (IobOwner.UDP_READ, IobOwner.UDP_WRITE)
TCP_OWNERS = (IobOwner.TCP_READ, IobOwner.TCP_WRITE, IobOwner.TCP_OFO)


def socket_of(kernel: Kernel, semaphore: int) -> str:
    """The socket, or the sockets of a poll(), that wake whoever sleeps there; empty if it is nobody's."""
    for sock in sorted((s for s in kernel.sockets if s.conn >= 0), key=lambda s: (s.type, s.proto, s.conn)):
        if semaphore in sock.semaphores():
            return f" of {sock.label}"
    for poller in kernel.pollers.active:
        if poller.sem.number == semaphore:
            return ": " + ", ".join(sock.label for sock in poller.sockets) if poller.sockets else ""
    return ""


def iob_holders(kernel: Kernel) -> dict[tuple[IobOwner, int], str]:
    """What an owner's number stands for: by owner and number, the port or the two ends of a connection."""
    found = {(owner, udp.conn): f"port {udp.lport}" for udp in udp_connections(kernel) for owner in UDP_OWNERS}
    for tcp in tcp_connections(kernel):
        ends = f"port {tcp.lport}" + (f", peer {tcp.raddr}:{tcp.rport}" if tcp.rport else "")
        found |= {(owner, tcp.conn): ends for owner in TCP_OWNERS}
    return found
