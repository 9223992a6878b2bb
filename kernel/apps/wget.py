"""wget: fetches a file over HTTP (nuttx-apps, the shell's wget and netutils/webclient)."""

from __future__ import annotations

import re
from errno import ECONNABORTED, ECONNRESET, EHOSTUNREACH, EINVAL, ENOENT, EPROTO, EPROTONOSUPPORT, ETIMEDOUT
from typing import TYPE_CHECKING, NamedTuple

from kernel.apps.hosts import anyhostip
from kernel.apps.output import complain
from kernel.apps.tcpserver import stream
from kernel.nsh.command import ARGINVALID, ARGREQUIRED, SIGNALRECVD, TOOMANYARGS
from kernel.nsh.commands.options import getopt
from kernel.nsh.commands.paths import basename
from kernel.sockbase import family_of
from kernel.strerror import strerror

if TYPE_CHECKING:
    from kernel.fs.calls import FileHandle
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys

BUFSIZE = 2048
REDIRECTS = 5
URL = re.compile(r"http://([^/:?#@\[\]]+|\[[^/?#@\[\]]+\])(?::(\d+))?(/[^#]*)?(?:#.*)?", re.IGNORECASE)


class Url(NamedTuple):
    """Where a file is. ``host`` is a name or an address, as it was written: of IPv6 in brackets (RFC 3986 3.2.2)."""

    host: str
    port: int
    path: str


def parse_url(text: str) -> Url:
    """Raises OSError: EPROTONOSUPPORT (no http), EINVAL."""
    found = URL.fullmatch(text)
    if found is None or re.search(r"[\s\x00-\x1f]", text):
        other = re.match(r"(?!http:)[a-z]+://", text, re.IGNORECASE)
        raise OSError(EPROTONOSUPPORT if other else EINVAL, f"{text!r} is no URL of HTTP")
    port = int(found[2]) if found[2] else 80
    if not 0 < port < 65536:
        raise OSError(EINVAL, f"port {port}")
    return Url(found[1], port, found[3] or "/")


def find(sys: Sys, host: str) -> str:
    """The address of a host. Raises OSError: EHOSTUNREACH, EINTR."""
    try:
        return anyhostip(sys, host.strip("[]"))
    except InterruptedError:
        raise
    except OSError as error:
        raise OSError(EHOSTUNREACH, f"host {host}: {error.strerror}") from None


class Response:
    """The answer to a request, read as it comes."""

    def __init__(self, sock: TcpSocket, longest: int) -> None:
        self._sock = sock
        self._longest = longest
        self._data = b""
        version, _, rest = self._line().partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
            raise OSError(EPROTO, f"no answer of HTTP: {version!r} {rest!r}")
        self.status = int(status)
        self.fields: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.partition(":")
            self.fields[name.strip().lower()] = value.strip()

    def _more(self) -> bool:
        more = self._sock.recv(BUFSIZE)
        self._data += more
        return bool(more)

    def _line(self) -> str:
        """The next line, without its end. Raises OSError, EPROTO for one that is too long."""
        while b"\n" not in self._data[: self._longest]:
            if len(self._data) >= self._longest:
                raise OSError(EPROTO, f"a line of more than {self._longest} bytes")
            if not self._more():
                raise OSError(ECONNABORTED, "the answer ends in its header")
        line, _, self._data = self._data.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def save(self, file: FileHandle) -> None:
        """Writes the body. Raises OSError: ECONNABORTED if it is shorter than it should be."""
        text = self.fields.get("content-length", "")
        left = int(text) if text.isascii() and text.isdigit() else None
        while left is None or left > 0:
            if not self._data and not self._more():
                break
            data = self._data if left is None else self._data[:left]
            self._data = b""
            left = None if left is None else left - len(data)
            while data:
                data = data[file.write(data) :]
        if left:
            raise OSError(ECONNABORTED, f"{left} bytes are missing")


def fetch(sys: Sys, url: Url, file: FileHandle) -> str | None:
    """Gets one URL; where else to look, if the answer says so. Raises OSError."""
    options = sys.kernel.options
    address = find(sys, url.host)
    sock = stream(sys, family_of(address))
    with sock:
        if options["NET_SOCKOPTS"]:
            sock.settimeout(int(options["WEBCLIENT_TIMEOUT"]))
        sock.connect((address, url.port))
        host = url.host if url.port == 80 else f"{url.host}:{url.port}"
        request = f"GET {url.path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        sock.sendall(request.encode("utf-8", "replace"))
        response = Response(sock, int(options["WEBCLIENT_MAXHTTPLINE"]))
        if response.status in (301, 302, 303, 307, 308) and "location" in response.fields:
            return response.fields["location"]
        if response.status == 404:
            raise OSError(ENOENT, url.path)
        if response.status != 200:
            raise OSError(ECONNABORTED, f"status {response.status}")
        response.save(file)
    return None


def download(sys: Sys, text: str, file: FileHandle) -> None:
    """Follows redirections. Raises OSError."""
    url = parse_url(text)
    for _ in range(REDIRECTS + 1):
        where = fetch(sys, url, file)
        if where is None:
            return
        url = url._replace(path=where) if where.startswith("/") else parse_url(where)
    raise OSError(ECONNABORTED, f"{REDIRECTS} redirections, and no end")


def main(sys: Sys) -> int:
    """wget [-o <local-path>] <url>. The file has the name of what is fetched, unless told otherwise."""
    given, rest = getopt(sys.argv, ":o:")
    path = ""
    for flag, value in given:
        if flag != "o":
            return failed(sys, ARGREQUIRED if flag == ":" else ARGINVALID)
        path = value
    if len(rest) != 1:
        return failed(sys, TOOMANYARGS if rest else ARGREQUIRED)
    call = "open"
    try:
        with sys.open(path or basename(rest[0]), "w") as file:
            call = "wget"
            download(sys, rest[0], file)
    except InterruptedError:
        return failed(sys, SIGNALRECVD)
    except TimeoutError:
        return failed(sys, f"wget failed: {error_text(sys, ETIMEDOUT)}")
    except OSError as error:
        return failed(sys, f"{call} failed: {error_text(sys, error.errno or ECONNRESET)}")
    return 0


def error_text(sys: Sys, errno: int) -> str:
    """As the shell shows an error."""
    return strerror(errno) if sys.kernel.options["NSH_STRERROR"] else str(errno)


def failed(sys: Sys, tail: str) -> int:
    """Complains as NSH does, whose command it is in NuttX."""
    complain(sys, f"nsh: {sys.argv[0]}: {tail}\n")
    return 1
