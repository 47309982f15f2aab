"""`FLEET.toml`: the accounts of a fleet, and how each is exported.

out = "exports"                       # DEST; each account gets DEST/account=<id>/stream=<id>/
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

Options are read as in `--config`. Paths are those of the machine that runs the account.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from exporter.errors import InputError
from exporter.pipeline.job_description import ExportJob
from exporter.settings import SETTINGS
from exporter.text import escaped
from exporter.units import first_of
from jobs import snapshot
from jobs.support.config_file import read_toml, table_problems
from jobs.support.declare_option import read_file_values
from jobs.support.options import take_job
from jobs.support.param_types import nearest

SECRETS = {setting.name: setting.variable for setting in SETTINGS if setting.secret}

_OF_THE_COMMAND = ("verbose", "quiet", "log_format", "metrics_file")
"""Options that hold for the fleet as a whole."""

_OPTIONS = {key: option for key, option in snapshot.command.options.items() if key not in _OF_THE_COMMAND}
_TEXTS = (
    "name",
    *(f"{name}_{kind}" for name in SECRETS for kind in ("env", "file")),
    *(f"{setting.name}_command" for setting in SETTINGS if setting.command),
)
_KEYS = {*_OPTIONS, *_TEXTS, "ids"} - {"out"}
_SECRETS_PLACE = "write {name}_env = the variable that holds it, or {name}_file = the file"

_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")
_NO_VARIABLE = "no variable that is set (its name is wanted, such as NORTH_SECRET, not the secret itself)"

_MOST_NAMED = 20
"""Accounts in an error."""


def read_fleet(path: str, out: str | None, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The accounts of a fleet file, each with the defaults and its `out`; of `only` those names.

    Raises `InputError` with every problem.
    """
    config = read_toml(path)
    own = {key: value for key, value in config.items() if key not in _KEYS}
    problems = [f"{key}: is an option: write it below [defaults] or [[account]]." for key in config if key in _KEYS]
    problems += table_problems(own, ("out", "defaults", "account"))
    dest = out or config.get("out")
    if not isinstance(dest, str) or not dest:
        problems.append('out: missing: write out = "DEST" at the top, or give --out.')
    accounts, defaults = _tables(config, problems)
    entries = [_entry(number, {**defaults, **given}, str(dest)) for number, given in enumerate(accounts, 1)]
    problems += [f"defaults: {problem}" for problem in _problems(defaults)]
    for given, entry in zip(accounts, entries, strict=True):
        problems += [f"{entry['name']}: {problem}" for problem in (*_problems(given), *_missing(entry))]
    problems += _repeated(entries)
    chosen = _chosen(entries, only, problems)
    if problems:
        raise InputError([f"{path}: {problem}" for problem in problems])
    return chosen


def _tables(config: Mapping[str, Any], problems: list[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The tables of the accounts, and that of the defaults; empty where they are not tables."""
    accounts, defaults = config.get("account"), config.get("defaults", {})
    if not isinstance(defaults, dict):
        problems.append("defaults: must be a table: write [defaults] above its lines.")
        defaults = {}
    if not isinstance(accounts, list) or not accounts or not all(isinstance(given, dict) for given in accounts):
        problems.append("account: must be tables: write [[account]] above the lines of each account.")
        accounts = []
    return accounts, defaults


def _chosen(entries: list[dict[str, Any]], only: Sequence[str], problems: list[str]) -> list[dict[str, Any]]:
    """The accounts that `--only` names, several also with commas between; all where it is not given."""
    names = [entry["name"] for entry in entries]
    wanted = [name for text in only for name in ([text] if text in names else text.split(","))]
    for name in wanted if entries else ():
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else f"there are {first_of(names, _MOST_NAMED)}."
            problems.append(f"--only {name or repr(name)}: there is no such account; {hint}")
    return [entry for entry in entries if not wanted or entry["name"] in wanted]


def _entry(number: int, given: Mapping[str, Any], dest: str) -> dict[str, Any]:
    """An account with its name, and the folder that is its own."""
    name = str(given.get("name") or given.get("account_id") or f"account {number}")
    location, mark, query = dest.partition("?") if "://" in dest else (dest, "", "")
    folders = "/".join(f"{kind}={quote(str(given.get(f'{kind}_id', '')), safe='')}" for kind in ("account", "stream"))
    if dest.strip().lower().startswith("file:"):
        folders = folders.replace("%", "%25")  # the path of this URL is unquoted: an ID stays one folder
    return {**given, "name": escaped(name), "out": f"{location.rstrip('/')}/{folders}{mark}{query}"}


def _problems(table: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the names and values of a table."""
    yield from table_problems(table, _KEYS, secrets_place=_SECRETS_PLACE)
    for key in _TEXTS:
        if not isinstance(table.get(key, ""), str) or not table.get(key, "").isprintable():
            yield f"{key}: must be a text of printable characters, in quotes."
    ids = table.get("ids")
    if ids in ("", []):  # a program that wrote the file may have found none: that is not all
        yield "ids: is empty: leave it out for all campaigns."
    elif not isinstance(ids, str | None) and not (isinstance(ids, list) and all(isinstance(each, str) for each in ids)):
        yield "ids: must be the path of a file, or a list of IDs, each in quotes."
    for key, option in _OPTIONS.items():
        if key in _KEYS and option.given_in(table):
            try:
                option.read(table[key])
            except ValueError as error:
                yield f"{key}: {error}"


def _missing(entry: Mapping[str, Any]) -> Iterator[str]:
    for key in ("account_id", "stream_id"):
        if entry.get(key, "") == "":
            yield f'{key}: missing: write {key} = "…".'


def _repeated(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = Counter(entry["name"] for entry in entries)
    for name in sorted(name for name in names if names[name] > 1):
        yield f"{name}: {names[name]} accounts have this name: give each its own with name = …."
    folders: set[str] = set()
    for entry in entries:
        if entry["out"] in folders and not list(_missing(entry)):
            yield f"{entry['name']}: another entry has the same account_id and stream_id."
        folders.add(entry["out"])


def prepare(entry: Mapping[str, Any], environ: Mapping[str, str], *, place: str = "") -> ExportJob:
    """What an account exports, its secrets resolved here. `place`: where that is, for errors.

    Raises `InputError` with every problem.
    """
    try:
        variables = _secrets(entry, environ, place)
        return take_job(entry.get("ids"), read_file_values(_OPTIONS.values(), entry), variables)
    except InputError as error:
        raise InputError([f"{entry['name']}: {problem}" for problem in error.problems]) from None


def _secrets(entry: Mapping[str, Any], environ: Mapping[str, str], place: str) -> dict[str, str]:
    """The variables that this account sees: no setting of another account, nor one meant for a single account."""
    variables = {key: value for key, value in environ.items() if not key.startswith(("KORE_", "CAMPAIGN_EXPORT_"))}
    for name, variable in SECRETS.items():
        source = entry.get(f"{name}_env")
        if source and not environ.get(source):
            # Not shown where it may be the secret itself.
            shown = f"the variable {source!r}, which is not set" if _VARIABLE.fullmatch(source) else _NO_VARIABLE
            raise InputError(f"{name}_env names {shown}{place}.")
        if source:
            variables[variable] = environ[source]
        for kind in ("file", "command"):
            if entry.get(f"{name}_{kind}"):
                variables[f"{variable}_{kind.upper()}"] = entry[f"{name}_{kind}"]
    return variables
