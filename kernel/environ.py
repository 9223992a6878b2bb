"""The environment of a task (NuttX's sched/environ)."""

from __future__ import annotations

from collections.abc import Iterator


class Environment:
    """Names and values, in an array: setting one again moves it to the end, and a hole is filled by the last."""

    def __init__(self, other: Environment | None = None) -> None:
        self._pairs: list[tuple[str, str]] = list(other) if other is not None else []

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Names and values in the order of the array."""
        return iter(self._pairs)

    def getenv(self, name: str) -> str | None:
        """The value; None if there is none."""
        return next((value for key, value in self._pairs if key == name), None)

    def setenv(self, name: str, value: str) -> None:
        """Sets it. An empty value removes it, as in NuttX."""
        self.unsetenv(name)
        if value:
            self._pairs.append((name, value))

    def unsetenv(self, name: str) -> None:
        """Removes it, if it is there."""
        for i, (key, _) in enumerate(self._pairs):
            if key == name:
                last = self._pairs.pop()
                if i < len(self._pairs):
                    self._pairs[i] = last
                return
