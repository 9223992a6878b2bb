"""The file tree: how paths are followed, and what moving, mounting and removing do to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EBUSY, EEXIST, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, ENOTEMPTY, EXDEV
from functools import partial
from os import O_CREAT, O_WRONLY
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.fs.binfs import binfs
from kernel.fs.devices import Device, OpenNull
from kernel.fs.node import Link
from kernel.fs.ramdisk import RamDisk, mkrd
from kernel.fs.tmpfs import TmpFs
from kernel.fs.vfs import Vfs, fullpath
from kernel.heap import Heap


@pytest.fixture
def heap() -> Heap:
    return Heap(1 << 20)


@pytest.fixture
def vfs(heap: Heap) -> Vfs:
    """A device, a tmpfs and a file system that cannot be changed."""
    vfs = Vfs()
    vfs.attach("/dev/null", Device(OpenNull))
    vfs.filesystems["tmpfs"] = partial(TmpFs, heap)
    vfs.mount("/tmp", "tmpfs")
    vfs.filesystems["binfs"] = partial(binfs, ["ls", "dd"])
    vfs.mount("/bin", "binfs")
    with vfs.open("/tmp/a", O_WRONLY | O_CREAT) as file:
        file.write(b"abc")
    return vfs


def errno_of(call: Callable[[], Any]) -> int:
    """With which error a call fails, 0 if it does not."""
    try:
        call()
    except OSError as error:
        return error.errno or 0
    return 0


# Paths


COMPONENTS = st.sampled_from(["a", "b", "c"])
ABSOLUTE = st.lists(COMPONENTS, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
RELATIVE = st.lists(COMPONENTS, min_size=1, max_size=2).map("/".join)


@given(
    directories=st.lists(ABSOLUTE, max_size=4),
    links=st.dictionaries(ABSOLUTE, ABSOLUTE | RELATIVE, max_size=4),
    paths=st.lists(ABSOLUTE, min_size=1, max_size=8),
)
def test_links_lead_where_the_host_says_they_lead(
    directories: list[str], links: dict[str, str], paths: list[str]
) -> None:
    """The same tree is made below a directory of the host. (A chain that is too long only for NuttX is left out.)"""
    vfs = Vfs()
    with TemporaryDirectory() as made:
        root = os.path.realpath(made)
        for path in directories:
            vfs.mkdir(path) if errno_of(lambda path=path: vfs.find(path)) == ENOENT else None  # type: ignore[misc]
            os.makedirs(root + path, exist_ok=True)
        for path, target in links.items():
            if any(path[:i] in links for i in range(1, len(path))) or os.path.lexists(root + path):
                continue  # made through another link, or in the place of something else: where, is not the question
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(root + target if target.startswith("/") else target, root + path)
            vfs.symlink(target, path)
        for path in paths:
            found = result_of(lambda path=path: vfs.realpath(path))  # type: ignore[misc]
            wanted = result_of(lambda path=path: os.path.realpath(root + path, strict=True))  # type: ignore[misc]
            assume(found != ELOOP or wanted == ELOOP)
            if isinstance(wanted, str):
                wanted = wanted.removeprefix(root) or "/"
            assert found == wanted


def result_of(call: Callable[[], str]) -> str | int:
    try:
        return call()
    except OSError as error:
        return error.errno or 0


@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""]), max_size=8))
def test_a_full_path_is_what_the_hosts_normpath_makes_of_it(parts: list[str]) -> None:
    path = "/".join(parts)
    assert fullpath("/x/y", path) == os.path.normpath(os.path.join("/x/y", path)).replace("//", "/")


def test_a_relative_link_begins_where_it_is(vfs: Vfs) -> None:
    vfs.mkdir("/d/e/target")
    vfs.symlink("e/target", "/d/link")
    vfs.symlink("../../tmp/a", "/d/e/up")
    assert vfs.realpath("/d/link") == "/d/e/target"
    assert vfs.realpath("/d/e/up") == "/tmp/a"


def test_eight_links_are_followed_and_no_more(vfs: Vfs) -> None:
    vfs.symlink("/tmp/a", "/l1")
    for i in range(2, 10):
        vfs.symlink(f"/l{i - 1}", f"/l{i}")
    assert vfs.realpath("/l8") == "/tmp/a"
    assert errno_of(lambda: vfs.realpath("/l9")) == ELOOP
    assert vfs.readlink("/l9") == "/l8"
    assert isinstance(vfs.find("/l9", follow=False), Link)


def test_a_file_can_be_made_through_a_link(vfs: Vfs) -> None:
    vfs.symlink("/tmp/new", "/link")
    vfs.open("/link", O_WRONLY | O_CREAT).close()
    assert list(vfs.directory("/tmp").entries()) == ["new", "a"]
    vfs.symlink("/nowhere", "/dangling")
    assert errno_of(lambda: vfs.open("/dangling", O_WRONLY | O_CREAT)) == ENOENT


def test_paths_and_names_have_a_longest(vfs: Vfs) -> None:
    vfs.mkdir("/tmp/" + "n" * 32)
    assert errno_of(lambda: vfs.mkdir("/tmp/" + "n" * 33)) == ENAMETOOLONG
    assert errno_of(lambda: vfs.mkdir("/x/" + "n" * 33 + "/y")) == ENAMETOOLONG
    assert errno_of(lambda: vfs.find("/tmp" + "/x" * 130)) == ENAMETOOLONG
    assert errno_of(lambda: vfs.find("/x")) == ENOENT


def test_what_lies_behind_a_file_is_missing_or_no_directory_depending_on_whose_it_is(vfs: Vfs) -> None:
    assert errno_of(lambda: vfs.find("/dev/null/x")) == ENOENT
    assert errno_of(lambda: vfs.find("/bin/ls/x")) == ENOENT
    assert errno_of(lambda: vfs.find("/tmp/a/x")) == ENOTDIR
    assert errno_of(lambda: vfs.directory("/tmp/a")) == ENOTDIR


# Making


def test_directories_on_the_way_are_made_in_the_tree_itself_only(vfs: Vfs) -> None:
    vfs.mkdir("/x/y/z")
    vfs.attach("/u/v/null", Device(OpenNull))
    vfs.symlink("/tmp", "/u/w/tmp")
    assert list(vfs.directory("/u").entries()) == ["v", "w"]
    assert errno_of(lambda: vfs.mkdir("/tmp/x/y")) == ENOENT
    assert errno_of(lambda: vfs.open("/tmp/x/y", O_WRONLY | O_CREAT)) == ENOENT
    assert errno_of(lambda: vfs.mkdir("/bin/x/y")) == ENOSYS
    assert errno_of(lambda: vfs.mkdir("/")) == EEXIST


def test_links_and_devices_have_no_place_in_mounted_file_systems(vfs: Vfs) -> None:
    assert errno_of(lambda: vfs.symlink("/x", "/tmp/l")) == ENOSYS
    assert errno_of(lambda: vfs.symlink("/x", "/tmp")) == ENOSYS
    assert errno_of(lambda: vfs.symlink("/x", "/dev/null")) == EEXIST
    assert errno_of(lambda: vfs.attach("/tmp/null", Device(OpenNull))) == EEXIST
    assert errno_of(lambda: vfs.attach("/dev/null", Device(OpenNull))) == EEXIST


# Moving


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("/bin/ls", "/bin/x", ENOSYS),
        ("/bin/none", "/tmp/x", ENOSYS),
        ("/tmp/a", "/tmp/a", 0),
        ("/tmp/none", "/tmp/none", 0),
        ("/dev/none", "/dev/none", ENOENT),
        ("/dev/null", "/dev/null", 0),
        ("/tmp/a", "/x", ENOENT),
        ("/tmp/a", "/dev", EXDEV),
        ("/tmp/a", "/bin", EXDEV),
        ("/tmp/a", "/bin/x", EXDEV),
        ("/dev/null", "/tmp", EXDEV),
        ("/dev", "/tmp/dev", EXDEV),
        ("/dev/null", "/x/y/null", 0),
        ("/tmp", "/dev", 0),
        ("/tmp", "/tmp/x", EXDEV),
        ("/dev", "/dev/x/y", EINVAL),
    ],
)
def test_renaming_succeeds_or_fails_as_in_nuttx(vfs: Vfs, old: str, new: str, error: int) -> None:
    assert errno_of(lambda: vfs.rename(old, new)) == error


def test_a_directory_takes_in_what_is_renamed_to_it_unless_it_has_such_an_entry(vfs: Vfs) -> None:
    vfs.mkdir("/tmp/d")
    vfs.rename("/tmp/a", "/tmp/d")
    assert list(vfs.directory("/tmp/d").entries()) == ["a"]
    vfs.rename("/tmp/d/a", "/tmp")
    vfs.open("/tmp/d/a", O_WRONLY | O_CREAT).close()
    assert errno_of(lambda: vfs.rename("/tmp/d/a", "/tmp")) == EEXIST
    vfs.rename("/dev/null", "/x")
    vfs.mkdir("/y")
    vfs.rename("/x", "/y")
    assert list(vfs.directory("/y").entries()) == ["x"]


def test_a_file_system_moves_with_its_mount_point(vfs: Vfs) -> None:
    vfs.rename("/tmp", "/mnt/memory")
    assert [(path, fstype) for path, fstype, _ in vfs.mounts()] == [("/bin", "binfs"), ("/mnt/memory", "tmpfs")]
    with vfs.open("/mnt/memory/a") as file:
        assert file.read(9) == b"abc"


# Removing


@pytest.mark.parametrize(
    ("path", "unlink", "rmdir"),
    [
        ("/none", ENOENT, ENOENT),
        ("/none/x", ENOENT, ENOENT),
        ("/tmp/none/x", ENOENT, ENOENT),
        ("/bin/none/x", ENOSYS, ENOSYS),
        ("/bin", ENOSYS, ENOSYS),
        ("/tmp", EINVAL, EBUSY),
        ("/dev", ENOTEMPTY, ENOTEMPTY),
        ("/", ENOTEMPTY, ENOTEMPTY),
    ],
)
def test_what_cannot_be_removed_says_why(vfs: Vfs, path: str, unlink: int, rmdir: int) -> None:
    assert (errno_of(lambda: vfs.unlink(path)), errno_of(lambda: vfs.rmdir(path))) == (unlink, rmdir)


def test_unlink_removes_an_empty_directory_of_the_tree_itself(vfs: Vfs) -> None:
    vfs.mkdir("/x/y")
    vfs.unlink("/x/y")
    vfs.rmdir("/x")
    assert "x" not in vfs.directory("/").entries()


# Mounting


def test_a_failed_mount_takes_nothing(vfs: Vfs, heap: Heap) -> None:
    used = heap.stats().used
    for target in ("/tmp", "/tmp/a", "/dev/null", "/bin/x", "/"):
        assert errno_of(lambda target=target: vfs.mount(target, "tmpfs")) in (ENOTDIR, EBUSY)  # type: ignore[misc]
    assert heap.stats().used == used


def test_mounts_can_be_reached_through_links_and_covered_directories_come_back(vfs: Vfs, heap: Heap) -> None:
    used = heap.stats().used
    vfs.mkdir("/mnt/below")
    vfs.symlink("/mnt", "/m")
    vfs.mount("/m", "tmpfs")
    assert list(vfs.directory("/mnt").entries()) == []
    vfs.open("/m/f", O_WRONLY | O_CREAT).close()
    vfs.umount("/m")
    assert list(vfs.directory("/mnt").entries()) == ["below"]
    assert heap.stats().used == used


# RAM disks


def test_a_ram_disk_stays_as_long_as_it_is_open(vfs: Vfs, heap: Heap) -> None:
    used = heap.stats().used
    mkrd(vfs, heap, 3, 2, 512)
    disk = vfs.open("/dev/ram3", os.O_RDWR)
    vfs.unlink("/dev/ram3")
    disk.seek(1000)
    assert disk.write(b"x" * 100) == 24
    disk.seek(-24, os.SEEK_END)
    assert disk.read(99) == b"x" * 24
    assert heap.stats().used > used
    disk.close()
    assert heap.stats().used == used


@pytest.mark.parametrize(("minor", "nsectors", "sectsize"), [(-1, 1, 1), (256, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_a_ram_disk_needs_a_number_and_a_size(vfs: Vfs, heap: Heap, minor: int, nsectors: int, sectsize: int) -> None:
    assert errno_of(lambda: mkrd(vfs, heap, minor, nsectors, sectsize)) == EINVAL


def test_a_second_ram_disk_of_that_number_takes_nothing(vfs: Vfs, heap: Heap) -> None:
    mkrd(vfs, heap, 0, 1, 512)
    used = heap.stats().used
    assert errno_of(lambda: mkrd(vfs, heap, 0, 1, 512)) == EEXIST
    assert heap.stats().used == used
    assert isinstance(vfs.find("/dev/ram0"), RamDisk)
