"""The TOML configuration file: options and settings that are no secret, under the options' names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from exporter.errors import SettingsError
from exporter.settings import SETTINGS, read_small_file
from exporter.text import has_control


def read_config(path: str) -> dict[str, Any]:
    """The names and values of a TOML configuration file. Raises `SettingsError`."""
    import tomllib

    try:
        return tomllib.loads(read_small_file(path).decode("utf-8"))
    except OSError as error:
        raise SettingsError(f"--config: {path} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise SettingsError(f"--config: {path} is nested too deeply.") from None
    except ValueError as error:
        raise SettingsError(f"--config: {path} is not TOML: {str(error).splitlines()[0]}.") from None


def check_config(config: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse names that no option has, suggesting the nearest, and secrets. Raises `SettingsError`."""
    problems = list(_config_faults(config, known))
    if problems:
        raise SettingsError(problems)


def _config_faults(config: Mapping[str, Any], known: Collection[str]) -> Iterable[str]:
    secrets = {setting.name: setting.variable for setting in SETTINGS if setting.secret}
    for name, value in config.items():
        plain = name.lower().replace("-", "_").removeprefix("kore_")
        if plain.removesuffix("_file") in secrets:
            variable = secrets[plain.removesuffix("_file")]
            yield f"--config: {name} is a secret and belongs into {variable} or the file that {variable}_FILE names."
        elif name not in known:
            import difflib

            near = [plain] if plain in known else difflib.get_close_matches(plain, known, 1, 0.5)
            yield f"--config: there is no option {name!r}" + (f"; did you mean {near[0]}?" if near else ".")
        else:
            values = value if isinstance(value, list) else [value]
            if not all(isinstance(entry, str | int | float) for entry in values):
                yield f"--config: {name} must be one value or a list of texts; a date or a table is neither."
            elif any(isinstance(entry, str) and has_control(entry) for entry in values):
                yield f"--config: {name} holds a control character."
