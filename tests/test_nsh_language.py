"""The shell's language on a board: quotes, variables, redirection, pipes, conditions, loops, scripts, status."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shell_kit import PROMPT, Terminal, put_file

from board import Board
from kernel.apps import App
from kernel.fs.openfile import STDERR, STDIN
from kernel.fs.pipe import Pipe
from kernel.nsh.command import Command, ShellExit
from kernel.nsh.commands.table import COMMANDS
from kernel.nsh.main import Output, make_shell
from kernel.syscalls import Sys
from kernel.taskinfo import task_pids


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def script(board: Board, text: str, command: str = "sh") -> str:
    """What a script prints."""
    put_file(board, "/tmp/script", text)
    return board.nsh(f"{command} /tmp/script")


def error(board: Board, line: str) -> str:
    """The output of a line, which has failed."""
    reply = board.nsh(line)
    assert reply.status == 1
    return reply


# Words


def test_a_word_without_its_brace_is_empty_and_the_command_goes_on(board: Board) -> None:
    assert board.nsh("echo a ${b c") == "nsh: ${: no matching }\na  c\n"
    assert error(board, "${b") == "nsh: ${: no matching }\nnsh: : command not found\n"


def test_a_back_quote_in_double_quotes_needs_another(board: Board) -> None:
    assert board.nsh('echo "a ` b" c') == "nsh: `: no matching `\n c\n"


def test_an_open_back_quote_ends_the_command(board: Board) -> None:
    assert board.nsh("echo a `b c") == "nsh: `: no matching `\na\n"


def test_an_open_quote_keeps_the_whole_line_from_running(board: Board) -> None:
    assert error(board, "echo 'a; echo b") == "nsh: ': no matching '\n"
    assert board.nsh("echo a; echo 'b") == "a\nnsh: ': no matching '\n"


def test_a_backslash_at_the_end_of_quotes_takes_what_follows_along(board: Board) -> None:
    assert board.nsh('echo "a\\\\" b; echo "a\\\\"b') == "a\\ b\na\\b\n"


def test_an_empty_command_is_not_found(board: Board) -> None:
    assert error(board, '""') == "nsh: : command not found\n"


def test_a_variable_in_place_of_a_command_is_not_split(board: Board) -> None:
    assert error(board, "set c 'echo a'; $c") == "nsh: echo a: command not found\n"
    assert board.nsh("set c echo; $c a") == "a\n"


def test_backslashes_in_a_value_are_taken_too(board: Board) -> None:
    assert board.nsh("set a 'x\\y'; echo $a") == "xy\n"


# Back-quotes


def test_the_output_of_a_command_is_one_argument_without_its_end(board: Board) -> None:
    assert board.nsh("echo -e [`echo 'a  b'`]x`hello`") == "[a  b]xHello, World!!\n"


def test_a_command_in_back_quotes_that_fails_gives_nothing_and_leaves_its_file(board: Board) -> None:
    assert board.nsh("echo a`false`b") == "nsh: ``: exec failed: 2\nab\n"
    assert board.nsh("echo `cat /tmp`") == "nsh: cat: open failed: 22\nnsh: ``: exec failed: 22\n\n"
    assert "TMP" in board.nsh("ls /tmp")


def test_back_quotes_with_nothing_in_them_miss_their_file(board: Board) -> None:
    assert board.nsh("echo ``") == "nsh: ``: stat failed: 2\nnsh: ``: unlink failed: 2\n\n"


def test_back_quotes_know_no_redirection_and_count_arguments(board: Board) -> None:
    assert board.nsh("echo `echo a > b`") == "a > b\n"
    assert board.nsh("echo `echo 1 2 3 4 5 6 7 8 9 10 11`").startswith(2 * "nsh: echo: too many arguments\n")


def test_back_quotes_need_a_place_for_their_file() -> None:
    with Board(LIBC_TMPDIR="/tmp/none", FS_TMPFS=False) as board:
        assert board.nsh("echo `echo a`") == "nsh: echo: open failed: 2\nnsh: ``: exec failed: 2\n\n"


# Status


def test_the_last_pid_is_that_of_an_application_until_the_shell_runs_a_command_of_its_own(board: Board) -> None:
    started, pid, own = board.nsh("udpecho &; echo $!; echo $!").splitlines()
    assert started == f"udpecho [{pid}:100]" and own != pid


def test_an_empty_line_keeps_the_status(board: Board) -> None:
    assert board.nsh("set +e; false; ; echo $?") == "1\n"


def test_the_status_of_a_condition_is_success(board: Board) -> None:
    assert board.nsh("set +e; false; if false; then; fi; echo $?") == "0\n"


def test_nice_takes_a_niceness_that_has_no_effect(board: Board) -> None:
    assert board.nsh("nice echo a; nice -d 5 echo b; nice -d -0x14 echo c") == "a\nb\nc\n"
    for niceness in ("20", "-21", "x", '""'):
        assert error(board, f"nice -d {niceness} echo a") == "nsh: nice: argument invalid\n"
    assert error(board, "nice -d") == "nsh: -d: command not found\n"
    assert board.nsh("nice") == ""


# Redirection


def test_output_goes_to_a_file_anew_or_at_its_end(board: Board) -> None:
    assert board.nsh("echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f; echo c >/tmp/f; cat /tmp/f") == "a\nb\nc\n"


def test_input_comes_from_a_file(board: Board) -> None:
    put_file(board, "/tmp/f", "from a file\n")
    assert board.nsh("cat < /tmp/f; cat </tmp/f") == 2 * "from a file\n"


def test_errors_of_the_shell_s_commands_go_to_a_file_or_where_the_output_goes(board: Board) -> None:
    assert error(board, "cat /none 2> /tmp/e") == ""
    assert board.nsh("set +e; cat /none 2>> /tmp/e; cat /tmp/e") == 2 * "nsh: cat: open failed: 2\n"
    assert board.nsh("set +e; cat /none > /tmp/e 2>&1; cat /tmp/e") == "nsh: cat: open failed: 2\n"
    assert board.nsh("set +e; cat /none 2>&1 > /tmp/e; cat /tmp/e") == "nsh: cat: open failed: 2\n"


def test_errors_of_an_application_are_not_redirected(board: Board) -> None:
    assert error(board, "sh -x 2> /tmp/e") == "nsh: sh: syntax error\n"
    assert board.nsh("test -e /tmp/e").status == 1
    assert error(board, "sh -x > /tmp/o 2>&1") == "nsh: sh: syntax error\n"


@pytest.mark.parametrize("command", ["echo", "hello"])
@pytest.mark.parametrize("operator", [">", ">>", "<"])
def test_a_file_that_does_not_open_keeps_a_command_from_running(board: Board, command: str, operator: str) -> None:
    assert error(board, f"{command} {operator} /none/x") == f"nsh: {command}: open failed: 2\n"
    assert error(board, f"{command} {operator}") == f"nsh: {command}: argument invalid\n"


def test_a_file_for_errors_that_does_not_open_keeps_a_command_from_running(board: Board) -> None:
    assert error(board, "echo a 2> /none/x") == "nsh: echo: open failed: 2\n"
    assert error(board, "echo a 2>> /none/x") == "nsh: echo: open failed: 2\n"
    assert error(board, "echo a 2>") == error(board, "echo a 2>>") == "nsh: echo: argument invalid\n"


def test_the_file_for_output_is_made_before_the_input_is_missed(board: Board) -> None:
    assert error(board, "cat < /none > /tmp/made") == "nsh: cat: open failed: 2\n"
    assert board.nsh("test -e /tmp/made").status == 0


def test_an_operator_without_its_file_keeps_the_status(board: Board) -> None:
    assert board.nsh("set +e; echo >; echo $?") == "nsh: echo: argument invalid\n0\n"


def test_an_operator_stands_at_the_beginning_of_a_word(board: Board) -> None:
    assert board.nsh("echo a>b a|b a&") == "a>b a|b a&\n"


def test_quotes_do_not_protect_an_operator(board: Board) -> None:
    assert board.nsh("echo a '>' /tmp/f; cat /tmp/f") == "a\n"


# Pipes and the background


def test_a_pipe_joins_commands_and_announces_those_on_its_left(board: Board) -> None:
    started, text = board.nsh("echo a b | cat").splitlines()
    assert started.startswith("sh [") and started.endswith(":100]")
    assert text == "a b"
    assert board.nsh("hello |cat | cat").splitlines()[-1] == "Hello, World!!"


def test_too_many_arguments_behind_a_pipe_are_laid_to_its_beginning(board: Board) -> None:
    text = board.nsh("true | echo 1 2 3 4 5 6 7 8 9 10 11").text
    assert "nsh: true: too many arguments\nnsh: echo: too many arguments\n" in text


def test_a_file_on_the_left_of_a_pipe_is_for_its_right_too(board: Board) -> None:
    put_file(board, "/tmp/f", "from a file\n")
    assert board.nsh("true < /tmp/f | cat").splitlines()[1:] == ["from a file"]
    assert board.nsh("echo a > /tmp/o | echo b").count("\n") == 1
    board.run(1)
    assert board.nsh("cat /tmp/o") == "a\n"  # written over the b, from another opening of the file


def test_the_status_of_a_pipe_is_that_of_its_end(board: Board) -> None:
    assert board.nsh("false | true").status == 0
    assert board.nsh("true | false").status == 1


def test_a_pipe_goes_somewhere(board: Board) -> None:
    assert error(board, "echo a |") == "nsh: echo: argument invalid\n"
    assert error(board, "echo a | nosuch").splitlines()[1:] == ["nsh: nosuch: command not found"]


def test_what_stands_before_an_ampersand_runs_beside_the_shell(board: Board) -> None:
    reply = board.nsh("sleep 1 &")
    assert reply.startswith("sh [") and reply.status == 0
    assert "sh -c sleep 1" in board.nsh("ps")
    board.run(1.1)
    assert "sleep" not in board.nsh("ps")
    assert error(board, "&") == "nsh: &: command not found\n"


# Conditions


@pytest.mark.parametrize(("condition", "branch"), [("true", "y"), ("false", "n"), ("! true", "n"), ("! false", "y")])
def test_an_if_runs_the_branch_of_its_condition(board: Board, condition: str, branch: str) -> None:
    assert board.nsh(f"if {condition}; then echo y; else echo n; fi; echo on") == f"{branch}\non\n"
    assert script(board, f"if {condition}\nthen\necho y\nelse\necho n\nfi\necho on\n") == f"{branch}\non\n"


def test_an_application_can_be_a_condition(board: Board) -> None:
    assert board.nsh("if hello; then echo y; fi; if sh -c false; then; else echo n; fi") == "Hello, World!!\ny\nn\n"


def test_ifs_nest(board: Board) -> None:
    text = "if true\nthen\nif false\nthen\necho a\nelse\necho b\nfi\necho c\nelse\nif true\nthen\necho d\nfi\nfi\n"
    assert script(board, text) == "b\nc\n"


def test_what_is_not_run_is_not_looked_at_but_its_command_word_is(board: Board) -> None:
    assert board.nsh("if false; then echo `echo x > /tmp/x`; nosuch; fi") == ""
    assert board.nsh("if false; then; `echo x`; fi") == "nsh: ``: stat failed: 2\nnsh: ``: unlink failed: 2\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("then", "then: not valid in this context"),
        ("else", "else: not valid in this context"),
        ("fi", "fi: not valid in this context"),
        ("do", "do: not valid in this context"),
        ("done", "done: not valid in this context"),
        ("if", "if: argument invalid"),
        ("if !", "if: argument invalid"),
        ('if ""', "if: argument invalid"),
        ("while", "while: argument invalid"),
        ('until ""', "until: argument invalid"),
        ("if true; echo a", "echo: not valid in this context"),
        ("if true; if true", "if: not valid in this context"),
        ("if true; then; fi a", "fi: argument invalid"),
        ("while true; echo a", "echo: not valid in this context"),
        ("while true; do; done a", "done: argument invalid"),
        ("if true; then; else; else", "else: not valid in this context"),
        ("if true; then; if true; then; if true", "if: nesting too deep"),
        ("while true; do; while true; do; while true", "while: nesting too deep"),
        ("until false; do; until false; do; until false", "until: nesting too deep"),
    ],
)
def test_keywords_out_of_place_are_refused(board: Board, line: str, message: str) -> None:
    assert error(board, line) == f"nsh: {message}\n"
    assert script(board, f"set +e\n{line}\necho $?\n") == f"nsh: {message}\n1\n"


def test_a_loop_in_a_condition_is_refused_and_the_refusal_is_the_condition(board: Board) -> None:
    assert board.nsh("if while true; then; fi") == "nsh: while: command not found\n"
    reply = board.nsh("if true; while true; then; echo a; else; echo b; fi")
    assert (reply, reply.status) == ("nsh: while: not valid in this context\nb\n", 0)


def test_no_keyword_stands_right_behind_then_else_and_do(board: Board) -> None:
    assert error(board, "if true; then if true") == "nsh: if: command not found\n"
    assert error(board, "while true; do until true") == "nsh: until: command not found\n"


def test_a_command_in_back_quotes_behind_then_decides_anew(board: Board) -> None:
    assert board.nsh("if false; then echo `echo a`; fi; if false; then `echo hello`; fi") == "Hello, World!!\n"


def test_nesting_is_as_deep_as_configured() -> None:
    with Board(NSH_NESTDEPTH=2) as board:
        assert error(board, "if true; then; if true") == "nsh: if: nesting too deep\n"


# Loops

COUNT = "set i 0\nwhile [ $i -lt 3 ]\ndo\necho $i\nset i `expr $i + 1`\ndone\necho end\n"


def test_a_while_in_a_script_runs_as_long_as_its_condition_holds(board: Board) -> None:
    assert script(board, COUNT) == "0\n1\n2\nend\n"
    assert script(board, COUNT.replace("while [ $i -lt 3 ]", "until [ $i -ge 3 ]")) == "0\n1\n2\nend\n"


def test_a_loop_may_stand_in_one_line(board: Board) -> None:
    line = "set i 0; while [ $i -lt 3 ]; do echo $i; set i `expr $i + 1`; done; echo end\n"
    with Board(LINE_MAX=128) as wide:
        assert script(wide, line) == "0\n1\n2\nend\n"


def test_a_loop_that_comes_back_to_a_quoted_condition_lands_behind_the_quotes(board: Board) -> None:
    quoted = COUNT.replace("[ $i", '[ "$i"')
    assert script(board, quoted) == "0\nnsh: -lt: command not found\n"


def test_a_loop_without_end_does_not_stop_the_clock(board: Board) -> None:
    put_file(board, "/tmp/s", "while true\ndo\ntrue\ndone\n")
    with pytest.raises(TimeoutError, match=r"did not end within 0\.1 virtual seconds"):
        board.nsh("sh /tmp/s", timeout=0.1)
    assert board.nsh("echo still there") == "still there\n"


def test_loops_nest_and_break_leaves_the_inner_one(board: Board) -> None:
    text = "while true\ndo\nwhile true\ndo\necho in\nbreak\necho not\ndone\necho out\nbreak\ndone\necho end\n"
    assert script(board, text) == "in\nout\nend\n"


def test_a_loop_inside_of_one_that_is_over_asks_its_condition_all_the_same(board: Board) -> None:
    text = "while false\ndo\nwhile true\ndo\necho in\nbreak\ndone\necho not\ndone\necho end\n"
    assert script(board, text) == "in\nend\n"


def test_break_in_an_if_leaves_that_too_so_that_its_fi_is_out_of_place(board: Board) -> None:
    text = "while true\ndo\nif true\nthen\nbreak\nfi\necho not\ndone\necho end\n"
    assert script(board, text) == "nsh: fi: not valid in this context\n"
    assert script(board, f"set +e\n{text}") == "nsh: fi: not valid in this context\nend\n"


def test_a_loop_that_is_not_entered_is_skipped(board: Board) -> None:
    assert script(board, "while false\ndo\necho a\ndone\nuntil true\ndo\necho b\ndone\necho end\n") == "end\n"


def test_a_loop_in_a_branch_that_is_not_run_is_passed_through_once(board: Board) -> None:
    text = "if false\nthen\nwhile true\ndo\necho a\nbreak\ndone\nfi\necho end\n"
    assert script(board, text) == "end\n"


def test_the_body_of_a_loop_that_is_typed_is_run_once(board: Board) -> None:
    assert board.nsh("while true; do echo a; done") == "a\n"
    assert board.nsh("while false; do echo a; done; echo on") == "on\n"
    terminal = Terminal(board)
    terminal.wait()
    for line in (b"while true", b"do", b"done"):
        assert terminal.type(line + b"\r").endswith(b"\r\n" + PROMPT)


def test_ctrl_c_ends_the_loop_of_a_script(board: Board) -> None:
    put_file(board, "/tmp/s", "while true\ndo\nsleep 1\ndone\n")
    terminal = Terminal(board)
    terminal.wait()
    for command in (b"source", b"sh"):
        terminal.type(command + b" /tmp/s\r", 5)
        assert terminal.type(b"\x03", 2).endswith(PROMPT)
        assert terminal.type(b"echo here\r").endswith(b"\r\nhere\r\n" + PROMPT)


# Scripts


def test_a_script_ends_at_its_first_failure_unless_told_otherwise(board: Board) -> None:
    assert script(board, "echo a\nfalse\necho b\n") == "a\n"
    assert script(board, "set +e\necho a\nfalse\necho b $?\n") == "a\nb 1\n"


def test_the_status_of_a_script_is_failure_even_at_its_end(board: Board) -> None:
    put_file(board, "/tmp/s", "true\n")
    assert board.nsh("sh /tmp/s").status == board.nsh("source /tmp/s").status == 1


def test_set_minus_x_shows_the_lines_of_a_script(board: Board) -> None:
    assert script(board, "set a 1\nset -x\necho $a\nset +x\necho b") == "echo $a\n  a=1\n1\nset +x\nb\n"


def test_lines_of_a_script_may_end_without_a_line_end_and_are_cut_at_the_limit(board: Board) -> None:
    assert script(board, "echo a\n\n# a comment\necho b") == "a\nb\n"
    assert script(board, "set +e\necho " + 100 * "x") == 74 * "x" + "\nnsh: " + 26 * "x" + ": command not found\n"


def test_a_script_is_read_by_the_line_editor(board: Board) -> None:
    assert script(board, "\techo a\r\nif true\r\nthen\r\n\techo b\r\nfi\r\n") == "a\nb\n"
    assert script(board, "echo ab\bc \x1b[3~\x07d\n") == "ac d\n"
    assert script(board, "unam\t -r\n") == "13.0.1\n"


def test_a_loop_of_a_script_with_carriage_returns_goes_round(board: Board) -> None:
    assert script(board, COUNT.replace("\n", "\r\n")) == "0\n1\n2\nend\n"


def test_exit_ends_a_script_and_the_shell_that_runs_it(board: Board) -> None:
    reply = board.nsh("sh -c 'echo a; exit; echo b'")
    assert (reply, reply.status) == ("a\n", 0)
    put_file(board, "/tmp/s", "echo in\nexit\necho not\n")
    assert board.nsh("sh /tmp/s; echo on") == "in\non\n"
    assert board.nsh("source /tmp/s; echo on") == "in\n"


def test_the_nesting_of_a_script_that_failed_outlives_it_in_the_shell(board: Board) -> None:
    put_file(board, "/tmp/s", "if false\nthen\nfi a\n")
    assert board.nsh("set +e; source /tmp/s; echo on") == "nsh: fi: argument invalid\non\n"
    put_file(board, "/tmp/s", "if false\nthen\n")
    assert board.nsh("set +e; source /tmp/s; echo not; fi; echo on") == "on\n"


def test_a_script_that_cannot_be_read_is_over(board: Board) -> None:
    board.boot()
    board.kernel.vfs.attach("/dev/p", Pipe(board.kernel))
    terminal = Terminal(board)
    terminal.wait()
    for command in (b"source", b"sh"):
        assert terminal.type(command + b" /dev/p\r").endswith(b"/dev/p\r\n")
        assert terminal.type(b"\x03").endswith(PROMPT)
    assert board.reports == []


def test_a_script_takes_a_descriptor_that_its_programs_do_not_get(board: Board) -> None:
    fds: list[list[int]] = []
    put_file(board, "/tmp/s", "look\n")
    board.kernel.apps["look"] = App("look", lambda sys: fds.append([fd for fd, _ in sys.task.files]))
    watched = Command("watched", lambda shell, argv: fds.append([fd for fd, _ in shell.sys.task.files]) or 0)
    board.nsh("source /tmp/s")
    assert fds == [[0, 1, 2]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COMMANDS, "watched", watched)
        put_file(board, "/tmp/s", "watched\n")
        board.nsh("source /tmp/s")
    assert fds[1:] == [[0, 1, 2, 3]]


def test_sh_reads_a_script_from_its_input(board: Board) -> None:
    put_file(board, "/tmp/s", "echo a\necho b\n")
    assert "a\n" in board.nsh("sh < /tmp/s")


def test_sh_says_how_it_is_used(board: Board) -> None:
    assert board.nsh("sh -h") == "Usage: sh [<script-path>|-c <command>]\n"
    assert board.nsh("nsh -h") == "\nNuttShell (NSH) NuttX-13.0.1\nUsage: nsh [<script-path>|-c <command>]\n"
    assert error(board, "sh -c") == "nsh: sh: missing required argument(s)\n"
    assert error(board, "sh -q") == "nsh: sh: syntax error\n"


def test_nsh_greets_and_is_a_shell(board: Board) -> None:
    terminal = Terminal(board)
    terminal.wait()
    assert terminal.type(b"nsh\r") == b"nsh\r\n\r\nNuttShell (NSH) NuttX-13.0.1\r\n" + PROMPT
    assert terminal.type(b"exit\r") == b"exit\r\n" + PROMPT


# Anything

WORDS = """
    echo cat true false hello set alias time nice nosuch if then else fi while until do done break ! test [ ] = a $a
    ${a} ${a $? $! `echo~b` `false` `` ` ' " "a~$a" '~' \\ | & ; ; > >> < 2> 2>> 2>&1 /tmp/x /none/x # -c sh
    source unset 1
"""
TOKENS = st.sampled_from(WORDS.split())
LINES = st.one_of(
    st.lists(TOKENS, max_size=12).map(lambda words: " ".join(words).replace("~", " ")),
    st.text(alphabet="ab $`'\"\\|&;<>{}!#[]=2\t", max_size=40),
    st.binary(max_size=20).map(lambda data: data.translate(None, b"\0\r\n").decode("utf-8", "surrogateescape")),
)


