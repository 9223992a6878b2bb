"""The table of the built-in programs."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.apps import App
from kernel.nsh.main import NSH, SH

PROGRAMS = (
    App("dd", "kernel.apps.dd:main", option="SYSTEM_DD"),
    App("hello", "kernel.apps.hello:main"),
    App("inetd", "kernel.apps.inetd:main", option="NET_TCP"),
    App("iperf", "kernel.apps.iperf:main", option="NETUTILS_IPERF"),
    NSH,
    App("ping", "kernel.apps.ping:main", option="SYSTEM_PING"),
    App("ping6", "kernel.apps.ping6:main", option="SYSTEM_PING6"),
    App("renew", "kernel.apps.renew:main", option="SYSTEM_DHCPC_RENEW"),
    SH,
    App("tcpclient", "kernel.apps.tcpblaster:client_main", option="EXAMPLES_TCPBLASTER"),
    App("tcpecho", "kernel.apps.tcpecho:main", option="EXAMPLES_TCPECHO"),
    App("tcpserver", "kernel.apps.tcpblaster:server_main", option="EXAMPLES_TCPBLASTER"),
    App("telnetd", "kernel.apps.telnetd:main", option="NETUTILS_TELNETD"),
    App("udpblaster", "kernel.apps.udpblaster:main", option="EXAMPLES_UDPBLASTER"),
    App("udpecho", "kernel.apps.udpecho:main"),
    App("webserver", "kernel.apps.webserver:main", option="EXAMPLES_WEBSERVER"),
    App("wget", "kernel.apps.wget:main", option="NETUTILS_WEBCLIENT"),
)


def builtin_apps(options: Mapping[str, object]) -> dict[str, App]:
    """Those that are configured, by name."""
    return {app.name: app for app in PROGRAMS if not app.option or options.get(app.option)}
