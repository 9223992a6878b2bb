"""The names that a board has looked up lately (NuttX lib_dnscache.c)."""

from __future__ import annotations

from typing import NamedTuple

NS_PER_S = 1_000_000_000


class Entry(NamedTuple):
    """Addresses of a name, good until then, ns."""

    name: str
    addresses: list[str]
    until: int


class DnsCache:
    """Keeps so many names; the oldest goes first. ``life``: seconds after which an answer is forgotten even if it would
    hold longer, 0: no such limit.
    """

    def __init__(self, entries: int, life: int) -> None:
        self._most = entries
        self._life = life
        self._entries: list[Entry] = []

    def save(self, name: str, addresses: list[str], ttl: int, now: int) -> None:
        """An answer that holds for ``ttl`` seconds; 0: it is for whoever has asked, and nobody else."""
        seconds = min(ttl, self._life) if self._life else ttl
        if not seconds or not self._most:
            return
        kept = [entry for entry in self._entries if entry.name != name]
        self._entries = [*kept, Entry(name, addresses, now + seconds * NS_PER_S)][-self._most :]

    def find(self, name: str, now: int) -> list[str] | None:
        """The addresses of a name, None if they are not known or not any more."""
        self._entries = [entry for entry in self._entries if now < entry.until]
        return next((entry.addresses for entry in self._entries if entry.name == name), None)

    def clear(self) -> None:
        """Forgets all."""
        self._entries.clear()
