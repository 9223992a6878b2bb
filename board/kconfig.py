"""The options nutloop models: NuttX's Kconfig names, types, defaults, ranges and dependencies, and nutloop's own.

An option of NuttX is written ``CONFIG_X=...`` in a file, one of nutloop's own (the virtual hardware, and variants of
the kernel that NuttX has no option for) ``NUTLOOP_X=...``; code and keyword arguments say ``X`` for both. Names,
defaults and ranges of NuttX's options are those of the Kconfig files of NuttX 13.0 (mm/iob, sched, net, drivers, arch,
libs/libc) and nuttx-apps (nshlib, netutils, system, examples).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from kernel.core import COSTS

Value: TypeAlias = bool | int | str | Fraction
Get: TypeAlias = Callable[[str], Value]
Kind: TypeAlias = Literal["bool", "int", "hex", "string", "number", "choice"]

INT_MAX = 2**31 - 1
MAX_CPUS = 8  # NCPUS_MAX in csrc/base.h


class ConfigError(ValueError):
    """A configuration that cannot be used: says what is wrong, in which file and line if any, and what to do."""


@dataclass(frozen=True)
class Option:
    """One option of the configuration.

    ``default`` may be a function of the other options. ``depends`` names options that must all be on (or non-zero): an
    option whose dependencies are not met is off, or at its default. A ``derived`` option follows from others and cannot
    be set. An option that is not ``modelled`` is known only because defaults or refusals of others depend on it.
    """

    name: str
    kind: Kind
    default: Value | Callable[[Get], Value]
    help: str
    depends: tuple[str, ...] = ()
    low: int = 0
    high: int = INT_MAX
    choices: tuple[str, ...] = ()
    derived: bool = False
    modelled: bool = True
    prefix: str = "CONFIG_"


def _bool(name: str, default: bool | Callable[[Get], Value], help: str, *depends: str) -> Option:
    return Option(name, "bool", default, help, depends)


def _int(
    name: str, default: int | Callable[[Get], Value], help: str, *depends: str, low: int = 0, high: int = INT_MAX
) -> Option:
    return Option(name, "int", default, help, depends, low, high)


def _hex(name: str, default: int, help: str, *depends: str) -> Option:
    return Option(name, "hex", default, help, depends, 0, 0xFFFFFFFF)


def _string(name: str, default: str, help: str, *depends: str) -> Option:
    return Option(name, "string", default, help, depends)


def _derived(name: str, value: Callable[[Get], Value], help: str) -> Option:
    return Option(name, "bool", value, help, derived=True)


def _influence(name: str, help: str) -> Option:
    return Option(name, "bool", False, help, modelled=False)


def _own(
    name: str,
    kind: Kind,
    default: Value,
    help: str,
    *choices: str,
    low: int = 0,
    high: int = INT_MAX,
) -> Option:
    return Option(name, kind, default, help, (), low, high, choices, prefix="NUTLOOP_")


def _stack(get: Get) -> Value:
    return get("DEFAULT_TASK_STACKSIZE")


def _iob_nbuffers(get: Get) -> Value:
    if get("NET_WRITE_BUFFERS"):
        return 36
    return 24 if get("NET_READAHEAD") else 8


def _lpwork(get: Get) -> Value:
    return bool(get("NET_ETHERNET")) and not get("SCHED_HPWORK")


def _lpwork_priomax(get: Get) -> Value:
    if get("PRIORITY_INHERITANCE") or not get("SCHED_HPWORK"):
        return 176
    return int(get("SCHED_HPWORKPRIORITY")) - 16


_BOARD = [
    _string("ARCH", "sim", "architecture, as uname shows it"),
    _string("ARCH_BOARD", "sim", "board name, as uname shows it"),
    _string("LIBC_HOSTNAME", "", "host name, as uname shows it"),
    _int("RAM_SIZE", 67108864, "bytes of RAM that stacks, buffers and heap share", high=1 << 40),
    _bool("SMP", False, "more than one CPU"),
    _int("SMP_NCPUS", 4, "number of CPUs", "SMP", low=1, high=MAX_CPUS),
    _int("BOARD_RESET_ON_ASSERT", 0, "a crash resets the board; 2: so does an assertion that fails in a program"),
]

_SCHED = [
    _int("USEC_PER_TICK", lambda c: 100 if c("SCHED_TICKLESS") else 10000, "length of a tick, us", low=1, high=1000000),
    _influence("SCHED_TICKLESS", "the board's timer is tickless anyway; only the default tick depends on it"),
    _int("RR_INTERVAL", 0, "time slice of SCHED_RR tasks in ms; 0 switches round robin off", high=INT_MAX // 1000),
    _bool("PRIORITY_INHERITANCE", False, "the holder of a mutex runs at the priority of its highest waiter"),
    _bool("SIG_DEFAULT", False, "SIGINT, SIGTERM and SIGKILL end a task that has no handler"),
    _bool("STACK_COLORATION", False, "ps shows how much of each stack was used"),
    _bool("SCHED_DUMP_TASKS", True, "a crash prints a table of the tasks"),
    _bool("SCHED_BACKTRACE", False, "a crash prints where each task is"),
    _int("DEFAULT_TASK_STACKSIZE", 2048, "bytes of stack of a task", low=64),
    _int("IDLETHREAD_STACKSIZE", 1024, "bytes of stack of the idle task", low=64),
    _int("INIT_STACKSIZE", _stack, "bytes of stack of the first task", low=64),
    _int("INIT_PRIORITY", 100, "priority of the first task", low=1, high=255),
    _int("TASK_NAME_SIZE", 31, "characters of a task's name that are kept; 0: tasks have no names", high=255),
    _derived("SCHED_WORKQUEUE", lambda c: bool(c("SCHED_HPWORK") or c("SCHED_LPWORK")), "there is a work queue"),
    _bool("SCHED_HPWORK", False, "high-priority work queue"),
    _int("SCHED_HPNTHREADS", 1, "its workers", "SCHED_HPWORK", low=1, high=64),
    _int("SCHED_HPWORKPRIORITY", 224, "their priority", "SCHED_HPWORK", low=1, high=255),
    _int("SCHED_HPWORKSTACKSIZE", _stack, "their stack in bytes", "SCHED_HPWORK", low=64),
    _bool("SCHED_LPWORK", _lpwork, "low-priority work queue; the Ethernet driver selects it if there is no other"),
    _int("SCHED_LPNTHREADS", lambda c: 4 if c("FS_AIO") else 1, "its workers", "SCHED_LPWORK", low=1, high=64),
    _int("SCHED_LPWORKPRIORITY", 100, "their priority", "SCHED_LPWORK", low=1, high=255),
    _int(
        "SCHED_LPWORKPRIOMAX",
        _lpwork_priomax,
        "limit of lpwork_boostpriority(), which only asynchronous I/O calls: here it limits their priority",
        "SCHED_LPWORK",
        "PRIORITY_INHERITANCE",
        low=1,
        high=255,
    ),
    _int("SCHED_LPWORKSTACKSIZE", _stack, "their stack in bytes", "SCHED_LPWORK", low=64),
    _bool("SCHED_CPULOAD_SYSCLK", False, "the CPU load is known: top, /proc/cpuload; measured here, not sampled"),
    _int("SCHED_CPULOAD_TIMECONSTANT", 2, "s of it that count", "SCHED_CPULOAD_SYSCLK", low=1, high=86400),
    _bool("SCHED_IRQMONITOR", False, "/proc/irqs and irqinfo", "FS_PROCFS"),
    _influence("FS_AIO", "asynchronous file I/O; it raises the default number of LP workers"),
]

_IOB = [
    _derived("MM_IOB", lambda c: True, "the pool of I/O buffers; the board always has one"),
    _int("IOB_NBUFFERS", _iob_nbuffers, "buffers in the pool", high=65535),
    _int("IOB_BUFSIZE", 196, "bytes of data in a buffer", low=1, high=65535),
    _int(
        "IOB_NCHAINS",
        lambda c: c("IOB_NBUFFERS") if c("NET_READAHEAD") else 0,
        "queue containers; ICMP sockets use them, UDP and TCP do not",
        high=65535,
    ),
    _int(
        "IOB_THROTTLE",
        lambda c: 8 if c("NET_WRITE_BUFFERS") and c("NET_READAHEAD") else 0,
        "buffers that throttled allocations (senders) leave alone; 0 switches throttling off",
        high=65535,
    ),
    _bool("IOB_NOTIFIER", False, "work can be queued for when buffers come free", "SCHED_WORKQUEUE"),
    _int("IOB_NOTIFIER_DIV", 4, "only when a multiple of this many are free", "IOB_NOTIFIER", low=1, high=64),
]

_NET = [
    _bool("NET", False, "networking"),
    _bool("NET_ETHERNET", True, "Ethernet, device eth0", "NET"),
    _bool("NET_LOOPBACK", False, "loopback device lo", "NET"),
    _bool("NET_IPv4", True, "IPv4; the board speaks nothing else", "NET"),
    _influence("NET_IPv6", "IPv6; the smallest Ethernet frame depends on it"),
    _int(
        "NET_ETH_PKTSIZE",
        lambda c: 1294 if c("NET_IPv6") else 590,
        "largest frame with its link header; the MTU is 14 less",
        "NET_ETHERNET",
        low=590,
        high=1518,
    ),
    _bool("NET_PROMISCUOUS", False, "eth0 takes every frame, whoever it is for", "NET_ETHERNET"),
    _bool(
        "NET_BINDTODEVICE",
        lambda c: c("NETUTILS_DHCPC"),
        "SO_BINDTODEVICE; UDP sockets with it take what comes for other addresses, too",
        "NET_SOCKOPTS",
    ),
    _bool("NET_STATISTICS", False, "protocol counters, /proc/net/stat", "NET"),
    _bool("NETDEV_STATISTICS", False, "device counters, /proc/net/eth0", "NET_STATISTICS"),
    _bool("NET_SOCKOPTS", False, "socket options; without them no wait of a socket has a timeout", "NET"),
    _int("NET_DEFAULT_MIN_PORT", 4096, "first port given to unbound sockets", "NET", low=1, high=65535),
    _int("NET_DEFAULT_MAX_PORT", 32000, "last one", "NET", low=1, high=65535),
    _derived(
        "NET_READAHEAD",
        lambda c: bool(c("NET_UDP") or c("NET_TCP") or c("NET_ICMP_SOCKET")),
        "received data waits in I/O buffers",
    ),
    _derived(
        "NET_WRITE_BUFFERS",
        lambda c: bool(c("NET_UDP_WRITE_BUFFERS") or c("NET_TCP_WRITE_BUFFERS")),
        "sent data waits in I/O buffers",
    ),
    _bool("NET_SOLINGER", False, "SO_LINGER", "NET_SOCKOPTS", "NET_WRITE_BUFFERS"),
    _bool("NET_RECV_PACK", True, "data that arrives fills up the last buffer of what is unread", "NET"),
    _int("NET_RECV_BUFSIZE", 0, "bytes a socket may have unread; 0: no limit but the pool", "NET"),
    _int("NET_MAX_RECV_BUFSIZE", 0, "most that SO_RCVBUF may ask for; 0: no limit", "NET_RECV_BUFSIZE"),
    _int("NET_SEND_BUFSIZE", 0, "bytes a socket may have unsent; 0: no limit but the pool", "NET_WRITE_BUFFERS"),
    _int("NET_MAX_SEND_BUFSIZE", 0, "most that SO_SNDBUF may ask for; 0: no limit", "NET_SEND_BUFSIZE"),
    _bool("NET_ARP", True, "ARP", "NET_ETHERNET", "NET_IPv4"),
    _int("NET_ARPTAB_SIZE", 16, "ARP table entries", "NET_ARP", low=1, high=1024),
    _int("NET_ARP_MAXAGE", 120, "age at which an entry is dropped, in units of 10 s", "NET_ARP", low=1, high=65535),
    _int("NET_ARP_MAXAGE_UNREACHABLE", 1, "how long a failed lookup is kept, in units of 10 s", "NET_ARP", high=65535),
    _bool("NET_ARP_IPIN", False, "addresses are learnt from arriving IP packets too", "NET_ARP"),
    _bool("NET_ARP_GRATUITOUS", False, "gratuitous ARP makes an entry", "NET_ARP"),
    _bool("NET_ARP_SEND", True, "a sender waits until ARP has found its destination", "NET_ARP"),
    _int("ARP_SEND_MAXTRIES", 5, "requests before it gives up", "NET_ARP_SEND", low=1, high=255),
    _int("ARP_SEND_DELAYMSEC", 20, "ms between them", "NET_ARP_SEND", low=1, high=60000),
    _bool(
        "NET_IPFRAG",
        False,
        "fragments are put together, and longer packets than a device takes are sent as fragments",
        "NET_IPv4",
        "IOB_NCHAINS",
        "SCHED_WORKQUEUE",
    ),
    _int(
        "NET_IPFRAG_REASS_MAXAGE",
        20,
        "how long fragments wait for the others, in units of 0.1 s; 5 at least",
        "NET_IPFRAG",
        high=864000,
    ),
    _bool("NET_ICMP", True, "ICMP: echo replies and errors", "NET_IPv4"),
    _bool("NET_ICMP_SOCKET", False, "ICMP sockets, for ping", "NET_ICMP"),
    _int("NET_ICMP_NPOLLWAITERS", 1, "tasks that may poll() one at a time", "NET_ICMP_SOCKET", low=1, high=65535),
    _int("NET_ICMP_PREALLOC_CONNS", 4, "ICMP sockets at a time", "NET_ICMP_SOCKET", low=1, high=256),
    _bool("NET_PKT", False, "packet sockets: whole frames", "NET_ETHERNET"),
    _bool("NET_PKT_WRITE_BUFFERS", False, "their send() returns once the frame is buffered", "NET_PKT"),
    _int("NET_PKT_PREALLOC_CONNS", 1, "packet sockets at a time", "NET_PKT", low=1, high=256),
    _int("NET_PKT_NPOLLWAITERS", 2, "tasks that may poll() one at a time", "NET_PKT", low=1, high=65535),
    _bool("NET_UDP", False, "UDP", "NET"),
    _bool("NET_UDP_NOTIFIER", False, "close() waits until what was sent has left", "NET_UDP", "SCHED_WORKQUEUE"),
    _bool("NET_BROADCAST", False, "UDP broadcasts are received", "NET_UDP"),
    _bool("NET_UDP_CHECKSUMS", lambda c: c("NET_IPv6"), "UDP checksums are made and checked", "NET_UDP"),
    _int("NET_UDP_NPOLLWAITERS", 1, "tasks that may poll() a UDP socket at a time", "NET_UDP", low=1, high=65535),
    _int("NET_UDP_PREALLOC_CONNS", 8, "UDP sockets at a time", "NET_UDP", low=1, high=256),
    _bool("NET_UDP_WRITE_BUFFERS", False, "sendto() returns once the data is buffered", "NET_UDP"),
    _int("NET_UDP_NWRBCHAINS", 8, "write buffer heads allocated at boot", "NET_UDP_WRITE_BUFFERS", low=1, high=1024),
    _int(
        "NET_UDP_ALLOC_WRBCHAINS",
        1,
        "heads allocated at a time once those are used; 0: they are a hard limit",
        "NET_UDP_WRITE_BUFFERS",
        high=1024,
    ),
    _bool("NET_TCP", False, "TCP", "NET", "SCHED_WORKQUEUE"),
    _int("NET_TCP_PREALLOC_CONNS", 8, "TCP connections at a time", "NET_TCP", high=65535),
    _int("NET_TCP_ALLOC_CONNS", 0, "more of them are made as they are needed; 0: they are not", "NET_TCP", high=65535),
    _int("NET_TCP_MAX_CONNS", 0, "and that many in all; 0: 1024", "NET_TCP_ALLOC_CONNS", high=65535),
    _int("NET_TCP_NPOLLWAITERS", 2, "tasks that may poll() a TCP socket at a time", "NET_TCP", low=1, high=65535),
    _bool("NET_TCP_CHECKSUMS", True, "TCP checksums are made and checked", "NET_TCP"),
    _int(
        "NET_TCP_RTO",
        3,
        "half seconds until the first retransmission, before a round trip was measured",
        "NET_TCP",
        low=1,
        high=240,
    ),
    _bool("NET_TCP_FIXED_RTO", False, "that time does not double", "NET_TCP"),
    _int("NET_TCP_MAXRTX", 8, "retransmissions of data before the connection is given up", "NET_TCP", low=1, high=255),
    _int("NET_TCP_MAXSYNRTX", 5, "the same of a SYN", "NET_TCP", low=1, high=255),
    _int("NET_TCP_WAIT_TIMEOUT", 120, "seconds in TIME_WAIT", "NET_TCP", high=86400),
    _int("NET_TCPBACKLOG_CONNS", 8, "most connections that wait for accept()", "NET_TCP", low=1, high=65535),
    _bool("NET_TCP_DELAYED_ACK", False, "every second segment is acknowledged, or after 0.2 s", "NET_TCP"),
    _bool("NET_TCP_KEEPALIVE", False, "SO_KEEPALIVE", "NET_TCP"),
    _bool("NET_TCP_FAST_RETRANSMIT", True, "three duplicate ACKs retransmit at once", "NET_TCP"),
    _bool("NET_TCP_CC_NEWRENO", False, "a congestion window: slow start, congestion avoidance", "NET_TCP"),
    _bool(
        "NET_TCP_OUT_OF_ORDER", lambda c: c("NET_TCP_SELECTIVE_ACK"), "segments that come too early are kept", "NET_TCP"
    ),
    _int("NET_TCP_OUT_OF_ORDER_BUFSIZE", 16384, "bytes of them, each connection", "NET_TCP_OUT_OF_ORDER"),
    _bool("NET_TCP_SELECTIVE_ACK", False, "the peer is told which", "NET_TCP"),
    _bool("NET_TCP_WINDOW_SCALE", False, "windows above 65535 bytes", "NET_TCP"),
    _int(
        "NET_TCP_WINDOW_SCALE_FACTOR",
        0,
        "ours are counted in units of 2 to the power of this",
        "NET_TCP_WINDOW_SCALE",
        high=14,
    ),
    _bool("NET_TCP_WRITE_BUFFERS", False, "send() returns once the data is buffered", "NET_TCP"),
    _int("NET_TCP_NWRBCHAINS", 8, "write buffer heads allocated at boot", "NET_TCP_WRITE_BUFFERS", low=1, high=65535),
    _int(
        "NET_TCP_ALLOC_WRBCHAINS",
        1,
        "heads allocated at a time once those are used; 0: they are a hard limit",
        "NET_TCP_WRITE_BUFFERS",
        high=65535,
    ),
    _bool("NET_ROUTE", False, "a routing table, for addroute, delroute and route", "NET_IPv4"),
    _bool("NETLINK_ROUTE", False, "arp without arguments shows the whole table", "NET"),
    _bool("NSH_NETINIT", True, "the network is configured at boot", "NET"),
    _bool("NETINIT_NETLOCAL", False, "addresses are set at boot, but eth0 stays down", "NSH_NETINIT"),
    _bool("NETINIT_DHCPC", False, "eth0 gets its address by DHCP", "NSH_NETINIT", "NETUTILS_DHCPC"),
    _bool("NETINIT_DNS", False, "a name server is set at boot", "NSH_NETINIT", "NETDB_DNSCLIENT"),
    _hex("NETINIT_DNSIPADDR", 0xA0000001, "its address", "NETINIT_DNS"),
    _hex("NETINIT_IPADDR", 0x0A000002, "IPv4 address of eth0", "NSH_NETINIT"),
    _hex("NETINIT_DRIPADDR", 0x0A000001, "its router", "NSH_NETINIT"),
    _hex("NETINIT_NETMASK", 0xFFFFFF00, "its netmask", "NSH_NETINIT"),
]

_NAMES = [
    _bool("NETUTILS_DHCPC", False, "the DHCP client: ifconfig eth0 dhcp", "NET_UDP", "NET_SOCKOPTS"),
    _string("NETUTILS_DHCPC_HOST_NAME", "nuttx", "what it calls the board if LIBC_HOSTNAME does not", "NETUTILS_DHCPC"),
    _int("NETUTILS_DHCPC_RECV_TIMEOUT_MS", 3000, "ms of its first wait", "NETUTILS_DHCPC", low=1, high=600_000),
    _int("NETUTILS_DHCPC_RETRIES", 3, "how often it asks", "NETUTILS_DHCPC", low=1, high=16),
    _hex("NETUTILS_DHCPC_BOOTP_FLAGS", 0, "0x8000: it wants answers sent to everybody", "NETUTILS_DHCPC"),
    _bool("SYSTEM_DHCPC_RENEW", False, "the renew command", "NETUTILS_DHCPC"),
    _bool("LIBC_NETDB", False, "names of hosts: nslookup, ping NAME", "NET_IPv4"),
    _bool("LIBC_GAISTRERROR", False, "its errors have names", "LIBC_NETDB"),
    _int("NETDB_MAX_IPv4ADDR", 1, "addresses of a host that are kept", "LIBC_NETDB", low=1, high=255),
    _bool("NETDB_HOSTFILE", False, "a file names hosts", "LIBC_NETDB"),
    _string("NETDB_HOSTCONF_PATH", "/etc/hosts", "that file", "NETDB_HOSTFILE"),
    _int("NETDB_MAX_ALTNAMES", 4, "aliases of a host in it", "NETDB_HOSTFILE", high=255),
    _bool("NETDB_DNSCLIENT", False, "name servers are asked", "LIBC_NETDB", "NET_UDP", "NET_SOCKOPTS"),
    _int("NETDB_DNSCLIENT_ENTRIES", 8, "names that are kept", "NETDB_DNSCLIENT", high=255),
    _int("NETDB_DNSCLIENT_LIFESEC", 3600, "s they are kept at most; 0: as long as they hold", "NETDB_DNSCLIENT"),
    _int("NETDB_DNSCLIENT_MAXRESPONSE", 512, "bytes of a datagram", "NETDB_DNSCLIENT", low=12, high=65507),
    _int("NETDB_DNSCLIENT_RECV_TIMEOUT", 5, "s of the first wait for an answer", "NETDB_DNSCLIENT", low=1, high=3600),
    _int("NETDB_DNSCLIENT_MAX_TIMEOUT", 30, "s of the others at most; 0: no limit", "NETDB_DNSCLIENT", high=3600),
    _int("NETDB_DNSCLIENT_RETRIES", 3, "how often a name server is asked", "NETDB_DNSCLIENT", low=1, high=16),
    _int("NETDB_DNSSERVER_NAMESERVERS", 1, "name servers at most", "NETDB_DNSCLIENT", low=1, high=255),
    _bool("NETDB_DNSSERVER_NOADDR", False, "there is none at first", "NETDB_DNSCLIENT"),
    _derived(
        "NETDB_DNSSERVER_IPv4",
        lambda c: bool(c("NETDB_DNSCLIENT")) and not c("NETDB_DNSSERVER_NOADDR"),
        "there is one at first",
    ),
    _hex("NETDB_DNSSERVER_IPv4ADDR", 0x0A000001, "its address", "NETDB_DNSCLIENT"),
]

_SHELL = [
    _string("NSH_PROMPT_STRING", "nsh> ", "the prompt"),
    _int("LINE_MAX", 80, "longest command line", low=16, high=4096),
    _int("NSH_MAXARGUMENTS", 7, "most arguments of a command", low=1, high=255),
    _bool("READLINE_EDIT", True, "cursor keys, Home, End and Delete edit the command line"),
    _bool("READLINE_EDIT_EMACS", False, "control characters edit it, as in Emacs", "READLINE_EDIT"),
    _bool("READLINE_TABCOMPLETION", False, "Tab completes the names of commands"),
    _bool("READLINE_CMD_HISTORY", False, "up and down bring earlier command lines back"),
    _int("READLINE_CMD_HISTORY_LINELEN", 80, "bytes of a line that are kept", "READLINE_CMD_HISTORY", low=2, high=4096),
    _int("READLINE_CMD_HISTORY_LEN", 16, "lines that are kept", "READLINE_CMD_HISTORY", low=1, high=65536),
    _bool(
        "READLINE_EDIT_EMACS_REVERSE_SEARCH",
        True,
        "Ctrl-R searches them",
        "READLINE_EDIT_EMACS",
        "READLINE_CMD_HISTORY",
    ),
    _bool("NSH_STRERROR", False, "error messages name the error instead of its number"),
    _int("NSH_NESTDEPTH", 3, "how deep if and while nest, the line itself included", low=1, high=255),
    _bool("NSH_VARS", False, "the shell has variables of its own beside the environment, and export"),
    _bool("NSH_ALIAS", True, "alias and unalias"),
    _int("NSH_ALIAS_MAX_AMOUNT", 1, "most aliases of a shell", "NSH_ALIAS", low=1, high=255),
    _int("START_YEAR", 2018, "year of the board's clock at power-on", low=1970, high=2106),
    _int("START_MONTH", 1, "its month", low=1, high=12),
    _int("START_DAY", 1, "its day", low=1, high=31),
    _bool("FS_PROCFS", False, "/proc, which ps, free and ifconfig read"),
    _bool("FS_TMPFS", False, "files in memory"),
    _bool("FS_BINFS", False, "/bin, where the built-in programs are files"),
    _string("LIBC_TMPDIR", "/tmp", "where the files in memory are mounted, and back-quotes keep theirs"),
    _bool("LIBC_STRERROR", False, "programs that print errors know their names"),
    _bool("SERIAL_IFLOWCONTROL", False, "a full console receive buffer takes RTS away; else characters are lost"),
    _bool("TTY_FORCE_PANIC", False, "a character on the console crashes the board"),
    _hex("TTY_FORCE_PANIC_CHAR", 0x1F, "that character", "TTY_FORCE_PANIC"),
    _int("TTY_FORCE_PANIC_REPEAT_COUNT", 1, "how often in a row it has to come", "TTY_FORCE_PANIC", low=1),
    _bool("SYSLOG_TIMESTAMP", False, "log lines begin with the time"),
    _bool("SYSLOG_PRIORITY", False, "log lines say how serious they are"),
    _bool("RAMLOG_SYSLOG", False, "the log is kept in RAM, for dmesg, and not printed on the console"),
    _int("RAMLOG_BUFSIZE", 1024, "bytes of it that are kept", "RAMLOG_SYSLOG", low=64),
]

_APPS = [
    _bool("SYSTEM_DD", True, "the dd command"),
    _bool("SYSTEM_PING", False, "the ping command", "NET_ICMP_SOCKET"),
    _bool("EXAMPLES_UDPBLASTER", False, "the udpblaster program", "NET_UDP"),
    _hex("EXAMPLES_UDPBLASTER_TARGETIP", 0x0A000002, "the address that it sends from", "EXAMPLES_UDPBLASTER"),
    _hex("EXAMPLES_UDPBLASTER_HOSTIP", 0x0A000001, "the address that it sends to", "EXAMPLES_UDPBLASTER"),
    _bool("EXAMPLES_TCPECHO", False, "the tcpecho program", "NET_TCP"),
    _int("EXAMPLES_TCPECHO_PORT", 80, "the port that it listens on", "EXAMPLES_TCPECHO", low=1, high=65535),
    _int("EXAMPLES_TCPECHO_BACKLOG", 8, "calls that may wait there", "EXAMPLES_TCPECHO", low=1, high=65535),
    _int("EXAMPLES_TCPECHO_NCONN", 8, "sockets that it has, the listening one included", "EXAMPLES_TCPECHO", low=2),
    _bool("EXAMPLES_TCPBLASTER", False, "the tcpclient and tcpserver programs", "NET_TCP"),
    _int("EXAMPLES_TCPBLASTER_SENDSIZE", 4096, "bytes of a send", "EXAMPLES_TCPBLASTER", low=1, high=1 << 20),
    _int("EXAMPLES_TCPBLASTER_GROUPSIZE", 50, "sends between two lines", "EXAMPLES_TCPBLASTER", low=1),
    _hex("EXAMPLES_TCPBLASTER_SERVERIP", 0x0A000001, "the address that tcpclient calls", "EXAMPLES_TCPBLASTER"),
    _int("EXAMPLES_TCPBLASTER_SERVER_PORTNO", 5471, "its port", "EXAMPLES_TCPBLASTER", low=1, high=65535),
    _bool("NETUTILS_IPERF", False, "the iperf program", "NET"),
    _string("NETUTILS_IPERFTEST_DEVNAME", "eth0", "the interface whose address it has", "NETUTILS_IPERF"),
    _bool("NETUTILS_TELNETD", False, "the telnetd program", "NET_TCP"),
    _int("SYSTEM_TELNETD_PORT", 23, "the port that it listens on", "NETUTILS_TELNETD", low=1, high=65535),
    _int("SYSTEM_TELNETD_SESSION_PRIORITY", 100, "priority of its shells", "NETUTILS_TELNETD", low=1, high=255),
    _int("SYSTEM_TELNETD_SESSION_STACKSIZE", _stack, "their stack in bytes", "NETUTILS_TELNETD", low=64),
    _bool("EXAMPLES_WEBSERVER", False, "the webserver program", "NET_TCP"),
    _int("NETUTILS_HTTPD_TIMEOUT", 0, "s that it waits for a request; 0: for ever", "EXAMPLES_WEBSERVER", high=86400),
    _int("NETUTILS_HTTPD_MAXPATH", 64, "longest path, with its end", "EXAMPLES_WEBSERVER", low=2, high=4096),
    _bool("NETUTILS_WEBCLIENT", False, "the wget program", "NET_TCP"),
    _int("WEBCLIENT_TIMEOUT", 10, "s that it waits for an answer", "NETUTILS_WEBCLIENT", low=1, high=86400),
    _int("WEBCLIENT_MAXHTTPLINE", 200, "longest line of a header", "NETUTILS_WEBCLIENT", low=16, high=65535),
]

_HARDWARE = [
    _own("CPU_MHZ", "number", 1000, "clock of every CPU, MHz", low=1, high=100000),
    *(_own(f"COST_{what}", "number", 0, f"cycles of {what}, see enum cost in csrc/board.h") for what in COSTS),
    _own("LINK_MBPS", "int", 10000, "rate of eth0, Mbit/s", low=10, high=10000),
    _own("ETH_RX_RING", "int", 64, "receive descriptors", low=2, high=1024),
    _own("ETH_TX_RING", "int", 64, "transmit descriptors", low=2, high=1024),
    _own("ETH_IRQ_FRAMES", "int", 1, "frames that make a receive interrupt; 1: each", low=1, high=255),
    _own("ETH_IRQ_USEC", "int", 0, "or this long after the first of them, us", high=1000000),
    _own("UART_BAUD", "int", 10000000, "bits per second on the console line", low=300, high=10000000),
    _own("UART_FIFO", "int", 16, "characters in each of its FIFOs", low=1, high=256),
]

_VARIANTS = [
    _own("ETH_QUEUE", "choice", "LPWORK", "where eth0's work runs", "LPWORK", "HPWORK", "THREAD"),
    _own("ETH_THREAD_PRIORITY", "int", 100, "priority of its thread, with ETH_QUEUE=THREAD", low=1, high=255),
    _own("NET_LOCKS", "choice", "global", "one network lock, or one per device and connection", "global", "split"),
    _own(
        "IOB_THROTTLED",
        "choice",
        "send",
        "who leaves CONFIG_IOB_THROTTLE buffers alone: senders, as in NuttX, or receivers, or both",
        "send",
        "receive",
        "both",
    ),
    _own("TCP_SEND_ALL", "bool", False, "a blocking TCP send waits until all is buffered, as in NuttX 13.0"),
    _own("TCP_TIMESTAMPS", "bool", False, "TCP timestamps (RFC 7323)"),
    _own("TCP_NAGLE", "bool", False, "short segments wait for the last acknowledgement (RFC 896), as in no NuttX"),
    _own("IOB_TIMEOUT_LEAK", "bool", False, "a timed-out IOB wait loses a buffer, as in NuttX 13.0"),
]

OPTIONS: dict[str, Option] = {
    option.name: option for option in [*_BOARD, *_SCHED, *_IOB, *_NET, *_NAMES, *_SHELL, *_APPS, *_HARDWARE, *_VARIANTS]
}
"""Every option by its name without prefix."""
