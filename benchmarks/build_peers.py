"""Other TCP/IP stacks in user space that Debian packages: each a small program in peers/, built into build/peers/."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "peers"
BUILT = Path(__file__).parents[1] / "build" / "peers"


@dataclass(frozen=True)
class Peer:
    """A stack: what it is built from and how. The last of ``packages`` is the stack itself."""

    name: str
    packages: tuple[str, ...]
    compile: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    @property
    def program(self) -> Path:
        """Where its program is once it is built."""
        return BUILT / self.name

    @property
    def version(self) -> str:
        """Of the stack, as its package tells it."""
        return installed(self.packages[-1])

    def build(self) -> str:
        """Builds it. Why that is impossible here; empty if it was not."""
        if missing := [package for package in self.packages if not installed(package)]:
            return f"needs Debian's {' and '.join(missing)}"
        BUILT.mkdir(parents=True, exist_ok=True)
        words = [word.format(program=self.program) for word in self.compile]
        done = subprocess.run(
            words, cwd=SOURCES, env=os.environ | dict(self.env), capture_output=True, text=True, check=False
        )
        return f"does not build: {done.stderr.strip()}" if done.returncode else ""


PEERS = (
    Peer(
        "lwip",
        ("gcc", "liblwip-dev"),
        ("gcc", "-O2", "-Wall", "-Wextra", "-I/usr/include/lwip", "lwip.c", "-llwip", "-o", "{program}"),
    ),
    Peer(
        "netstack",
        ("golang-go", "golang-gvisor-gvisor-dev"),
        ("go", "build", "-o", "{program}", "netstack.go"),
        (("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode")),
    ),
)


def installed(package: str) -> str:
    """The version of a Debian package; empty if it is not installed, or this is not Debian."""
    if shutil.which("dpkg-query") is None:
        return ""
    words = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package]
    status, _, version = subprocess.run(words, capture_output=True, text=True, check=False).stdout.partition(" ")
    return version if status == "installed" else ""
