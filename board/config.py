"""The configuration of one board: a profile or a NuttX .config file, and what the caller changes of it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from board.defconfig import Setting, format_setting, parse_value, read_defconfig
from board.kconfig import OPTIONS, ConfigError, Option, Value
from board.rules import refusals, warnings

PROFILES = Path(__file__).parent / "profiles"


def profile_names() -> list[str]:
    """The names of the profiles that come with nutloop, sorted."""
    return sorted(path.stem for path in PROFILES.glob("*.defconfig"))


class UnknownOption(KeyError):
    """No option has that name. What may have been meant is looked for when somebody reads it: get() raises many."""

    def __str__(self) -> str:
        return _unknown(self.args[0])


class Config(Mapping[str, Value]):
    """Every option of a board with its value, by NuttX's name without ``CONFIG_``. It cannot be changed.

    Three layers, later ones winning: Kconfig's defaults; the profile's file or the .config file; keyword overrides. A
    default that depends on other options follows them inside the file, as NuttX's own tools do it. An override changes
    the option it names and no other, except that options which need one that was switched off are off with it.

    ``unmodelled`` holds what the .config file switches on and the board does not have, name without prefix to the text
    of its value; ``implied`` what the file does not mention but other lines of it need: there it was selected by an
    option that the board does not know; ``ignored`` what the file sets although it switches off what that needs;
    ``warnings`` what may surprise.
    """

    def __init__(
        self, profile: str = "sim", *, config: str | os.PathLike[str] | None = None, **overrides: object
    ) -> None:
        """Reads the profile and applies `overrides`.

        With `config`, the path of a NuttX .config or defconfig, only the virtual hardware (``NUTLOOP_`` lines) is taken
        from `profile`, and the file may have such lines too. A path as `profile` means that file on the hardware of
        ``sim``. Raises ConfigError for an unknown profile, file, option or value, and for a configuration that NuttX's
        build refuses.
        """
        if profile not in profile_names():
            if config is not None or not os.path.exists(profile):
                known = ", ".join(profile_names())
                raise ConfigError(f"no profile and no file {profile!r}; give one of {known}, or the path of a .config")
            profile, config = "sim", profile
        self.profile = profile
        self.source = Path(config) if config is not None else PROFILES / f"{profile}.defconfig"
        self.unmodelled: dict[str, str] = {}

        settings = read_defconfig(PROFILES / f"{profile}.defconfig")
        if config is not None:
            hardware = [setting for setting in settings if setting.prefix == "NUTLOOP_"]
            settings = hardware + read_defconfig(self.source)
        given = self._apply(settings)
        self.implied = _imply_dependencies(given)
        values = _resolve(given)
        self.ignored = sorted(name for name, value in given.items() if values[name] != value)

        if overrides:
            changed = _parse_overrides(overrides)
            fixed = {name: value for name, value in values.items() if _is_available(OPTIONS[name], values)}
            values = _resolve({**fixed, **changed})
            _check_dependencies(changed, values)
        self._values = values

        reasons = list(refusals(values.__getitem__))
        if reasons:
            raise ConfigError(f"{self.source.name} with {_describe(overrides)}: " + "; ".join(reasons))
        self.warnings = list(warnings(values.__getitem__))

    def __getitem__(self, name: str) -> Value:
        try:
            return self._values[name]
        except KeyError:
            raise UnknownOption(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def flag(self, name: str) -> bool:
        """The value of a bool option."""
        return bool(self[name])

    def number(self, name: str) -> int:
        """The value of an int or hex option."""
        return int(self[name])

    def text(self, name: str) -> str:
        """The value of a string or choice option."""
        return str(self[name])

    def save(self) -> str:
        """The whole configuration as the text of a file that gives the same one again."""
        lines = [
            format_setting(option, self._values[option.name])
            for option in OPTIONS.values()
            if option.modelled and not option.derived and _is_available(option, self._values)
        ]
        return "\n".join(lines) + "\n"

    def _apply(self, settings: list[Setting]) -> dict[str, Value]:
        """The values a file gives to options the board knows; the others are noted."""
        given: dict[str, Value] = {}
        for setting in settings:
            option = OPTIONS.get(setting.name)
            if option is not None and option.prefix == setting.prefix:
                if not option.derived:
                    given[setting.name] = parse_value(option, setting.text, setting.where)
            elif setting.prefix == "NUTLOOP_":
                raise ConfigError(f"{setting.where}: {_unknown(setting.name)}")
            if option is None or not option.modelled:
                self.unmodelled.pop(setting.name, None)
                if setting.text != "n":
                    self.unmodelled[setting.name] = setting.text
        return given


def _imply_dependencies(given: dict[str, Value]) -> list[str]:
    """Switches on in `given` what its options depend on and it is silent about; returns those names.

    NuttX writes an option to a file only if its dependencies are met, and leaves out of a defconfig what another option
    selects: a board's Wi-Fi driver selects NET, for example.
    """
    implied = []
    wanted = [name for name, value in given.items() if value is not False]
    while wanted:
        for name in OPTIONS[wanted.pop()].depends:
            option = OPTIONS[name]
            if name not in given and option.kind == "bool" and not option.derived and option.default is not True:
                given[name] = True
                implied.append(name)
                wanted.append(name)
    return sorted(implied)


def _is_available(option: Option, values: Mapping[str, Value]) -> bool:
    return all(values[name] for name in option.depends)


def _resolve(given: Mapping[str, Value]) -> dict[str, Value]:
    """The value of every option: what is given where its dependencies are met, else its default."""
    values: dict[str, Value] = {}

    def get(name: str) -> Value:
        if name not in values:
            option = OPTIONS[name]
            available = all(get(other) for other in option.depends)
            if name in given and available and not option.derived:
                values[name] = given[name]
            elif option.kind == "bool" and not available:
                values[name] = False
            else:
                values[name] = option.default(get) if callable(option.default) else option.default
        return values[name]

    return {name: get(name) for name in OPTIONS}


def _parse_overrides(overrides: Mapping[str, object]) -> dict[str, Value]:
    changed = {}
    for key, given in overrides.items():
        name = key.removeprefix("CONFIG_").removeprefix("NUTLOOP_")
        option = OPTIONS.get(name)
        if option is None:
            raise ConfigError(_unknown(key))
        if option.derived:
            raise ConfigError(f"{name} cannot be set, it follows from other options ({option.help})")
        if not option.modelled:
            raise ConfigError(f"{name} is an option of NuttX that the board does not model ({option.help})")
        changed[name] = parse_value(option, given)
    return changed


def _check_dependencies(changed: Mapping[str, Value], values: Mapping[str, Value]) -> None:
    for name, value in changed.items():
        missing = [other for other in OPTIONS[name].depends if not values[other]]
        if missing and value is not False:
            needs = " and ".join(missing)
            raise ConfigError(f"{name} has no effect without {needs}: set {needs} too, or leave {name} out")


def _unknown(key: str) -> str:
    name = key.removeprefix("CONFIG_").removeprefix("NUTLOOP_")
    names = {option.name.upper(): option.name for option in OPTIONS.values() if option.modelled}
    close = [names[match] for match in difflib.get_close_matches(name.upper(), names, n=3, cutoff=0.6)]
    hint = f"did you mean {' or '.join(close)}?" if close else "`nutloop options` lists them all"
    return f"unknown option {name}; {hint}"


def _describe(overrides: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in overrides.items()) or "no overrides"
