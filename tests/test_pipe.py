"""Pipes: bytes come out as they went in, and both ends wait for each other, find out about the end, or are killed."""

from __future__ import annotations

from errno import EAGAIN, EPIPE
from os import O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernelrig import MS, Rig

from kernel.fs.pipe import PIPE_SIZE, Pipe
from kernel.kernel import SIGKILL

SIGUSR1 = 10
SIZES = st.lists(st.integers(1, 3000), max_size=8)


@given(written=SIZES, read=st.lists(st.integers(1, 3000), min_size=1, max_size=8), pauses=st.booleans())
def test_however_it_is_cut_what_is_written_is_read(written: list[int], read: list[int], pauses: bool) -> None:
    data = bytes(i * 7 % 251 for i in range(sum(written)))
    heard = bytearray()
    with Rig() as rig:
        before = rig.kernel.heap.stats().used
        reading, writing = Pipe(rig.kernel).ends()

        def writer(sys: Any) -> None:
            rest = data
            for n in written:
                assert writing.write(rest[:n]) == n
                rest = rest[n:]
                if pauses:
                    sys.sleep(0.01)
            writing.close()

        def reader(sys: Any) -> None:
            sizes = list(read)
            while got := reading.read(sizes[0]):
                assert len(got) <= min(sizes[0], PIPE_SIZE)
                heard.extend(got)
                sizes.append(sizes.pop(0))
            reading.close()

        tasks = [rig.spawn(writer), rig.spawn(reader)]
        rig.run()
        assert heard == data
        assert [task.error for task in tasks] == [None, None]
        assert rig.kernel.heap.stats().used == before


def test_a_writer_waits_when_1024_bytes_are_unread() -> None:
    with Rig() as rig:
        reading, writing = Pipe(rig.kernel).ends()

        def writer(sys: Any) -> None:
            rig.note(writing.write(b"x" * PIPE_SIZE))
            rig.note(writing.write(b"y"))

        rig.spawn(writer)
        rig.at(MS, lambda: rig.note("later"))
        rig.run()
        assert rig.words() == [PIPE_SIZE, "later"]
        rig.spawn(lambda sys: reading.read(1))
        rig.run()
        assert rig.words() == [PIPE_SIZE, "later", 1]


def test_every_reader_and_writer_that_waits_is_woken() -> None:
    with Rig() as rig:
        reading, writing = Pipe(rig.kernel).ends()
        for _ in range(3):
            rig.spawn(lambda sys: rig.note(reading.read(1)))
        rig.run()
        rig.spawn(lambda sys: writing.write(b"ab"))
        rig.run()
        assert sorted(rig.words()) == [b"a", b"b"]
        rig.spawn(lambda sys: writing.close())
        rig.run()
        assert sorted(rig.words()) == [b"", b"a", b"b"]


def test_a_writer_without_readers_gets_epipe_or_what_it_had_written() -> None:
    with Rig() as rig:
        reading, writing = Pipe(rig.kernel).ends()

        def writer(sys: Any) -> None:
            rig.note(writing.write(b"x" * 1500))
            try:
                writing.write(b"x")
            except BrokenPipeError as error:
                rig.note(error.errno)

        rig.spawn(writer)
        rig.at(MS, reading.close)
        rig.run()
        assert rig.log[0] == (MS, PIPE_SIZE) and rig.words()[1] == EPIPE


@pytest.mark.parametrize("end", ["read", "write"])
def test_who_is_killed_lets_go_of_its_end(end: str) -> None:
    """The other end sees that: a reader an end of file, a writer a broken pipe. The killed one's files are closed."""
    with Rig() as rig:
        before = rig.kernel.heap.stats().used
        reading, writing = Pipe(rig.kernel).ends()

        def victim(sys: Any) -> None:
            sys.task.files.add(reading if end == "read" else writing)
            reading.read(1) if end == "read" else writing.write(b"x" * 2000)

        def survivor(sys: Any) -> None:
            sys.task.files.add(writing if end == "read" else reading)
            sys.sleep(0.1)
            rig.kernel.kill(task.pid, SIGKILL)
            sys.sleep(0.1)
            if end == "write":
                rig.note(len(reading.read(2000)))
                rig.note(reading.read(1))
                return
            try:
                writing.write(b"x")
            except BrokenPipeError:
                rig.note("broken")

        task = rig.spawn(victim, "victim")
        rig.spawn(survivor)
        rig.run()
        assert rig.words() == (["broken"] if end == "read" else [PIPE_SIZE, b""])
        assert not task.alive
        assert rig.kernel.heap.stats().used == before


