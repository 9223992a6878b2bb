"""tmpfs: what it holds is checked against dictionaries, what it takes against the heap."""

from __future__ import annotations

from collections.abc import Callable
from errno import EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, ENOMEM, ENOTDIR
from functools import partial
from os import O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, SEEK_CUR, SEEK_END
from typing import Any, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kernel.fs.openfile import OpenFile
from kernel.fs.tmpfs import TmpFs
from kernel.fs.vfs import Vfs
from kernel.heap import Heap

Tree: TypeAlias = "dict[str, bytearray | Tree]"

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
SIZES = st.integers(0, 2500)


def mounted() -> tuple[Vfs, Heap]:
    """A tree with nothing in it but a tmpfs at /tmp."""
    vfs, heap = Vfs(), Heap(1 << 20)
    vfs.filesystems["tmpfs"] = partial(TmpFs, heap)
    vfs.mount("/tmp", "tmpfs")
    return vfs, heap


def errno_of(call: Callable[[], Any]) -> int:
    """With which error a call fails, 0 if it does not."""
    try:
        call()
    except OSError as error:
        return error.errno or 0
    return 0


def write_file(vfs: Vfs, path: str, data: bytes) -> None:
    with vfs.open(path, O_WRONLY | O_CREAT | O_TRUNC) as file:
        assert file.write(data) == len(data)


def read_file(vfs: Vfs, path: str) -> bytes:
    with vfs.open(path) as file:
        return file.read(file.size())


class Model:
    """A file system made of dictionaries. Its calls return the errno they fail with, 0 if they do not."""

    def __init__(self) -> None:
        self.root: Tree = {}

    def find(self, parts: tuple[str, ...]) -> bytearray | Tree | int:
        node: bytearray | Tree = self.root
        for part in parts:
            if isinstance(node, bytearray):
                return ENOTDIR
            if part not in node:
                return ENOENT
            node = node[part]
        return node

    def parent(self, parts: tuple[str, ...]) -> Tree | int:
        node = self.find(parts[:-1])
        return ENOTDIR if isinstance(node, bytearray) else node

    def make(self, parts: tuple[str, ...], new: bytearray | Tree) -> int:
        parent = self.parent(parts)
        if isinstance(parent, int):
            return parent
        if parts[-1] in parent:
            return EEXIST
        parent[parts[-1]] = new
        return 0

    def remove(self, parts: tuple[str, ...], *, directory: bool) -> int:
        node, parent = self.find(parts), self.parent(parts)
        if isinstance(node, int) or isinstance(parent, int):
            return node if isinstance(node, int) else ENOTDIR
        if isinstance(node, bytearray) is directory:
            return ENOTDIR if directory else EISDIR
        if directory and node:
            return EBUSY
        del parent[parts[-1]]
        return 0

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> int:
        node, target, source = self.find(old), self.find(new), self.parent(old)
        if ENOTDIR in (node, target):
            return ENOTDIR
        if old == new:
            return 0
        if isinstance(node, int) or isinstance(source, int):
            return ENOENT
        if isinstance(target, dict):
            new = (*new, old[-1])
            if old[-1] in target:
                return EEXIST
        if new[: len(old)] == old:
            return EINVAL
        parent = self.parent(new)
        if isinstance(parent, int):
            return parent
        parent[new[-1]] = source.pop(old[-1])
        return 0


