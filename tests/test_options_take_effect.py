"""Options that are accepted are read by code, and what they switch on or off shows."""

import re
from pathlib import Path

import pytest
from kernelrig import Rig

from board import Board
from board.config import Config
from board.kconfig import OPTIONS, ConfigError
from kernel.socket import SO_RCVBUF, SOL_SOCKET
from kernel.syslog import LOG_ERR

ROOT = Path(__file__).parents[1]
READ = re.compile(
    r"""(?:\b(?:options|built|o|config)(?:\.(?:get|flag|number|text))?[\[(]|(?<!\.)\bget\(|\bnumber\()"(\w+)"""
)
"""Where code asks for an option by its name."""


def sources() -> dict[str, str]:
    """The Python files that make a board, without the tables of options themselves."""
    files = (path for folder in ("board", "drivers", "kernel") for path in (ROOT / folder).rglob("*.py"))
    tables = ROOT / "board" / "kconfig"
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files if path.parent != tables}


def test_every_modelled_option_is_read_somewhere() -> None:
    text = "\n".join(sources().values())
    named = set(re.findall(r'"(\w+)"', text))
    modelled = {name for name, option in OPTIONS.items() if option.modelled and not option.derived}
    costs = {name for name in modelled if name.startswith("COST_")}  # board/profile.py reads them all at once
    words = {name for name in modelled if name[:-2] in named and name[-2:] in {f"_{i}" for i in range(1, 9)}}
    assert modelled - named - costs - words == set()  # words of an address: board/kconfig/ipv6.py puts them together


def test_code_reads_only_options_there_are() -> None:
    asked = {name for text in sources().values() for name in READ.findall(text) if name.isupper()}
    assert len(asked) > 50
    assert asked - set(OPTIONS) == set()


# Network


def test_board_without_loopback_has_no_lo() -> None:
    with Board(NET_LOOPBACK=False) as board:
        assert "lo\t" not in board.nsh("ifconfig")
        assert "lo" not in board.nsh("ls /proc/net").split()
        assert board.nsh("ping -c 1 127.0.0.1").status == 1


def test_board_without_ethernet_has_no_eth0_but_lo() -> None:
    with Board(NET_ETHERNET=False, NET_ARP_IPIN=False) as board:
        assert "eth0" not in board.nsh("ifconfig")
        assert board.nsh("ping -c 1 127.0.0.1").ok
        assert board.eth0.counters["wire_tx_frames"] == 0
        with pytest.raises(OSError, match="no network device eth0; there is lo"):
            _ = board.eth0.ip


def test_board_without_network_has_neither_its_commands_nor_sockets() -> None:
    with Board("sim", **dict.fromkeys(network_options(), False)) as board:
        assert board.nsh("ifconfig") == "nsh: ifconfig: command not found\n"
        assert "net" not in board.nsh("ls /proc").split()
        assert "ifup" not in board.nsh("help")
        task = board.spawn(lambda sys: sys.socket())
        board.run(0.1)
        assert "CONFIG_NET_UDP is not set" in str(task.error)


def network_options() -> list[str]:
    """NET and every option of the profile that has no meaning without it."""
    config = Config()
    bools = [option for option in OPTIONS.values() if option.kind == "bool" and config[option.name] is True]
    settable = [option for option in bools if option.modelled and not option.derived]

    def needs_net(name: str) -> bool:
        return name == "NET" or any(needs_net(other) for other in OPTIONS[name].depends)

    return [option.name for option in settable if needs_net(option.name)]


def test_network_without_ipv4_is_refused() -> None:
    with pytest.raises(ConfigError, match="NET needs NET_IPv4=y"):
        Config(NET_IPv4=False)


def test_without_nsh_netinit_eth0_has_no_address_and_is_down() -> None:
    options = {"NSH_NETINIT": False, "NETINIT_IPADDR": 0x0A000102}
    with pytest.raises(ConfigError, match="NETINIT_IPADDR has no effect without NSH_NETINIT"):
        Config(**options)  # type: ignore[arg-type]
    with Board(NSH_NETINIT=False) as board:
        board.boot()
        assert (board.eth0.ip, board.eth0.router) == ("0.0.0.0", "0.0.0.0")
        assert "at DOWN" in board.nsh("ifconfig eth0")
        board.nsh("ifconfig eth0 10.0.1.2")
        board.nsh("ifup eth0")
        board.nsh("ping -c 1 10.0.1.1")  # the host's end answers ARP, if not pings
        assert board.eth0.counters["rx_arp"] == 1


def test_with_netlocal_eth0_has_its_address_but_stays_down() -> None:
    with Board(NETINIT_NETLOCAL=True) as board:
        assert board.eth0.ip == "10.0.1.2"
        assert "at DOWN" in board.nsh("ifconfig eth0")


