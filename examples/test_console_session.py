"""Typing at the serial console and waiting for what comes: run it with `pytest examples/test_console_session.py`."""

import pytest


def test_a_command_is_typed_and_answered(board, console):
    console.sendline("ifconfig eth0")
    found = console.expect(r"inet addr:(\S+) DRaddr:(\S+)")
    assert found.groups() == (board.eth0.ip, "10.0.1.1")
    assert console.command("uname") == "NuttX\n"


def test_a_program_announces_itself_and_stays_quiet(board, console):
    def sensor(sys):
        sys.sleep(2)
        sys.write(b"sensor: ready, 21.5 C\n")
        sys.sleep(3600)
        sys.write(b"sensor: failed\n")

    board.spawn(sensor, name="sensor")
    assert float(console.expect(r"^sensor: ready, ([\d.]+) C$", timeout=5)[1]) > 20
    console.expect_none("fail|error", seconds=3000)


def test_a_command_that_hangs_says_who_has_the_lock(board, console):
    def hog(sys):
        with sys.kernel.net_lock:
            sys.semaphore().wait()

    board.spawn(hog, name="hog")
    board.run(0.1)
    with pytest.raises(TimeoutError, match=r"nsh_main: waits for net_lock, held by hog \(pid \d+\)"):
        console.command("ifconfig eth0 mtu 1400")
