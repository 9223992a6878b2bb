"""The line editor of a shell's session, as the board's configuration has it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from kernel.nsh.edit.history import History
from kernel.nsh.edit.readline import Readline, Stream

if TYPE_CHECKING:
    from kernel.kernel import Kernel

BITS_PER_CHAR = 10
CRLF_CHARS = 4
"""Characters' time in which an LF still belongs to the CR before it: it takes one, the shortest prompt more."""


def make_readline(
    kernel: Kernel, stdin: Stream, stdout: Stream, names: Callable[[], Collection[str]], *, echo: bool = True
) -> Readline:
    """An editor for one session; all sessions of a board share its history. ``names``: what Tab completes."""
    options = kernel.options
    edit, tab = bool(options["READLINE_EDIT"]), bool(options["READLINE_TABCOMPLETION"])
    history = _history(kernel) if options["READLINE_CMD_HISTORY"] else None
    return Readline(
        stdin,
        stdout,
        int(options["LINE_MAX"]),
        prompt=str(options["NSH_PROMPT_STRING"]).encode() if edit or tab else b"",
        names=names if tab else tuple,
        history=history,
        edit=edit,
        emacs=bool(options["READLINE_EDIT_EMACS"]),
        search=bool(options["READLINE_EDIT_EMACS_REVERSE_SEARCH"]),
        echo=echo,
        now=lambda: kernel.clock.now_ns,
        gap=CRLF_CHARS * BITS_PER_CHAR * 1_000_000_000 // int(options["UART_BAUD"]),
    )


def _history(kernel: Kernel) -> History:
    options = kernel.options
    if kernel.history is None:
        kernel.history = History(int(options["READLINE_CMD_HISTORY_LEN"]), int(options["READLINE_CMD_HISTORY_LINELEN"]))
    return kernel.history
