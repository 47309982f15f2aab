"""`campaign-export report`: one page that needs no network. Opened in a real browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exporter.report.page import render_report
from exporter.report.quiet_hours import parse_quiet_hours
from exporter.storage.locate import open_destination
from tests.storage.test_snapshot_files import RESPONSES, publish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    publish(tmp_path, responses=RESPONSES[:30])
    hostile = RESPONSES[3]._replace(body=RESPONSES[3].body.replace('"name": "', '"name": "' + HOSTILE))
    strange = RESPONSES[4]._replace(body=RESPONSES[4].body.replace('"start"', '"begin"').replace("Europe/", "Mars/"))
    publish(tmp_path, "20261124T020000Z", responses=[*RESPONSES[:3], hostile, strange, *RESPONSES[5:]])
    return tmp_path


def page_of(dest: Path, *quiet: str) -> str:
    hours = [parse_quiet_hours(text) for text in quiet]
    page, _ = render_report(open_destination(str(dest)), "20261124T020000Z", time_zone="Asia/Kolkata", quiet=hours)
    return page


class Checker(HTMLParser):
    """Collects what a page refers to, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.refers: list[str] = []
        self.unlabelled = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.refers.append(value)
        if tag == "svg" and not dict(attrs).get("aria-label"):
            self.unlabelled += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_refers_to_nothing_outside(dest: Path) -> None:
    checker = Checker()
    checker.feed(page_of(dest, "21:00-08:00"))
    assert checker.open == []
    assert checker.refers == []
    assert checker.unlabelled == 0
    assert checker.tags.count("svg") >= 6
    assert "script" not in checker.tags


def test_what_a_campaign_is_called_stays_text(dest: Path) -> None:
    page = page_of(dest, "21:00-08:00")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_oddities_changes_and_quiet_hours_are_told(dest: Path) -> None:
    page = page_of(dest, "21:00-08:00")
    assert "no calling window that could be read" in page
    assert "10 added" in page
    assert re.search(r"calling windows of \d+ campaigns reach into quiet hours", page)
    assert "Calling windows in Asia/Kolkata" in page


def test_the_same_snapshot_gives_the_same_page(dest: Path) -> None:
    assert page_of(dest) == page_of(dest)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's chromium)")
def test_a_browser_opens_it_without_an_error_or_a_request(dest: Path, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    file = tmp_path / "report.html"
    file.write_text(page_of(dest, "21:00-08:00", "SU:00:00-24:00"), encoding="utf-8")
    log = tmp_path / "net.json"
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}",
            "--enable-logging=stderr", "--v=0", "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Calling windows" in done.stdout
    assert "CONSOLE" not in done.stderr
    requested = set(re.findall(r'"url":"([^"]+)"', log.read_text(encoding="utf-8", errors="replace")))
    assert not [url for url in requested if url.startswith(("http://", "https://")) and "google" not in url]
