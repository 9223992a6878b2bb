"""The programs on the board."""

from __future__ import annotations

from board.kconfig.ipv6 import address_words
from board.kconfig.option import default_stack, flag, hexadecimal, integer, string

APPS = [
    flag("SYSTEM_DD", True, "the dd command"),
    flag("SYSTEM_PING", False, "the ping command", "NET_ICMP_SOCKET"),
    flag("SYSTEM_PING6", False, "the ping6 command", "NET_ICMPv6_SOCKET"),
    flag("EXAMPLES_UDPBLASTER", False, "the udpblaster program", "NET_UDP"),
    hexadecimal("EXAMPLES_UDPBLASTER_TARGETIP", 0x0A000002, "the address that it sends from", "EXAMPLES_UDPBLASTER"),
    hexadecimal("EXAMPLES_UDPBLASTER_HOSTIP", 0x0A000001, "the address that it sends to", "EXAMPLES_UDPBLASTER"),
    flag("EXAMPLES_UDPBLASTER_IPv6", False, "it speaks IPv6, and no IPv4", "EXAMPLES_UDPBLASTER", "NET_IPv6"),
    *address_words(
        "EXAMPLES_UDPBLASTER_TARGETIPv6", "the address that it sends from", "fc00::2", "EXAMPLES_UDPBLASTER_IPv6"
    ),
    *address_words(
        "EXAMPLES_UDPBLASTER_HOSTIPv6", "the address that it sends to", "fc00::1", "EXAMPLES_UDPBLASTER_IPv6"
    ),
    flag("EXAMPLES_TCPECHO", False, "the tcpecho program", "NET_TCP"),
    integer("EXAMPLES_TCPECHO_PORT", 80, "the port that it listens on", "EXAMPLES_TCPECHO", low=1, high=65535),
    integer("EXAMPLES_TCPECHO_BACKLOG", 8, "calls that may wait there", "EXAMPLES_TCPECHO", low=1, high=65535),
    integer("EXAMPLES_TCPECHO_NCONN", 8, "sockets that it has, the listening one included", "EXAMPLES_TCPECHO", low=2),
    flag("EXAMPLES_TCPBLASTER", False, "the tcpclient and tcpserver programs", "NET_TCP"),
    integer("EXAMPLES_TCPBLASTER_SENDSIZE", 4096, "bytes of a send", "EXAMPLES_TCPBLASTER", low=1, high=1 << 20),
    integer("EXAMPLES_TCPBLASTER_GROUPSIZE", 50, "sends between two lines", "EXAMPLES_TCPBLASTER", low=1),
    hexadecimal("EXAMPLES_TCPBLASTER_SERVERIP", 0x0A000001, "the address that tcpclient calls", "EXAMPLES_TCPBLASTER"),
    flag("EXAMPLES_TCPBLASTER_IPv6", False, "they speak IPv6, and no IPv4", "EXAMPLES_TCPBLASTER", "NET_IPv6"),
    *address_words(
        "EXAMPLES_TCPBLASTER_SERVERIPv6ADDR", "the address that tcpclient calls", "fc00::1", "EXAMPLES_TCPBLASTER_IPv6"
    ),
    integer("EXAMPLES_TCPBLASTER_SERVER_PORTNO", 5471, "its port", "EXAMPLES_TCPBLASTER", low=1, high=65535),
    flag("NETUTILS_IPERF", False, "the iperf program", "NET"),
    string("NETUTILS_IPERFTEST_DEVNAME", "eth0", "the interface whose address it has", "NETUTILS_IPERF"),
    flag("NETUTILS_TELNETD", False, "the telnetd program", "NET_TCP"),
    integer("SYSTEM_TELNETD_PORT", 23, "the port that it listens on", "NETUTILS_TELNETD", low=1, high=65535),
    integer("SYSTEM_TELNETD_SESSION_PRIORITY", 100, "priority of its shells", "NETUTILS_TELNETD", low=1, high=255),
    integer("SYSTEM_TELNETD_SESSION_STACKSIZE", default_stack, "their stack in bytes", "NETUTILS_TELNETD", low=64),
    flag("EXAMPLES_WEBSERVER", False, "the webserver program", "NET_TCP"),
    integer(
        "NETUTILS_HTTPD_TIMEOUT", 0, "s that it waits for a request; 0: for ever", "EXAMPLES_WEBSERVER", high=86400
    ),
    integer("NETUTILS_HTTPD_MAXPATH", 64, "longest path, with its end", "EXAMPLES_WEBSERVER", low=2, high=4096),
    flag("NETUTILS_WEBCLIENT", False, "the wget program", "NET_TCP"),
    integer("WEBCLIENT_TIMEOUT", 10, "s that it waits for an answer", "NETUTILS_WEBCLIENT", low=1, high=86400),
    integer("WEBCLIENT_MAXHTTPLINE", 200, "longest line of a header", "NETUTILS_WEBCLIENT", low=16, high=65535),
]
