"""Commands about time: date, time, watch."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.nsh.command import ARGINVALID, OK, TOOMANYARGS, CallFailed, Command, CommandError
from kernel.nsh.commands.options import getopt
from kernel.nsh.numbers import atoi
from kernel.realtime import NS, calendar, seconds
from kernel.strftime import MONTHS, strftime

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.nsh.shell import Shell

FORMAT = "%a, %b %d %H:%M:%S %Y"
MAX_TIME_STRING = 80
FIELDS = ((1, 31), (0, 23), (0, 59), (0, 61), (1900, 2100))  # day, hour, minute, second, year
FOR_EVER = 2**31 - 1

_MOMENT = re.compile(
    r"[ \t]*([A-Za-z]{3})[^ \t]*[ \t]+([^ \t]+)"  # month and day
    r"[ \t][ \t:]*([^ \t:]+)[ \t:]+([^ \t:]+)[ \t:]+([^ \t:]+)[ \t:][ \t]*([^ \t]+)"  # time of day, and year
)
_MONTHS = [name[:3].lower() for name in MONTHS]


def date(shell: Shell, argv: list[str]) -> int:
    """Shows the time of day, in a format of one's own after a +, or sets it with -s. -u changes nothing: it is UTC."""
    given, rest = getopt(argv, "s:u")
    if any(letter == "?" for letter, _ in given):
        raise CommandError(ARGINVALID)
    formats = [rest.pop(0)[1:]] if rest and rest[0].startswith("+") else [FORMAT]
    if rest:
        raise CommandError(TOOMANYARGS)
    times = [value for option, value in given if option == "s"]
    realtime = shell.kernel.realtime
    if times:
        realtime.settime(seconds(_moment(times[-1])) * NS)
    else:
        shell.write(strftime(formats[0], realtime.now())[: MAX_TIME_STRING - 1] + "\n")
    return OK


def _moment(text: str) -> datetime:
    """What ``MMM DD HH:MM:SS YYYY`` says. Of a word only the beginning has to be right. Raises CommandError."""
    match = _MOMENT.match(text)
    if match is None or match[1].lower() not in _MONTHS:
        raise CommandError(ARGINVALID)
    numbers = [atoi(word) for word in match.groups()[1:]]
    if not all(low <= number <= high for number, (low, high) in zip(numbers, FIELDS, strict=True)):
        raise CommandError(ARGINVALID)
    day, hour, minute, second, year = numbers
    midnight = calendar(year, _MONTHS.index(match[1].lower()) + 1, day)
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second)


def time(shell: Shell, argv: list[str]) -> int:
    """How long a command takes. One that fails is not timed."""
    start = shell.sys.now_ns
    result = shell.run_inner_line(argv[0], argv[1])
    if result == OK:
        elapsed = shell.sys.now_ns - start
        shell.write(f"\n{elapsed // NS}.{elapsed % NS // 100_000:04} sec\n")
    return result


def watch(shell: Shell, argv: list[str]) -> int:
    """Runs a command every 2 seconds, or -n seconds, for ever or -c times; until it fails, or until Ctrl-C."""
    given, commands = getopt(argv, "n:c:")
    if not commands or any(letter == "?" for letter, _ in given):
        raise CommandError(ARGINVALID)
    numbers = {option: atoi(value) for option, value in given}
    interval, count = numbers.get("n", 2), numbers.get("c", FOR_EVER)
    for _ in range(count if count >= 0 else FOR_EVER):
        if shell.run_inner_line(argv[0], commands[0]) != OK:
            raise CallFailed(commands[0], shell.errno)
        shell.sys.sleep(interval if interval >= 0 else interval + 2**32)
    return OK


DATE = Command("date", date, '[-s "MMM DD HH:MM:SS YYYY"] [-u] [+format]', most=3)
TIME = Command("time", time, '"<command>"', least=1, most=1)
WATCH = Command("watch", watch, "[-n] interval [-c] count <command>", least=1, most=5)

COMMANDS = (DATE, TIME, WATCH)