class TmpfsMachine(RuleBasedStateMachine):
    """Any sequence of calls, on a heap that is large enough."""

    def __init__(self) -> None:
        super().__init__()
        self.vfs, self.heap = mounted()
        self.model = Model()
        self.handles: list[tuple[OpenFile, bytearray]] = []

    @rule(parts=PATHS, excl=st.booleans(), trunc=st.booleans())
    def open(self, parts: tuple[str, ...], excl: bool, trunc: bool) -> None:
        flags = O_RDWR | O_CREAT | (O_EXCL if excl else 0) | (O_TRUNC if trunc else 0)
        content = self.model.find(parts)
        new = bytearray()
        if isinstance(content, bytearray):
            wanted = EEXIST if excl else 0
        elif isinstance(content, dict):
            wanted = EEXIST if excl else EISDIR
        else:
            wanted, content = self.model.make(parts, new), new
        found = errno_of(lambda: self.handles.append((self.vfs.open(path_of(parts), flags), content)))
        assert found == wanted
        if trunc and not wanted:
            content.clear()

    @rule(parts=PATHS)
    def mkdir(self, parts: tuple[str, ...]) -> None:
        assert errno_of(lambda: self.vfs.mkdir(path_of(parts))) == self.model.make(parts, {})

    @rule(parts=PATHS)
    def rmdir(self, parts: tuple[str, ...]) -> None:
        assert errno_of(lambda: self.vfs.rmdir(path_of(parts))) == self.model.remove(parts, directory=True)

    @rule(parts=PATHS)
    def unlink(self, parts: tuple[str, ...]) -> None:
        assert errno_of(lambda: self.vfs.unlink(path_of(parts))) == self.model.remove(parts, directory=False)

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        assert errno_of(lambda: self.vfs.rename(path_of(old), path_of(new))) == self.model.rename(old, new)

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), position=SIZES, text=st.binary(max_size=8), times=st.integers(0, 200))
    def write(self, data: st.DataObject, position: int, text: bytes, times: int) -> None:
        file, content = data.draw(st.sampled_from(self.handles))
        file.seek(position)
        written = text * times
        assert file.write(written) == len(written)
        if written:
            content.extend(bytes(max(0, position - len(content))))
        content[position : position + len(written)] = written
        assert file.position == position + len(written)

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), position=SIZES, n=SIZES)
    def read(self, data: st.DataObject, position: int, n: int) -> None:
        file, content = data.draw(st.sampled_from(self.handles))
        file.seek(position)
        assert file.read(n) == content[position : position + n]
        assert file.seek(0, SEEK_CUR) == max(position, min(position + n, len(content)))
        assert file.seek(0, SEEK_END) == len(content)

    @precondition(lambda self: self.handles)
    @rule(data=st.data(), size=SIZES)
    def truncate(self, data: st.DataObject, size: int) -> None:
        file, content = data.draw(st.sampled_from(self.handles))
        file.truncate(size)
        content.extend(bytes(max(0, size - len(content))))
        del content[size:]

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        i = data.draw(st.integers(0, len(self.handles) - 1))
        self.handles.pop(i)[0].close()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self._tree("/tmp") == self.model.root
        for file, content in self.handles:
            assert file.size() == len(content)

    def _tree(self, path: str) -> Tree:
        tree: Tree = {}
        for name, node in self.vfs.directory(path).entries().items():
            below = f"{path}/{name}"
            tree[name] = self._tree(below) if node.kind == "d" else bytearray(read_file(self.vfs, below))
        return tree

    def teardown(self) -> None:
        """Everything is given back, whatever was open or full."""
        self.vfs.umount("/tmp")
        for file, _ in self.handles:
            file.close()
        assert self.heap.stats().used == 0


def path_of(parts: tuple[str, ...]) -> str:
    return "/".join(["/tmp", *parts])


TestAnySequenceOfCalls = TmpfsMachine.TestCase
TestAnySequenceOfCalls.settings = settings(max_examples=60, stateful_step_count=40)


@pytest.mark.parametrize("size", range(0, 6000, 40))
def test_where_memory_runs_out_nothing_changes_and_nothing_is_lost(size: int) -> None:
    heap = Heap(size)
    vfs = Vfs()
    vfs.filesystems["tmpfs"] = partial(TmpFs, heap)
    if errno_of(lambda: vfs.mount("/tmp", "tmpfs")):
        assert heap.stats().used == 0
        return
    calls: list[Callable[[], Any]] = [
        lambda: write_file(vfs, "/tmp/a", b"x" * 700),
        lambda: vfs.mkdir("/tmp/d"),
        lambda: write_file(vfs, "/tmp/d/b", b"y" * 1500),
        lambda: vfs.rename("/tmp/a", "/tmp/d/a"),
        lambda: vfs.open("/tmp/d/a", O_RDWR).truncate(1000),
    ]
    for call in calls:
        before = snapshot(vfs)
        if errno_of(call) == ENOMEM:
            after = snapshot(vfs)
            made_empty = {name for name in after if name not in before}
            assert {name: after[name] for name in before} == before
            assert all(after[name] == b"" for name in made_empty)  # open() made it, write() did not fill it
    vfs.umount("/tmp")
    assert all(what in ("tmpfs file", "tmpfs file object") for _, _, what in heap.blocks())  # still open above


def test_a_file_that_cannot_grow_keeps_the_memory_it_has() -> None:
    vfs, heap = mounted()
    with vfs.open("/tmp/a", O_RDWR | O_CREAT) as file:
        file.write(b"x" * 1000)
        blocks = heap.blocks()
        assert errno_of(lambda: file.truncate(1 << 20)) == ENOMEM
        file.seek(1 << 20)
        assert errno_of(lambda: file.write(b"x")) == ENOMEM
        assert sorted(size for _, size, _ in heap.blocks()) == sorted(size for _, size, _ in blocks)
        assert read_file(vfs, "/tmp/a") == b"x" * 1000


def snapshot(vfs: Vfs, path: str = "/tmp") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, node in vfs.directory(path).entries().items():
        below = f"{path}/{name}"
        found |= snapshot(vfs, below) | {below: b""} if node.kind == "d" else {below: read_file(vfs, below)}
    return found


# What it takes


def test_a_removed_file_lives_until_it_is_closed() -> None:
    vfs, heap = mounted()
    write_file(vfs, "/tmp/a", b"x" * 5000)
    vfs.unlink("/tmp/a")
    empty = heap.stats().used
    file = vfs.open("/tmp/a", O_RDWR | O_CREAT)
    file.write(b"hello")
    vfs.unlink("/tmp/a")
    file.seek(0)
    assert file.read(9) == b"hello" and heap.stats().used > empty
    other = file.dup()
    file.close()
    assert other.seek(0) == 0 and other.read(9) == b"hello"
    other.close()
    assert heap.stats().used == empty


