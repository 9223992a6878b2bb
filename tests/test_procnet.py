"""The texts of /proc/net against what NuttX prints, to the column."""

from __future__ import annotations

from typing import Any

from stack import Stack, ether, icmp, udp
from tcp_peer import TCP, Peer, act, connected

from kernel.fs import procnet
from kernel.socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM

STAT = """\
             IPv4  IPv6   UDP  ICMP ICMPv6
Received     0003  0000  0001  0001  0000
Dropped      0001  0000  0001  0000  0000
  IPv4        VHL: 0001   Frg: 0000
  IPv6        VHL: 0000
  Checksum   0000  ----  0000  ----  ----
  Type       0000  0000  ----  0000  0000
Sent         0002  0000  0000  0002  0000
"""

STAT_ALL = """\
             IPv4  IPv6   TCP   UDP  ICMP ICMPv6
Received     0000  0000  0000  0000  0000  0000
Dropped      0000  0000  0000  0000  0000  0000
  IPv4        VHL: 0000   Frg: 0000
  IPv6        VHL: 0000
  Checksum   0000  ----  0000  0000  ----  ----
  TCP         ACK: 0000   SYN: 0000
              RST: 0000  0000
  Type       0000  0000  ----  ----  0000  0000
Sent         0000  0000  0000  0000  0000  0000
  Rexmit     ----  ----  0000  ----  ----  ----
"""

ETH0 = """\
eth0\tLink encap:Ethernet HWaddr 02:00:00:00:00:02 at RUNNING mtu 1500
\tinet addr:10.0.1.2 DRaddr:10.0.1.1 Mask:255.255.255.0
\tinet6 addr: fc00::2/112
\tinet6 DRaddr: fc00::1

\tRX: Received Fragment Errors   Bytes   
\t    00000001 00000000 00000000 4e              
\t    IPv4     IPv6     ARP      Dropped 
\t    00000001 00000000 00000000 00000000
\tTX: Queued   Sent     Errors   Timeouts Bytes   
\t    00000001 00000001 00000000 00000000 4e               
\tTotal Errors: 00000000

"""  # noqa: W291

LO = """\
lo\tLink encap:Local Loopback at RUNNING mtu 1518
\tinet addr:127.0.0.1 DRaddr:127.0.0.1 Mask:255.0.0.0
\tinet6 addr: ::1/128
\tinet6 DRaddr: ::1

\tRX: Received Fragment Errors   Bytes   
\t    00000000 00000000 00000000 0               
\t    IPv4     IPv6     ARP      Dropped 
\t    00000000 00000000 00000000 00000000
\tTX: Queued   Sent     Errors   Timeouts Bytes   
\t    00000000 00000000 00000000 00000000 0                
\tTotal Errors: 00000000

"""  # noqa: W291

UDP = """\
UDP sl  flg   rxsz local_address           remote_address         
     1:  21      0      0          0.0.0.0:7               0.0.0.0:0     
     2:  61      0     25         10.0.1.2:5000           10.0.1.1:1000  
"""  # noqa: W291

TCP_TABLE = """\
TCP sl  st flg ref tmr uack nrt   rxsz local_address           remote_address         
     1: 04  41   1   4    4   2      5         10.0.1.2:7              10.0.1.1:1000  
     2: 02   1   1   6    1   1      0         10.0.1.2:7              10.0.1.1:1001  
"""  # noqa: W291

TCP_LIMITED = """\
TCP sl  st flg ref tmr uack nrt   txsz   rxsz local_address           remote_address         
     1: 04  41   1   1    4   0      4      0         10.0.1.2:7              10.0.1.1:1000  
"""  # noqa: W291

BOTH_TCP = """\
TCP sl  st flg ref tmr uack nrt   rxsz local_address           remote_address         
     1: 04  61   1   0    0   0      0        127.0.0.1:1000          127.0.0.1:7     
     2: 04  41   1   0    0   0      0        127.0.0.1:7             127.0.0.1:1000  
     3: 04  61   1   0    0   0      0                     ::1:1000                       ::1:7     
     4: 04  41   1   0    0   0      0                     ::1:7                          ::1:1000  
"""  # noqa: W291

