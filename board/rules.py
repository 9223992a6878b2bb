"""What NuttX's build refuses, and what the board cannot do: rules between options, beyond the range of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from board.kconfig import OPTIONS, Value
from kernel.inet import MAPPED, option_address, unpack_address

IOB_OVERHEAD = 20
"""Bytes of an I/O buffer beside its data, on a 64-bit machine."""

SMALLEST_NET_BUFFER = 64
"""Bytes that hold the link and IP headers of a packet and those of ICMP and UDP, which have to be contiguous."""


def refusals(get: Callable[[str], Value]) -> Iterator[str]:
    """Why the configuration cannot be built, one line a reason; nothing if it can."""

    def number(name: str) -> int:
        return int(get(name))

    yield from _work_queues(get, number)
    yield from _buffers(get, number)
    yield from _network(get, number)


def warnings(get: Callable[[str], Value]) -> Iterator[str]:
    """What can be built but will surprise, one line each."""
    if get("NET_ETHERNET") and get("ETH_QUEUE") == "HPWORK":
        yield "ETH_QUEUE=HPWORK: the network shares the high-priority work queue and delays every other driver on it"
    if get("SMP") and not any(get(name) for name in OPTIONS if name.startswith("COST_")):
        yield "SMP without costs: code takes no time, so CPUs never overlap; use the profile smp4 or set COST_ options"
    if get("NET_SEND_BUFSIZE") and not get("NET_SOCKOPTS"):
        yield "NET_SEND_BUFSIZE without NET_SOCKOPTS: a blocked send cannot be given a timeout"


def _work_queues(get: Callable[[str], Value], number: Callable[[str], int]) -> Iterator[str]:
    source = "include/nuttx/wqueue.h stops the build"
    low, high = number("SCHED_LPWORKPRIORITY"), number("SCHED_HPWORKPRIORITY")
    limit = number("SCHED_LPWORKPRIOMAX")
    if get("SCHED_LPWORK") and get("SCHED_HPWORK"):
        if low >= high:
            yield f"SCHED_LPWORKPRIORITY ({low}) has to be below SCHED_HPWORKPRIORITY ({high}): {source}"
        if limit >= high:
            yield f"SCHED_LPWORKPRIOMAX ({limit}) has to be below SCHED_HPWORKPRIORITY ({high}): {source}"
    if get("SCHED_LPWORK") and low > limit:
        reason = "" if get("PRIORITY_INHERITANCE") else " (which follows from SCHED_HPWORKPRIORITY here)"
        yield f"SCHED_LPWORKPRIORITY ({low}) may not exceed SCHED_LPWORKPRIOMAX ({limit}){reason}: {source}"
    if get("NET_ETHERNET") and not get("SCHED_WORKQUEUE"):
        yield "NET_ETHERNET needs a work queue for its driver: set SCHED_LPWORK=y or SCHED_HPWORK=y"


def _buffers(get: Callable[[str], Value], number: Callable[[str], int]) -> Iterator[str]:
    source = "include/nuttx/mm/iob.h stops the build"
    count, size, throttle = number("IOB_NBUFFERS"), number("IOB_BUFSIZE"), number("IOB_THROTTLE")
    if count < 1:
        yield f"IOB_NBUFFERS ({count}) has to be at least 1: {source}"
    elif count <= throttle:
        yield (
            f"IOB_NBUFFERS ({count}) has to exceed IOB_THROTTLE ({throttle}): {source};"
            " raise the one or lower the other"
        )
    if get("NET_TCP_SELECTIVE_ACK") and size < 128:
        yield f"IOB_BUFSIZE ({size}) has to be at least 128 with NET_TCP_SELECTIVE_ACK: its Kconfig range"
    if get("NET") and size < SMALLEST_NET_BUFFER:
        yield f"IOB_BUFSIZE ({size}) has to be at least {SMALLEST_NET_BUFFER}: the first one holds a packet's headers"
    divider = number("IOB_NOTIFIER_DIV")
    if divider & (divider - 1):
        yield f"IOB_NOTIFIER_DIV ({divider}) has to be a power of two: mm/iob/Kconfig"
    ram, pool = number("RAM_SIZE"), count * (size + IOB_OVERHEAD)
    if pool > ram:
        yield f"the I/O buffers ({count} of {size} bytes) do not fit in RAM_SIZE ({ram}): the linker runs out of memory"


def _network(get: Callable[[str], Value], number: Callable[[str], int]) -> Iterator[str]:
    if get("NET") and not get("NET_IPv4"):
        yield "NET needs NET_IPv4=y: the board speaks no IPv6 without it"
    first, last = number("NET_DEFAULT_MIN_PORT"), number("NET_DEFAULT_MAX_PORT")
    if last < first:
        yield f"NET_DEFAULT_MAX_PORT ({last}) is below NET_DEFAULT_MIN_PORT ({first}): its Kconfig range"
    if get("NET_IPv6") and number("NET_ETH_PKTSIZE") < 1294:
        yield f"NET_ETH_PKTSIZE ({number('NET_ETH_PKTSIZE')}) has to be at least 1294 with NET_IPv6: its Kconfig range"
    for bufsize in ("RECV", "SEND"):
        most, default = number(f"NET_MAX_{bufsize}_BUFSIZE"), number(f"NET_{bufsize}_BUFSIZE")
        if 0 < most < default:
            yield f"NET_{bufsize}_BUFSIZE ({default}) exceeds NET_MAX_{bufsize}_BUFSIZE ({most}), which limits it"
    ipv4 = number("NETINIT_IPADDR")
    if ipv4 >> 24 == 127 or ipv4 >= 0xE0000000:
        yield f"NETINIT_IPADDR (0x{ipv4:08x}) is no address of a host: 127.x.x.x is lo's, 224.0.0.0 and up groups"
    if get("NET_IPv6"):
        yield from _ipv6(get)
    mask = number("NETINIT_NETMASK") ^ 0xFFFFFFFF
    if mask & (mask + 1):
        yield f"NETINIT_NETMASK (0x{number('NETINIT_NETMASK'):08x}) is no netmask: its one bits have to come first"


def _ipv6(get: Callable[[str], Value]) -> Iterator[str]:
    own, router = option_address(get, "NETINIT_IPv6ADDR"), option_address(get, "NETINIT_DRIPv6ADDR")
    mask = int.from_bytes(option_address(get, "NETINIT_IPv6NETMASK"), "big")
    if not _may_be_a_host(own):
        yield f"NETINIT_IPv6ADDR ({unpack_address(own)}) is no address of a host"
    if not _may_be_a_host(router) and any(router):
        yield f"NETINIT_DRIPv6ADDR ({unpack_address(router)}) is no address of a router; :: would be none"
    hosts = mask ^ (1 << 128) - 1
    if hosts & (hosts + 1):
        yield "NETINIT_IPv6NETMASK is no netmask: its one bits have to come first"
    if get("NETDB_DNSSERVER_IPv6") and get("NETDB_DNSSERVER_NOADDR"):
        yield "NETDB_DNSSERVER_IPv6 and NETDB_DNSSERVER_NOADDR are a choice: set one of them"


def _may_be_a_host(packed: bytes) -> bool:
    return packed[0] != 0xFF and packed[:15] != bytes(15) and packed[:12] != MAPPED
