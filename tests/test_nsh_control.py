"""if, while and until without a shell: which commands are run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.nsh.control import Control, ControlError


@pytest.fixture
def control() -> Control:
    return Control(3)


def begin_if(control: Control, *, holds: bool, inverted: bool = False) -> None:
    """``if <condition>; then``."""
    control.begin_if(inverted)
    assert control.condition(failed=not holds)
    control.then()


def begin_while(control: Control, *, holds: bool, top: int = 0) -> None:
    """``while <condition>; do``."""
    control.begin_loop("while", top)
    assert control.condition(failed=not holds)
    control.do()


def test_outside_of_everything_commands_are_run_and_their_results_are_nobodys(control: Control) -> None:
    assert control.enabled
    assert not control.condition(failed=True)
    assert control.enabled


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("holds", [False, True])
def test_an_if_runs_one_of_its_branches(control: Control, holds: bool, inverted: bool) -> None:
    begin_if(control, holds=holds, inverted=inverted)
    first = control.enabled
    assert first == (holds != inverted)
    control.otherwise()
    assert control.enabled != first
    control.fi()
    assert control.enabled


def test_an_if_in_a_branch_that_is_not_run_runs_neither_of_its_own(control: Control) -> None:
    begin_if(control, holds=False)
    begin_if(control, holds=True)
    assert not control.enabled
    control.otherwise()
    assert not control.enabled
    control.fi()
    assert not control.enabled
    control.otherwise()
    assert control.enabled


def test_only_one_result_is_the_condition(control: Control) -> None:
    begin_if(control, holds=True)
    assert not control.condition(failed=True)
    assert control.enabled


def test_a_loop_whose_condition_holds_goes_back_to_its_top(control: Control) -> None:
    begin_while(control, holds=True, top=42)
    assert control.enabled
    control.done()
    assert control.jump == 42


def test_a_loop_whose_condition_fails_is_skipped_and_goes_on(control: Control) -> None:
    begin_while(control, holds=False, top=42)
    assert not control.enabled
    control.done()
    assert control.enabled
    assert control.jump is None


@pytest.mark.parametrize("failed", [False, True])
def test_until_runs_while_its_condition_fails(control: Control, failed: bool) -> None:
    control.begin_loop("until", 7)
    control.condition(failed=failed)
    control.do()
    assert control.enabled == failed
    control.done()
    assert control.jump == (7 if failed else None)


def test_break_skips_to_done_and_leaves_the_ifs_of_the_loop(control: Control) -> None:
    begin_if(control, holds=True)
    begin_while(control, holds=True, top=7)
    begin_if(control, holds=True)
    control.leave_loop()
    assert not control.enabled
    control.done()
    assert control.enabled
    assert control.jump is None
    control.fi()


def test_break_outside_of_a_loop_does_nothing(control: Control) -> None:
    begin_if(control, holds=True)
    control.leave_loop()
    assert control.enabled
    control.fi()


def test_a_loop_in_a_branch_that_is_not_run_is_still_a_loop(control: Control) -> None:
    begin_if(control, holds=False)
    control.begin_loop("while", 7)
    assert not control.enabled
    control.do()
    assert not control.enabled


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_ifs_and_loops_nest_one_less_than_configured(depth: int) -> None:
    control = Control(depth + 1)
    for _ in range(depth):
        begin_if(control, holds=True)
        begin_while(control, holds=True)
    with pytest.raises(ControlError, match=r"^nsh: if: nesting too deep$"):
        control.begin_if(False)
    with pytest.raises(ControlError, match=r"^nsh: while: nesting too deep$"):
        control.begin_loop("while", 0)


@pytest.mark.parametrize("keyword", ["then", "otherwise", "fi", "do", "done"])
def test_a_keyword_without_its_beginning_is_not_valid_in_this_context(control: Control, keyword: str) -> None:
    word = "else" if keyword == "otherwise" else keyword
    with pytest.raises(ControlError, match=rf"^nsh: {word}: not valid in this context$"):
        getattr(control, keyword)()


def test_a_condition_is_no_place_for_another_one(control: Control) -> None:
    control.begin_if(False)
    with pytest.raises(ControlError, match=r"^nsh: while: not valid in this context$"):
        control.begin_loop("while", 0)
    with pytest.raises(ControlError, match=r"^nsh: if: not valid in this context$"):
        control.begin_if(False)


def test_an_error_in_the_nesting_forgets_all_of_its_kind(control: Control) -> None:
    begin_if(control, holds=False)
    begin_while(control, holds=True)
    with pytest.raises(ControlError):
        control.do()
    assert not control.enabled  # the loop is forgotten, the if is not
    control.otherwise()
    with pytest.raises(ControlError):
        control.otherwise()
    assert control.enabled


KEYWORDS = ("if", "if !", "then", "else", "fi", "while", "until", "do", "done", "break", "command")


@given(st.lists(st.tuples(st.sampled_from(KEYWORDS), st.booleans()), max_size=30))
def test_any_order_of_keywords_is_followed_or_refused_and_can_be_ended(steps: list[tuple[str, bool]]) -> None:
    control = Control(3)
    for keyword, failed in steps:
        try:
            follow(control, keyword)
        except ControlError as error:
            assert str(error).startswith("nsh: ")
        if control.enabled:
            control.condition(failed)
        assert 1 <= len(control.ifs) <= 3 and 1 <= len(control.loops) <= 3
    control.lose_ifs("fi", "over")
    control.lose_loops("done", "over")
    assert control.enabled


def follow(control: Control, keyword: str) -> None:
    """What the shell does about a keyword."""
    if keyword in ("while", "until"):
        control.begin_loop(keyword, 0)
    elif keyword in ("if", "if !"):
        control.begin_if(keyword == "if !")
    elif keyword == "else":
        control.otherwise()
    elif keyword == "break":
        control.leave_loop()
    elif keyword != "command":
        getattr(control, keyword)()
