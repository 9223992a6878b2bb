"""The root of the tree: devices, mount points and symbolic links, sorted by name (NuttX's pseudo-file system)."""

from __future__ import annotations

from errno import EBUSY, EEXIST, EINVAL, ENOENT, ENOSYS, ENOTDIR, ENOTEMPTY, ENXIO

from kernel.fs.node import Directory, Node
from kernel.fs.openfile import OpenFile


class PseudoDirectory(Directory):
    """A directory of the tree itself. Regular files cannot be in it (CONFIG_PSEUDOFS_FILE is not modelled)."""

    writable = True

    def __init__(self) -> None:
        self._entries: dict[str, Node] = {}

    def entries(self) -> dict[str, Node]:
        """What is in it, by name."""
        return dict(sorted(self._entries.items()))

    def find(self, name: str) -> Node | None:
        """One entry."""
        return self._entries.get(name)

    def open(self, path: str, flags: int) -> OpenFile:
        """Raises OSError (ENXIO): what has no driver cannot be opened."""
        raise OSError(ENXIO, f"open {path}: it is a directory without a file system")

    def attach(self, name: str, node: Node) -> None:
        """Raises OSError (EEXIST)."""
        if name in self._entries:
            raise OSError(EEXIST, f"{name} is there already")
        self._entries[name] = node

    def mkdir(self, name: str, mode: int) -> None:
        """Raises OSError (EEXIST)."""
        if name in self._entries:
            raise OSError(EEXIST, f"mkdir {name}: it is there already")
        self._entries[name] = PseudoDirectory()

    def detach(self, name: str) -> Node:
        """Raises OSError (ENOENT)."""
        if name not in self._entries:
            raise OSError(ENOENT, f"{name}: there is no such entry")
        return self._entries.pop(name)

    def unlink(self, name: str) -> None:
        """An empty directory goes, too. Raises OSError (ENOENT, ENOTEMPTY, ENXIO for a device that has to stay)."""
        node = self._entries.get(name)
        if node is None:
            raise OSError(ENOENT, f"unlink {name}: there is no such entry")
        if isinstance(node, MountPoint):
            raise OSError(EINVAL if node.root.writable else ENOSYS, f"unlink {name}: a file system is mounted there")
        if isinstance(node, PseudoDirectory) and node.entries():
            raise OSError(ENOTEMPTY, f"unlink {name}: something is in it")
        if not node.unlinks:
            raise OSError(ENXIO, f"unlink {name}: its driver does not let it go")
        del self._entries[name]
        node.removed()

    def rmdir(self, name: str) -> None:
        """Raises OSError (ENOENT, ENOTDIR, ENOTEMPTY, EBUSY or ENOSYS for a mount point)."""
        node = self._entries.get(name)
        if node is None:
            raise OSError(ENOENT, f"rmdir {name}: there is no such entry")
        if isinstance(node, MountPoint):
            raise OSError(EBUSY if node.root.writable else ENOSYS, f"rmdir {name}: a file system is mounted there")
        if not isinstance(node, PseudoDirectory):
            raise OSError(ENOTDIR, f"rmdir {name}: it is no directory")
        if node.entries():
            raise OSError(ENOTEMPTY, f"rmdir {name}: something is in it")
        del self._entries[name]

    def cover(self, name: str, root: Directory) -> None:
        """Begins a mount; what was in the directory of that name is covered meanwhile."""
        self._entries[name] = MountPoint(root, self._entries.get(name))

    def uncover(self, name: str) -> None:
        """Ends a mount. The directory goes with it, unless there was something in it before."""
        mount = self._entries.pop(name)
        if isinstance(mount, MountPoint) and isinstance(mount.covered, PseudoDirectory) and mount.covered.entries():
            self._entries[name] = mount.covered


class MountPoint(Directory):
    """Where another file system begins; it stands for that one's root."""

    def __init__(self, root: Directory, covered: Node | None) -> None:
        self.root = root
        self.covered = covered
        self.mode = root.mode
        self.fstype = root.fstype

    def entries(self) -> dict[str, Node]:
        """Those of the root."""
        return self.root.entries()

    def size(self) -> int:
        """That of the root."""
        return self.root.size()

    def open(self, path: str, flags: int) -> OpenFile:
        """What the root makes of it."""
        return self.root.open(path, flags)