def test_board_without_arp_neither_asks_nor_answers() -> None:
    with Board(NET_ARP=False, NET_ARP_IPIN=False) as board:
        assert not board.nsh("ping -c 1 10.0.1.1").ok
        assert board.eth0.counters["tx_packets"] == 0


@pytest.mark.parametrize(("most", "got"), [(2000, 2000), (0, 5000)])
def test_so_rcvbuf_is_limited_by_the_configuration(most: int, got: int) -> None:
    def app(sys) -> None:  # type: ignore[no-untyped-def]
        with sys.socket() as sock:
            sock.setsockopt(SOL_SOCKET, SO_RCVBUF, 5000)
            rig.note(sock.getsockopt(SOL_SOCKET, SO_RCVBUF))

    with Rig(NET_RECV_BUFSIZE=1000, NET_MAX_RECV_BUFSIZE=most) as rig:
        rig.spawn(app)
        rig.run()
        assert rig.words() == [got]


# Tasks


def test_task_without_a_stack_of_its_own_gets_the_default_one() -> None:
    with Rig(DEFAULT_TASK_STACKSIZE=5000) as rig:
        assert rig.spawn(lambda sys: None).stack_size == 5000
        assert rig.spawn(lambda sys: None, stack=3000).stack_size == 3000
        rig.spawn(lambda sys: rig.note(sys.spawn(print).stack_size))
        rig.run()
        assert rig.words() == [5000]


@pytest.mark.parametrize(("size", "name"), [(31, "a_rather_long_name"), (8, "a_rather"), (0, "<noname>")])
def test_task_name_is_cut_to_its_size_but_argv_is_not(size: int, name: str) -> None:
    with Rig(TASK_NAME_SIZE=size) as rig:
        task = rig.spawn(lambda sys: rig.note(sys.argv), "a_rather_long_name", args=("x",))
        rig.run()
        assert task.name == name
        assert rig.words() == [["a_rather_long_name", "x"]]


# Log


@pytest.mark.parametrize(
    ("timestamp", "priority", "line"),
    [
        (False, False, "hot"),
        (True, False, "[    0.000000] hot"),
        (False, True, "[ ERROR] hot"),
        (True, True, "[    0.000000] [ ERROR] hot"),
    ],
)
def test_log_lines_begin_as_configured(timestamp: bool, priority: bool, line: str) -> None:
    with Rig(SYSLOG_TIMESTAMP=timestamp, SYSLOG_PRIORITY=priority) as rig:
        rig.kernel.syslog.log(LOG_ERR, "hot")
        assert rig.kernel.syslog.text() == line + "\n"


def test_ram_log_keeps_its_last_bytes() -> None:
    with Rig(RAMLOG_BUFSIZE=64, SYSLOG_TIMESTAMP=False, SYSLOG_PRIORITY=False) as rig:
        for i in range(100):
            rig.kernel.syslog.log(LOG_ERR, f"line {i:2}")
        assert rig.kernel.syslog.text().splitlines() == [f"line {i:2}" for i in range(92, 100)]


def test_without_ram_log_nothing_is_kept() -> None:
    with Rig(RAMLOG_SYSLOG=False) as rig:
        rig.kernel.syslog.log(LOG_ERR, "hot")
        assert rig.kernel.syslog.text() == ""


# UDP


def test_close_waits_for_what_was_sent_if_configured() -> None:
    assert [lost_on_close(NET_UDP_NOTIFIER=wait) for wait in (False, True)] == [1, 0]


def lost_on_close(**options: bool) -> int:
    """Datagrams that a program sends before it closes its socket, and that never leave."""

    def app(sys) -> None:  # type: ignore[no-untyped-def]
        with sys.net_lock, sys.socket() as sock:  # with the lock held nothing leaves before close()
            sock.sendto(b"bye", ("10.0.1.1", 9))

    with Board(**options) as board:
        board.nsh("ping -c 1 10.0.1.1")
        before = board.eth0.counters["tx_packets"]
        board.spawn(app)
        board.run(1)
        return before + 1 - board.eth0.counters["tx_packets"]


def test_recv_pack_saves_buffers() -> None:
    assert buffers_unread(NET_RECV_PACK=True) < buffers_unread(NET_RECV_PACK=False)


def buffers_unread(**options: bool) -> int:
    """I/O buffers that ten small unread datagrams take."""

    def app(sys) -> None:  # type: ignore[no-untyped-def]
        with sys.socket() as sock, sys.socket() as peer:
            sock.bind(("", 7))
            for _ in range(10):
                peer.sendto(b"x", ("127.0.0.1", 7))
            sys.sleep(1)

    with Board(**options) as board:
        board.boot()
        before = board.kernel.iobs.getstats().nfree
        board.spawn(app)
        board.run(0.5)
        return before - board.kernel.iobs.getstats().nfree
