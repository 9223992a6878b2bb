"""The file tree of a board: finds what paths name, and does to it what programs ask for.

Paths are absolute here; :func:`fullpath` makes them so. Failures are OSErrors with NuttX's errno numbers, and their
texts begin with the name of the call, as the shell's messages do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENODEV, ENOENT, ENOTDIR, ENOTEMPTY, ENXIO, EXDEV
from os import O_CREAT, O_EXCL, O_RDONLY

from kernel.fs.node import Directory, File, Link, Node, Usage
from kernel.fs.openfile import OpenFile
from kernel.fs.pseudofs import MountPoint, PseudoDirectory

NAME_MAX, PATH_MAX, SYMLOOP_MAX = 32, 256, 8  # CONFIG_NAME_MAX, CONFIG_PATH_MAX, limits.h


def fullpath(cwd: str, path: str) -> str:
    """An absolute path without ``.``, ``..`` and superfluous slashes."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


@dataclass(frozen=True)
class Place:
    """Where an entry is, or would be: its directory, its name there, and the entry if there is one."""

    parent: Directory
    name: str
    node: Node | None
    filesystem: Directory
    """the root that ``parent`` belongs to"""


class Vfs:
    """One board's file tree. ``filesystems``: what can be mounted by name: a function that makes the root."""

    def __init__(self) -> None:
        self.root = PseudoDirectory()
        self.filesystems: dict[str, Callable[[], Directory]] = {}

    # Finding

    def find(self, path: str, *, follow: bool = True) -> Node:
        """What a path names. ``follow``: a symbolic link at its end means what it points at.

        Raises OSError (ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG).
        """
        place = self._walk(path, follow=follow)
        if place.node is None:
            raise OSError(ENOENT, f"stat {path}: no such file or directory")
        return place.node

    def directory(self, path: str) -> Directory:
        """The directory of that name. Raises OSError (ENOTDIR and those of find)."""
        node = self.find(path)
        if not isinstance(node, Directory):
            raise OSError(ENOTDIR, f"opendir {path}: it is no directory")
        return node

    def _walk(self, path: str, *, follow: bool, links: int = 0) -> Place:
        if len(path) >= PATH_MAX:
            raise OSError(ENAMETOOLONG, f"{path[:32]}...: a path has at most {PATH_MAX - 1} characters")
        parts = _parts(path)
        place = Place(self.root, "", self.root, self.root)
        for i, name in enumerate(parts):
            place = self._step(place, name, path)
            last = i + 1 == len(parts)
            if isinstance(place.node, Link) and (follow or not last):
                if links == SYMLOOP_MAX:
                    raise OSError(ELOOP, f"{path}: more than {SYMLOOP_MAX} symbolic links")
                target = fullpath("/" + "/".join(parts[:i]), place.node.target)
                return self._walk("/".join([target, *parts[i + 1 :]]), follow=follow, links=links + 1)
            if place.node is None and not last:
                raise OSError(ENOENT, f"{path}: there is no {name}")
        return place

    @staticmethod
    def _step(place: Place, name: str, path: str) -> Place:
        """From an entry to one inside of it."""
        directory, filesystem = place.node, place.filesystem
        if isinstance(directory, MountPoint):
            directory = filesystem = directory.root
        if not isinstance(directory, Directory):
            raise OSError(ENOTDIR, f"{path}: {place.name} is no directory")
        if len(name) > NAME_MAX:
            raise OSError(ENAMETOOLONG, f"{name[:40]}: a name has at most {NAME_MAX} characters")
        return Place(directory, name, directory.find(name), filesystem)

    # Opening

    def open(self, path: str, flags: int = O_RDONLY, mode: int = 0o666) -> OpenFile:
        """open(): may wait where that is a file's nature, as a FIFO's. Raises OSError."""
        place = self._walk(path, follow=True)
        node = place.node
        if node is None:
            if not flags & O_CREAT:
                raise OSError(ENOENT, f"open {path}: no such file")
            node = place.parent.create(place.name, mode)
        elif flags & O_CREAT and flags & O_EXCL:
            raise OSError(EEXIST, f"open {path}: it is there already")
        if isinstance(node, Directory):
            raise OSError(EISDIR, f"open {path}: it is a directory")
        if not isinstance(node, File):
            raise OSError(ENXIO, f"open {path}: it cannot be opened")
        return node.open(path, flags)

    # Changing the tree

    def unlink(self, path: str) -> None:
        """Takes a file's name away. Raises OSError (EISDIR for a directory)."""
        place = self._existing(path, "unlink")
        if isinstance(place.node, Directory):
            raise OSError(EISDIR, f"unlink {path}: it is a directory")
        place.parent.detach(place.name).removed()

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Raises OSError (EEXIST, ENOENT, ENOSYS)."""
        place = self._walk(path, follow=False)
        if place.node is not None:
            raise OSError(EEXIST, f"mkdir {path}: it is there already")
        place.parent.mkdir(place.name, mode)

    def rmdir(self, path: str) -> None:
        """Raises OSError (ENOTDIR, ENOTEMPTY, EBUSY for a mount point, ENOSYS)."""
        place = self._existing(path, "rmdir")
        if not isinstance(place.node, Directory):
            raise OSError(ENOTDIR, f"rmdir {path}: it is no directory")
        if not isinstance(place.node, MountPoint) and place.node.entries():
            raise OSError(ENOTEMPTY, f"rmdir {path}: something is in it")
        place.parent.detach(place.name).removed()

    def rename(self, old: str, new: str) -> None:
        """Moves an entry within a file system; a file that was there gives way. Raises OSError (EXDEV, EINVAL...)."""
        source, target = self._existing(old, "rename"), self._walk(new, follow=False)
        if isinstance(target.node, Directory):
            target = self._walk(f"{new}/{source.name}", follow=False)
        if source.filesystem is not target.filesystem:
            raise OSError(EXDEV, f"rename {old}: {new} is on another file system")
        if isinstance(source.node, Directory) and (fullpath("/", new) + "/").startswith(fullpath("/", old) + "/"):
            raise OSError(EINVAL, f"rename {old}: {new} is inside of it")
        if isinstance(target.node, Directory):
            raise OSError(EEXIST, f"rename {old}: {new} is a directory")
        if target.node is source.node:
            return
        if target.node is not None:
            target.parent.detach(target.name).removed()
        node = source.parent.detach(source.name)
        target.parent.attach(target.name, node)

    def attach(self, path: str, node: Node) -> None:
        """Makes a node an entry: register_driver(), symlink(), mkfifo(). Raises OSError (EEXIST, ENOSYS)."""
        place = self._walk(path, follow=False)
        if place.node is not None:
            raise OSError(EEXIST, f"{path} is there already")
        place.parent.attach(place.name, node)

    def readlink(self, path: str) -> str:
        """What a symbolic link says. Raises OSError (EINVAL if it is none)."""
        node = self.find(path, follow=False)
        if not isinstance(node, Link):
            raise OSError(EINVAL, f"readlink {path}: it is no symbolic link")
        return node.target

    def _existing(self, path: str, call: str) -> Place:
        place = self._walk(path, follow=False)
        if place.node is None:
            raise OSError(ENOENT, f"{call} {path}: no such file or directory")
        return place

    # File systems

    def mount(self, target: str, fstype: str) -> None:
        """Mounts a new file system of that type; directories on the way are made. Raises OSError (ENODEV, ENOTDIR...).

        What was in the directory is covered meanwhile.
        """
        make = self.filesystems.get(fstype)
        if make is None:
            raise OSError(ENODEV, f"mount {target}: there is no file system {fstype}")
        self.mount_root(target, make())

    def mount_root(self, target: str, root: Directory) -> None:
        """Mounts a file system by its root."""
        parent: Directory = self.root
        parts = _parts(target)
        if not parts:
            raise OSError(EBUSY, "mount /: the root stays as it is")
        for name in parts[:-1]:
            if parent.find(name) is None:
                parent.mkdir(name, 0o777)
            node = parent.find(name)
            if not isinstance(node, PseudoDirectory):
                raise OSError(ENOTDIR, f"mount {target}: {name} is no directory of the tree itself")
            parent = node
        covered = parent.find(parts[-1])
        if isinstance(covered, MountPoint):
            raise OSError(EBUSY, f"mount {target}: a file system is mounted there already")
        if covered is not None and not isinstance(covered, PseudoDirectory):
            raise OSError(ENOTDIR, f"mount {target}: it is no directory of the tree itself")
        if covered is not None:
            parent.detach(parts[-1])
        parent.attach(parts[-1], MountPoint(root, covered))

    def umount(self, target: str) -> None:
        """Takes a file system away. Raises OSError (ENOENT, EINVAL if nothing is mounted there)."""
        place = self._existing(target, "umount")
        node = place.node
        if not isinstance(node, MountPoint) or not isinstance(place.parent, PseudoDirectory):
            raise OSError(EINVAL, f"umount {target}: nothing is mounted there")
        place.parent.uncover(place.name)
        node.root.removed()

    def mounts(self) -> Iterator[tuple[str, str, Usage]]:
        """Where file systems are mounted, their types, and how full they are, by path."""
        yield from _mounts("", self.root)


def _mounts(path: str, directory: Directory) -> Iterator[tuple[str, str, Usage]]:
    for name, node in directory.entries().items():
        if isinstance(node, MountPoint):
            yield f"{path}/{name}", node.fstype, node.root.usage()
        elif isinstance(node, PseudoDirectory):
            yield from _mounts(f"{path}/{name}", node)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
