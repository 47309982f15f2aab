"""The TOML configuration file: options and settings that are no secret, under the options' names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from exporter.errors import SettingsError
from exporter.settings import SETTINGS
from exporter.text import has_control
from jobs.support.lazy_imports import lazy_imports
from jobs.support.param_types import nearest

with lazy_imports(__name__):
    from tomllib import loads

    from exporter.settings_reader import read_text_file


def read_toml(path: str) -> dict[str, Any]:
    """The names and values of a TOML file. Raises `SettingsError`."""
    try:
        return loads(read_text_file(path))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise SettingsError(f"{path} is nested too deeply.") from None
    except ValueError as error:
        raise SettingsError(f"{path} is not TOML: {str(error).splitlines()[0]}.") from None


_SECRETS_PLACE = "set {variable}, or {variable}_FILE to the path of a file that holds it"


def table_problems(
    table: Mapping[str, Any], known: Collection[str], *, secrets_place: str = _SECRETS_PLACE
) -> Iterator[str]:
    """Names that are not `known`, and texts with control characters. `secrets_place`: where a secret belongs instead.

    A tab is allowed: it may be a separator.
    """
    secrets = {setting.name: setting.variable for setting in SETTINGS if setting.secret}
    for name, value in table.items():
        plain = name.lower().replace("-", "_").removeprefix("kore_").removeprefix("campaign_export_")
        if name in known:
            texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
            if any(has_control(text.replace("\t", "")) for text in texts):
                yield f"{name}: holds a control character."
        elif (hint := plain.removesuffix("_file").removesuffix("_command")) in secrets and plain not in known:
            yield f"{name}: a secret does not belong here: {secrets_place.format(name=hint, variable=secrets[hint])}."
        else:
            near = plain if plain in known else nearest(plain, known)
            yield f"{name}: there is no such option" + (f"; did you mean {near}?" if near else ".")


def check_config(path: str, config: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse unknown names (with the nearest), secrets and control characters. Raises `SettingsError`."""
    problems = [f"{path}: {problem}" for problem in table_problems(config, known)]
    if problems:
        raise SettingsError(problems)
