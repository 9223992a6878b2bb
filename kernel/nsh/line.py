"""One command of a line: takes its words, follows keywords, redirections and pipes, and has it executed."""

from __future__ import annotations

from os import O_RDONLY
from types import TracebackType
from typing import TYPE_CHECKING

from kernel.fs.openfile import STDOUT
from kernel.fs.pipe import Pipe
from kernel.nsh.command import ARGINVALID, ERROR, OK, TOOMANYARGS, CallFailed, failed_call
from kernel.nsh.control import CONTEXT, ControlError
from kernel.nsh.execute import execute, save_result
from kernel.nsh.numbers import strtol
from kernel.nsh.parse import BLANKS, Cursor, ParseError, Word, expand, split_value
from kernel.nsh.redirect import JOINED, REPLACE, Redirects, operator_of

if TYPE_CHECKING:
    from kernel.nsh.shell import Shell

SPARE = 4  # words beyond CONFIG_NSH_MAXARGUMENTS that still find room


def run_command_line(shell: Shell, text: str) -> int:
    """Runs what stands between two semicolons. OK or ERROR. Raises ShellExit."""
    with Words(shell, text) as words:
        try:
            name = _keywords(shell, words)
        except ControlError as error:
            shell.complain(f"{error}\n")
            return save_result(shell, failed=True)
        if name is None or not shell.control.enabled:
            return OK
        return _run(shell, words, name)


def _run(shell: Shell, words: Words, name: str) -> int:
    redirects = Redirects()
    try:
        argv = _arguments(shell, words, name, redirects)
        if argv is None:
            return ERROR
        background = len(argv) > 1 and argv[-1] == "&"
        if background:
            argv.pop()
        _count(shell, name, argv)
        return execute(shell, argv, redirects, background)
    finally:
        redirects.close()


class Words:
    """The words of a command, expanded as they are taken. An alias in them is used once until the command is over."""

    def __init__(self, shell: Shell, text: str) -> None:
        self._shell = shell
        self._cursor = Cursor(text)
        self._aliased: set[str] = set()

    def __enter__(self) -> Words:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._shell.aliases_in_use -= self._aliased

    def next(self) -> tuple[str, bool] | None:
        """The next word and whether its value has to be split; None at the end, or after a complaint about a quote."""
        try:
            word = self._cursor.word()
            return None if word is None else self._expand(word)
        except ParseError as error:
            self._shell.complain(f"{error}\n")
            return None

    def command(self) -> str | None:
        """The next word where a command stands: an alias is replaced there, and a value never split."""
        try:
            word = self._cursor.word()
            return None if word is None else self._expand(self._unalias(word))[0]
        except ParseError as error:
            self._shell.complain(f"{error}\n")
            return None

    def _expand(self, word: Word) -> tuple[str, bool]:
        """A word without a bracket or back-quote that it needs is complained about, and empty."""
        shell = self._shell
        try:
            return expand(word, shell.lookup, lambda command: _output(shell, command))
        except ParseError as error:
            shell.complain(f"{error}\n")
            return "", False

    def _unalias(self, word: Word) -> Word:
        """The first word of what an alias stands for; the rest of that goes before what follows."""
        value = self._shell.aliases.get(word.text)
        if value is None or word.quoted or word.text in self._shell.aliases_in_use:
            return word
        self._aliased.add(word.text)
        self._shell.aliases_in_use.add(word.text)
        length = next((i for i, c in enumerate(value) if c in BLANKS), len(value))
        if length < len(value):
            self._cursor = Cursor(f"{value[length + 1 :]} {self._cursor.rest()}")
        return Word(value[:length])


# Keywords


def _keywords(shell: Shell, words: Words) -> str | None:
    """Follows keywords up to the command that they introduce, if there is one. Raises ControlError."""
    name = words.command()
    if name is not None:
        name = _loop_keyword(shell, words, name)
    if name is not None:
        name = _if_keyword(shell, words, name)
    if name == "nice":
        name = _nice(words)
    return name


def _loop_keyword(shell: Shell, words: Words, name: str) -> str | None:
    control = shell.control
    if name in ("while", "until"):
        command = words.command()
        if not command:
            raise control.lose_loops(name, ARGINVALID)
        control.begin_loop(name, shell.place)
        return command
    if name == "do":
        command = words.command()
        control.do()
        return command
    if name == "done":
        if words.command() is not None:
            raise control.lose_loops("done", ARGINVALID)
        control.done()
        return None
    if control.in_loop_condition():
        raise control.lose_loops(name, CONTEXT)
    return name


