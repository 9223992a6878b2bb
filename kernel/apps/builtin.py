"""The table of the built-in programs."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.apps import App
from kernel.apps.dd import DD
from kernel.apps.hello import HELLO
from kernel.apps.inetd import INETD
from kernel.apps.iperf import IPERF
from kernel.apps.ping import PING
from kernel.apps.renew import RENEW
from kernel.apps.tcpblaster import TCPCLIENT, TCPSERVER
from kernel.apps.tcpecho import TCPECHO
from kernel.apps.telnetd import TELNETD
from kernel.apps.udpblaster import UDPBLASTER
from kernel.apps.udpecho import UDPECHO
from kernel.apps.webserver import WEBSERVER
from kernel.apps.wget import WGET
from kernel.nsh.main import NSH, SH


def builtin_apps(options: Mapping[str, object]) -> dict[str, App]:
    """Those that are configured, by name."""
    apps = (
        DD,
        HELLO,
        INETD,
        IPERF,
        NSH,
        PING,
        RENEW,
        SH,
        TCPCLIENT,
        TCPECHO,
        TCPSERVER,
        TELNETD,
        UDPBLASTER,
        UDPECHO,
        WEBSERVER,
        WGET,
    )
    return {app.name: app for app in apps if not app.option or options.get(app.option)}
