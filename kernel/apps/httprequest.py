"""What a web server has to understand of HTTP/1.0 (RFC 1945): one request."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

LONGEST = 2048  # bytes of a request

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version not supported",
}


class HttpError(Exception):
    """The answer is an error; ``status`` says which."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status = status


class Source(Protocol):
    """Where a request comes from."""

    def recv(self, bufsize: int) -> bytes: ...


class Request(NamedTuple):
    """``path``: without what follows a question mark, %xx resolved. ``body``: not just the header is wanted."""

    path: str
    body: bool


def receive(source: Source) -> bytes:
    """The lines of a request. Raises HttpError, OSError, EOFError if it ends before they do."""
    data = b""
    while not (end := re.search(rb"\r?\n\r?\n", data)):
        if len(data) >= LONGEST:
            raise HttpError(413)
        try:
            more = source.recv(LONGEST - len(data))
        except TimeoutError:
            raise HttpError(408) from None
        if not more:
            raise EOFError("the connection was closed in the middle of a request")
        data += more
    return data[: end.start()]


def parse(data: bytes, longest: int) -> Request:
    """Raises HttpError. ``longest``: bytes of a path."""
    first, *fields = data.decode("latin-1").replace("\r\n", "\n").split("\n")
    words = first.split(" ")
    if len(words) != 3:
        raise HttpError(400)
    method, target, version = words
    if method not in ("GET", "HEAD"):
        raise HttpError(501)
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise HttpError(505)
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name:
            raise HttpError(400)
        if name.lower() == "content-length" and value.strip() != "0":
            raise HttpError(413)
    path = unquote(target.partition("?")[0])
    if not path.startswith("/") or "\0" in path:
        raise HttpError(400)
    if len(path) > longest:
        raise HttpError(414)
    return Request(path, method == "GET")


def unquote(text: str) -> str:
    """%xx resolved."""
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode("latin-1"))
    return raw.decode("utf-8", "surrogateescape")


def quote(text: str) -> str:
    """The reverse, for a path."""
    safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
    return "".join(chr(b) if b in safe else f"%{b:02X}" for b in text.encode("utf-8", "surrogateescape"))


def header(status: int, kind: str, length: int, location: str = "") -> bytes:
    """The head of an answer. ``length``: bytes of its body. ``location``: where else to look."""
    lines = [f"HTTP/1.0 {status} {REASONS[status]}", "Server: nutloop", "Connection: close", f"Content-Type: {kind}"]
    lines.append(f"Content-Length: {length}")
    if location:
        lines.append(f"Location: {location}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
