"""What the board says of itself: banner, uname and /proc/version."""

from __future__ import annotations

SYSNAME = "NuttX"
RELEASE = "13.0.1"
"""The release of NuttX whose interfaces these are."""
BUILD = "nutloop-0.1.0"
"""In place of NuttX's commit: nobody should take the board for the real system."""
BUILD_DATE = "Nov 20 2026 00:00:00"
"""Fixed: what a board prints must not depend on when it was installed."""


def version() -> str:
    """The version field of uname."""
    return f"{BUILD} {BUILD_DATE}"
