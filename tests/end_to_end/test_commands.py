"""The program from the outside: real processes, real sockets, real files."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pyarrow.parquet as pq
import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import ACCOUNT_ID, CLIENT_ID, CLIENT_SECRET, Behaviour
from exporter.units import Limit
from tests.support import forked_program, running
from tests.support.metrics import samples_in
from tests.support.running import ROOT, full, manifest_of, program, rows_of, snapshot_folders, wait_until, write_ids
from tests.support.serving import environment, serving

FAST = ("--rate", "off")


class Desk:
    """A service with campaigns, and a user's folder."""

    def __init__(self, tmp_path: Path, behaviour: Behaviour, url: str) -> None:
        self.tmp_path = tmp_path
        self.service = behaviour
        self.ids = list(behaviour.campaigns)
        self.env = environment(url, tmp_path)
        self.out = tmp_path / "exports"
        self.ids_file = write_ids(tmp_path / "ids.csv", self.ids)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return forked_program.run(*arguments, env=self.env)

    def started(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same by a new Python, as users do it; its output goes through pipes."""
        return running.run(*arguments, env=self.env)

    def snapshot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("snapshot", str(self.ids_file), "--out", str(self.out), *FAST, *arguments)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    behaviour = Behaviour(sample_campaigns(30, voice_share=0.3))
    with serving(behaviour) as url:
        yield Desk(tmp_path, behaviour, url)


def test_a_snapshot_from_ids_to_files(desk: Desk) -> None:
    desk.ids_file = write_ids(desk.ids_file, [*reversed(desk.ids), "cd-nowhere", desk.ids[0], "../../etc"])
    metrics_file = str(desk.tmp_path / "m.prom")
    done = desk.started("snapshot", str(desk.ids_file), "--out", str(desk.out), *FAST, "--metrics-file", metrics_file)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    (folder,) = snapshot_folders(desk.out)
    manifest = manifest_of(folder)
    assert manifest["ids"]["given"] == 33
    assert manifest["ids"]["repeats"] == 1
    assert manifest["counts"] == {"ok": 30, "carried_over": 0, "not_found": 2, "invalid": 0, "failed": 0, "gone": 0}
    assert manifest["requests"]["total"] == len(desk.service.arrivals) == 32
    assert (manifest["mode"], manifest["base_snapshot"], manifest["snapshot_id"]) == ("full", None, folder.name[9:])
    assert [row["campaign_id"] for row in rows_of(folder)] == list(reversed(desk.ids))
    failures = rows_of(folder, "failures", without=())
    assert [(row["campaign_id"], row["outcome"], row["http_status"]) for row in failures] == [
        ("cd-nowhere", "not_found", 404), ("../../etc", "not_found", 404),
    ]  # fmt: skip
    assert "%2F" in next(a.path for a in desk.service.arrivals if a.campaign_id == "../../etc")
    samples = samples_in(desk.tmp_path / "m.prom")
    assert {sample.labels["account"] for sample in samples} == {ACCOUNT_ID}
    assert ("last_run_exit_code", 0.0) in [(sample.name, sample.value) for sample in samples]
    assert [sample.value for sample in samples if sample.labels.get("outcome") == "ok"] == [30.0]
    assert desk.started("verify", str(desk.out)).returncode == 0


def test_without_ids_all_that_the_list_finds_is_taken(desk: Desk) -> None:
    done = desk.run("snapshot", "--out", str(desk.out), "--type", "all", "--page-size", "7", *FAST)
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(desk.out)
    rows = rows_of(folder)
    assert sorted(row["campaign_id"] for row in rows) == sorted(desk.ids)
    assert {row["campaign_type"] for row in rows} == {"sms", "voice"}
    assert any(row["connection"] for row in rows)
    assert manifest_of(folder)["ids"]["source"] == "list:all"


def test_failed_ids_exit_with_1_and_the_same_command_tries_only_those(desk: Desk) -> None:
    desk.service.faults[desk.ids[3]] = ["500"] * 2
    first = desk.snapshot("--attempts", "2", "--max-failures", "50%")
    assert first.returncode == 1, first.stderr
    assert desk.ids[3] in first.stderr
    (incomplete,) = snapshot_folders(desk.out)
    assert (len(rows_of(incomplete)), rows_of(incomplete, "failures")[0]["attempts"]) == (29, 2)
    before = len(desk.service.arrivals)
    again = desk.snapshot("--attempts", "2", "--max-failures", "50%")
    assert again.returncode == 0, again.stderr
    assert [a.campaign_id for a in desk.service.arrivals[before:]] == [desk.ids[3]]
    (complete,) = snapshot_folders(desk.out)
    assert len(rows_of(complete)) == 30


def test_ids_that_never_answer_well_are_failures_and_no_outage(desk: Desk) -> None:
    """At the end of a run, and in the next one, only they are asked for: a canary tells them from an outage."""
    bad = desk.ids[-5:]
    desk.service.faults |= {one: ["500"] * 99 for one in bad}
    for _ in range(2):
        done = desk.snapshot("--attempts", "2", "--max-failures", "50%")
        assert done.returncode == 1, done.stderr
        failures = rows_of(snapshot_folders(desk.out)[-1], "failures")
        assert {row["campaign_id"]: row["outcome"] for row in failures} == dict.fromkeys(bad, "failed")


def test_too_many_failures_publish_nothing(desk: Desk) -> None:
    for one in desk.ids[:5]:
        desk.service.bodies[one] = b'{"status":"success","data":{"_id":"another"}}'
    done = desk.snapshot()
    assert done.returncode == 6
    assert "--max-failures" in done.stderr
    assert snapshot_folders(desk.out) == []
    assert desk.snapshot("--max-failures", "5").returncode == 1
    (folder,) = snapshot_folders(desk.out)
    assert manifest_of(folder)["counts"]["invalid"] == 5
    assert rows_of(folder, "failures")[0]["body_start"].startswith('{"status"')


def test_too_many_missing_publish_nothing_and_missing_can_be_failures(desk: Desk) -> None:
    desk.ids_file = write_ids(desk.ids_file, [desk.ids[0], "x", "y"])
    done = desk.snapshot()
    assert (done.returncode, "--max-missing" in done.stderr) == (6, True)
    assert snapshot_folders(desk.out) == []
    assert desk.snapshot("--max-missing", "90%").returncode == 0
    assert desk.snapshot("--max-missing", "90%", "--fail-on-missing", "--max-failures", "90%").returncode == 1


def test_wrong_credentials_stop_at_once_and_say_what_to_check(desk: Desk) -> None:
    desk.env["KORE_CLIENT_SECRET"] = "wrong"
    done = desk.snapshot()
    assert done.returncode == 3
    for word in ("KORE_CLIENT_SECRET", "KORE_CLIENT_ID", "KORE_STREAM_ID", "KORE_HOST", "Campaign Management"):
        assert word in done.stderr
    assert len(desk.service.arrivals) == 1
    assert snapshot_folders(desk.out) == []


def test_a_ready_token_that_was_used_is_distinguished(desk: Desk) -> None:
    del desk.env["KORE_CLIENT_SECRET"], desk.env["KORE_CLIENT_ID"]
    desk.env["KORE_JWT"] = "ready-made"
    desk.service.ready_token = "ready-made"
    assert desk.snapshot().returncode == 0
    desk.service.ready_token = None
    claims = {"sub": "x", "appId": CLIENT_ID, "jti": "1", "exp": time.time() + 60}
    desk.env["KORE_JWT"] = jwt.encode(claims, CLIENT_SECRET)
    done = desk.snapshot("--fresh", "--workers", "1")
    assert done.returncode == 3
    assert "good once" in done.stderr


def test_an_answer_without_the_campaign_is_kept_among_the_failures(desk: Desk) -> None:
    outcomes = {
        "wrong-id": "invalid", "no-data": "invalid", "bomb": "invalid", "400": "invalid",
        "not-found-200": "invalid", "not-found-400": "not_found",
    }  # fmt: skip
    asked = dict(zip(outcomes, desk.ids[2:24:4], strict=True))
    for fault, campaign_id in asked.items():
        desk.service.faults[campaign_id] = [fault] * 3
    done = desk.snapshot("--max-failures", "50%", "--max-body", "1MiB")
    assert done.returncode == 1, done.stderr
    rows = rows_of(snapshot_folders(desk.out)[0], "failures")
    assert {row["campaign_id"]: row["outcome"] for row in rows} == {asked[fault]: outcomes[fault] for fault in asked}
    # An answer about another campaign may be that of another request: it is asked for again.
    assert {fault: desk.service.asked_for()[campaign_id] for fault, campaign_id in asked.items()} == {
        fault: 3 if fault == "wrong-id" else 1 for fault in asked
    }


def test_an_outage_ends_with_4_and_the_same_command_resumes(desk: Desk) -> None:
    desk.service.always = "503"
    done = desk.snapshot("--patience", "2s")
    assert done.returncode == 4
    assert "--patience" in done.stderr
    assert len(desk.service.arrivals) < 30
    desk.service.always = None
    assert desk.snapshot().returncode == 0


def test_a_time_limit_ends_with_4_and_the_same_command_resumes(desk: Desk) -> None:
    done = desk.run("snapshot", str(desk.ids_file), "--out", str(desk.out), "--rate", "10/1m", "--max-duration", "1s")
    assert done.returncode == 4, done.stderr
    assert "has passed: no new request. The same command resumes." in done.stderr
    assert snapshot_folders(desk.out) == []
    plan = desk.run("plan", str(desk.ids_file), "--out", str(desk.out))
    assert "already fetched   10" in plan.stdout
    again = desk.snapshot()
    assert again.returncode == 0
    assert "10 already there" in again.stderr
    assert max(desk.service.asked_for().values()) == 1


@pytest.mark.parametrize("below", ["", "/exports"])
def test_a_destination_that_is_a_file_is_refused_before_any_request(desk: Desk, tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    done = desk.run("snapshot", str(desk.ids_file), "--out", f"{tmp_path}/file{below}")
    assert done.returncode == 2
    assert f"--out {tmp_path}/file{below} cannot be written: {tmp_path}/file" in done.stderr
    assert not desk.service.arrivals


def test_a_second_run_on_one_destination_exits_with_5(desk: Desk) -> None:
    desk.service.chances["slow"] = 1.0
    first = subprocess.Popen(
        program("snapshot", str(desk.ids_file), "--out", str(desk.out), *FAST),
        env=full(desk.env),
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: desk.service.arrivals, first)
        for more in ((), ("--work-dir", str(desk.tmp_path / "elsewhere"))):
            second = desk.snapshot(*more)
            assert second.returncode == 5
            assert str(first.pid) in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_all_faults_of_a_command_line_are_reported_at_once(tmp_path: Path) -> None:
    done = forked_program.run("snapshot", "--out", "x", "--workers", "0", "--rate", "fast", "--timeout", "soon", env={})
    assert done.returncode == 2
    for word in ("--workers", "--rate", "--timeout", "KORE_HOST", "KORE_STREAM_ID", "No credentials"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_ids_write_nothing_and_send_nothing(desk: Desk) -> None:
    desk.ids_file.write_text("campaign_id\nok\nbad\x07\n")
    done = desk.snapshot()
    assert done.returncode == 2
    assert "line 3" in done.stderr
    assert not desk.out.exists()
    assert desk.service.arrivals == []


def test_no_secret_is_anywhere(desk: Desk) -> None:
    done = desk.snapshot("-vv", "--log-format", "json")
    assert done.returncode == 0
    files = [path for folder in (desk.out, desk.tmp_path / "state") for path in folder.rglob("*") if path.is_file()]
    written = [done.stdout, done.stderr, *(path.read_bytes().decode("latin-1") for path in files)]
    assert all(CLIENT_SECRET not in text and "eyJ" not in text for text in written)


def test_json_logs_are_an_object_a_line(desk: Desk) -> None:
    done = desk.snapshot("--log-format", "json", "-v")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "event"} <= set.intersection(*(set(line) for line in lines))
    assert [line["event"] for line in lines if line["event"] in ("run_started", "published", "summary")] == [
        "run_started", "published", "summary",
    ]  # fmt: skip
    assert {"requests", "seconds", "paused_seconds", "waiting_for_rate_seconds", "where"} <= set(lines[-1])


def test_a_configuration_file_holds_settings_and_options(desk: Desk) -> None:
    config = desk.tmp_path / "c.toml"
    config.write_text(
        f'out = "{desk.out}"\nrate = "off"\nworkers = 3\nformat = "csv"\nhost = "{desk.env.pop("KORE_HOST")}"\n'
    )
    done = desk.run("snapshot", str(desk.ids_file), "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert (snapshot_folders(desk.out)[0] / "campaigns.csv").exists()
    config.write_text("wokers = 3\n")
    wrong = desk.run("snapshot", str(desk.ids_file), "--config", str(config), "--out", "x")
    assert (wrong.returncode, "did you mean workers" in wrong.stderr) == (2, True)


def test_a_snapshot_can_be_configured_by_variables_alone(desk: Desk) -> None:
    """As in a container."""
    desk.env |= {"CAMPAIGN_EXPORT_OUT": str(desk.out), "CAMPAIGN_EXPORT_RATE": "off", "CAMPAIGN_EXPORT_FORMAT": "both",
                 "CAMPAIGN_EXPORT_METRICS_FILE": str(desk.tmp_path / "m.prom"), "CAMPAIGN_EXPORT_LOG_FORMAT": "json",
                 "CAMPAIGN_EXPORT_TYPE": "all"}  # fmt: skip
    done = desk.run("snapshot")
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(desk.out)
    assert len(rows_of(folder)) == 30
    assert (folder / "campaigns.csv").exists()
    assert all(json.loads(line) for line in done.stderr.splitlines())
    assert samples_in(desk.tmp_path / "m.prom")


@pytest.mark.parametrize("wrong", [("--workers", "0"), ("--id-column", "nothing"), ("--account-id", "a b")])
def test_metrics_are_written_when_a_run_is_refused_with_2(desk: Desk, wrong: tuple[str, str]) -> None:
    metrics = desk.tmp_path / "m.prom"
    assert desk.snapshot("--metrics-file", str(metrics)).returncode == 0
    assert desk.snapshot("--metrics-file", str(metrics), *wrong).returncode == 2
    codes = {
        sample.labels["account"]: sample.value for sample in samples_in(metrics) if sample.name == "last_run_exit_code"
    }
    assert codes[wrong[1] if wrong[0] == "--account-id" else ACCOUNT_ID] == 2


def test_no_home_is_needed_with_a_work_folder_and_no_ledger(desk: Desk) -> None:
    env = {name: value for name, value in full(desk.env).items() if name not in ("HOME", "XDG_STATE_HOME")}
    nobody = "import pwd\ndef unknown(number): raise KeyError(number)\npwd.getpwuid = unknown\n"
    start = nobody + "from jobs.cli import main; main()"
    command = [program()[0], "-c", start, "snapshot", str(desk.ids_file), "--out", str(desk.out)]
    needs = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (needs.returncode, "no home folder" in needs.stderr) == (2, True)
    work_dir = str(desk.tmp_path / "work")
    command += ["--work-dir", work_dir, "--no-ledger", *FAST]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert not (ROOT / "~").exists()


def test_a_log_of_cron_has_no_commands_to_copy_and_says_what_each_attempt_has_spent(desk: Desk) -> None:
    limited = ("snapshot", str(desk.ids_file), "--out", str(desk.out), "--rate", "10/1m", "--pace", "asap")
    stopped = desk.run(*limited, "--max-duration", "1s")
    assert stopped.returncode == 4
    assert "10 of 30 campaigns are kept" in stopped.stderr
    done = desk.snapshot()
    assert done.returncode == 0
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in done.stderr.splitlines())
    assert "python" not in done.stderr
    assert "this attempt: 20 requests" in done.stderr
    assert "all attempts: 30 requests" in done.stderr


def test_an_incremental_run_says_what_is_unchanged(desk: Desk) -> None:
    run = ("snapshot", "--out", str(desk.out), "--type", "all", "--incremental", *FAST)
    assert desk.run(*run).returncode == 0
    again = desk.run(*run)
    assert again.returncode == 0
    assert "30 campaigns wanted, 30 unchanged, 0 to fetch (incremental)" in again.stderr


def test_the_limit_is_kept_by_runs_one_after_the_other(desk: Desk) -> None:
    desk.service.limit = Limit(20, 3.0)
    rate = ("--rate", "20/3s")
    pulled = [desk.run("pull", *desk.ids[:15], *rate), desk.run("pull", *desk.ids[15:], *rate)]
    assert [done.returncode for done in pulled] == [0, 0]
    assert desk.service.refused() == 0
    assert desk.service.most_in_a_window(3.0) <= 20


def test_pull_gives_csv_in_a_pipe_and_json_lines_when_asked(desk: Desk) -> None:
    done = desk.started("pull", desk.ids[1], desk.ids[0], "cd-nowhere", "--columns", "campaign_id,name", *FAST)
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "campaign_id",
        f'"{desk.ids[1]}"',
        f'"{desk.ids[0]}"',
    ]
    assert "cd-nowhere: not found" in done.stderr
    lines = desk.started("pull", str(desk.ids_file), "--format", "jsonl", "--table", "calling_windows", *FAST)
    assert {json.loads(line)["campaign_id"] for line in lines.stdout.splitlines()} == set(desk.ids)


def test_pull_takes_an_id_that_no_file_could_be_named_and_does_not_ask_for_one_that_no_url_can_carry(
    desk: Desk,
) -> None:
    """Many servers take even `%2E%2E` for a step up the path."""
    done = desk.run("pull", "x" * 256, "..", ".", desk.ids[0], "--columns", "campaign_id", *FAST)
    assert done.stdout.split() == ["campaign_id", f'"{desk.ids[0]}"'], done.stderr
    assert done.stderr.count("not found (not asked for: in a URL it would be a step up the path)") == 2
    assert done.stderr.count("not found (HTTP 404") == 1
    assert set(desk.service.asked_for()) == {"x" * 256, desk.ids[0]}


def test_pull_writes_a_file_in_the_format_of_its_ending(desk: Desk) -> None:
    file = desk.tmp_path / "some.parquet"
    assert desk.run("pull", *desk.ids[:3], "-o", str(file), *FAST).returncode == 0
    assert pq.read_table(file).num_rows == 3


def test_pull_suggests_the_nearest_column(desk: Desk) -> None:
    done = desk.run("pull", desk.ids[0], "--columns", "stauts")
    assert (done.returncode, "did you mean status?" in done.stderr) == (2, True)
    assert desk.service.arrivals == []


def test_pull_takes_patterns_of_columns_and_keeps_the_id(desk: Desk) -> None:
    done = desk.run("pull", desk.ids[0], "--columns", "calling_hours_*,name", *FAST)
    header = done.stdout.splitlines()[0].split(",")
    assert (header[0], header[-1]) == ("campaign_id", "name")
    assert len(header) > 3
    assert all(name.startswith("calling_hours_") for name in header[1:-1])
    wrong = desk.run("pull", desk.ids[0], "--columns", "caling_*")
    assert (wrong.returncode, "there is no column 'caling_*'" in wrong.stderr) == (2, True)


def test_discover_writes_ids_that_snapshot_reads(desk: Desk) -> None:
    file = desk.tmp_path / "found.csv"
    done = desk.started("discover", "--type", "all", "-o", str(file), *FAST)
    assert done.returncode == 0, done.stderr
    header, *rows = file.read_text().splitlines()
    assert header == "campaign_id,campaign_type,name,status,updated_at"
    assert len(rows) == 30
    assert desk.started("plan", str(file), "--out", str(desk.out)).returncode == 0


def test_snapshots_diff_verify_and_rebuild(desk: Desk) -> None:
    desk.snapshot()
    changed = desk.service.campaigns[desk.ids[4]]
    changed.data["status"] = "Rerun"
    changed.data["dialingStrategy"]["callingHours"]["days"] = [{"day": "MO", "start": "9:00 AM", "end": "8:00 PM"}]
    del desk.service.campaigns[desk.ids[5]]
    desk.snapshot()
    listed = json.loads(desk.started("snapshots", str(desk.out), "--format", "json").stdout)
    assert [(row["campaigns"], row["not_found"]) for row in listed] == [(30, 0), (29, 1)]
    diff = desk.run("diff", str(desk.out), "--format", "json", "--exit-code")
    assert diff.returncode == 1
    found = json.loads(diff.stdout)
    assert [row["campaign_id"] for row in found["removed"]] == [desk.ids[5]]
    assert ("status", "Rerun") in {(row["column"], row["new"]) for row in found["changed"]}
    said = desk.started("diff", str(desk.out)).stdout
    assert re.search(rf"^- {desk.ids[5]}  .+$", said, re.MULTILINE)
    assert re.search(r"^    calling hours +MO \d\d:\d\d-\d\d:\d\d → 09:00-20:00$", said, re.MULTILINE), said
    assert re.search(r"^    calling hours +TU .* → none$", said, re.MULTILINE)
    assert "\x1b" not in said
    before = len(desk.service.arrivals)
    assert desk.started("rebuild", str(desk.out)).returncode == 0
    assert len(desk.service.arrivals) == before
    _, newer, rebuilt = snapshot_folders(desk.out)
    assert rows_of(rebuilt, without=()) == rows_of(newer, without=())
    assert (manifest_of(rebuilt)["mode"], manifest_of(rebuilt)["base_snapshot"]) == ("rebuild", newer.name[9:])
    assert desk.run("verify", str(desk.out), "--all").returncode == 0
    assert desk.run("diff", str(desk.out), "--exit-code").returncode == 0
    path = rebuilt / "campaigns.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    damaged = desk.run("verify", str(desk.out))
    assert (damaged.returncode, "campaigns.parquet" in damaged.stdout) == (1, True)


def test_two_runs_within_a_second_get_two_ids(desk: Desk) -> None:
    desk.ids_file = write_ids(desk.ids_file, desk.ids[:1])
    for _ in range(3):
        assert desk.snapshot().returncode == 0
    assert len({folder.name for folder in snapshot_folders(desk.out)}) == 3


def test_old_snapshots_are_removed_after_a_publish(desk: Desk) -> None:
    for _ in range(3):
        assert desk.snapshot("--keep", "2").returncode == 0
    assert len(snapshot_folders(desk.out)) == 2


def test_the_demo_needs_no_account(tmp_path: Path) -> None:
    done = running.run("demo", "--out", str(tmp_path / "demo"), "--campaigns", "20", env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "demo")
    assert len(rows_of(folder)) == 20
    assert "refused 0" in done.stderr


def test_work_files_are_for_their_user_only(desk: Desk) -> None:
    desk.snapshot()
    desk.run("pull", desk.ids[0])
    private = [*desk.out.glob(".work"), *desk.out.glob(".work/*"), *(desk.tmp_path / "state").rglob("*.sqlite")]
    assert len(private) >= 4
    for path in private:
        assert path.stat().st_mode & 0o077 == 0, path


FULL_JOURNAL_DISK = """
import sqlite3
connect = sqlite3.connect

def connect_to_full_disk(database, **options):
    db = connect(database, **options)
    if "journal-" in str(database):
        db.execute("PRAGMA max_page_count = 10")
    return db

sqlite3.connect = connect_to_full_disk
"""
"""Pages for the tables, and for some of the answers."""


def test_a_full_journal_disk_is_reported_and_what_it_kept_is_not_asked_for_again(desk: Desk) -> None:
    command = ("snapshot", str(desk.ids_file), "--out", str(desk.out), *FAST, "--workers", "1")
    done = forked_program.shared_program().run(*command, env=desk.env, prepare=FULL_JOURNAL_DISK)
    assert done.returncode == 4, done.stderr
    assert "database or disk is full (free some room)" in done.stderr
    (kept,) = re.findall(r"(\d+) of 30 campaigns are kept", done.stderr)
    del desk.service.arrivals[:]
    again = desk.snapshot()
    assert again.returncode == 0, again.stderr
    assert len(desk.service.arrivals) == 30 - int(kept)


def test_a_journal_that_rots_is_set_aside_with_a_warning_and_the_same_run_starts_over(desk: Desk) -> None:
    nowhere = write_ids(desk.tmp_path / "more.csv", [*desk.ids, "cd-nowhere"])
    command = ("snapshot", str(nowhere), "--out", str(desk.out), *FAST)
    assert desk.run(*command, "--max-missing", "0").returncode == 6
    (journal,) = desk.out.glob(".work/journal-*.sqlite")
    with sqlite3.connect(journal) as db:
        db.execute("UPDATE answers SET body = 'rotten' WHERE rowid <= 3")
    del desk.service.arrivals[:]
    done = desk.run(*command)
    assert done.returncode == 0, done.stderr
    assert "was damaged (a row of answers is not what was written). It is set aside as" in done.stderr
    assert len(desk.service.arrivals) == 31


@pytest.mark.parametrize("form", ["markdown", "table"])
def test_a_pipe_that_closes_early_is_no_error(form: str, desk: Desk) -> None:
    shell = f"{' '.join(program('schema', '--format', form))} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], env=full(desk.env), capture_output=True, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_a_signal_before_any_work_ends_with_its_code(desk: Desk, tmp_path: Path) -> None:
    pipe = tmp_path / "ids.fifo"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        program("snapshot", str(pipe), "--out", str(tmp_path / "out")), env=full(desk.env), cwd=ROOT
    )
    with pipe.open("w"):  # opens when the program does: it reads now
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert not (tmp_path / "out").exists()


def test_the_metrics_of_a_run_that_was_refused_tell_what_it_cost(desk: Desk, tmp_path: Path) -> None:
    metrics = tmp_path / "a.prom"
    desk.service.always = "401"
    assert desk.snapshot("--metrics-file", str(metrics)).returncode == 3
    values = {sample.name: sample.value for sample in samples_in(metrics)}
    assert (values["last_run_exit_code"], values["requests"], values["last_success_timestamp_seconds"]) == (3, 1, 0)


def test_a_pull_that_finds_nothing_says_so_even_in_quiet(desk: Desk) -> None:
    done = desk.run("pull", "cd-nowhere", "-q", "--columns", "campaign_id", *FAST)
    assert (done.returncode, done.stdout) == (1, "campaign_id\n")
    assert "cd-nowhere: not found" in done.stderr


def test_a_pulled_table_goes_into_a_file_as_a_table(desk: Desk) -> None:
    file = desk.tmp_path / "table.txt"
    done = desk.run("pull", desk.ids[0], "--format", "table", "-o", str(file),
                    "--columns", "campaign_id,priority,is_imported,use_system_mappings", *FAST)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    header, _, row = [line for line in file.read_text().splitlines() if line.strip()]
    assert header.split() == ["campaign_id", "priority", "is_imported", "use_system_mappings"]
    assert row.split()[0] == desk.ids[0]
    assert {"true", "false"}.intersection(row.split())
