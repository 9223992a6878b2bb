"""Packet sockets: socket(AF_PACKET, SOCK_RAW, protocol), for whole Ethernet frames past all protocols.

A socket is bound to a device, ("eth0", protocol), and gets copies of the frames that the device receives; the first
socket that fits gets a frame, as in NuttX, and the frames that the board itself sends it does not see.

Sending goes through buffers as NuttX's pkt_sendmsg_buffered.c does, which is a hazard of its own: a blocking sender
waits for its first buffer, and later for a queue entry, with the locks of its connection and of the device held. Only
the global lock is given up in the first of these waits. With NET_LOCKS=split the device then stands still until
somebody else frees a buffer; if all of them lie in that device's queues nobody can.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRNOTAVAIL, EAGAIN, EBADF, EINVAL, ENODEV, ENOMEM
from typing import TYPE_CHECKING, Any

from kernel.core import check, lib
from kernel.inetsock import WAIT_SND
from kernel.iob import IobQueue
from kernel.sockbase import AF_PACKET, MSG_DONTWAIT, SOCK_RAW, Socket, os_error
from kernel.sockcalls import Buffer
from kernel.sync import Semaphore

if TYPE_CHECKING:
    from kernel.kernel import Kernel
    from kernel.netdev import NetDevice

LL_GUARDSIZE = 14  # CONFIG_NET_LL_GUARDSIZE: the Ethernet header
ARPHRD_ETHER = 1

LinkAddress = tuple[str, int, int, int, bytes]
"""Device, protocol, kind of packet (0), kind of hardware (1, Ethernet), source address: Python's form."""