BOTH_UDP = """\
UDP sl  flg   rxsz local_address           remote_address         
     1:  61      0      0          0.0.0.0:53            127.0.0.1:54    
     2:  61      0      0                      :::53                         ::1:54    
"""  # noqa: W291

ROUTES = """\
SEQ   TARGET          NETMASK         ROUTER          
   1. 192.168.0.0     255.255.0.0     10.0.1.50       
"""  # noqa: W291


def test_protocol_statistics() -> None:
    with Stack(NET_TCP=False, NET_TCP_WRITE_BUFFERS=False) as s:
        s.input(ether(icmp(8)), ether(icmp(8, vhl=0x65)), ether(udp(b"x", dport=9)))
        assert procnet.net_stat(s.kernel) == STAT


def test_protocol_statistics_have_the_columns_of_the_configuration() -> None:
    with Stack() as s:
        s.kernel.options = dict.fromkeys((option for _, _, option in procnet.COLUMNS), True)
        assert procnet.net_stat(s.kernel) == STAT_ALL


def test_device_statistics_are_hexadecimal() -> None:
    with Stack() as s:
        s.input(ether(icmp(8, data=bytes(36))))
        s.frames()
        assert procnet.net_device(s.kernel, s.device) == ETH0
        assert procnet.net_device(s.kernel, s.kernel.net.device("lo")) == LO


def test_device_states() -> None:
    with Stack() as s:
        states = [s.device.state]
        s.eth.ifdown()
        states.append(s.device.state)
        s.device._set(7, 1)  # up, no carrier
        states.append(s.device.state)
        assert states == ["RUNNING", "DOWN", "UP"]


def test_udp_sockets() -> None:
    with Stack() as s:
        assert procnet.net_udp(s.kernel) == ""

        def body(sys: Any) -> None:
            first, second = sys.socket(), sys.socket()
            first.bind(("", 7))
            second.bind(("10.0.1.2", 5000))
            second.connect(("10.0.1.1", 1000))
            sys.semaphore().wait()

        s.start(body)
        s.input(ether(udp(b"hello", dport=5000)))
        assert procnet.net_udp(s.kernel) == UDP


def test_routes() -> None:
    with Stack() as s:
        assert procnet.net_route_ipv4(s.kernel) == ""
        s.kernel.net.addroute("192.168.0.0", "255.255.0.0", "10.0.1.50")
        assert procnet.net_route_ipv4(s.kernel) == ROUTES


def test_tcp_connections_but_no_listeners() -> None:
    with Stack(**TCP) as s:
        assert procnet.net_tcp(s.kernel) == ""
        sock, peer = connected(s)
        peer.write(b"hello")
        Peer(s, sport=1001).put("S", seq=0)
        act(s, lambda _: sock.send(b"data"))
        s.later(2)
        assert procnet.net_tcp(s.kernel) == TCP_TABLE


def test_tcp_connections_have_a_column_more_where_their_write_buffers_are_limited() -> None:
    with Stack(NET_SEND_BUFSIZE=1000, **TCP) as s:
        sock, _ = connected(s)
        act(s, lambda _: sock.send(b"data"))
        assert procnet.net_tcp(s.kernel) == TCP_LIMITED


def test_connections_of_ipv6_come_last_in_wider_columns() -> None:
    def body(sys: Any) -> None:
        kept = []
        for family, host in ((AF_INET6, "::1"), (AF_INET, "127.0.0.1")):
            server, client, other = (sys.socket(family, kind) for kind in (SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM))
            server.bind((host, 7))
            server.listen()
            client.bind((host, 1000))
            client.connect((host, 7))
            other.bind(("", 53))
            other.connect((host, 54))
            kept += [server, client, other]
        sys.semaphore().wait()

    with Stack(**TCP) as s:
        s.start(body)
        assert procnet.net_tcp(s.kernel) == BOTH_TCP
        assert procnet.net_udp(s.kernel) == BOTH_UDP
