"""`FLEET.toml`: whose accounts, and how each is exported.

out = "exports"                       # DEST; each account gets DEST/account=<id>/
[defaults]                            # options of `snapshot`, for all accounts
rate = ["60/1m"]
[[account]]
name = "north"                        # shown in the results; the account ID, if not given
host = "platform.kore.ai"
stream_id = "st-…"
account_id = "66f0…"
client_id = "cs-…"
client_secret_env = "NORTH_SECRET"    # the variable, or client_secret_file: the file, where the account runs
ids = "north.csv"                     # or a list of IDs; without it: all that the list call finds
keep = 14                             # any option of `snapshot`

Paths are those of the machine that runs the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from exporter.errors import InputError
from exporter.ids.campaign_ids import CampaignIds, ids_of
from exporter.pipeline.fleet import Account
from exporter.settings import SETTINGS
from jobs.support.command import every_fault, option_names, take_settings, within
from jobs.support.config_file import read_config
from jobs.support.options import take_fetch_options, take_ids, take_snapshot_options

SECRETS = {setting.name: setting.variable for setting in SETTINGS if setting.secret}
_OWN = ("name", "ids", *(f"{name}_{kind}" for name in SECRETS for kind in ("env", "file")))


def read_fleet(path: str, out: str | None) -> list[dict[str, Any]]:
    """The accounts of a fleet file, each with the defaults and its `out`. Raises `InputError` with every fault."""
    from jobs.snapshot import command

    config = read_config(path)
    accounts = config.get("account")
    defaults = config.get("defaults", {})
    dest = out or config.get("out")
    problems = [f"{path}: there is no {name!r}; it can hold out, defaults and account."
              for name in config if name not in ("out", "defaults", "account")]  # fmt: skip
    if not isinstance(dest, str):
        problems.append(f"{path}: `out` is missing: name the destination there or with --out.")
    if not isinstance(accounts, list) or not accounts or not isinstance(defaults, dict):
        raise InputError([*problems, f"{path}: it needs at least one [[account]]."])
    known = {*option_names(command), *_OWN} - {"out", *_COMMON}
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    for number, given in enumerate(accounts, 1):
        if not isinstance(given, dict):
            raise InputError([*problems, f"{path}: account {number} is no table: write [[account]] above its lines."])
        entry = {**defaults, **given}
        name = _printable(str(entry.get("name") or entry.get("account_id") or f"account {number}"))
        if "account_id" not in entry or entry["account_id"] == "":
            problems.append(f'{path}: {name}: `account_id` is missing: write account_id = "…".')
        problems += [f"{path}: {name}: there is no option {key!r}." for key in entry if key not in known]
        problems += [f"{path}: {name}: {fault}" for fault in _misfits(entry)]
        if name in names:
            problems.append(f"{path}: {name} stands there twice.")
        names.add(name)
        folder = quote(str(entry.get("account_id", "")), safe="")
        found.append({**entry, "name": name, "out": f"{str(dest).rstrip('/')}/account={folder}"})
    homes = [entry["out"] for entry in found if entry.get("account_id")]
    for home in sorted({home for home in homes if homes.count(home) > 1}):
        problems.append(f"{path}: several accounts would share {home}: an account ID stands there once.")
    if problems:
        raise InputError(problems)
    return found


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _misfits(entry: Mapping[str, Any]) -> list[str]:
    """Values of kinds that no option has, or with characters that none takes. A name goes into every log line."""
    problems = []
    for key, value in entry.items():
        values = value if isinstance(value, list) and key not in _OWN else [value]
        if not all(isinstance(one, str | int | float) for one in values) or (
            key in _OWN and not isinstance(value, str)
        ):
            problems.append(f"{key} must be a text" + ("." if key in _OWN else ", a number, true or false."))
        elif not all(str(one).isprintable() for one in values):
            problems.append(f"{key} holds a character that cannot be printed.")
    return problems


def prepare(entry: Mapping[str, Any], environ: Mapping[str, str]) -> Account:
    """An account ready to run, its secrets resolved here. Raises `InputError` with every fault."""
    from jobs.snapshot import command

    name = entry["name"]
    own = {key: entry[key] for key in _OWN if key in entry}
    arguments: list[str] = []
    for key, value in entry.items():
        if key in _OWN:
            continue
        for one in value if isinstance(value, list) else [value]:
            flag = "--" + key.replace("_", "-")
            arguments += [flag] if one is True else [] if one is False else [flag, str(one)]
    try:
        variables = _secrets(own, environ)
        context = command.make_context("snapshot", arguments, parent=within(variables, command))
        options = {key: value for key, value in context.params.items() if key not in _COMMON}
        id_column = options.pop("id_column")
        options.pop("ids")
        settings, ids, (locations, wanted) = every_fault(
            lambda: take_settings(options, variables),
            lambda: _ids(own.get("ids"), id_column),
            lambda: take_snapshot_options(options),
        )
        return Account(name, settings, ids, locations, take_fetch_options(options, settings), wanted)
    except click.UsageError as error:
        raise InputError(f"{name}: {error.format_message()}") from None
    except InputError as error:
        raise InputError([f"{name}: {fault}" for fault in error.problems]) from None


def _ids(given: Any, column: str | None) -> CampaignIds | None:
    if not isinstance(given, list):
        return take_ids(given if given is None else str(given), column)
    if not all(isinstance(one, str) for one in given):
        raise InputError("ids: a list of IDs holds texts: write each in quotes.")
    return ids_of(given, source="ids")


_COMMON = ("config", "verbose", "quiet", "log_format", "metrics_file")


def _secrets(own: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that this account sees: no setting of another account, nor one meant for a single account."""
    found = {key: value for key, value in environ.items() if not key.startswith(("KORE_", "CAMPAIGN_EXPORT_"))}
    for name, variable in SECRETS.items():
        if f"{name}_env" in own:
            if not environ.get(str(own[f"{name}_env"])):
                raise InputError(f"{name}_env names {own[f'{name}_env']}, and that variable is not set.")
            found[variable] = environ[str(own[f"{name}_env"])]
        if f"{name}_file" in own:
            found[f"{variable}_FILE"] = str(Path(str(own[f"{name}_file"])))
    return found
