"""Fleet files: the accounts in one, each made ready to run."""

from __future__ import annotations

from typing import Any, NamedTuple

from exporter.errors import InputError
from exporter.pipeline.job_description import ExportJob
from jobs.support.fleet_file import prepare, read_fleet
from tests.fuzz.promises import MARKER, check_error
from tests.fuzz.target import Target
from tests.fuzz.workplace import workplace

MOST_ACCOUNTS = 5
ENVIRON = {"NORTH_SECRET": MARKER, "EMPTY": "", "HTTPS_PROXY": f"http://u:{MARKER}@proxy:3128"}


class Fleet(NamedTuple):
    """The entries of a fleet file, and what becomes of the first of them."""

    entries: list[dict[str, Any]] | InputError
    accounts: list[ExportJob | InputError]


def read(data: bytes) -> Fleet:
    """The file beside an IDs file."""
    with workplace(ENVIRON, printed=MARKER) as folder:
        (folder / "fleet.toml").write_bytes(data)
        (folder / "ids.csv").write_text("cd-1\n")
        (folder / "secret").write_text(MARKER)
        try:
            entries = read_fleet("fleet.toml", None)
        except InputError as error:
            return Fleet(error, [])
        return Fleet(entries, [_prepared(entry) for entry in entries[:MOST_ACCOUNTS]])


def _prepared(entry: dict[str, Any]) -> ExportJob | InputError:
    try:
        return prepare(entry, ENVIRON)
    except InputError as error:
        return error


def check(data: bytes, fleet: Fleet) -> None:
    """Each account has a name and a folder of its own; errors show no secret."""
    if isinstance(fleet.entries, InputError):
        check_error(fleet.entries, secret=MARKER if MARKER.encode() not in data else "\0")
        return
    names, folders = [entry["name"] for entry in fleet.entries], [entry["out"] for entry in fleet.entries]
    assert len(set(names)) == len(names) and len(set(folders)) == len(folders)
    assert all(name.isprintable() for name in names)
    for account in fleet.accounts:
        if isinstance(account, InputError):
            check_error(account, secret=MARKER if MARKER.encode() not in data else "\0")
        else:
            assert MARKER not in repr(account.settings)


TARGET = Target(
    read, check,
    words=(
        "[defaults]\n", "[[account]]\n", 'out = "exports"\n', 'name = "north"\n', 'host = "platform.kore.ai"\n',
        'stream_id = "st-1"\n', 'account_id = "a"\n', 'client_id = "cs-1"\n', 'client_secret_env = "NORTH_SECRET"\n',
        'client_secret_file = "secret"\n', 'client_secret_command = "pass"\n', 'jwt_env = "NORTH_SECRET"\n',
        'ids = "ids.csv"\n', 'ids = ["cd-1"]\n', "keep = 14\n", 'rate = ["60/1m"]\n', "incremental = true\n",
        'max_failures = "5%"\n', "workers = 16\n", 'timeout = "30s"\n', 'format = "csv"\n', 'full_every = "7d"\n',
        'delimiter = ";"\n', 'id_column = "x"\n', "1979-05-27", "inf", "nan", '"""', "0x10", "{a = 1}",
    ),
)  # fmt: skip