@settings(max_examples=150)
@given(st.lists(LINES, min_size=1, max_size=4))
@example(["alias a='a a'", "a", "time 'time \"a\"'"])
@example(["echo source /tmp/x > /tmp/x", "source /tmp/x"])
@example(["echo a | cat | nosuch | > /tmp/x &"])
def test_any_lines_leave_the_shell_answering_and_nothing_behind(lines: list[str]) -> None:
    with Board() as board:
        put_file(board, "/tmp/x", "")
        board.kernel.vfs.unlink("/tmp/x")
        board.run(1)
        before, pids = board.kernel.heap.stats().used, task_pids(board.kernel)
        output, seen = Output(), []

        def shell(sys: Sys) -> None:
            for fd in range(STDIN, STDERR + 1):
                sys.task.files.put(fd, output.dup())
            shell = make_shell(sys)
            for line in lines:
                with suppress(ShellExit):
                    shell.run_line(line)
            shell.control.lose_ifs("", "")
            shell.control.lose_loops("", "")
            shell.run_line("echo here")
            seen.extend(fd for fd, _ in sys.task.files)

        task = board.spawn(shell, name="shell")
        assert board.run_until(lambda: not task.alive, timeout=60)
        board.run(1)
        assert b"here\n" in output.data
        assert seen == [0, 1, 2]
        assert task_pids(board.kernel) == pids
        for name in list(board.kernel.vfs.directory("/tmp").entries()):
            board.kernel.vfs.unlink(f"/tmp/{name}")
        assert board.kernel.heap.stats().used == before
        assert board.reports == []
