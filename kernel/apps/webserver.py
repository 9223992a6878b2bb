"""webserver: the files below /proc and /tmp over HTTP/1.0, for reading (nuttx-apps, examples/webserver)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from errno import EACCES, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from html import escape
from os import O_RDONLY
from typing import TYPE_CHECKING

from kernel.apps.httprequest import REASONS, HttpError, header, parse, quote, receive
from kernel.apps.output import perror
from kernel.apps.tcpserver import listen_on_both, serve
from kernel.fs.node import Directory, File, Node
from kernel.fs.openfile import OpenFile
from kernel.fs.vfs import fullpath
from kernel.socket import SHUT_WR

if TYPE_CHECKING:
    from kernel.socket import TcpSocket
    from kernel.syscalls import Sys

PORT = 80
CHUNK = 4096
LINGER = 65536  # bytes that a client may still send when its answer is out
TYPES = {
    "css": "text/css",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "png": "image/png",
    "pcap": "application/vnd.tcpdump.pcap",
    "xml": "text/xml",
}
STATUS = {EACCES: 403, EINVAL: 404, ELOOP: 404, ENAMETOOLONG: 414, ENOENT: 404, ENOTDIR: 404}


def find(sys: Sys, path: str) -> tuple[str, Node | None]:
    """What a request asks for: its path without links, and what is there; the root is not a node of ours.

    Raises HttpError for what is not to be seen from outside, or not there.
    """
    vfs = sys.kernel.vfs
    wanted = fullpath("/", path)
    if wanted == "/":
        return wanted, None
    try:
        real = vfs.realpath(wanted)
        node = vfs.find(real)
    except OSError as error:
        raise HttpError(STATUS.get(error.errno or 0, 500)) from None
    if not any(real == root or real.startswith(root + "/") for root in roots(sys)):
        raise HttpError(403)
    if not isinstance(node, Directory) and (not isinstance(node, File) or node.kind != "-"):
        raise HttpError(403)  # a FIFO would keep the reader waiting
    return real, node


def roots(sys: Sys) -> list[str]:
    """The directories that can be seen, if they are there."""
    return [root for root in ("/proc", str(sys.kernel.options["LIBC_TMPDIR"])) if _exists(sys, root)]


def _exists(sys: Sys, path: str) -> bool:
    try:
        return isinstance(sys.kernel.vfs.find(path), Directory)
    except OSError:
        return False


def listing(path: str, names: list[str]) -> bytes:
    """A page of links; directories end in a slash."""
    title = escape(f"Index of {path}")
    rows = [f'<li><a href="{quote(name)}">{escape(_shown(name))}</a></li>' for name in names]
    lines = ["<html><head>", f"<title>{title}</title>", "</head><body>", f"<h1>{title}</h1>", "<ul>", *rows, "</ul>"]
    return "\n".join([*lines, "</body></html>", ""]).encode()


def _shown(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def index(sys: Sys, path: str, node: Directory | None) -> bytes:
    """The page of a directory. Raises OSError."""
    if node is None:
        return listing("/", [f"{root[1:]}/" for root in roots(sys)])
    entries = node.entries()
    return listing(path, ["../", *(name + "/" * isinstance(entry, Directory) for name, entry in entries.items())])


def answer(sys: Sys, client: TcpSocket, path: str, *, body: bool) -> None:
    """Sends what a path names. Raises HttpError before anything was sent, and OSError."""
    real, node = find(sys, path)
    if node is None or isinstance(node, Directory):
        if not path.endswith("/"):  # its links count from there
            client.sendall(header(301, "text/html", 0, location=quote(path) + "/"))
            return
        page = index(sys, real, node)
        client.sendall(header(200, "text/html", len(page)) + page * body)
        return
    assert isinstance(node, File)
    try:
        file = node.open(real, O_RDONLY)
    except OSError as error:
        raise HttpError(STATUS.get(error.errno or 0, 500)) from None
    kind = TYPES.get(real.rpartition("/")[2].rpartition(".")[2].lower(), "text/plain")
    with file:
        size = node.size()
        if size == 0:  # of what is made when it is read
            data = b"".join(chunks(file, None))
            client.sendall(header(200, kind, len(data)) + data * body)
            return
        client.sendall(header(200, kind, size))
        if body:
            for data in chunks(file, size):
                client.sendall(data)


def chunks(file: OpenFile, size: int | None) -> Iterator[bytes]:
    """The contents of a file, ``size`` bytes at most."""
    while (size is None or size > 0) and (data := file.read(CHUNK if size is None else min(size, CHUNK))):
        yield data
        size = None if size is None else size - len(data)


def failure(client: TcpSocket, status: int) -> None:
    """Sends an error. Raises OSError."""
    page = f"Error {status}: {REASONS[status]}\n".encode()
    client.sendall(header(status, "text/plain", len(page)) + page)


def handle(sys: Sys, client: TcpSocket) -> None:
    """One connection, which is one request. Raises OSError when it breaks."""
    options = sys.kernel.options
    timeout = int(options["NETUTILS_HTTPD_TIMEOUT"])
    if timeout and options["NET_SOCKOPTS"]:
        client.settimeout(timeout)
    try:
        request = parse(receive(client), int(options["NETUTILS_HTTPD_MAXPATH"]) - 1)
        answer(sys, client, request.path, body=request.body)
    except HttpError as error:
        failure(client, error.status)
    except EOFError:
        return
    client.shutdown(SHUT_WR)
    left = LINGER
    with suppress(TimeoutError):  # closing with bytes unread resets the connection, and the client loses the answer
        while left > 0 and (data := client.recv(CHUNK)):
            left -= len(data)


def main(sys: Sys) -> int:
    """webserver: on port 80, of IPv6, too, until a signal comes."""
    sys.print("Starting webserver")
    try:
        listeners = listen_on_both(sys, PORT)
    except OSError as error:
        perror(sys, f"webserver: port {PORT}", error)
        return 1
    serve(sys, listeners, handle, "httpd")
    return 0
