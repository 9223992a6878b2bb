"""Reads and writes NuttX's .config and defconfig files: ``CONFIG_X=value``, ``# CONFIG_X is not set``, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from board.kconfig import ConfigError, Option, Value

_SETTING = re.compile(r"(CONFIG_|NUTLOOP_)(\w+)=(.*)")
_NOT_SET = re.compile(r"# (CONFIG_|NUTLOOP_)(\w+) is not set")


@dataclass(frozen=True)
class Setting:
    """One line of a file: the option's prefix and name, the text of its value, and where that was read."""

    prefix: str
    name: str
    text: str
    where: str


def read_defconfig(path: Path) -> list[Setting]:
    """The settings of a file, in its order.

    Raises ConfigError if the file cannot be read, or for a line that is neither a setting nor a comment.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read the configuration {path}: it is not text; is this a NuttX .config?") from error
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    settings = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        where = f"{path}:{number}"
        if match := _SETTING.fullmatch(text):
            settings.append(Setting(match[1], match[2], match[3], where))
        elif match := _NOT_SET.fullmatch(text):
            settings.append(Setting(match[1], match[2], "n", where))
        elif text and not text.startswith("#"):
            raise ConfigError(f"{where}: {text!r} is neither CONFIG_NAME=value nor a comment; is this a NuttX .config?")
    return settings


def parse_value(option: Option, given: object, where: str = "") -> Value:
    """`given`, which is a file's text or a keyword's value, as a value of `option`.

    Raises ConfigError, beginning with `where` if there is one, if it is not one or is out of the option's range.
    """
    match option.kind:
        case "bool":
            return _parse_bool(option, given, where)
        case "string":
            return _parse_string(option, given, where)
        case "choice":
            return _parse_choice(option, given, where)
        case "number":
            return _in_range(option, _parse_fraction(option, given, where), where)
        case _:
            return _in_range(option, _parse_int(option, given, where), where)


def format_setting(option: Option, value: Value) -> str:
    """The line that sets `option` to `value` in a .config."""
    name = option.prefix + option.name
    if option.kind == "bool":
        return f"{name}=y" if value else f"# {name} is not set"
    if option.kind == "hex":
        return f"{name}=0x{int(value):08x}"
    if option.kind == "string":
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{escaped}"'
    if isinstance(value, Fraction) and value.denominator != 1:
        return f"{name}={float(value)!r}"
    return f"{name}={value}"


def _parse_bool(option: Option, given: object, where: str) -> bool:
    if isinstance(given, bool):
        return given
    if given in ("y", "n"):
        return given == "y"
    raise _rejection(option, given, where, "y or n (True or False)")


def _parse_string(option: Option, given: object, where: str) -> str:
    if isinstance(given, str):
        return _unquote(given)
    raise _rejection(option, given, where, "a string")


def _parse_choice(option: Option, given: object, where: str) -> str:
    text = _unquote(given) if isinstance(given, str) else given
    if isinstance(text, str) and text in option.choices:
        return text
    raise _rejection(option, given, where, "one of " + ", ".join(option.choices))


def _parse_int(option: Option, given: object, where: str) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str):
        try:
            if option.kind == "hex":
                return int(IPv4Address(given)) if given.count(".") == 3 else int(given, 16)
            return int(given, 0)
        except (ValueError, AddressValueError):
            pass
    wanted = "an address or a hexadecimal number" if option.kind == "hex" else "an integer"
    raise _rejection(option, given, where, wanted)


def _parse_fraction(option: Option, given: object, where: str) -> Fraction:
    if isinstance(given, int | float | Fraction | str) and not isinstance(given, bool):
        try:
            return Fraction(str(given))
        except (ValueError, ZeroDivisionError):  # also for the floats nan and inf
            pass
    raise _rejection(option, given, where, "a number")


def _in_range(option: Option, value: int | Fraction, where: str) -> int | Fraction:
    if option.low <= value <= option.high:
        return value
    allowed = f"allowed is {option.low} to {option.high}"
    raise _refusal(where, f"{option.name}={value} is out of range: {option.help}; {allowed}")


def _rejection(option: Option, given: object, where: str, wanted: str) -> ConfigError:
    return _refusal(where, f"{option.name}={given!r} is not {wanted}: {option.help}")


def _refusal(where: str, text: str) -> ConfigError:
    return ConfigError(f"{where}: {text}" if where else text)


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
