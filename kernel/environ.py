"""The environment of a task (NuttX's sched/environ)."""

from __future__ import annotations

from collections.abc import Iterator
from errno import EINVAL

HOMEDIR = "/"  # CONFIG_LIBC_HOMEDIR


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
        """Sets it. An empty value removes it, as in NuttX, and only then a wrong name is noticed.

        Raises OSError (EINVAL).
        """
        if not value:
            self.unsetenv(name)
            return
        name, _, value = f"{name}={value}".partition("=")  # as one text it is kept, and found by what is before the =
        self._remove(name)
        self._pairs.append((name, value))

    def unsetenv(self, name: str) -> None:
        """Removes it, if it is there. Raises OSError (EINVAL)."""
        if not name or "=" in name:
            raise OSError(EINVAL, f"unsetenv: {name!r} is no name")
        self._remove(name)

    def _remove(self, name: str) -> None:
        for i, (key, _) in enumerate(self._pairs):
            if key == name:
                last = self._pairs.pop()
                if i < len(self._pairs):
                    self._pairs[i] = last
                return
