"""Paths on a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.environ import HOMEDIR

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell


def path_of(shell: Shell, word: str) -> str:
    """The absolute path that a word stands for; no word at all stands for the home directory."""
    return shell.sys.fullpath(word) if word else HOMEDIR


def below(directory: str, name: str) -> str:
    """The path of an entry of a directory."""
    return f"{directory.rstrip('/')}/{name}"


def basename(path: str) -> str:
    """Its last part."""
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def dirname(path: str) -> str:
    """What is in front of its last part."""
    head, slash, _ = path.rstrip("/").rpartition("/")
    return head.rstrip("/") or ("/" if slash or path.startswith("/") else ".")
