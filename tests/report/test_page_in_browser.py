"""The report in a real browser: no error, no request, no sideways scrolling, nothing that axe-core objects to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from exporter.report.page import render_report
from exporter.report.quiet_hours import parse_quiet_hours
from exporter.snapshot_store.open_destination import open_destination
from tests.support.judges import CACHE
from tests.support.snapshots import ONE, RESPONSES, TWO, edited, publish

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = CACHE / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: .ci/install-tools")

NAMES = ("W" * 400, "漢字" * 60, "<b>&amp;</b>", "Donaudampfschifffahrtsgesellschaft_" * 5, "\u202eobmuj", "a\nb", "")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
STYLES = re.compile(r"<style>.*?</style>", re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two snapshots of campaigns with the oddest names, IDs, statuses, zones and windows."""
    dest = tmp_path_factory.mktemp("browser")
    odd = []
    for number, response in enumerate(RESPONSES):
        name = NAMES[number % len(NAMES)]
        days = [{"day": day, "start": "7:00 PM", "end": "6:00 AM"} for day in ("MO", "TU", "Weekdays")]
        hours = {"timezone": name or "Asia/Kolkata", "days": days}
        made = edited(response, hours, name=name, status=name or "Ready", dncLists=None, description=name)
        odd.append(made._replace(campaign_id=f"cd-{number}-{name[:200]}"))
    publish(dest, ONE, responses=odd[:30])
    publish(dest, TWO, responses=[odd[0]._replace(body=odd[0].body.replace("7:00 PM", "8:00 PM")), *odd[5:]])
    quiet = [parse_quiet_hours("21:00-08:00")]
    return render_report(open_destination(str(dest)), TWO, now=0.0, quiet=quiet)[0]


def browse(file: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What Chromium makes of a page: its DOM on stdout, its console on stderr."""
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
            *options, "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def looked_at(file: Path, tmp_path: Path) -> tuple[str, list[str], set[str]]:
    """The DOM, what is in the console, what is asked of the network."""
    log = tmp_path / "net.json"
    done = browse(file, tmp_path / "profile", f"--log-net-log={log}")
    requested = set(re.findall(r'"url":"([^"]+)"', log.read_text(encoding="utf-8", errors="replace")))
    asked = {url for url in requested if url.startswith(("http://", "https://")) and "google" not in url}
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line], asked


def measured(page: str, script: str, tmp_path: Path, *, width: int, dark: bool = False) -> Any:
    """What `script` passes to `done(…)` when the page is `width` pixels wide."""
    probe = f"<script>const done = found => parent.postMessage(JSON.stringify(found), '*');{script}</script>"
    (tmp_path / "page.html").write_text(POLICY.sub("", page).replace("</body>", probe + "</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"<iframe src=page.html width={width} height=900 style='border:0'></iframe><pre id=found></pre>"
        "<script>onmessage = event => document.getElementById('found').textContent = event.data</script>",
        encoding="utf-8",
    )
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = browse(frame, tmp_path / "profile", "--virtual-time-budget=30000", *scheme)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(unescape(found))


def test_a_browser_opens_it_without_an_error_or_a_request(page: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    dom, console, asked = looked_at(file, tmp_path)
    assert dom.count('<table class="week"') == 2
    assert (console, asked) == ([], set())


def test_the_browser_would_tell_of_an_error_and_of_a_request(tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text("<img src=http://127.0.0.1:9/x.png><script>console.error('no')</script>", encoding="utf-8")
    _, console, asked = looked_at(file, tmp_path)
    assert console
    assert asked == {"http://127.0.0.1:9/x.png"}


SIDEWAYS = """
for (const details of document.querySelectorAll("details")) details.open = true;
const wide = [...document.querySelectorAll("body, body *")].filter(e =>
  !e.closest(".hidden, svg") && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120));
const scrolling = [...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1);
done([document.documentElement.scrollWidth <= innerWidth, scrolling.length, wide.slice(0, 3)]);
"""


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_scrolls_sideways_whatever_campaigns_are_called(page: str, tmp_path: Path, width: int) -> None:
    assert measured(page, SIDEWAYS, tmp_path, width=width) == [True, 0, []]


NAMES_SHOWN = """
const cells = [...document.querySelectorAll("td.campaign b")].map(e => e.getBoundingClientRect());
done([cells.length > 20, cells.filter(box => box.width < 60).length]);
"""


def test_tables_on_a_phone_show_names(page: str, tmp_path: Path) -> None:
    assert measured(re.sub(r'class="campaign"><b>[^<]*', 'class="campaign"><b>Harbour Helpdesk', page), NAMES_SHOWN,
                    tmp_path, width=390) == [True, 0]  # fmt: skip


VISIBLE = """
const style = element => getComputedStyle(element);
const boxes = [...document.querySelectorAll("svg rect, svg path")].map(e => style(e).fill);
done([boxes.filter(fill => fill === "rgb(0, 0, 0)").length, style(document.querySelector("td.h6")).backgroundColor]);
"""


def test_without_its_styles_the_page_has_no_black_boxes_and_the_heat_map_its_colours(page: str, tmp_path: Path) -> None:
    black, color = measured(STYLES.sub("", page), VISIBLE, tmp_path, width=800)
    assert black == 0
    assert color == "rgb(143, 189, 230)"


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: .ci/install-judges")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (320, True)])
def test_axe_core_finds_nothing(page: str, tmp_path: Path, width: int, dark: bool) -> None:
    script = f"""{AXE.read_text(encoding="utf-8")};
for (const details of document.querySelectorAll("details")) details.open = true;
axe.run().then(found => done([getComputedStyle(document.body).backgroundColor,
  found.violations.map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])]));
"""
    paper, violations = measured(page, script, tmp_path, width=width, dark=dark)
    assert violations == []
    assert paper == ("rgb(18, 22, 28)" if dark else "rgb(255, 255, 255)")