def test_what_is_renamed_over_gives_its_memory_back() -> None:
    vfs, heap = mounted()
    write_file(vfs, "/tmp/b", b"x")
    used = heap.stats().used
    write_file(vfs, "/tmp/a", b"x" * 5000)
    vfs.rename("/tmp/b", "/tmp/a")
    assert read_file(vfs, "/tmp/a") == b"x"
    assert heap.stats().used == used


def test_a_file_has_slack_and_loses_it_when_it_shrinks_by_much_or_to_nothing() -> None:
    vfs, heap = mounted()

    def data_size() -> int:
        return sum(size for _, size, what in heap.blocks() if what == "tmpfs file")

    with vfs.open("/tmp/a", O_RDWR | O_CREAT) as file:
        assert data_size() == 0
        file.write(b"x")
        assert data_size() == 528  # 1 + 512, the allocator's header, aligned
        file.write(b"x" * 512)
        assert data_size() == 528
        file.write(b"x")
        assert data_size() == 1040
        file.truncate(3000)
        assert data_size() == 3520
        file.truncate(3512 - 1024)
        assert data_size() == 3520
        file.truncate(3512 - 1025)
        assert data_size() == 3008  # 2487 + 512
        file.truncate(1000)
        assert data_size() == 1520
        file.truncate(0)
        assert data_size() == 0


def test_usage_counts_blocks_of_512_bytes_and_what_is_slack() -> None:
    vfs, _ = mounted()

    def usage() -> tuple[int, int, int]:
        ((_, fstype, u),) = vfs.mounts()
        assert fstype == "tmpfs"
        return u.block, u.blocks, u.available

    assert usage() == (512, 1, 0)
    write_file(vfs, "/tmp/a", b"hi\n")
    assert usage() == (512, 2, 2)
    write_file(vfs, "/tmp/a", b"x" * 5120)
    assert usage() == (512, 12, 2)
    vfs.mkdir("/tmp/d")
    write_file(vfs, "/tmp/d/b", b"x" * 512)
    assert usage() == (512, 15, 3)


# Details of calls


def test_what_lies_between_the_end_and_what_is_written_behind_it_is_zero() -> None:
    vfs, _ = mounted()
    with vfs.open("/tmp/a", O_RDWR | O_CREAT) as file:
        file.write(b"abc")
        file.truncate(1)
        file.seek(4)
        file.write(b"e")
    assert read_file(vfs, "/tmp/a") == b"a\0\0\0e"


def test_append_begins_at_the_end() -> None:
    vfs, _ = mounted()
    write_file(vfs, "/tmp/a", b"abc")
    with vfs.open("/tmp/a", O_RDWR | O_APPEND) as file:
        assert file.position == 3
        file.seek(0)
        assert file.read(1) == b"a"
        file.write(b"d")
    assert read_file(vfs, "/tmp/a") == b"abcd"


def test_truncating_needs_a_descriptor_for_writing_and_a_size() -> None:
    vfs, _ = mounted()
    write_file(vfs, "/tmp/a", b"abc")
    with vfs.open("/tmp/a", O_RDONLY) as file:
        assert errno_of(lambda: file.truncate(1)) == EINVAL
    with vfs.open("/tmp/a", O_RDWR) as file:
        assert errno_of(lambda: file.truncate(-1)) == EINVAL
        assert errno_of(lambda: file.seek(-1)) == EINVAL
        assert errno_of(lambda: file.seek(0, 3)) == EINVAL
    assert read_file(vfs, "/tmp/a") == b"abc"


def test_the_last_entry_takes_the_place_of_one_that_is_removed() -> None:
    vfs, _ = mounted()
    for name in "abcd":
        write_file(vfs, f"/tmp/{name}", b"")
    assert list(vfs.directory("/tmp").entries()) == ["d", "c", "b", "a"]
    vfs.unlink("/tmp/b")
    assert list(vfs.directory("/tmp").entries()) == ["c", "d", "a"]


def test_a_directory_can_be_opened_but_not_read_and_its_size_is_that_of_its_entries() -> None:
    vfs, _ = mounted()
    vfs.mkdir("/tmp/d")
    for name in "ab":
        write_file(vfs, f"/tmp/d/{name}", b"")
    assert (vfs.find("/tmp/d").size(), vfs.find("/tmp").size()) == (32, 16)
    with vfs.open("/tmp/d") as directory:
        assert errno_of(lambda: directory.read(1)) == EISDIR
    assert errno_of(lambda: vfs.open("/tmp/d", O_WRONLY)) == EISDIR
    assert errno_of(lambda: vfs.open("/tmp")) == EINVAL


def test_files_that_are_open_survive_the_end_of_their_file_system() -> None:
    vfs, heap = mounted()
    file = vfs.open("/tmp/a", O_RDWR | O_CREAT)
    file.write(b"abc")
    vfs.umount("/tmp")
    file.seek(0)
    assert file.read(9) == b"abc"
    file.close()
    assert heap.stats().used == 0
