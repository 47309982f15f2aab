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
_SECRETS = {setting.name: setting for setting in SETTINGS if setting.secret}
_OTHER_NAMES = {"secret": "client_secret", "app_secret": "client_secret", "token": "jwt"}


def _plain(name: str) -> str:
    return name.lower().lstrip("-").replace("-", "_").removeprefix("kore_").removeprefix("campaign_export_")


def misplaced_secret(name: str, *, secrets_place: str = _SECRETS_PLACE) -> str | None:
    """What to say of a name or option that would hold a secret, and where it belongs instead; None: it would not."""
    plain = _plain(name).removesuffix("_file").removesuffix("_command")
    setting = _SECRETS.get(_OTHER_NAMES.get(plain, plain))
    if setting is None:
        return None
    place = secrets_place.format(name=setting.name, variable=setting.variable)
    return f"{name}: a secret does not belong here: {place}."


def table_problems(
    table: Mapping[str, Any], known: Collection[str], *, secrets_place: str = _SECRETS_PLACE
) -> Iterator[str]:
    """Names that are not `known`, and texts with control characters. `secrets_place`: where a secret belongs instead.

    A tab is allowed: it may be a separator.
    """
    for name, value in table.items():
        plain = _plain(name)
        if name in known:
            texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
            if any(has_control(text.replace("\t", "")) for text in texts):
                yield f"{name}: holds a control character."
        elif plain not in known and (problem := misplaced_secret(name, secrets_place=secrets_place)):
            yield problem
        else:
            near = plain if plain in known else nearest(plain, known)
            yield f"{name}: there is no such option" + (f"; did you mean {near}?" if near else ".")


def check_config(path: str, config: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse unknown names (with the nearest), secrets and control characters. Raises `SettingsError`."""
    problems = [f"{path}: {problem}" for problem in table_problems(config, known)]
    if problems:
        raise SettingsError(problems)
