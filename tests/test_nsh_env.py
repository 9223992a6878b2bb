"""Variables, the environment and aliases: set, unset, export, env, alias, unalias."""

from collections.abc import Iterator

import pytest

from board import Board


@pytest.fixture
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


@pytest.fixture
def plain() -> Iterator[Board]:
    """A shell without variables of its own, as on NuttX's simulator."""
    with Board("sim-console") as board:
        yield board


# set


def test_set_makes_a_variable_that_only_the_shell_knows(board: Board) -> None:
    assert board.nsh("set a 1; set b '  two words '; set; env; sh -c 'echo ${a}x'") == "a=1\nb=two words\n\nPWD=/\nx\n"


def test_a_variable_that_is_set_again_comes_last(board: Board) -> None:
    assert board.nsh("set a 1; set b 2; set a 3; set") == "b=2\na=3\n\n"


def test_an_empty_variable_is_one(board: Board) -> None:
    assert board.nsh('set a ""; set; echo [$a') == "a=\n\n[\n"


def test_a_name_ends_at_its_equals_sign(board: Board) -> None:
    assert board.nsh("set a=b c; echo $a") == "b=c\n"


def test_without_variables_of_its_own_set_changes_the_environment(plain: Board) -> None:
    assert plain.nsh("set name TOM; echo $name; env") == "TOM\nPWD=/\nname=TOM\n"
    assert plain.nsh("set name TOM; set name ''; env") == "PWD=/\n"
    assert plain.nsh("set a 1; set b 2; set c 3; set a 4; env") == "PWD=/\nc=3\nb=2\na=4\n"
    assert plain.nsh("set a 1; sh -c 'echo ${a}'") == "1\n"
    assert plain.nsh("set a=b c; echo $a") == "b=c\n"


def test_a_variable_of_the_environment_is_set_there(board: Board) -> None:
    assert board.nsh("export a 1; set a 2; env; set") == "PWD=/\na=2\n\n"


@pytest.mark.parametrize(
    ("line", "tail"),
    [
        ("set x", "missing required argument(s)"),
        ("set -", "missing required argument(s)"),
        ("set abc", "argument invalid"),
        ("set a=1", "argument invalid"),
        ("set -q", "argument invalid"),
        ("set *e a 1", "argument invalid"),
        ("set -e a 1 2", "too many arguments"),
        ("set -e a 1 2 3", "too many arguments"),
    ],
)
def test_set_refuses_what_it_does_not_understand(board: Board, line: str, tail: str) -> None:
    reply = board.nsh(line)
    assert (reply, reply.status) == (f"nsh: set: {tail}\n", 1)


def test_set_without_arguments_needs_variables_to_show(plain: Board) -> None:
    assert plain.nsh("set") == "nsh: set: missing required argument(s)\n"


def test_a_name_that_the_environment_refuses_is_a_failed_setenv(plain: Board) -> None:
    assert plain.nsh("set a=b ''") == "nsh: set: setenv failed: 22\n"


def test_set_plus_e_goes_on_after_a_failure_and_set_minus_e_does_not(board: Board) -> None:
    assert board.nsh("set +e; false; echo on; set -e; false; echo on") == "on\n"
    assert board.nsh("set +e a 1; false; echo $a") == "1\n"


def test_a_letter_before_the_wrong_one_counts(board: Board) -> None:
    reply = board.nsh("set +eq; echo not; set +e")
    assert reply == "nsh: set: argument invalid\nnot\n"


def test_set_minus_x_shows_variables_as_they_are_looked_up(board: Board) -> None:
    assert board.nsh("set a 1; set -x; echo $a; set +x; echo $a") == "  a=1\n1\n1\n"


# unset, export, env


def test_unset_removes_a_variable_wherever_it_is(board: Board) -> None:
    assert board.nsh("set a 1; export b 2; unset a; unset b; unset c; set; env") == "\nPWD=/\n"


@pytest.mark.parametrize("name", ["a=1", '""'])
def test_unset_of_what_is_no_name_fails(board: Board, name: str) -> None:
    reply = board.nsh(f"unset {name}")
    assert (reply, reply.status) == ("nsh: unset: unsetenv failed: 22\n", 1)


def test_export_moves_a_variable_to_the_environment(board: Board) -> None:
    assert board.nsh("set a 1; export a; set; env; sh -c 'echo ${a}'") == "\nPWD=/\na=1\n1\n"
    assert board.nsh("set a 1; export a 2; set; env") == "\nPWD=/\na=2\n"