def test_a_signal_ends_a_wait_and_what_was_written_before_counts() -> None:
    with Rig() as rig:
        reading, writing = Pipe(rig.kernel).ends()

        def reader(sys: Any) -> None:
            sys.signal(SIGUSR1)
            with pytest.raises(InterruptedError):
                reading.read(1)
            rig.note("interrupted")

        def writer(sys: Any) -> None:
            sys.signal(SIGUSR1)
            rig.note(writing.write(b"x" * 2000))
            with pytest.raises(InterruptedError):
                writing.write(b"x")
            rig.note("interrupted")

        for app in (reader, writer):
            task = rig.spawn(app)
            rig.run()
            for _ in range(2):
                rig.kernel.kill(task.pid, SIGUSR1)
                rig.run()
            assert task.error is None
        assert rig.words() == ["interrupted", PIPE_SIZE, "interrupted"]


def test_nonblocking_ends_do_not_wait() -> None:
    with Rig() as rig:
        pipe = Pipe(rig.kernel)

        def app(sys: Any) -> None:
            reading, writing = pipe.open("/f", O_RDONLY | O_NONBLOCK), pipe.open("/f", O_WRONLY | O_NONBLOCK)
            with pytest.raises(BlockingIOError) as error:
                reading.read(1)
            assert error.value.errno == EAGAIN
            assert writing.write(b"x" * 2000) == PIPE_SIZE
            with pytest.raises(BlockingIOError):
                writing.write(b"x")
            writing.close()
            assert len(reading.read(5000)) == PIPE_SIZE
            assert reading.read(1) == b""
            reading.close()

        task = rig.spawn(app)
        rig.run()
        assert task.error is None and not task.alive


# FIFOs


@pytest.mark.parametrize(("first", "second"), [(O_RDONLY, O_WRONLY), (O_WRONLY, O_RDONLY), (O_RDONLY, O_RDWR)])
def test_opening_a_fifo_waits_for_the_other_end(first: int, second: int) -> None:
    with Rig() as rig:
        fifo = Pipe(rig.kernel)

        def app(sys: Any, flags: int) -> None:
            with fifo.open("/f", flags):
                rig.note(flags)
                sys.sleep(0.1)

        rig.spawn(lambda sys: app(sys, first))
        rig.run(5 * MS)
        assert rig.words() == []
        rig.spawn(lambda sys: app(sys, second))
        rig.run()
        assert sorted(rig.words()) == sorted([first, second])


def test_a_fifo_with_something_unread_is_opened_at_once() -> None:
    with Rig() as rig:
        fifo = Pipe(rig.kernel)

        def app(sys: Any) -> None:
            reading, writing = fifo.open("/f", O_RDWR), fifo.open("/f", O_WRONLY)
            writing.write(b"abc")
            reading.close()
            fifo.open("/f", O_WRONLY).close()
            rig.note("opened for writing")
            with fifo.open("/f", O_RDONLY) as file:
                writing.close()
                rig.note(file.read(9))

        rig.spawn(app)
        rig.run()
        assert rig.words() == ["opened for writing", b"abc"]


def test_a_fifo_keeps_nothing_once_both_ends_are_closed() -> None:
    with Rig() as rig:
        before = rig.kernel.heap.stats().used
        fifo = Pipe(rig.kernel)

        def app(sys: Any) -> None:
            with fifo.open("/f", O_RDWR) as file:
                file.write(b"abc")
                assert rig.kernel.heap.stats().used > before
            with fifo.open("/f", O_RDWR | O_NONBLOCK) as file, pytest.raises(BlockingIOError):
                file.read(1)

        task = rig.spawn(app)
        rig.run()
        assert task.error is None
        assert rig.kernel.heap.stats().used == before


def test_who_is_killed_while_opening_is_forgotten() -> None:
    with Rig() as rig:
        before = rig.kernel.heap.stats().used
        fifo = Pipe(rig.kernel)
        task = rig.spawn(lambda sys: fifo.open("/f", O_WRONLY))
        rig.run()
        rig.kernel.kill(task.pid, SIGKILL)
        rig.run()
        assert not task.alive and rig.kernel.heap.stats().used == before