class PacketSocket(Socket, kind=SOCK_RAW, option="NET_PKT", families=(AF_PACKET,)):
    """socket(AF_PACKET, SOCK_RAW, proto); ``proto`` in network order, htons(ETH_P_ALL) for all."""

    def __init__(self, kernel: Kernel, family: int = AF_PACKET, kind: int = SOCK_RAW, proto: int = 0) -> None:
        self._wanted = _swap(proto)
        self._queue = IobQueue(kernel.iobs)
        try:
            super().__init__(kernel, AF_PACKET, SOCK_RAW, proto)
        except OSError:
            self._queue.free()
            raise
        self._buffered = bool(kernel.options.get("NET_PKT_WRITE_BUFFERS", False))
        self._rxsem = Semaphore(kernel, number=self._get(lib.SOCK_RXSEM), what="a frame")
        self._sndsem = Semaphore(kernel, number=self._get(lib.SOCK_SNDSEM), what="room to send")

    def _get(self, what: int) -> int:
        return check(lib.pkt_get(self._board, self.conn, what), "socket")

    def _core_socket(self, board: Any) -> int:
        return int(lib.pkt_socket(board, self._wanted, self._queue.number))

    def _core_close(self) -> int:
        r = self._call(lib.pkt_close)
        self._queue.free()
        return r

    @property
    def label(self) -> str:
        """Such as ``packets of eth0``."""
        device = self._device()
        return "packets" + (f" of {device.name}" if device else "")

    def semaphores(self) -> tuple[int, ...]:
        """Readers' and senders'."""
        return self._rxsem.number, self._sndsem.number

    def _pollsetup(self, poller: int, events: int) -> int:
        return int(lib.pkt_pollsetup(self._board, self.conn, poller, events))

    def _ready(self) -> int:
        return int(lib.pkt_get(self._board, self.conn, lib.SOCK_READY))

    def _device(self) -> NetDevice | None:
        index = lib.pkt_get(self._board, self.conn, lib.SOCK_BOUNDIF)
        return self._kernel.net.devices.get(index)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The locks of connection and device."""
        device = self._device()
        driver = device.driver if device else None
        self._lock.conn_dev_lock(self, driver)
        try:
            yield
        finally:
            self._lock.conn_dev_unlock(self, driver)

    # Names

    def bind(self, address: tuple[Any, ...]) -> None:
        """Binds to (device, protocol). Raises OSError: EADDRNOTAVAIL (there is none, or it is the loopback device)."""
        name, proto = address[0], address[1] if len(address) > 1 else 0
        device = next((d for d in self._kernel.net.devices.values() if d.name == name), None)
        if device is None:
            raise os_error(EADDRNOTAVAIL, f"bind {address}")
        with self._locked():
            check(lib.pkt_bind(self._board, self.conn, device.index, proto), f"bind {address}")

    def getsockname(self) -> Any:
        """The device, the protocol, and the device's address."""
        device = self._device()
        return (
            device.name if device else "",
            self._get(lib.SOCK_LPORT),
            0,
            ARPHRD_ETHER,
            device.mac if device else b"",
        )

    # Receiving

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, LinkAddress]:
        """The next frame and its LinkAddress. Raises OSError: ENODEV (not bound), EAGAIN, EINTR."""
        if self._nonblock:
            flags |= MSG_DONTWAIT
        with self._held():
            bufsize = self._make_room(bufsize)
            deadline = self._deadline(self._rcvtimeo)
            while (r := self._call(lib.pkt_recv, self._pointer, bufsize, flags)) == -EAGAIN:
                if flags & MSG_DONTWAIT:
                    raise os_error(EAGAIN, "recvfrom: nothing there")
                self._wait_held(self._rxsem, deadline, "recvfrom")
            check(r, "recvfrom")
            frame = bytes(self._view[:r])
        device = self._device()
        proto = int.from_bytes(frame[12:14], "big")
        return frame, (device.name if device else "", proto, 0, ARPHRD_ETHER, frame[6:12])

    def _wait_held(self, sem: Semaphore, deadline: int | None, what: str, interruptible: bool = True) -> None:
        device = self._device()
        self._wait(sem, deadline, what, device.driver if device else None, interruptible)

    # Sending

    def send(self, data: Buffer, flags: int = 0) -> int:
        """One frame with its Ethernet header, whole or not at all.

        Raises OSError: ENODEV (not bound), ENETDOWN, EINVAL (shorter than a header), EMSGSIZE, EAGAIN, ENOMEM.
        """
        frame = bytes(data)
        if not frame:
            return 0
        nonblock = self._nonblock or bool(flags & MSG_DONTWAIT)
        with self._held():
            self._send_room(len(frame), nonblock)
            iob = self._first(nonblock)
            self._fill(iob, frame, nonblock)
            check(lib.pkt_queued(self._board, self.conn), "send")
            self._kernel.net.txavail()
            if not self._buffered and not nonblock:
                self._drain("send")
        return len(frame)

    def sendto(self, data: Buffer, *args: Any) -> int:
        """send(), to the device that the address names, which has to be the one that it is bound to."""
        flags, address = args if len(args) == 2 else (0, *args)
        device = self._device()
        if device is None or address[0] != device.name:
            raise os_error(ENODEV if device is None else EINVAL, f"sendto {address}")
        return self.send(data, flags)

    def _send_room(self, size: int, nonblock: bool) -> None:
        """CONFIG_NET_SEND_BUFSIZE; NuttX waits for it uninterruptibly."""
        deadline = self._deadline(self._sndtimeo)
        while (r := self._call(lib.pkt_begin, size)) == WAIT_SND:
            if nonblock:
                raise os_error(EAGAIN, "send")
            self._wait_held(self._sndsem, deadline, "send", interruptible=False)
        check(r, "send")

    def _first(self, nonblock: bool) -> int:
        """The first buffer. A sender that may wait does so with the locks of connection and device held."""
        iob = self._kernel.iobs.tryalloc(False) if nonblock else self._lock.iobtimedalloc(True, self._sndtimeo, 0)
        if iob is None:
            raise os_error(EAGAIN if nonblock else ENOMEM, "send")
        return iob

    def _fill(self, iob: int, frame: bytes, nonblock: bool) -> None:
        """The other buffers are waited for with the locks given up, an entry of the queue with all of them held."""
        iobs = self._kernel.iobs
        try:
            if nonblock:
                r = iobs.trycopyin(iob, frame)
            else:
                device = self._device()
                driver = device.driver if device else None
                self._lock.conn_dev_unlock(self, driver)
                try:
                    r = iobs.copyin(iob, frame)
                finally:
                    self._lock.conn_dev_lock(self, driver)
            if self.conn < 0:
                raise os_error(EBADF, "send: closed by another task")
            if r >= 0:
                r = self._queue.tryadd(iob) if nonblock else self._queue.add(iob)
            check(r, "send")
        except OSError:
            iobs.free_chain(iob)
            raise

    def _drain(self, what: str) -> None:
        deadline = self._deadline(self._sndtimeo)
        while lib.pkt_sent(self._board, self.conn) == -EAGAIN:
            self._wait_held(self._sndsem, deadline, what)

    def close(self) -> None:
        """Waits until the device has taken what was sent, SO_SNDTIMEO at most, and gives back everything."""
        if self.conn >= 0 and self._files == 0:
            try:
                with self._held():
                    self._drain("close")
            except OSError:
                pass  # what is left is lost, as in NuttX
        super().close()


def _swap(proto: int) -> int:
    """htons(): Python programs pass the protocol of socket() in network order."""
    number: int = struct.unpack("<H", struct.pack(">H", proto & 0xFFFF))[0]
    return number
