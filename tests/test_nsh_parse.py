"""The shell's language, without a board."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.nsh.numbers import strtol
from kernel.nsh.parse import ParseError, parse


def argv(line: str, **variables: str) -> list[list[str]]:
    return [command.expand(lambda name: variables.get(name, "")) for command in parse(line)]


def test_words_are_separated_by_blanks() -> None:
    assert argv("  echo \t a   b ") == [["echo", "a", "b"]]


def test_an_empty_line_has_no_commands() -> None:
    assert parse("") == parse("  ") == parse(" ; ;") == parse("# nothing") == []


def test_semicolons_separate_commands() -> None:
    assert argv("a 1;b ; c") == [["a", "1"], ["b"], ["c"]]


def test_quotes_keep_blanks_and_semicolons_together() -> None:
    assert argv("""echo 'a  b; c' "d  e;" f'g h'i""") == [["echo", "a  b; c", "d  e;", "fg hi"]]


def test_an_empty_quoted_argument_is_an_argument() -> None:
    assert argv("""echo '' "" end""") == [["echo", "", "", "end"]]


def test_a_backslash_takes_the_meaning_from_a_character() -> None:
    assert argv(r"echo a\ b \; \$x \\ \> \&") == [["echo", "a b", ";", "$x", "\\", ">", "&"]]
    assert argv(r'echo "a\"b\$x\n"', x="no") == [["echo", 'a"b$x\\n']]
    assert argv(r"echo 'a\' b") == [["echo", "a\\", "b"]]


def test_variables_are_replaced_outside_of_single_quotes() -> None:
    assert argv("""echo $x ${x}y "$x" '$x' $nothing.""", x="1") == [["echo", "1", "1y", "1", "$x", "."]]
    assert argv("echo $? $!", **{"?": "0", "!": "7"}) == [["echo", "0", "7"]]


def test_a_dollar_alone_is_a_dollar() -> None:
    assert argv('echo $ $1 "$" a$') == [["echo", "$", "$1", "$", "a$"]]


def test_an_unquoted_variable_is_split_into_arguments_and_a_quoted_one_is_not() -> None:
    assert argv('echo $x "$x" a${x}b', x="1  2") == [["echo", "1", "2", "1  2", "a1", "2b"]]
    assert argv('echo $x "$x"') == [["echo", ""]]


def test_a_comment_begins_where_a_word_could() -> None:
    assert argv("echo a#b # c; d") == [["echo", "a#b"]]


def test_an_ampersand_at_the_end_is_background() -> None:
    background, foreground = parse("sleep 1 &; sleep 2")
    assert (background.background, foreground.background) == (True, False)
    assert background.expand(str) == ["sleep", "1"]


def test_an_ampersand_elsewhere_is_an_argument() -> None:
    (command,) = parse("echo & a& '&'")
    assert not command.background
    assert command.expand(str) == ["echo", "&", "a&", "&"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_open_quote_is_an_error_that_names_it(quote: str) -> None:
    with pytest.raises(ParseError, match=f"^nsh: {quote}: no matching {quote}$"):
        parse(f"echo {quote}abc")


@pytest.mark.parametrize("line", ["echo a > /tmp/f", "echo a >>f", "cat < f", "ps | cat", "echo a 2>f", "echo `ps`"])
def test_redirection_pipes_and_back_quotes_are_refused_not_printed(line: str) -> None:
    with pytest.raises(ParseError, match="syntax error"):
        parse(line)


@given(st.text(max_size=80))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    try:
        commands = parse(line)
    except ParseError:
        return
    for command in commands:
        assert all(isinstance(word, str) for word in command.expand(lambda name: " x y "))


@given(st.lists(st.text(st.characters(blacklist_characters="'\0"), max_size=10), min_size=1, max_size=6))
def test_what_is_in_single_quotes_comes_out_as_it_went_in(words: list[str]) -> None:
    assert argv(" ".join(f"'{word}'" for word in words)) == [words]


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("0x1F", 31), ("010", 8), ("-3", -3), ("+4", 4), ("0", 0), ("", None), ("1x", None), ("08", None)],
)
def test_numbers_are_read_as_strtol_does(text: str, value: int | None) -> None:
    assert strtol(text) == value
