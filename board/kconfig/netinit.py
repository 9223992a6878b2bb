"""Routes, how the network is configured at boot, DHCP, the names of hosts."""

from __future__ import annotations

from board.kconfig.option import derived, flag, hexadecimal, integer, string

NETINIT = [
    flag("NET_ROUTE", False, "a routing table, for addroute, delroute and route", "NET_IPv4"),
    flag("NETLINK_ROUTE", False, "arp without arguments shows the whole table", "NET"),
    flag("NSH_NETINIT", True, "the network is configured at boot", "NET"),
    flag("NETINIT_NETLOCAL", False, "addresses are set at boot, but eth0 stays down", "NSH_NETINIT"),
    flag("NETINIT_DHCPC", False, "eth0 gets its address by DHCP", "NSH_NETINIT", "NETUTILS_DHCPC"),
    flag("NETINIT_DNS", False, "a name server is set at boot", "NSH_NETINIT", "NETDB_DNSCLIENT"),
    hexadecimal("NETINIT_DNSIPADDR", 0xA0000001, "its address", "NETINIT_DNS"),
    hexadecimal("NETINIT_IPADDR", 0x0A000002, "IPv4 address of eth0", "NSH_NETINIT"),
    hexadecimal("NETINIT_DRIPADDR", 0x0A000001, "its router", "NSH_NETINIT"),
    hexadecimal("NETINIT_NETMASK", 0xFFFFFF00, "its netmask", "NSH_NETINIT"),
    flag("NETUTILS_DHCPC", False, "the DHCP client: ifconfig eth0 dhcp", "NET_UDP", "NET_SOCKOPTS"),
    string("NETUTILS_DHCPC_HOST_NAME", "nuttx", "what it calls the board if LIBC_HOSTNAME does not", "NETUTILS_DHCPC"),
    integer("NETUTILS_DHCPC_RECV_TIMEOUT_MS", 3000, "ms of its first wait", "NETUTILS_DHCPC", low=1, high=600_000),
    integer("NETUTILS_DHCPC_RETRIES", 3, "how often it asks", "NETUTILS_DHCPC", low=1, high=16),
    hexadecimal("NETUTILS_DHCPC_BOOTP_FLAGS", 0, "0x8000: it wants answers sent to everybody", "NETUTILS_DHCPC"),
    flag("SYSTEM_DHCPC_RENEW", False, "the renew command", "NETUTILS_DHCPC"),
    flag("LIBC_NETDB", False, "names of hosts: nslookup, ping NAME, wget", "NET_IPv4"),
    flag("LIBC_GAISTRERROR", False, "its errors have names", "LIBC_NETDB"),
    integer("NETDB_MAX_IPv4ADDR", 1, "IPv4 addresses of a host that count", "LIBC_NETDB", low=1, high=255),
    flag("NETDB_HOSTFILE", False, "a file names hosts", "LIBC_NETDB"),
    string("NETDB_HOSTCONF_PATH", "/etc/hosts", "that file", "NETDB_HOSTFILE"),
    integer("NETDB_MAX_ALTNAMES", 4, "aliases of a host in it", "NETDB_HOSTFILE", high=255),
    flag("NETDB_DNSCLIENT", False, "name servers are asked", "LIBC_NETDB", "NET_UDP", "NET_SOCKOPTS"),
    integer("NETDB_DNSCLIENT_ENTRIES", 8, "names that are kept", "NETDB_DNSCLIENT", high=255),
    integer("NETDB_DNSCLIENT_LIFESEC", 3600, "s they are kept at most; 0: as long as they hold", "NETDB_DNSCLIENT"),
    integer("NETDB_DNSCLIENT_MAXRESPONSE", 512, "bytes of a datagram", "NETDB_DNSCLIENT", low=12, high=65507),
    integer(
        "NETDB_DNSCLIENT_RECV_TIMEOUT", 5, "s of the first wait for an answer", "NETDB_DNSCLIENT", low=1, high=3600
    ),
    integer("NETDB_DNSCLIENT_MAX_TIMEOUT", 30, "s of the others at most; 0: no limit", "NETDB_DNSCLIENT", high=3600),
    integer("NETDB_DNSCLIENT_RETRIES", 3, "how often a name server is asked", "NETDB_DNSCLIENT", low=1, high=16),
    integer("NETDB_DNSSERVER_NAMESERVERS", 1, "name servers at most", "NETDB_DNSCLIENT", low=1, high=255),
    flag("NETDB_DNSSERVER_NOADDR", False, "there is none at first", "NETDB_DNSCLIENT"),
    derived(
        "NETDB_DNSSERVER_IPv4",
        lambda c: bool(c("NETDB_DNSCLIENT")) and not c("NETDB_DNSSERVER_NOADDR") and not c("NETDB_DNSSERVER_IPv6"),
        "there is one at first",
    ),
    hexadecimal("NETDB_DNSSERVER_IPv4ADDR", 0x0A000001, "its address", "NETDB_DNSCLIENT"),
]
