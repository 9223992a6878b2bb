"""The root of the tree: devices, mount points and symbolic links, sorted by name (NuttX's pseudo-file system)."""

from __future__ import annotations

from errno import EBUSY, EEXIST, ENOENT

from kernel.fs.node import Directory, Node


class PseudoDirectory(Directory):
    """A directory of the tree itself. Regular files cannot be in it (CONFIG_PSEUDOFS_FILE is not modelled)."""

    mode = 0o777

    def __init__(self) -> None:
        self._entries: dict[str, Node] = {}

    def entries(self) -> dict[str, Node]:
        """What is in it, by name."""
        return dict(sorted(self._entries.items()))

    def find(self, name: str) -> Node | None:
        """One entry."""
        return self._entries.get(name)

    def attach(self, name: str, node: Node) -> None:
        """Raises OSError (EEXIST)."""
        if name in self._entries:
            raise OSError(EEXIST, f"{name} is there already")
        self._entries[name] = node

    def mkdir(self, name: str, mode: int) -> None:
        """Raises OSError (EEXIST)."""
        self.attach(name, PseudoDirectory())

    def detach(self, name: str) -> Node:
        """Raises OSError (ENOENT, or EBUSY for a mount point)."""
        node = self._entries.get(name)
        if node is None:
            raise OSError(ENOENT, f"{name}: there is no such entry")
        if isinstance(node, MountPoint):
            raise OSError(EBUSY, f"{name}: a file system is mounted there")
        del self._entries[name]
        return node

    def uncover(self, name: str) -> None:
        """Ends a mount. The directory goes with it, unless there was something in it before."""
        mount = self._entries.pop(name)
        if isinstance(mount, MountPoint) and mount.covered is not None and mount.covered.entries():
            self._entries[name] = mount.covered


class MountPoint(Directory):
    """Where another file system begins; it stands for that one's root."""

    def __init__(self, root: Directory, covered: Directory | None) -> None:
        self.root = root
        self.covered = covered
        self.mode = root.mode
        self.fstype = root.fstype

    def entries(self) -> dict[str, Node]:
        """Those of the root."""
        return self.root.entries()
