"""`jobs.report`: the page, what stderr says, and exit codes for compliance checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.model import Failure, Identity
from jobs.cli import run
from tests.support.answers import SEED, response_of, with_hours
from tests.support.snapshots import NOW, ONE, OTHER_ACCOUNT, TWO, publish

DAY = {"day": "MO", "start": "9:00 AM", "end": "6:00 PM"}
QUIET = ["--quiet-hours", "21:00-08:00", "--fail-on-quiet-hours"]


def report(dest: Path, *options: str) -> tuple[int, str]:
    """Exit code, and the page."""
    page = dest / "report.html"
    code = run(["report", str(dest), "-o", str(page), *options])
    return code, page.read_text(encoding="utf-8") if page.exists() else ""


def test_a_campaign_that_keeps_quiet_hours_is_exit_code_0(tmp_path: Path) -> None:
    publish(tmp_path, failures=[], responses=[with_hours(DAY)])
    code, page = report(tmp_path, *QUIET)
    assert code == 0
    assert "Kept:" in page


@pytest.mark.parametrize(
    ("days", "hours"),
    [
        ([DAY, {**DAY, "start": "soon"}], {}),
        ([DAY, {**DAY, "day": "Weekdays"}], {}),
        ([DAY, {**DAY, "end": {"hour": 18}}], {}),
        ([DAY, "always"], {}),
        ([], {}),
        ([{**DAY, "enabled": False}], {}),
        ([{**DAY, "isClosed": True}], {}),
        ([{**DAY, "timezone": "Asia/Tokyo"}], {}),
        ([DAY], {"isEnabled": False}),
        ([DAY], {"exceptions": [{"date": "2026-12-24"}]}),
        ([DAY], {"timezone": "Eastern Standard Time"}),
        ([DAY], {"timezone": "EDT"}),
        ([DAY], {"timezone": None}),
    ],
    ids=str,
)
def test_what_cannot_be_read_for_certain_is_not_checked_and_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], days: list[Any], hours: dict[str, Any]
) -> None:
    publish(tmp_path, failures=[], responses=[with_hours(*days, **hours)])
    code, page = report(tmp_path, *QUIET)
    assert code == 1
    assert "not checked for quiet hours: 1 campaign (cd-1)" in capfd.readouterr().err
    assert "Kept:" not in page
    assert "1 campaign could not be checked" in page


def test_a_campaign_that_reaches_into_quiet_hours_is_named_on_stderr_and_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, failures=[], responses=[with_hours({**DAY, "end": "9:30 PM"})])
    assert report(tmp_path, *QUIET, "-q")[0] == 1
    assert "reach into quiet hours: 1 campaign (cd-1)" in capfd.readouterr().err
    assert report(tmp_path, "--quiet-hours", "21:00-08:00")[0] == 0


@pytest.mark.parametrize(
    ("fields", "missing", "not_checked"),
    [
        ({"dncLists": None}, 1, 0),
        ({"dncLists": {}}, 1, 0),
        ({"dncLists": []}, 1, 0),
        ({"dncLists": {"name": "Quiet Riders"}}, 0, 0),
        ({"dncLists": [{"id": "cl-1"}]}, 0, 0),
        ({"dncLists": 5}, 0, 1),
        ({"dncLists": None, "dnclists": {"name": "x"}}, 0, 1),
        ({"dncLists": None, "dnc_lists": [{"id": "cl-1"}]}, 0, 1),
        ({"dncLists": None, "dialingMode": "Progressive", "format": None}, 0, 0),
        ({"dncLists": None, "format": None}, 0, 1),
    ],
    ids=str,
)
def test_sms_campaigns_without_a_do_not_contact_list_are_listed_and_fail(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], fields: dict[str, Any], missing: int, not_checked: int
) -> None:
    publish(tmp_path, failures=[], responses=[response_of({**SEED, **fields}, campaign_id="cd-1")])
    code, page = report(tmp_path, "--fail-on-missing-dnc")
    assert code == (1 if missing or not_checked else 0)
    err = capfd.readouterr().err
    assert ("SMS without a do-not-contact list: 1 campaign (cd-1)" in err) == bool(missing)
    assert ("not checked for a do-not-contact list: 1 campaign (cd-1)" in err) == bool(not_checked)
    assert ("Nobody is scrubbed" in page) == bool(missing)


def test_api_v1_shows_no_do_not_contact_lists_so_that_nothing_is_checked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(
        tmp_path,
        failures=[],
        responses=[response_of({**SEED, "dncLists": None})],
        api=Identity("https://h", "st-1", "acc", "v1"),
    )
    assert report(tmp_path, "--fail-on-missing-dnc")[0] == 1
    assert "not checked for a do-not-contact list: 1 campaign" in capfd.readouterr().err


@pytest.mark.parametrize("outcome", ["failed", "invalid"])
def test_a_campaign_that_could_not_be_fetched_is_not_checked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], outcome: Any
) -> None:
    failures = [
        Failure("cd-2", outcome, 503, 5, "x", None, NOW, NOW),
        Failure("cd-3", "not_found", 404, 1, "x", None, NOW, NOW),
    ]
    publish(tmp_path, failures=failures, responses=[with_hours(DAY)])
    code, page = report(tmp_path, *QUIET)
    assert code == 1
    assert "not checked for quiet hours: 1 campaign (cd-2)" in capfd.readouterr().err
    assert page.count("could not be fetched</td>") == 2  # for quiet hours, and for do-not-contact lists


def test_the_page_says_that_a_contacts_own_time_zone_beats_the_campaigns(tmp_path: Path) -> None:
    publish(tmp_path, failures=[], responses=[with_hours(DAY)])
    assert "A contact's own time zone beats the campaign's" in report(tmp_path)[1]


def test_the_time_zone_may_differ_in_case_and_blanks(tmp_path: Path) -> None:
    publish(tmp_path, failures=[], responses=[with_hours(DAY)])
    code, page = report(tmp_path, "--timezone", "europe/lisbon ")
    assert (code, "<h3>In Europe/Lisbon</h3>" in page) == (0, True)


def test_the_account_is_said_and_can_be_chosen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, failures=[], responses=[with_hours(DAY)], api=OTHER_ACCOUNT)
    publish(tmp_path, TWO, failures=[], responses=[with_hours(DAY)])
    _, page = report(tmp_path)
    assert "account acc/st-1" in capfd.readouterr().err
    assert "This is the first snapshot" in page
    _, page = report(tmp_path, "--account", "other")
    assert f"Snapshot <code>{ONE}</code>" in page
    assert report(tmp_path, ONE, "--account", "acc")[0] == 2


def test_the_size_is_that_of_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = {**SEED, "name": "案内" * 9, "dncLists": None}  # listed, with its name
    publish(tmp_path, failures=[], responses=[response_of(data, campaign_id="cd-1")])
    assert report(tmp_path, "--log-format", "json")[0] == 0
    (told,) = (line for line in map(json.loads, capfd.readouterr().err.splitlines()) if line["event"] == "reported")
    assert told["bytes"] == (tmp_path / "report.html").stat().st_size


def test_a_dash_is_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path)
    assert run(["report", str(tmp_path), "-o", "-"]) == 0
    assert capfd.readouterr().out.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("week", ["0002-01-01", "9998-12-31"])
def test_every_other_week_is_shown(tmp_path: Path, week: str) -> None:
    publish(tmp_path, failures=[], responses=[with_hours({**DAY, "day": "SU"}, timezone="Pacific/Kiritimati")])
    assert report(tmp_path, "--week", week, "--timezone", "Pacific/Pago_Pago")[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--week", "next"], "write one like 2026-03-29"),
        (["--week", "0001-01-01"], "write a day like 2026-03-29"),
        (["--week", "9999-12-31"], "write a day like 2026-03-29"),
        (["--timezone", "EDT"], "write one like Europe/Lisbon"),
        (["--fail-on-quiet-hours"], "needs --quiet-hours"),
        (["--quiet-hours", "night"], "write 21:00-08:00"),
    ],
)
def test_wrong_options_are_errors_that_say_what_to_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    publish(tmp_path, failures=[], responses=[])
    assert report(tmp_path, *options)[0] == 2
    assert message in capfd.readouterr().err
