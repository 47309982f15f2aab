"""`jobs.support.fleet_file`: the accounts of a fleet, read as `--config` is."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporter.errors import InputError
from exporter.settings import SigningKey
from exporter.snapshot_store.open_destination import open_destination
from jobs.support.fleet_file import prepare, read_fleet
from jobs.support.fleet_rows import in_words_of_the_file
from tests.support.forked_program import run


def test_a_fleet_file_of_the_wrong_kind_ends_before_any_work_and_shows_neither_escapes_nor_secrets(
    tmp_path: Path,
) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[[account]]\nname = "a\\u001b[2J\\nb"\naccount_id = "1"\nclient_secret = "hush"')
    done = run("fleet", str(file), "--out", str(tmp_path / "out"), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert "name: must be a text of printable" in done.stderr
    assert "a secret does not belong here: write client_secret_env" in done.stderr
    assert "\x1b" not in done.stderr
    assert "hush" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_account_sees_only_its_own_variables_and_changes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KORE_STREAM_ID", "st-somebody-else")
    environ = {**os.environ, "NORTH": "north-secret-of-more-than-thirty-two-signs", "KORE_CLIENT_SECRET": "another"}
    before = dict(os.environ)
    entry = {"name": "north", "host": "h", "stream_id": "st-1", "account_id": "a", "client_id": "cs-1",
             "client_secret_env": "NORTH", "out": "x", "ids": ["cd-1", "cd-2", "cd-1"],
             "max_duration": "4h"}  # fmt: skip
    job = prepare(entry, environ)
    assert job.settings.stream_id == "st-1"
    assert "north-secret" not in repr(job)
    assert job.ids is not None
    assert (job.ids.given, job.ids.repeats) == (3, 1)
    assert job.fetch.max_duration == 4 * 3600
    assert dict(os.environ) == before
    with pytest.raises(InputError, match="STREAM_ID"):
        prepare({**entry, "stream_id": ""}, environ)


def test_accounts_that_are_read_at_the_same_time_never_see_each_other() -> None:
    def read(number: int) -> str:
        entry = {"name": f"n{number}", "host": f"h{number}", "stream_id": "st-1", "account_id": f"a{number}",
                 "client_id": "cs-1", "client_secret_env": f"SECRET_{number}", "out": "x"}  # fmt: skip
        secrets = {f"SECRET_{one}": f"secret-of-number-{one}-with-more-than-thirty-two-signs" for one in range(40)}
        credentials = prepare(entry, secrets).settings.credentials
        assert isinstance(credentials, SigningKey)
        return credentials.key.reveal()

    with ThreadPoolExecutor(8) as pool:
        for number, secret in enumerate(pool.map(read, range(40))):
            assert secret == f"secret-of-number-{number}-with-more-than-thirty-two-signs"


def test_faults_of_the_file_are_reported_all_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    text = 'oot = "x"\n[[account]]\naccount_id = "a"\nwokers = 3\n[[account]]\naccount_id = "a"\n[[account]]\n'
    file.write_text(text + 'name = "south"\nmetrics_file = "m"\n')
    done = run("fleet", str(file), env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    for told in ("oot: there is no such option; did you mean out?", "out: missing", "did you mean workers?",
                 "a: 2 accounts have this name", "south: account_id: missing", "south: stream_id: missing",
                 "metrics_file: there is no such option"):  # fmt: skip
        assert told in done.stderr


ACCOUNT = 'out = "x"\n[[account]]\naccount_id = "a"\nstream_id = "s"\n'

MISTAKES = [
    ("incrementl = true", "north: incrementl: there is no such option; did you mean incremental?"),
    ("max-failures = 3", "north: max-failures: there is no such option; did you mean max_failures?"),
    ('incremental = "false"', "north: incremental: must be true or false, without quotes."),
    ("incremental = 0", "north: incremental: must be true or false, without quotes."),
    ('incremental = ""', "north: incremental: must be true or false, without quotes."),
    ("fail_on_missing = [true]", "north: fail_on_missing: must be true or false, without quotes."),
    ("workers = true", "north: workers: must be a text or a number, not true or false."),
    ('workers = "many"', "north: workers: 'many' is not a whole number from 1 to 1,000"),
    ("workers = 0", "north: workers: '0' is not a whole number from 1 to 1,000"),
    ("keep = [1, 2]", "north: keep: must be one value, not a list."),
    ("keep = 2026-01-01", "north: keep: must be one value or a list of texts; a date or a table is neither."),
    ("rate = 60", "north: rate: '60' is not a rate"),
    ('rate = ["60/1m", true]', "north: rate: must be a text or a number, not true or false."),
    ("app_id = 66e123456", "north: app_id: is a text: write it in quotes"),
    ('timeout = "soon"', "north: timeout: 'soon' is not a duration"),
    ('format = "xlsx"', "north: format: 'xlsx' is not one of"),
    ('type = "mail"', "north: type: 'mail' is not one of"),
    ('max_failures = "5 %%"', "north: max_failures: '5 %%' is neither a number nor a percentage"),
    ("ids = 5", "north: ids: must be the path of a file, or a list of IDs"),
    ("ids = [1, 2]", "north: ids: must be the path of a file, or a list of IDs"),
    ("ids = []", "north: ids: is empty: leave it out for all campaigns."),
    ('ids = ""', "north: ids: is empty: leave it out for all campaigns."),
    ('id = "a.csv"', "north: id: there is no such option; did you mean ids?"),
    ('client_secret = "hush"', "north: client_secret: a secret does not belong here: write client_secret_env"),
    ('KORE_CLIENT_SECRET = "hush"', "north: KORE_CLIENT_SECRET: a secret does not belong here"),
    ('jwt = "hush"', "north: jwt: a secret does not belong here: write jwt_env"),
    ("client_secret_env = 5", "north: client_secret_env: must be a text"),
    ('out = "elsewhere"', "north: out: there is no such option"),
    ("verbose = 1", "north: verbose: there is no such option"),
    ('metrics_file = "m.prom"', "north: metrics_file: there is no such option"),
    ('KORE_HOST = "h"', "north: KORE_HOST: there is no such option; did you mean host?"),
    ('host = "a\\u0000b"', "north: host: holds a control character."),
    ("[account.rate]\nx = 1", "north: rate: must be one value or a list of texts"),
]


@pytest.mark.parametrize(("line", "problem"), MISTAKES)
def test_a_typical_mistake_in_an_account_or_in_the_defaults_is_named(line: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(ACCOUNT + 'name = "north"\n' + line)
    with pytest.raises(InputError) as caught:
        read_fleet(str(file), None)
    assert any(found.startswith(f"{file}: {problem}") for found in caught.value.problems), caught.value.problems
    assert "hush" not in str(caught.value)
    if "[" not in line or "=" in line.partition("[")[0]:
        file.write_text(ACCOUNT + f"[defaults]\n{line}")
        with pytest.raises(InputError) as caught:
            read_fleet(str(file), None)
        expected = problem.replace("north", "defaults", 1)
        assert any(found.startswith(f"{file}: {expected}") for found in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("account = 5", "account: must be tables: write [[account]]"),
        ("account = [1, 2]", "account: must be tables: write [[account]]"),
        ("[account]\nname = 'a'", "account: must be tables: write [[account]]"),
        ("", "account: must be tables: write [[account]]"),
        ("[default]\nkeep = 1", "default: there is no such option; did you mean defaults?"),
        ("keep = 3", "keep: is an option: write it below [defaults] or [[account]]."),
        ("defaults = 5", "defaults: must be a table: write [defaults]"),
        ("[[accounts]]\naccount_id = 'a'", "accounts: there is no such option; did you mean account?"),
        ("out = 5", 'out: missing: write out = "DEST"'),
        ("[[account]", "is not TOML"),
        ("[[account]]\nstream_id = 's'", 'account 1: account_id: missing: write account_id = "…".'),
        ("[[account]]\naccount_id = 'a'", 'a: stream_id: missing: write stream_id = "…".'),
    ],
)
def test_a_mistake_in_the_file_as_a_whole_is_named(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_fleet(str(file), None)
    assert any(problem in found for found in caught.value.problems), caught.value.problems
    assert "--config" not in str(caught.value)


def test_two_streams_of_one_account_are_two_entries_with_folders_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    entry = '[[account]]\nname = "{0}"\naccount_id = "a/1"\nstream_id = "{0}"\n'
    file.write_text(entry.format("s-1") + entry.format("s-2"))
    first, second = read_fleet(str(file), "s3://bucket/campaigns?region=eu-west-1")
    assert first["out"] == "s3://bucket/campaigns/account=a%2F1/stream=s-1?region=eu-west-1"
    assert second["out"] == "s3://bucket/campaigns/account=a%2F1/stream=s-2?region=eu-west-1"
    file.write_text(entry.format("s-1") + entry.format("s-1"))
    with pytest.raises(InputError, match="the same account_id and stream_id"):
        read_fleet(str(file), "x")


@pytest.mark.parametrize("begins", ["", "file://", "file:", "FILE://localhost", " file://"])
def test_the_ids_of_an_account_are_one_folder_each_however_the_destination_is_written(
    tmp_path: Path, begins: str
) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[[account]]\naccount_id = "../x/y%"\nstream_id = "../../s"\nhost = "h"')
    (entry,) = read_fleet(str(file), f"{begins}{tmp_path}/out")
    folder = Path(open_destination(entry["out"]).root)
    assert folder == tmp_path / "out" / "account=..%2Fx%2Fy%25" / "stream=..%2F..%2Fs"


def test_only_takes_some_accounts_and_suggests_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    entry = '[[account]]\nname = "{0}"\naccount_id = "{0}"\nstream_id = "s"\n'
    file.write_text('out = "x"\n' + "".join(entry.format(name) for name in ("north", "south", "east, far")))
    assert [entry["name"] for entry in read_fleet(str(file), None, ["south", "east, far"])] == ["south", "east, far"]
    assert [entry["name"] for entry in read_fleet(str(file), None, ["south,north"])] == ["north", "south"]
    with pytest.raises(InputError, match="--only suoth: there is no such account; did you mean south"):
        read_fleet(str(file), None, ["suoth"])
    for name, shown in (("66f0", "66f0"), ("", "''")):
        with pytest.raises(InputError, match=f"--only {shown}: there is no such account; there are north, south, east"):
            read_fleet(str(file), None, [name])


def test_a_variable_that_is_not_set_names_the_place_where_it_is_looked_up() -> None:
    entry = {"name": "north", "host": "h", "stream_id": "s", "account_id": "a", "client_id": "c",
             "client_secret_env": "NORTH", "out": "x"}  # fmt: skip
    with pytest.raises(InputError, match="north: client_secret_env names the variable 'NORTH', which is not set on"):
        prepare(entry, {}, place=" on the worker tcp://10.0.0.1:1")


@pytest.mark.parametrize("key", ["client_secret_env", "client_secret_file"])
def test_a_secret_in_place_of_the_name_of_its_variable_or_file_is_not_shown(key: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(f'{ACCOUNT}host = "h"\nclient_id = "c"\n{key} = "hush2-the-real-secret"')
    done = run("fleet", str(file), env={"HOME": str(tmp_path), "CAMPAIGN_EXPORT_FORMAT": "json"})
    assert done.returncode == 2
    assert f"{key} names no" in done.stderr
    assert f"{key} names no" in done.stdout
    assert "hush" not in done.stdout + done.stderr


def test_a_secret_of_an_account_can_come_from_a_command() -> None:
    entry = {"name": "north", "host": "h", "stream_id": "s", "account_id": "a", "client_id": "c",
             "client_secret_command": "echo a-secret-of-more-than-thirty-two-signs", "out": "x"}  # fmt: skip
    credentials = prepare(entry, {"PATH": os.defpath}).settings.credentials
    assert isinstance(credentials, SigningKey)
    assert credentials.key.reveal() == "a-secret-of-more-than-thirty-two-signs"


def test_errors_name_the_keys_of_the_file() -> None:
    text = "KORE_HOST (--host) is missing; KORE_CLIENT_SECRET, KORE_JWT_FILE, KORE_API. (--max-failures 5%)"
    assert in_words_of_the_file(text) == ("host is missing; client_secret_env, jwt_file, api. (max_failures 5%)")


@pytest.mark.parametrize(
    "text",
    [
        "/run/secrets/KORE_CLIENT_SECRET: there is no such file.",
        "north--south.csv: no column is called 'foo--bar'. There are: '--out', 'KORE_HOST'.",
        "client_secret_env names the variable 'KORE_CLIENT_SECRET', which is not set.",
        "/x--y/--out/snapshot=1, KORE_HOST.csv and --out/ids.csv",
    ],
)
def test_paths_and_names_of_the_user_are_shown_as_they_are(text: str) -> None:
    assert in_words_of_the_file(text) == text
