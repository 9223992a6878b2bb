"""What `nutloop boards` and `nutloop options` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from board.config import Config, profile_names
from board.defconfig import format_setting
from board.kconfig import INT_MAX, OPTIONS, Option
from board.profile import hardware, profile_summary


def boards() -> Iterator[str]:
    """Two lines for each profile: what it is for, what it has."""
    for name in profile_names():
        config = Config(name)
        hw = hardware(config)
        what = (
            f"{hw.ncpus} CPU{'s' if hw.ncpus > 1 else ''}",
            f"{hw.ram_size >> 10} KiB RAM",
            f"{config['IOB_NBUFFERS']} IOBs of {config['IOB_BUFSIZE']} bytes",
            f"link {hw.link_mbps} Mbit/s",
        )
        yield f"{name:<12} {profile_summary(name)}"
        yield f"{'':12} {', '.join(what)}"


def options(config: Config, words: Sequence[str]) -> Iterator[str]:
    """The options that can be set and have a word of these in name or meaning, with their values, as a .config file."""
    wanted = [word.removeprefix("CONFIG_").removeprefix("NUTLOOP_").lower() for word in words]
    for option in OPTIONS.values():
        text = f"{option.name} {option.help}".lower()
        if option.derived or not option.modelled or (wanted and not any(word in text for word in wanted)):
            continue
        yield f"# {option.help}{_limits(option)}"
        yield format_setting(option, config[option.name])


def _limits(option: Option) -> str:
    """What a value has to be, and what the option needs."""
    if option.kind == "choice":
        limits = " or ".join(option.choices)
    elif option.kind in ("int", "hex", "number") and option.high < INT_MAX:
        limits = f"{option.low} to {option.high}"
    else:
        limits = ""
    needs = f"needs {', '.join(option.depends)}" if option.depends else ""
    more = "; ".join(text for text in (limits, needs) if text)
    return f" ({more})" if more else ""
