"""Files, pipes, names and the environment, as a program on the board uses them."""

from __future__ import annotations

from collections.abc import Callable
from errno import EACCES, EBADF, EINVAL, EMFILE, ENOENT, ENOSYS, ENOTDIR, EPIPE
from os import SEEK_CUR, SEEK_END
from typing import Any

import pytest

from board import Board


def run(app: Callable[[Any], Any], seconds: float = 1) -> Board:
    """Runs a program on a board to its end; what it raised fails the test."""
    board = Board()
    with board:
        board.boot()
        task = board.spawn(app)
        board.run(seconds)
        assert not board.reports, board.reports
        assert not task.alive
    return board


def errno_of(call: Callable[[], Any]) -> int:
    """With which error a call fails."""
    with pytest.raises(OSError) as error:
        call()
    return error.value.errno or 0


def test_what_is_written_can_be_read_and_positions_are_kept() -> None:
    def app(sys: Any) -> None:
        with sys.open("/tmp/a", "w+") as file:
            assert file.write(b"hello world") == 11
            assert file.seek(6) == 6
            assert file.read(3) == b"wor"
            assert file.seek(-1, SEEK_CUR) == 8
            assert file.read(100) == b"rld"
            assert file.read(100) == b""
            assert file.seek(-5, SEEK_END) == 6
            file.truncate(5)
        with sys.open("/tmp/a") as file:
            assert file.read(100) == b"hello"

    run(app)


def test_append_writes_at_the_end_wherever_the_position_is() -> None:
    def app(sys: Any) -> None:
        for text in (b"one\n", b"two\n"):
            with sys.open("/tmp/a", "a+") as file:
                file.seek(0)
                file.write(text)
        with sys.open("/tmp/a") as file:
            assert list(file) == [b"one\n", b"two\n"]

    run(app)


def test_lines_of_a_file_are_read_whole_however_long() -> None:
    def app(sys: Any) -> None:
        with sys.open("/tmp/a", "w") as file:
            file.write(b"x" * 1000 + b"\n" + b"y" * 1000)
        with sys.open("/tmp/a") as file:
            assert [len(line) for line in file] == [1001, 1000]

    run(app)


def test_wrong_calls_fail_as_in_nuttx() -> None:
    def app(sys: Any) -> None:
        assert errno_of(lambda: sys.open("/tmp/none")) == ENOENT
        assert errno_of(lambda: sys.open("")) == ENOENT
        assert errno_of(lambda: sys.open("/dev/null/x")) == ENOENT
        with pytest.raises(ValueError, match="mode 'rw'"):
            sys.open("/tmp/a", "rw")
        with sys.open("/tmp/a", "w") as file:
            assert errno_of(lambda: file.read(1)) == EACCES
            assert errno_of(lambda: file.seek(-1)) == EINVAL
        assert errno_of(lambda: file.write(b"x")) == EBADF
        file.close()
        with sys.open("/proc/version") as file:
            assert errno_of(lambda: file.write(b"x")) == EACCES
        assert errno_of(lambda: sys.open("/proc/version", "w")) == EACCES

    run(app)


def test_a_closed_descriptor_is_given_out_again_and_there_is_an_end_to_them() -> None:
    def app(sys: Any) -> None:
        first = sys.open("/dev/null")
        number = first.fileno()
        first.close()
        files = [sys.open("/dev/null") for _ in range(254)]
        assert files[0].fileno() == number
        assert errno_of(lambda: sys.open("/dev/null")) == EMFILE
        freed = files[7].fileno()
        files[7].close()
        assert sys.open("/dev/zero").fileno() == freed

    run(app)


def test_files_of_a_task_are_closed_when_it_ends_even_if_it_is_killed() -> None:
    with Board() as board:
        board.nsh("echo > /tmp/a")
        board.kernel.vfs.unlink("/tmp/a")  # a directory keeps a little room for the next entry
        before = board.kernel.heap.stats().used

        def holder(sys: Any) -> None:
            with sys.open("/tmp/a", "w") as file:
                file.write(b"x")
            sys.open("/tmp/a")
            sys.unlink("/tmp/a")
            sys.pipe()[0].read(1)

        task = board.spawn(holder)
        board.run(1)
        assert task.alive and board.kernel.heap.stats().used > before
        board.nsh(f"kill -9 {task.pid}")
        board.run(1)
        assert board.kernel.heap.stats().used == before


def test_a_pipe_carries_bytes_between_tasks_and_ends_with_its_writer() -> None:
    heard: list[bytes] = []

    def app(sys: Any) -> None:
        reading, writing = sys.pipe()
        assert reading.fileno() == 0  # the host gives its programs no standard input
        assert errno_of(lambda: reading.seek(0, SEEK_END)) == ENOSYS

        def reader(sys: Any) -> None:
            sys.task.files.close(writing.fileno())
            while data := sys.read(100):
                heard.append(data)

        task = sys.spawn(reader)
        reading.close()
        writing.write(b"a" * 3000)
        writing.close()
        sys.waitpid(task)

    run(app)
    assert b"".join(heard) == b"a" * 3000


def test_a_pipe_that_nobody_reads_cannot_be_written() -> None:
    def app(sys: Any) -> None:
        reading, writing = sys.pipe()
        reading.close()
        assert errno_of(lambda: writing.write(b"x")) == EPIPE

    run(app)


def test_the_working_directory_is_in_the_environment_and_children_have_it_too() -> None:
    seen: list[Any] = []

    def child(sys: Any) -> None:
        seen.append((sys.getcwd(), sys.getenv("OLDPWD"), sys.getenv("name")))
        sys.setenv("name", "other")

    def app(sys: Any) -> None:
        assert (sys.getcwd(), sys.getenv("PWD")) == ("/", "/")
        sys.mkdir("/tmp/d")
        sys.chdir("tmp/d")
        sys.setenv("name", "TOM")
        assert errno_of(lambda: sys.chdir("/nowhere")) == ENOENT
        assert errno_of(lambda: sys.chdir("/dev/null")) == ENOTDIR
        sys.waitpid(sys.spawn(child))
        assert sys.getenv("name") == "TOM"
        with sys.open("x", "w") as file:
            file.write(b"x")
        sys.chdir("..")
        assert (sys.listdir(), sys.listdir("d"), sys.getcwd()) == (["d"], ["x"], "/tmp")
        sys.setenv("name", "")
        assert sys.getenv("name") is None

    run(app)
    assert seen == [("/tmp/d", "/", "TOM")]


def test_names_can_be_changed_linked_and_removed() -> None:
    def app(sys: Any) -> None:
        with sys.open("/tmp/a", "w") as file:
            file.write(b"x")
        sys.rename("/tmp/a", "/tmp/b")
        sys.symlink("/tmp/b", "/link")
        with sys.open("/link") as file:
            assert file.read(9) == b"x"
        sys.unlink("/link")
        sys.mkfifo("/dev/fifo")
        assert "fifo" in sys.listdir("/dev")
        sys.mkdir("/tmp/d")
        sys.rmdir("/tmp/d")
        sys.unlink("/tmp/b")
        assert sys.listdir("/tmp") == []

    run(app)


def test_random_bytes_are_those_of_the_seed() -> None:
    def draw(seed: int) -> bytes:
        drawn: list[bytes] = []
        with Board(seed=seed) as board:

            def app(sys: Any) -> None:
                with sys.open("/dev/urandom") as file:
                    drawn.append(file.read(16))

            board.spawn(app)
            board.run(1)
        return drawn[0]

    assert draw(1) == draw(1) != draw(2)
