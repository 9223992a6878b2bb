"""The command ``nutloop``: demo, run, console, boards, options.

Exit codes: 0 it ran and ended as asked; 1 the board crashed or the demo failed; 2 the command line makes no sense; 3
the board cannot start (configuration refused, TAP or file not to be had, C core not built).
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from lab.run import NoStart, run

OK, FAILED, USAGE, NO_START = 0, 1, 2, 3
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EIO)  # what a standard output is that takes no more
EXIT_CODES = "exit codes: 0 ended as asked, 1 the run failed, 2 usage, 3 the board cannot start"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code. argparse itself exits with 0 after --help, with 2 for a wrong usage."""
    _open_standard_streams()
    try:
        code = _main(list(sys.argv[1:] if argv is None else argv))
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be written has to be found here
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what the interpreter has yet to flush
        if error.errno != errno.EPIPE:  # then whoever read it has enough
            print(f"nutloop: standard output cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    return code


def _main(words: list[str]) -> int:
    cut = words.index("--") if "--" in words else len(words)
    parser = _parser()
    arguments = parser.parse_args(words[:cut])
    arguments.others = words[cut + 1 :]
    if arguments.others and arguments.verb is not _console:
        parser.error("-- leads to miniterm's options: nutloop console ... -- ...")
    try:
        code: int = arguments.verb(arguments)
    except NoStart as error:
        print(f"nutloop: {error}", file=sys.stderr)
        return NO_START
    return code


def command() -> int:
    """main() as a process of its own, which a late Ctrl-C does not kill on its way out."""
    try:
        return main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open_standard_streams() -> None:
    """A closed one (``<&-``) is /dev/null: the next file to be opened would get its number, and the console with it."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the smallest free number, this one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nutloop",
        description="A virtual microcontroller board with a NuttX-like kernel, on a test bench.",
        epilog="examples:\n  nutloop demo\n  nutloop run --console pty\n\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show versions and exit")
    verbs = parser.add_subparsers(required=True, metavar="demo | run | console | boards | options")
    demo = _verb(verbs, "demo", _demo, "show what it does, in two seconds", ["nutloop demo", "nutloop demo --seed 7"])
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the run (default: %(default)s)")
    run = _verb(
        verbs,
        "run",
        _run,
        "boot a board and use its shell; time follows the wall clock",
        [
            "nutloop run --profile stm32f7 --set IOB_NBUFFERS=36",
            "printf 'ifconfig\\npoweroff\\n' | nutloop run --tap tap0 --capture out.pcapng",
        ],
    )
    _run_options(run)
    console = _verb(
        verbs,
        "console",
        _console,
        "open a console in this terminal, with pyserial's miniterm; leave with Ctrl-]",
        ["nutloop console stm32f7", "nutloop console rfc2217://127.0.0.1:2217 -- --raw --eol LF"],
    )
    console.add_argument(
        "where",
        nargs="?",
        default="sim",
        metavar="BOARD | DEVICE | URL",
        help="a new board of that profile or .config (default: sim), the path of a pseudo-terminal, or a URL of "
        "pyserial's, among them nutloop://new/PROFILE?KEY=VALUE; what follows -- is for miniterm, see `-- --help`",
    )
    _verb(verbs, "boards", _boards, "list the boards there are", ["nutloop boards", "nutloop boards | cut -d' ' -f1"])
    options = _verb(
        verbs,
        "options",
        _options,
        "list what can be configured, in the form of a .config file",
        ["nutloop options iob", "nutloop options --profile stm32f7 > my.config && nutloop run --config my.config"],
    )
    options.add_argument("words", nargs="*", metavar="WORD", help="only those with it in their name or meaning")
    _board_options(options)
    return parser


def _verb(verbs: Any, name: str, call: Any, text: str, examples: list[str]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog="examples:\n" + "".join(f"  {line}\n" for line in examples) + "\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=call)
    return parser


def _board_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--profile", default="sim", metavar="NAME", help="the board, see `nutloop boards` (default: sim)")
    verb.add_argument("--config", metavar="FILE", help="a NuttX .config or defconfig, on that board's hardware")
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="change a Kconfig option, see `nutloop options`; repeatable",
    )


def _run_options(run: argparse.ArgumentParser) -> None:
    _board_options(run)
    run.add_argument(
        "--console",
        type=_attachment,
        default=("stdio", {}),
        metavar="stdio | pty[:LINK] | rfc2217[:PORT]",
        help="this terminal or pipe, with whose end the run ends (leave a terminal with Ctrl-] or Ctrl-A x), a "
        "pseudo-terminal, or a TCP port of this host for RFC 2217 clients, whose name is printed",
    )
    run.add_argument("--tap", metavar="NAME", help="connect eth0, 10.0.1.2/24, to this TAP interface of the host")
    run.add_argument("--capture", metavar="FILE", help="write eth0's frames to a pcapng file")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the board's free choices")


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _attachment(text: str) -> tuple[str, dict[str, Any]]:
    kind, _, more = text.partition(":")
    if kind == "rfc2217" and more.isdecimal():
        if int(more) > 65535:
            raise argparse.ArgumentTypeError(f"{more} is no TCP port: give 1 to 65535, or none for one that is free")
        return kind, {"port": int(more)}
    if kind == "pty" and more:
        return kind, {"link": more}
    if text not in ("stdio", "pty", "rfc2217"):
        raise argparse.ArgumentTypeError(f"{text!r} is not stdio, pty[:LINK] or rfc2217[:PORT]")
    return kind, {}


class _Version(argparse.Action):
    """--version, which alone pays for importing the package metadata: 12 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(_version(), flush=True)
        parser.exit()


def _version() -> str:
    from importlib import metadata

    def of(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return "not installed"

    return f"nutloop {of('nutloop')} (scapy {of('scapy')}, pyserial {of('pyserial')}, greenlet {of('greenlet')})"


def _load() -> None:
    """Imports the core. Raises NoStart if it was not built."""
    try:
        import kernel.core  # noqa: F401
    except ImportError as error:
        raise NoStart(str(error).removeprefix("nutloop: ")) from error


# The verbs


def _demo(arguments: argparse.Namespace) -> int:
    _load()
    from kernel.errors import BenchError
    from lab.demo import demo

    try:
        return OK if demo(arguments.seed, print) else FAILED
    except BenchError as error:
        print(f"nutloop: the demo failed: {error}", file=sys.stderr)
        return FAILED


def _boards(arguments: argparse.Namespace) -> int:
    _load()
    from lab.listing import boards

    for line in boards():
        print(line)
    return OK


def _options(arguments: argparse.Namespace) -> int:
    _load()
    from board.config import Config
    from board.kconfig import ConfigError
    from lab.listing import options

    try:
        config = Config(arguments.profile, config=arguments.config, **dict(arguments.set))
    except ConfigError as error:
        raise NoStart(str(error)) from error
    lines = list(options(config, arguments.words))
    for line in lines:
        print(line)
    if not lines:
        print(f"nutloop: no option has {' or '.join(arguments.words)} in its name or meaning", file=sys.stderr)
    return OK if lines else FAILED


def _run(arguments: argparse.Namespace) -> int:
    _load()
    return OK if run(arguments) else FAILED


def _console(arguments: argparse.Namespace) -> int:
    _load()
    from kernel.errors import BenchError
    from lab.terminal import run_miniterm

    try:
        status = run_miniterm(arguments.where, arguments.others)
    except BenchError as error:
        print(f"nutloop: the run failed: {error}", file=sys.stderr)
        return FAILED
    return NO_START if status == 1 else status


if __name__ == "__main__":
    sys.exit(command())
