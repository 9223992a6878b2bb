"""Waiting for console output as a test does: patterns, typing, and what a failure tells."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from serial.serialutil import PortNotOpenError

from board import Bench, Board
from kernel.errors import BenchError, ContextError, Panic
from lab.expect import ExpectError, ExpectPort, ExpectTimeout
from lab.expectreport import nearest_line


@pytest.fixture
def b() -> Iterator[Board]:
    with Board("sim") as board:
        board.boot()
        yield board


@pytest.fixture
def port(b: Board) -> ExpectPort:
    """At the prompt, with a timeout of 10 virtual seconds."""
    opened: ExpectPort = b.console.open(timeout=10)
    opened.expect_prompt()
    return opened


def says(b: Board, *pieces: bytes, every: float = 0.1, priority: int = 100) -> None:
    """A task prints these, with pauses before each."""

    def speaker(sys: Any) -> None:
        for piece in pieces:
            sys.sleep(every)
            b.uart.put_polled(piece)

    b.spawn(speaker, name="speaker", priority=priority)


def hold_the_network(b: Board) -> None:
    """A task takes the network lock and waits for what never comes."""

    def hog(sys: Any) -> None:
        with sys.kernel.net_lock:
            sys.semaphore().wait()

    b.spawn(hog, name="hog")
    b.run(0.01)


def failure(call: Any) -> str:
    """The text of the ExpectTimeout that this raises."""
    with pytest.raises(ExpectTimeout) as caught:
        call()
    return str(caught.value)


# Matching


def test_expect_gives_the_match_its_groups_and_what_came_before(b: Board, port: ExpectPort) -> None:
    port.sendline("ifconfig eth0")
    found = port.expect(r"inet addr:(?P<ip>[\d.]+) DRaddr:(\S+)")
    assert (found["ip"], found[2]) == (b.eth0.ip, "10.0.1.1")
    assert found.groups() == (b.eth0.ip, "10.0.1.1")
    assert found.text == f"inet addr:{b.eth0.ip} DRaddr:10.0.1.1"
    assert found.before.startswith("ifconfig eth0\neth0\tLink encap:Ethernet") and found.index == 0


def test_what_a_match_leaves_is_there_for_the_next_call_and_for_read(port: ExpectPort) -> None:
    port.sendline("echo one two three")
    port.expect_exact("three\n")
    assert port.expect("one").before == ""
    assert port.expect(r"\w+").text == "two"
    assert port.read_until(b"\n") == b" three\r\n"


def test_of_several_patterns_the_one_that_begins_first_matches(b: Board, port: ExpectPort) -> None:
    port.sendline("nosuch")
    port.expect("nosuch\n")
    b.run(1)
    assert port.expect(["not found", "nsh: nosuch"]).index == 1
    found = port.expect([re.compile("COMMAND NOT", re.IGNORECASE), "command"])
    assert (found.index, found.text) == (0, "command not")


def test_text_patterns_see_what_a_person_reads_and_byte_patterns_what_came(b: Board, port: ExpectPort) -> None:
    says(b, b"\x1b[1;31mred\x1b[0m \xc3\xa4 \xff\r\n", b"\x1b[1;31mred\x1b[0m \xc3\xa4 \xff\r\n")
    assert port.expect("^red (.) (.)\n$").groups() == ("ä", "\ufffd")
    assert port.expect(rb"red\x1b\[0m (.*)\r\n").groups() == (b"\xc3\xa4 \xff",)


def test_escape_sequences_can_be_left_in(b: Board) -> None:
    with b.console.open(timeout=1, strip_ansi=False) as port:
        assert port.expect_exact("nsh> \x1b[K").text == "nsh> \x1b[K"


def test_what_comes_in_pieces_matches_as_a_whole(b: Board, port: ExpectPort) -> None:
    says(b, b"gr", b"\xc3", b"\xbc", b"n\x1b", b"[1", b"m done\r", b"\n")
    assert port.expect("grün done\n").before == ""
    assert port.in_waiting == 0


def test_what_was_only_begun_is_text_when_the_wait_ends(b: Board, port: ExpectPort) -> None:
    says(b, b"half\r", b"\x1b[")
    assert port.expect("half\r\x1b\\[", timeout=1).before == ""


def test_a_match_that_could_grow_is_taken_when_no_more_comes(b: Board, port: ExpectPort) -> None:
    word = "1" * 60
    port.sendline(f"echo {word}")
    assert port.expect(r"\d+").text == word
    assert port.expect(r"^1.*$").text == word
    says(b, b"more", b"over\r\n", every=0.1)
    assert port.expect("more(over)?").text == "more"
    assert port.expect_exact("o").before == ""


def test_exact_text_is_taken_at_once(b: Board, port: ExpectPort) -> None:
    port.sendline("echo hi")
    port.expect_exact("ech")
    with Board("sim") as twin:
        other = twin.console.open(timeout=10)
        other.expect_prompt()
        twin.run(b.now - twin.now)
        other.sendline("echo hi")
        other.expect("ech")
        assert twin.now_ns > b.now_ns


def test_a_slow_line_is_no_different() -> None:
    with Board("stm32f7") as b:
        port = b.console.open(timeout=10)
        port.expect_prompt()
        assert port.command("echo hello there") == "hello there\n"


def test_expect_takes_the_time_that_it_takes(b: Board, port: ExpectPort) -> None:
    says(b, b"late\r\n", every=3)
    start = b.now
    port.expect("late")
    assert 3 <= b.now - start < 3.1


def test_a_match_at_the_very_end_of_the_wait_counts(b: Board, port: ExpectPort) -> None:
    says(b, b"now", every=1)
    start = b.now_ns
    with Board("sim") as twin:
        other = twin.console.open(timeout=10)
        twin.boot()
        other.expect_prompt()
        assert twin.now_ns == start
        says(twin, b"now", every=1)
        other.expect_exact("now")
        exactly = (twin.now_ns - start) / 1e9
    assert port.expect("now", timeout=exactly).text == "now"
    assert b.now_ns - start == round(exactly * 1e9)


def test_timeout_zero_looks_at_what_has_come(b: Board, port: ExpectPort) -> None:
    port.sendline("echo hi")
    start = b.now_ns
    assert "'hi' is not in what has come" in failure(lambda: port.expect("hi", timeout=0))
    assert b.now_ns == start
    b.run(0.1)
    assert port.expect("^hi\n", timeout=0).before == "echo hi\n"


@pytest.mark.parametrize("wrong", [5, None, ["a", b"b"], ["a", 1], [None]])
def test_patterns_of_another_kind_are_refused(port: ExpectPort, wrong: Any) -> None:
    with pytest.raises(TypeError, match="all text or all bytes"):
        port.expect(wrong)


def test_wrong_calls_are_refused(b: Board, port: ExpectPort) -> None:
    with pytest.raises(ValueError, match="nothing is expected"):
        port.expect([])
    with pytest.raises(TypeError, match="cannot be expected"):
        port.expect_exact(re.compile("x"))  # type: ignore[type-var]
    with pytest.raises(ValueError, match="-1 s is no time"):
        port.expect("x", timeout=-1)
    with pytest.raises(re.error):
        port.expect("(")
    port.close()
    with pytest.raises(PortNotOpenError):
        port.expect("x")


def test_only_the_host_on_its_own_thread_can_wait(b: Board, port: ExpectPort) -> None:
    errors: list[BaseException] = []

    def attempt(_sys: Any = None) -> None:
        try:
            port.expect("x")
        except BaseException as error:
            errors.append(error)

    b.spawn(attempt)
    b.run(1)
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [ContextError, BenchError]
    assert "a task cannot wait for its own console" in str(errors[0])


def test_a_flood_without_a_line_end_can_be_waited_through(b: Board, port: ExpectPort) -> None:
    says(b, b"\x1b[" * 30_000 + b"\xff\x00" * 30_000 + b"\r\ndone\r\n")
    found = port.expect(r"^done$")
    assert len(found.before) == 120_000 + 1
    assert "\ufffd" in found.before


# Typing


def test_command_returns_the_output_without_echo_and_prompt(b: Board, port: ExpectPort) -> None:
    assert port.command("echo hello") == "hello\n"
    assert port.command("") == ""
    assert port.command("ps").split("\n")[0].split()[:3] == ["TID", "PID", "PPID"]
    assert port.command("cat /nosuch") == "nsh: cat: open failed: 2\n"
    assert port.command("echo $?") == "1\n"
    assert port.command("ping -c 1 127.0.0.1").startswith("PING 127.0.0.1 56 bytes of data\n")


def test_command_is_not_misled_by_a_prompt_in_the_output(port: ExpectPort) -> None:
    assert port.command("echo nsh> there") in ("nsh> there\n", "")  # a shell with redirection writes a file
    assert port.command('echo "nsh> there"') == "nsh> there\n"


def test_command_takes_the_longest_line_that_the_shell_does(port: ExpectPort) -> None:
    word = "x" * (80 - 2 - len("echo "))
    assert port.command(f"echo {word}") == f"{word}\n"
    for wrong in (f"echo {word}x", "echo a\necho b", "\x03"):
        with pytest.raises(ValueError, match="not one line of at most 78"):
            port.command(wrong)


def test_command_waits_for_a_shell_that_is_busy(b: Board, port: ExpectPort) -> None:
    port.sendline("sleep 3")
    assert port.command("echo awake") == "awake\n"
    assert b.now > 4


def test_expect_prompt_gives_what_came_before(port: ExpectPort) -> None:
    port.sendline("uname")
    assert port.expect_prompt() == "uname\nNuttX\n"


def test_sendline_takes_text_and_bytes(port: ExpectPort) -> None:
    port.sendline(b"echo bytes")
    port.sendline("echo größe")
    port.expect("^bytes\n")
    port.expect("^größe\n")


# What must not come


def test_expect_none_lets_the_time_pass_and_reads_nothing(b: Board, port: ExpectPort) -> None:
    port.sendline("echo fine")
    start = b.now
    port.expect_none("ERROR|PANIC", 3600)
    assert b.now - start == pytest.approx(3600)
    assert port.expect("fine\n").before == "echo "


def test_expect_none_fails_at_the_moment_when_it_comes(b: Board, port: ExpectPort) -> None:
    says(b, b"all is well\r\n", b"ERROR: not so well\r\n", every=1)
    start = b.now
    with pytest.raises(ExpectError) as caught:
        port.expect_none("ERROR|PANIC", 60)
    text = str(caught.value)
    assert "board: 'ERROR' came, which 'ERROR|PANIC' forbids, 2.0" in text
    assert "    | all is well\n    | ERROR" in text
    assert "s: nsh> all is well\n" in text and not isinstance(caught.value, TimeoutError)
    assert b.now - start < 2.1
    assert port.expect("not so well")


def test_expect_none_looks_at_what_came_before_it(b: Board, port: ExpectPort) -> None:
    port.sendline("echo oops")
    b.run(1)
    with pytest.raises(ExpectError, match="'oops' came"):
        port.expect_none(b"oops", 0)


# Failures


def test_a_failure_is_an_assertion_and_a_timeout(port: ExpectPort) -> None:
    with pytest.raises(AssertionError):
        port.expect("x")
    with pytest.raises(TimeoutError):
        port.expect("x")


def test_a_failure_tells_what_was_looked_for_and_what_came(b: Board, port: ExpectPort) -> None:
    says(b, b"\x1b[1mbold\x1b[0m\a\x00\r\n", every=0.5)
    b.spawn(lambda sys: sys.sleep(1000), name="sleeper")
    port.sendline("uname -a")
    text = failure(lambda: port.expect(["Linux", re.compile("BSD")], timeout=2))
    assert text.startswith("board: 'Linux' or 'BSD' did not come within 2 virtual seconds\n")
    assert "    | uname -a\n    | NuttX  13" in text
    assert "    | nsh> bold\\x07\\x00\n" in text
    assert re.search(r"^last prompt, at 1\.\d+ s: nsh> bold\\x07\\x00$", text, re.MULTILINE)
    assert re.search(r"^last typed, at 1\.\d+ s: uname -a$", text, re.MULTILINE)
    assert "sleeper: sleeps" in text and "hpwork" not in text


def test_a_failure_reads_nothing(port: ExpectPort) -> None:
    port.sendline("uname")
    failure(lambda: port.expect("Linux"))
    assert port.expect("NuttX\n").before == "uname\n"


def test_a_wait_that_nothing_can_end_says_so(b: Board, port: ExpectPort) -> None:
    start = b.now
    text = failure(lambda: port.expect("never", timeout=7200))
    assert "board: 'never' can never come: nothing can happen any more on this bench, since 1.0" in text
    assert "(the timeout was 7200 virtual seconds)" in text
    assert "nothing came that was not read before" in text
    assert b.now - start == pytest.approx(7200)


def test_a_port_without_timeout_waits_until_nothing_can_happen(b: Board) -> None:
    port = b.console.open()
    says(b, b"one", b"two", every=100)
    assert port.expect("two").before.endswith("one")
    now = b.now_ns
    text = failure(lambda: port.expect("three"))
    assert "'three' can never come" in text and "the timeout" not in text
    assert b.now_ns == now


def test_a_command_that_hangs_at_a_lock_names_its_holder(b: Board, port: ExpectPort) -> None:
    hold_the_network(b)
    text = failure(lambda: port.command("ifconfig eth0 mtu 1400"))
    assert "can never come" in text
    assert "    | nsh_main" not in text and "what came and was not read" not in text
    assert re.search(r"nsh_main: waits for net_lock, held by hog \(pid \d+\)", text)
    assert re.search(r"hog: waits for semaphore", text) and re.search(r"hog \(pid \d+\) holds net_lock", text)
    assert "ifconfig (kernel/nsh/commands/net.py" in text
    assert re.search(r"^last prompt, at 1\.\d+ s: nsh> ifconfig eth0 mtu 1400$", text, re.MULTILINE)


def test_a_failure_shows_the_nearest_line(port: ExpectPort) -> None:
    port.sendline("ifconfig eth0")
    text = failure(lambda: port.expect(r"inet addr:10\.0\.1\.3 DRaddr"))
    near = "inet addr:10.0.1.2 DRaddr:10.0.1.1 Mask:255.255.255.0"
    assert f"nearest to 'inet addr:10\\\\.0\\\\.1\\\\.3 DRaddr': {near!r}" in text
    assert "nearest" not in failure(lambda: port.expect("quite another thing"))


@pytest.mark.parametrize(
    ("literal", "line"),
    [
        ("inet addr:10.0.1.3", "inet addr:10.0.1.2 DRaddr:10.0.1.1"),
        ("nuttshell (nsh)", "NuttShell (NSH) NuttX-13.0.1"),
        ("a cat on a mat", ""),  # its letters are all there, but nowhere together
        ("", ""),
    ],
)
def test_the_nearest_line_has_most_of_it_in_pieces_that_count(literal: str, line: str) -> None:
    text = "NuttShell (NSH) NuttX-13.0.1\n\tinet addr:10.0.1.2 DRaddr:10.0.1.1\na.c.a.t.o.n.a.m.a.t. . . .\n"
    assert nearest_line(literal, text) == line


def test_a_failure_knows_a_regular_expression_that_was_meant_as_text(port: ExpectPort) -> None:
    port.sendline("udpecho &")
    port.expect(r"udpecho &\n")
    port.sendline("")
    text = failure(lambda: port.expect("udpecho [4:100]"))
    assert "'udpecho [4:100]' came letter for letter, but it is a regular expression: use expect_exact()" in text
    assert port.expect_exact("udpecho [4:100]")
    text = failure(lambda: port.expect_exact("udpecho (5:100)"))
    assert "board: 'udpecho (5:100)' can never" in text and "letter for letter" not in text


def test_a_failure_knows_what_an_earlier_call_swallowed(port: ExpectPort) -> None:
    port.sendline("echo first; echo second")
    port.expect("\nsecond")
    assert "it came earlier" in failure(lambda: port.expect("^first"))
    assert "it came earlier" not in failure(lambda: port.expect("^third"))
    port.expect_prompt()
    port.sendline("uname")
    port.expect_prompt()
    assert "it came earlier" not in failure(port.expect_prompt), "as a match it was not swallowed"
    port.sendline("uname -m")
    port.flush()
    port.expect_none("nothing like it", 0.1)
    port.reset_input_buffer()
    assert "it came earlier" in failure(port.expect_prompt), "what was thrown away is known, too"


def test_a_failure_shortens_much_output_and_long_lines(b: Board, port: ExpectPort) -> None:
    says(b, b"".join(b"line %d\r\n" % i for i in range(500)) + b"y" * 1000 + b"\r\n")
    text = failure(lambda: port.expect("z"))
    assert "    | line 9\n    | ... 461 lines, " in text and " characters left out ...\n    | line 471\n" in text
    assert "yyy ... 840 characters left out ... yyy" in text
    assert len(text) < 6000


def test_a_failure_of_byte_patterns_shows_bytes(port: ExpectPort) -> None:
    port.sendline("echo hi")
    text = failure(lambda: port.expect(b"Hi there"))
    assert "board: b'Hi there' can never come" in text
    assert "letter for letter" not in failure(lambda: port.expect(b"hi\n"))
    assert r"    | echo hi\r\n" in text and r"    | nsh> \x1b[K" in text


def test_a_failure_tells_of_lost_bytes(b: Board, port: ExpectPort) -> None:
    says(b, b"x" * ((1 << 20) + 500))
    b.run(2)
    assert "500 bytes were lost before" in failure(lambda: port.expect("z"))


def test_a_board_that_is_off_or_was_taken_away_says_so(b: Board, port: ExpectPort) -> None:
    port.sendline("poweroff")
    assert "the board is off" in failure(port.expect_prompt)
    with Bench() as bench:
        one = bench.board("one")
        other = one.console.open(timeout=1)
        one.close()
        text = failure(lambda: other.expect("x"))
        assert "one: 'x' can never come" in text and "the board is off" in text and "last prompt: none" in text


def test_a_reset_board_prompts_again(b: Board, port: ExpectPort) -> None:
    port.sendline("reboot")
    assert "NuttShell" in port.expect_prompt()
    b.reset()
    assert "NuttShell" in port.expect_prompt()


def crash(b: Board) -> None:
    def handler(_irq: int, _arg: object) -> None:
        b.uart.put_polled(b"last words\r\n")
        raise RuntimeError("on purpose")

    line = b.irq_line(9)
    b.kernel.irqs.attach(9, handler)
    b.kernel.irqs.enable(9)
    line.pulse()


def test_the_last_words_of_a_crash_can_be_expected() -> None:
    with Board("stm32f7") as b:
        port = b.console.open(timeout=10)
        port.expect_prompt()
        crash(b)
        assert port.expect("last words\n").before == ""
        with pytest.raises(Panic, match="on purpose"):
            port.expect_prompt()
        assert port.expect("Assertion failed .*on purpose", timeout=0)
        assert "the board has crashed: board crashed in interrupt" in failure(port.expect_prompt)


def test_a_crash_comes_out_of_a_wait_for_something_else(b: Board, port: ExpectPort) -> None:
    crash(b)
    with pytest.raises(Panic, match="on purpose"):
        port.expect_prompt()
    assert port.expect("last words", timeout=0)


def test_cancel_read_ends_a_wait(b: Board, port: ExpectPort) -> None:
    def canceller(sys: Any) -> None:
        sys.sleep(1)
        port.cancel_read()
        sys.sleep(1000)

    b.spawn(canceller)
    assert "'x' had not come when cancel_read() ended the wait" in failure(lambda: port.expect("x", timeout=60))
    assert b.now < 3


def test_a_live_board_is_waited_for_in_seconds() -> None:
    with Board("sim", live=True) as b:
        port = b.console.open(timeout=30)
        port.expect_prompt()
        assert port.command("echo hi") == "hi\n"
        text = failure(lambda: port.expect("never", timeout=0.02))
        assert "'never' did not come within 0.02 seconds" in text and "nothing can happen" not in text


def test_waiting_leaves_nothing_behind(b: Board, port: ExpectPort) -> None:
    events = len(b.bench.clock.events)
    for _ in range(20):
        port.command("echo hi")
        failure(lambda: port.expect("x", timeout=0.5))
    assert len(b.bench.clock.events) == events


def test_the_same_waits_take_the_same_virtual_time() -> None:
    def session() -> tuple[int, str]:
        with Board("stm32f7", seed=3) as b:
            port = b.console.open(timeout=10)
            port.expect_prompt()
            text = port.command("ps") + failure(lambda: port.expect("never"))
            return b.now_ns, text

    assert session() == session()


def test_a_port_opened_after_the_prompt_says_so_when_it_is_missed(b: Board) -> None:
    b.run(0.1)
    with b.console.open(timeout=1) as late:
        text = failure(late.expect_prompt)
        assert "it came before this port was opened: an Enter, sendline(), gets a new prompt" in text
        late.sendline()
        late.expect_prompt()
        assert "before this port was opened" not in failure(lambda: late.expect("never"))


def test_the_last_prompt_is_the_consoles_own_whatever_the_host_runs(b: Board, port: ExpectPort) -> None:
    port.sendline("cat")
    port.expect("cat\n")
    b.nsh("uname")
    text = failure(lambda: port.expect("never"))
    assert "last prompt, at 1.000040 s: nsh> cat\n" in text
    assert "\n    | (host)" not in text and "(host) nsh> uname" in b.uart.log.text()
