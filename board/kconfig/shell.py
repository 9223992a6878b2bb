"""The shell and the editing of its lines."""

from __future__ import annotations

from board.kconfig.option import flag, integer, string

SHELL = [
    string("NSH_PROMPT_STRING", "nsh> ", "the prompt"),
    integer("LINE_MAX", 80, "longest command line", low=16, high=4096),
    integer("NSH_MAXARGUMENTS", 7, "most arguments of a command", low=1, high=255),
    flag("READLINE_EDIT", True, "cursor keys, Home, End and Delete edit the command line"),
    flag("READLINE_EDIT_EMACS", False, "control characters edit it, as in Emacs", "READLINE_EDIT"),
    flag("READLINE_TABCOMPLETION", False, "Tab completes the names of commands"),
    flag("READLINE_CMD_HISTORY", False, "up and down bring earlier command lines back"),
    integer(
        "READLINE_CMD_HISTORY_LINELEN", 80, "bytes of a line that are kept", "READLINE_CMD_HISTORY", low=2, high=4096
    ),
    integer("READLINE_CMD_HISTORY_LEN", 16, "lines that are kept", "READLINE_CMD_HISTORY", low=1, high=65536),
    flag(
        "READLINE_EDIT_EMACS_REVERSE_SEARCH",
        True,
        "Ctrl-R searches them",
        "READLINE_EDIT_EMACS",
        "READLINE_CMD_HISTORY",
    ),
    flag("NSH_STRERROR", False, "error messages name the error instead of its number"),
    integer("NSH_NESTDEPTH", 3, "how deep if and while nest, the line itself included", low=1, high=255),
    flag("NSH_VARS", False, "the shell has variables of its own beside the environment, and export"),
    flag("NSH_ALIAS", True, "alias and unalias"),
    integer("NSH_ALIAS_MAX_AMOUNT", 1, "most aliases of a shell", "NSH_ALIAS", low=1, high=255),
]