def test_export_of_nothing_removes_from_the_environment(board: Board) -> None:
    assert board.nsh("export a 1; export a; env") == "PWD=/\n"


def test_export_of_what_is_no_name_complains_of_unsetenv_as_nuttx_does(board: Board) -> None:
    assert board.nsh("export a=1") == "nsh: export: unsetenv failed: 22\n"


def test_export_is_there_only_if_the_shell_has_variables(plain: Board) -> None:
    assert plain.nsh("export a 1") == "nsh: export: command not found\n"


@pytest.mark.parametrize("command", ["unset", "export"])
def test_commands_about_one_variable_need_its_name(board: Board, command: str) -> None:
    assert board.nsh(command) == f"nsh: {command}: missing required argument(s)\n"
    assert board.nsh(f"{command} a b c") == f"nsh: {command}: too many arguments\n"


def test_env_takes_no_arguments_and_needs_proc(board: Board) -> None:
    assert board.nsh("env a") == "nsh: env: too many arguments\n"
    with Board(FS_PROCFS=False) as bare:
        assert bare.nsh("env") == (
            "nsh: env: Could not open /proc/self/group/env (is procfs mounted?)\nnsh: env: open failed: 2\n"
        )


# Aliases


@pytest.fixture
def three() -> Iterator[Board]:
    with Board(NSH_ALIAS_MAX_AMOUNT=3) as board:
        yield board


def test_an_alias_stands_for_a_command_and_its_arguments(three: Board) -> None:
    assert three.nsh("alias say='echo a b' e=echo; say c; e d") == "a b c\nd\n"


def test_aliases_are_shown_as_they_would_be_typed(three: Board) -> None:
    assert three.nsh("alias b='echo b' a=; alias; alias b") == "alias b='echo b'\nalias a=''\nalias b='echo b'\n"


def test_an_alias_that_is_not_there_fails_but_those_behind_it_are_looked_at(three: Board) -> None:
    reply = three.nsh("alias a=1; alias zz a")
    assert (reply, reply.status) == ("alias: zz not found\nalias a='1'\n", 1)
    reply = three.nsh("unalias zz")
    assert (reply, reply.status) == ("unalias: zz not found\n", 1)


def test_a_definition_behind_what_is_not_there_makes_up_for_it(three: Board) -> None:
    assert three.nsh("alias zz a=1").status == 0


def test_an_alias_is_replaced_where_a_command_stands_and_nowhere_else(three: Board) -> None:
    assert three.nsh("alias echo='echo x'; echo echo; if true; then echo; fi") == "x echo\nx\n"
    assert three.nsh("alias e=echo; time 'e a'").startswith("a\n")


def test_an_alias_is_used_once_for_a_command(three: Board) -> None:
    assert three.nsh("alias a=b b='a x'; a") == "nsh: b: command not found\n"
    assert three.nsh("alias t='time t'; t") == "nsh: t: command not found\n"
    assert three.nsh("alias a='echo a'; a; a") == "a\na\n"


def test_a_quoted_word_at_the_end_is_no_alias(three: Board) -> None:
    assert three.nsh("alias a='echo a'; 'a'") == "nsh: a: command not found\n"
    assert three.nsh("alias a='echo a'; 'a' b") == "a b\n"  # NuttX forgets the quotes over the blank


def test_there_is_room_for_as_many_aliases_as_configured(plain: Board, three: Board) -> None:
    reply = plain.nsh("alias a=1 b=2")
    assert (reply, reply.status) == ("alias b='2' failed\n", 1)
    assert plain.nsh("alias a=1 a=2; alias") == "alias a='2'\n"
    assert three.nsh("alias a=1 b=2 c=3") == ""
    assert three.nsh("alias a=1 b=2 c=3; unalias b; alias d=4; alias d") == "alias d='4'\n"


def test_an_alias_needs_a_name(board: Board) -> None:
    assert board.nsh("alias =x") == "alias ='x' failed\n"


def test_unalias_removes_some_or_all_and_says_nothing_without_arguments(three: Board) -> None:
    assert three.nsh("alias a=1 b=2 c=3; unalias a c; alias; unalias -a; alias") == "alias b='2'\n"
    reply = three.nsh("unalias")
    assert (reply, reply.status) == ("", 1)


def test_without_aliases_there_are_no_commands_for_them() -> None:
    with Board(NSH_ALIAS=False) as board:
        assert board.nsh("alias") == "nsh: alias: command not found\n"
        assert board.nsh("unalias -a") == "nsh: unalias: command not found\n"