def _if_keyword(shell: Shell, words: Words, name: str) -> str | None:
    control = shell.control
    if name == "if":
        command = words.command()
        inverted = command == "!"
        if inverted:
            command = words.command()
        if not command:
            raise control.lose_ifs("if", ARGINVALID)
        control.begin_if(inverted)
        return command
    if name in ("then", "else"):
        command = words.command()
        control.then() if name == "then" else control.otherwise()
        return command
    if name == "fi":
        if words.command() is not None:
            raise control.lose_ifs("fi", ARGINVALID)
        control.fi()
        return None
    if control.in_if_condition():
        raise control.lose_ifs(name, CONTEXT)
    return name


def _nice(words: Words) -> str | None:
    """``nice [-d N]`` is taken and, as in NuttX, has no effect on what it introduces. Raises ControlError."""
    name = words.command()
    given = words.command() if name == "-d" else None
    if given is None:
        return name
    niceness = strtol(given)
    if niceness is None or not -20 <= niceness <= 19:
        raise ControlError("nice", ARGINVALID)
    return words.command()


# Arguments


def _arguments(shell: Shell, words: Words, name: str, redirects: Redirects) -> list[str] | None:
    """The argument vector of the last command of a pipeline; the others are started on the way. None: it is over."""
    limit = shell.maxarguments + SPARE
    argv = [name]
    while len(argv) < limit and (taken := words.next()) is not None:
        *first, word = split_value(taken[0]) if taken[1] else [taken[0]]
        argv += first
        operator = operator_of(word)
        if word.startswith(JOINED):
            redirects.joined = True
        elif operator is not None:
            path = word[len(operator[0]) :] or _word(words)
            if path is None:
                shell.error(name, ARGINVALID)
                return None
            redirects.add(operator, path)
        elif word.startswith("|"):
            following = word[1:] or _word(words)
            if following is None:
                shell.error(name, ARGINVALID)
                return None
            if not _start_left(shell, argv, redirects):
                return None
            argv = [following]
        else:
            argv.append(word)
    return argv[:limit]


def _count(shell: Shell, name: str, argv: list[str]) -> None:
    """Complains about too many arguments, in the name of the line's first command. An application gets them anyway."""
    if len(argv) > shell.maxarguments:
        shell.error(name, TOOMANYARGS)


def _word(words: Words) -> str | None:
    taken = words.next()
    return None if taken is None else taken[0]


def _start_left(shell: Shell, argv: list[str], redirects: Redirects) -> bool:
    """Starts what stands left of a pipe, in a shell of its own beside this one; the pipe is for what follows.

    False: it could not be started, or there is no room for a pipe.
    """
    try:
        reading, redirects.pipe_out = Pipe(shell.kernel).ends()
    except OSError as error:
        shell.errno = error.errno or 0
        return False  # and says nothing, as NuttX
    try:
        result = execute(shell, ["sh", "-c", " ".join(argv)], redirects, background=True)
    except BaseException:
        reading.close()
        raise
    redirects.close()
    redirects.pipe_in = reading
    return result == OK


# Back-quotes


def _output(shell: Shell, text: str) -> str:
    """What a command prints, without the blanks at its end; "" after a failure, which is complained about.

    It goes through a file in CONFIG_LIBC_TMPDIR, as in NuttX. Only words are looked for: no redirection, no pipe.
    """
    path = f"{shell.kernel.options['LIBC_TMPDIR']}/TMP{shell.sys.getpid()}.dat"
    with Words(shell, text) as words:
        name = words.command()
        if name is not None and shell.control.enabled and _run_into(shell, words, name, path) != OK:
            return _failed_output(shell, "exec", shell.errno)
    try:
        shell.kernel.vfs.find(path)
    except OSError as error:
        _failed_output(shell, "stat", error.errno or 0)
        return _failed_output(shell, "unlink", error.errno or 0)
    try:
        with shell.kernel.vfs.open(path, O_RDONLY) as file:
            data = file.read(file.size())
        shell.kernel.vfs.unlink(path)
    except OSError as error:
        return _failed_output(shell, failed_call(error, "open").call, error.errno or 0)
    return data.decode("utf-8", "surrogateescape").rstrip(BLANKS)


def _run_into(shell: Shell, words: Words, name: str, path: str) -> int:
    """Runs a command whose output is for a file."""
    argv = [name]
    limit = shell.maxarguments + SPARE
    while len(argv) < limit and (taken := words.next()) is not None:
        argv.append(taken[0])
    _count(shell, name, argv)
    redirects = Redirects()
    redirects.add((">", STDOUT, REPLACE), path)
    return execute(shell, argv, redirects)


def _failed_output(shell: Shell, call: str, errno: int) -> str:
    shell.error("``", CallFailed(call, errno).message(shell.strerror))
    return ""
