"""What docs/network.md says of the path of a segment and of a byte is what a board does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from stack import Stack, hog
from tcp_peer import TCP, connected
from tcp_pool import mute, poll, readahead

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/network.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split("IOB by IOB\n")[1].split())
DEFAULTS = TCP | {"IOB_NBUFFERS": 36, "IOB_THROTTLE": 8, "IOB_BUFSIZE": 196}


def test_the_page_shows_what_the_example_prints(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/tcp_iobs.py"), run_name="__main__")
    printed = capsys.readouterr().out
    received, sent = re.findall(r"\*\*A [a-z ]+\.\*\*\n\n((?:    .*\n)+)", PAGE)
    assert re.sub(r"^    ", "", received + sent, flags=re.M) == printed


def test_the_page_has_the_windows_right() -> None:
    with Stack(**DEFAULTS) as s:
        sock, peer = connected(s)
        (ack,) = peer.write(bytes(1460))
        assert (27 - 8) * 196 == 3724 and ack.window == 3724 + 108 == 3832
        assert "are 3724 bytes; with the 108 that still fit into the last read-ahead buffer it offers 3832" in PROSE
        assert [part.len for part in readahead(s, sock.conn)] == [196] * 7 + [88]
        s.run(lambda sys: sock.recv(1000))
        assert (28 + 5 - 8) * 196 + 108 - ack.window == 1176 and "1176 bytes more could be offered now" in PROSE
        assert 28 * 196 == 5488 and "half of the 5488 there can be" in PROSE
        s.later(1)
        assert peer.take() == []


def test_the_page_has_the_tiny_packets_right() -> None:
    sizes = []
    for leave in (3, 1):
        with Stack(**DEFAULTS) as s:
            sock, peer = mute(s)
            s.run(lambda sys, sock=sock: sock.send(bytes(1460)))
            hog(s, leave)
            poll(s, 1)
            sizes += [len(x.data) for x in peer.take()]
    assert sizes == [196, 141] and "196 bytes, or, if it is the last, 141 beside the headers" in PROSE
