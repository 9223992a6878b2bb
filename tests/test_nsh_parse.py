"""The language of a command line, taken apart and expanded without a shell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.nsh.numbers import strtol
from kernel.nsh.parse import BLANKS, Cursor, ParseError, expand, split_command, split_value


def commands(line: str) -> list[str]:
    """The commands of a line."""
    found, start = [], 0
    while start >= 0:
        command, start, _ = split_command(line, start)
        found.append(command)
    return found


def words(text: str, **variables: str) -> list[str]:
    """The arguments of a command; ``$?`` is 0, and a command in back-quotes prints itself in brackets."""
    cursor, found = Cursor(text), []
    while (word := cursor.word()) is not None:
        value, split = expand(word, lambda name: variables.get(name, "0" if name == "?" else ""), lambda c: f"[{c}]")
        found += split_value(value) if split else [value]
    return found


def test_words_are_separated_by_blanks() -> None:
    assert words("  echo \t a  b\n") == ["echo", "a", "b"]


def test_an_empty_line_has_no_words() -> None:
    assert words("") == words("   ") == words("# all of it") == []


def test_semicolons_separate_commands() -> None:
    assert commands("a; b;c") == ["a", " b", "c"]


def test_quotes_keep_blanks_and_semicolons_together() -> None:
    assert commands("echo 'a; b' \"c; d\"; e") == ["echo 'a; b' \"c; d\"", " e"]
    assert words("echo 'a  b' \"c  d\"") == ["echo", "a  b", "c  d"]


def test_a_quote_behind_a_backslash_opens_nothing() -> None:
    assert commands("echo \\'; b") == ["echo \\'", " b"]
    assert words("echo \\' \\\"") == ["echo", "'", '"']


def test_an_empty_quoted_argument_is_an_argument() -> None:
    assert words("echo '' \"\"") == ["echo", "", ""]


def test_quotes_in_the_middle_of_a_word_go_away() -> None:
    assert words("a'b c'd e\"f\"g") == ["ab cd", "efg"]


def test_a_backslash_takes_the_meaning_from_a_character() -> None:
    assert words("a\\ b \\$HOME \\\\") == ["a b", "$HOME", "\\"]


def test_single_quotes_keep_backslashes_and_variables_double_quotes_do_not() -> None:
    assert words("'a\\b$x' \"a\\b$x\"", x="1") == ["a\\b$x", "ab1"]


def test_one_single_quoted_part_keeps_the_whole_word_from_being_expanded() -> None:
    assert words("$x'b'", x="1") == ["$xb"]


def test_the_name_of_a_variable_ends_with_the_word_or_the_brace() -> None:
    assert words("$x.txt ${x}.txt", **{"x": "1", "x.txt": "all of it"}) == ["all", "of", "it", "1.txt"]


def test_the_status_is_a_variable() -> None:
    assert words("$? ${?}") == ["0", "0"]


def test_an_unquoted_variable_is_split_into_arguments_and_a_quoted_one_is_not() -> None:
    assert words('echo $x "$x"', x="a  b") == ["echo", "a", "b", "a  b"]


def test_an_unset_variable_is_an_empty_argument() -> None:
    assert words("echo $nothing") == ["echo", ""]


def test_blanks_at_the_ends_of_a_value_make_empty_arguments() -> None:
    assert split_value(" a ") == ["", "a", ""]


def test_the_output_of_a_command_stands_in_its_word_and_is_not_split() -> None:
    assert words('a`b c`d "`e f`"') == ["a[b c]d", "[e f]"]


def test_a_comment_begins_where_a_word_could() -> None:
    assert words("echo a#b #c") == ["echo", "a#b"]
    assert commands("echo a#b; c") == ["echo a#b; c"]


def test_a_bar_is_a_word_of_its_own_at_the_beginning_of_one() -> None:
    assert words("a |b c|d") == ["a", "|", "b", "c|d"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_open_quote_is_an_error_that_names_it(quote: str) -> None:
    with pytest.raises(ParseError) as error:
        commands(f"echo {quote}abc")
    assert str(error.value) == f"nsh: {quote}: no matching {quote}"


@pytest.mark.parametrize(
    ("text", "message"), [("echo `abc", "nsh: `: no matching `"), ("echo ${abc", "nsh: ${: no matching }")]
)
def test_an_open_back_quote_or_brace_is_an_error_when_its_word_is_looked_at(text: str, message: str) -> None:
    with pytest.raises(ParseError) as error:
        words(text)
    assert str(error.value) == message


@given(st.text(alphabet="ab \\'\"`$;{}#|<>&\n", max_size=40))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    try:
        for command in commands(line):
            words(command, a="b")
    except ParseError as error:
        assert str(error).startswith("nsh: ")


@given(st.lists(st.text(st.characters(exclude_characters="'\\", exclude_categories=["Cs"])), max_size=5))
def test_what_is_in_single_quotes_comes_out_as_it_went_in(arguments: list[str]) -> None:
    assert words(" ".join(f"'{word}'" for word in arguments)) == arguments


@given(st.text(alphabet="ab" + BLANKS))
def test_a_split_value_has_lost_nothing_but_blanks(value: str) -> None:
    assert "".join(split_value(value)) == "".join(c for c in value if c not in BLANKS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("0x1F", 31), ("010", 8), ("-3", -3), ("+4", 4), ("0", 0), ("", None), ("1x", None), ("08", None)],
)
def test_numbers_are_read_as_strtol_does(text: str, value: int | None) -> None:
    assert strtol(text) == value
