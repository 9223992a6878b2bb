"""The file tree of a board: finds what paths name, and does to it what programs ask for.

Paths are absolute here; :func:`fullpath` makes them so. Failures are OSErrors with NuttX's errno numbers, and their
texts begin with the name of the call, as the shell's messages do. What lies inside of a mounted file system is that
one's business; the rest, the root's own, makes missing directories on the way as NuttX does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from errno import (
    EBUSY,
    EEXIST,
    EINVAL,
    ELOOP,
    ENAMETOOLONG,
    ENODEV,
    ENOENT,
    ENOSYS,
    ENOTBLK,
    ENOTDIR,
    ENOTEMPTY,
    ENXIO,
    EXDEV,
)
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
    below: tuple[str, ...] = ()
    """names behind ``name``, which is not there itself then"""
    path: str = "/"
    """the whole path, links on the way resolved"""

    @property
    def inside(self) -> Directory:
        """The root of the file system that the entry itself belongs to: a mount point is its own file system's."""
        return self.node.root if isinstance(self.node, MountPoint) else self.filesystem


class Vfs:
    """The tree. ``filesystems``: what can be mounted without a device, by name, each making a root.

    ``copied``: told how many bytes went into or out of a file.
    """

    def __init__(self, copied: Callable[[int], None] | None = None) -> None:
        self._copied = copied
        self.root = PseudoDirectory()
        self.filesystems: dict[str, Callable[[], Directory]] = {}

    # Finding

    def find(self, path: str, *, follow: bool = True) -> Node:
        """What a path names. ``follow``: a symbolic link at its end means what it points at.

        Raises OSError (ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG).
        """
        return self._existing(path, "stat", follow=follow)

    def directory(self, path: str) -> Directory:
        """The directory of that name. Raises OSError (ENOTDIR and those of find)."""
        node = self._existing(path, "opendir", follow=True)
        if not isinstance(node, Directory):
            raise OSError(ENOTDIR, f"opendir {path}: it is no directory")
        return node

    def realpath(self, path: str) -> str:
        """The path without links. Raises OSError (ENOENT and those of find)."""
        place = self._walk(path, follow=True)
        if place.node is None:
            raise OSError(ENOENT, f"realpath {path}: no such file or directory")
        return place.path

    def _existing(self, path: str, call: str, *, follow: bool) -> Node:
        node = self._walk(path, follow=follow).node
        if node is None:
            raise OSError(ENOENT, f"{call} {path}: no such file or directory")
        return node

    def _walk(self, path: str, *, follow: bool, links: int = 0) -> Place:
        """Along a path as far as there is something. Raises OSError (ENOTDIR or ENOENT, ELOOP, ENAMETOOLONG)."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if len(path) >= PATH_MAX:
            raise OSError(ENAMETOOLONG, f"{path[:32]}...: a path has at most {PATH_MAX - 1} characters")
        if any(len(name) > NAME_MAX for name in parts):
            raise OSError(ENAMETOOLONG, f"{path}: a name has at most {NAME_MAX} characters")
        place = Place(self.root, "", self.root, self.root)
        for i, name in enumerate(parts):
            place = self._step(place, name, path)
            below = tuple(parts[i + 1 :])
            if isinstance(place.node, Link) and (follow or below):
                if links == SYMLOOP_MAX:
                    raise OSError(ELOOP, f"{path}: more than {SYMLOOP_MAX} symbolic links")
                target = fullpath("/" + "/".join(parts[:i]), place.node.target)
                return self._walk("/".join([target, *below]), follow=follow, links=links + 1)
            if place.node is None:
                place = replace(place, below=below)
                break
        return replace(place, path="/" + "/".join(parts))

    @staticmethod
    def _step(place: Place, name: str, path: str) -> Place:
        """From an entry to one inside of it."""
        directory, filesystem = place.node, place.filesystem
        if isinstance(directory, MountPoint):
            directory = filesystem = directory.root
        if not isinstance(directory, Directory):
            raise OSError(filesystem.through_file, f"stat {path}: {place.name} is no directory")
        return Place(directory, name, directory.find(name), filesystem)

    # Opening

    def open(self, path: str, flags: int = O_RDONLY, mode: int = 0o666) -> OpenFile:
        """open(): may wait where that is a file's nature, as a FIFO's. Raises OSError."""
        place = self._walk(path, follow=True)
        node = place.node
        if node is None:
            if place.below or not flags & O_CREAT:
                raise OSError(ENOENT, f"open {path}: no such file")
            node = place.parent.create(place.name, mode)
        elif flags & O_CREAT and flags & O_EXCL:
            raise OSError(EEXIST, f"open {path}: it is there already")
        if not isinstance(node, (File, Directory)):
            raise OSError(ENXIO, f"open {path}: it cannot be opened")
        file = node.open(path, flags)
        file.copied = self._copied
        return file

    # Changing the tree

    def unlink(self, path: str) -> None:
        """Takes a name away, not of a directory of a mounted file system. Raises OSError."""
        place = self._walk(path, follow=False)
        if place.node is self.root:
            raise OSError(ENOTEMPTY, "unlink /: there is something in it")
        place.parent.unlink(place.name)

    def rmdir(self, path: str) -> None:
        """Removes an empty directory. Raises OSError."""
        place = self._walk(path, follow=False)
        if place.node is self.root:
            raise OSError(ENOTEMPTY, "rmdir /: there is something in it")
        place.parent.rmdir(place.name)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        """Raises OSError (EEXIST, ENOENT where directories on the way are not made, ENOSYS)."""
        place = self._walk(path, follow=False)
        if place.node is self.root:
            raise OSError(EEXIST, "mkdir /: it is there already")
        if place.filesystem is self.root:
            place = self._reserve(place)
        elif place.below and place.filesystem.writable:
            raise OSError(ENOENT, f"mkdir {path}: there is no {place.name}")
        place.parent.mkdir(place.name, mode)

    def attach(self, path: str, node: Node) -> None:
        """Makes a node an entry of the root's own: register_driver(), mkfifo(). Raises OSError (EEXIST)."""
        place = self._walk(path, follow=False)
        if place.node is not None or place.filesystem is not self.root:
            raise OSError(EEXIST, f"{path} is there already, or in a file system that has no place for such")
        place = self._reserve(place)
        place.parent.attach(place.name, node)

    def symlink(self, target: str, path: str) -> None:
        """A link at ``path`` that says ``target``. Raises OSError (EEXIST, ENOSYS in a mounted file system)."""
        place = self._walk(path, follow=False)
        if place.inside is not self.root:
            raise OSError(ENOSYS, f"symlink {path}: its file system has no links")
        self.attach(path, Link(target))

    def readlink(self, path: str) -> str:
        """What a symbolic link says. Raises OSError (EINVAL if it is none)."""
        node = self._existing(path, "readlink", follow=False)
        if not isinstance(node, Link):
            raise OSError(EINVAL, f"readlink {path}: it is no symbolic link")
        return node.target

    @staticmethod
    def _reserve(place: Place) -> Place:
        """Makes the missing directories on the way to an entry of the root's own."""
        parent, names = place.parent, (place.name, *place.below)
        for name in names[:-1]:
            parent.mkdir(name, 0o777)
            made = parent.find(name)
            assert isinstance(made, Directory)
            parent = made
        return replace(place, parent=parent, name=names[-1], below=())

    # Moving

    def rename(self, old: str, new: str) -> None:
        """Moves an entry within a file system, into a directory if ``new`` is one; a file that was there gives way.

        Raises OSError (EXDEV, EEXIST if the directory has such an entry, EINVAL for a directory into itself, ...).
        """
        source, target = self._walk(old, follow=False), self._walk(new, follow=False)
        if not source.filesystem.writable:
            raise OSError(ENOSYS, f"rename {old}: its file system moves nothing")
        if source.path == target.path and source.filesystem is not self.root:
            return
        if source.node is None:
            raise OSError(ENOENT, f"rename {old}: no such file or directory")
        if target.inside is not source.filesystem:
            missing = target.node is None and target.filesystem is self.root
            raise OSError(ENOENT if missing else EXDEV, f"rename {old}: {new} is on another file system")
        if target.node is source.node:
            return
        if isinstance(target.node, Directory):
            target = self._walk(f"{target.path}/{source.name}", follow=False)
            if target.node is not None:
                raise OSError(EEXIST, f"rename {old}: {target.path} is there already")
        if (target.path + "/").startswith(source.path + "/"):
            raise OSError(EINVAL, f"rename {old}: {new} is inside of it")
        self._move(source, target)

    def _move(self, source: Place, target: Place) -> None:
        if target.node is not None:
            target.parent.detach(target.name).removed()
        if target.filesystem is self.root:
            target = self._reserve(target)
        elif target.below:
            raise OSError(ENOENT, f"rename {source.path}: there is no {target.name} to hold it")
        node = source.parent.detach(source.name)
        try:
            target.parent.attach(target.name, node)
        except OSError:
            source.parent.attach(source.name, node)
            raise

    # File systems

    def mount(self, target: str, fstype: str, source: str = "") -> None:
        """Mounts a new file system of that type; directories on the way are made.

        What was in the directory is covered meanwhile. Raises OSError (ENOTBLK for a type that is not there, ENODEV
        for a block device, which no file system of this board can use, ENOTDIR...).
        """
        if source and self._is_block_device(source):
            raise OSError(ENODEV, f"mount {target}: no file system {fstype} for a device")
        make = self.filesystems.get(fstype)
        if make is None:
            raise OSError(ENOTBLK, f"mount {target}: there is no file system {fstype}")
        place = self._reserve(self._mountable(target))
        assert isinstance(place.parent, PseudoDirectory)
        place.parent.cover(place.name, make())

    def _is_block_device(self, path: str) -> bool:
        try:
            return self.find(path).kind == "b"
        except OSError:
            return False

    def _mountable(self, target: str) -> Place:
        place = self._walk(target, follow=True)
        if place.node is self.root:
            raise OSError(EBUSY, "mount /: the root stays as it is")
        if place.inside is not self.root or not isinstance(place.node, (PseudoDirectory, type(None))):
            raise OSError(ENOTDIR, f"mount {target}: it is no directory of the tree itself")
        return place

    def umount(self, target: str) -> None:
        """Takes a file system away. Raises OSError (ENOENT, EINVAL if nothing is mounted there)."""
        place = self._walk(target, follow=True)
        if place.node is None:
            raise OSError(ENOENT, f"umount {target}: no such file or directory")
        if not isinstance(place.node, MountPoint) or not isinstance(place.parent, PseudoDirectory):
            raise OSError(EINVAL, f"umount {target}: nothing is mounted there")
        place.parent.uncover(place.name)
        place.node.root.removed()

    def mounts(self) -> Iterator[tuple[str, str, Usage]]:
        """Where file systems are mounted, their types, and how full they are, by path."""
        yield from _mounts("", self.root)


def _mounts(path: str, directory: Directory) -> Iterator[tuple[str, str, Usage]]:
    for name, node in directory.entries().items():
        if isinstance(node, MountPoint):
            yield f"{path}/{name}", node.fstype, node.root.usage()
        elif isinstance(node, PseudoDirectory):
            yield from _mounts(f"{path}/{name}", node)
