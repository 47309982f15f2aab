"""`exporter.report.page`: one page that needs no network."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.model import CampaignResponse, Pause
from exporter.report.facts import Facts
from exporter.report.page import MOST_ROWS, limit_of, render_report, short_count
from exporter.report.quiet_hours import parse_quiet_hours
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.names import began_at
from exporter.snapshot_store.open_destination import open_destination
from tests.support.snapshots import NOW, ONE, RESPONSES, TWO, edited, publish, reseal

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def two_snapshots(tmp_path: Path) -> Path:
    publish(tmp_path, responses=RESPONSES[:30])
    hostile = RESPONSES[3]._replace(body=RESPONSES[3].body.replace('"name": "', '"name": "' + HOSTILE))
    strange = RESPONSES[4]._replace(body=RESPONSES[4].body.replace('"start"', '"begin"').replace("Europe/", "Mars/"))
    publish(tmp_path, TWO, responses=[*RESPONSES[:3], hostile, strange, *RESPONSES[5:]])
    return tmp_path


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return two_snapshots(tmp_path)


@pytest.fixture(scope="module")
def quiet_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with quiet hours."""
    return page_of(two_snapshots(tmp_path_factory.mktemp("report")), "21:00-08:00")


def report_of(dest: Path, snapshot: str, **options: Any) -> tuple[str, Facts]:
    return render_report(open_destination(str(dest)), snapshot, now=began_at(TWO).timestamp(), **options)


def page_of(dest: Path, *quiet: str) -> str:
    hours = [parse_quiet_hours(text) for text in quiet]
    return report_of(dest, TWO, time_zone="Asia/Kolkata", quiet=hours)[0]


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
        if tag == "svg" and self.open[-2:-1] != ["svg"] and not {"aria-label", "aria-hidden"} & dict(attrs).keys():
            self.unlabelled += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_refers_to_nothing_outside(quiet_page: str) -> None:
    checker = Checker()
    checker.feed(quiet_page)
    assert checker.open == []
    assert checker.refers == []
    assert checker.unlabelled == 0
    assert checker.tags.count("svg") > 6
    assert not {"script", "link", "img", "iframe"} & set(checker.tags)
    assert " style=" not in quiet_page, "forbidden by the policies of some servers"


def test_what_a_campaign_is_called_stays_text(quiet_page: str) -> None:
    assert HOSTILE not in quiet_page
    assert "&lt;script&gt;alert(1)" in quiet_page


def test_issues_changes_and_quiet_hours_are_shown(quiet_page: str) -> None:
    assert "callingHours.days.0: no start" in quiet_page
    assert "10 added" in quiet_page
    assert re.search(r"calling windows of \d+ campaigns? reach into quiet hours", quiet_page)
    assert "<h3>In Asia/Kolkata</h3>" in quiet_page


def test_the_same_snapshot_gives_the_same_page(dest: Path) -> None:
    assert page_of(dest) == page_of(dest)


def test_every_campaign_that_reaches_into_quiet_hours_is_listed_and_the_page_stays_below_2_mb(tmp_path: Path) -> None:
    """5,000 campaigns with names as long as the service allows, each sending at night, on two snapshots."""
    days = [{"day": day, "start": "7:30 AM", "end": "10:00 PM"} for day in ("MO", "TU", "WE", "TH", "FR")]
    hours = {"frequency": "WEEKLY", "timezone": "America/Argentina/Buenos_Aires", "days": days}
    ids = [f"cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b{number:04}" for number in range(5000)]

    def responses(status: str) -> list[CampaignResponse]:
        response = edited(RESPONSES[0], hours, name="W" * 48, status=status)._replace(list_item=None)
        return [response._replace(campaign_id=one) for one in ids]

    publish(tmp_path, responses=responses("Active"))
    publish(tmp_path, TWO, responses=responses("Ready"))
    page = page_of(tmp_path, "21:00-08:00")
    assert all(f"<code>{campaign_id}</code>" in page for campaign_id in ids)
    assert "450" in page  # minutes a week: 5 mornings of 30, 5 evenings of 60
    assert len(page.encode()) < 2_000_000


def test_minutes_in_quiet_hours_that_overlap_count_once(dest: Path) -> None:
    once, twice = (page_of(dest, *hours) for hours in (["SU:00:00-24:00"], ["SU:00:00-24:00", "SU:08:00-20:00"]))
    minutes = re.compile(r'<td class="n" align="right">([\d,]+)</td></tr>')
    table = re.compile(r"reach into quiet hours, in the campaign.*?</table>", re.DOTALL)
    found = [minutes.findall(part[0]) if (part := table.search(page)) else [] for page in (once, twice)]
    assert found[0]
    assert found[0] == found[1]


def test_campaigns_that_cannot_be_checked_are_listed_with_the_reason(quiet_page: str) -> None:
    assert "2 campaigns could not be checked, or not for certain" in quiet_page
    assert "dialingStrategy.callingHours.days.0: no start;" in quiet_page


def test_a_changed_window_is_said_as_people_say_it(tmp_path: Path) -> None:
    old, new = ({"days": [{"day": "MO", "start": "9:00 AM", "end": end}]} for end in ("6:00 PM", "8:00 PM"))
    publish(tmp_path, responses=[edited(RESPONSES[0], old)])
    publish(tmp_path, TWO, responses=[edited(RESPONSES[0], new)])
    assert '<b>calling hours</b> <span class="was">MO 09:00-18:00 → </span>09:00-20:00' in page_of(tmp_path)


def test_of_more_changed_campaigns_than_are_listed_the_rest_is_counted_in_campaigns(tmp_path: Path) -> None:
    def responses(text: str, status: str) -> list[CampaignResponse]:
        one = edited(RESPONSES[0], name=text, description=text, status=status)._replace(list_item=None)
        return [one._replace(campaign_id=f"cd-{number:04}") for number in range(MOST_ROWS + 2)]

    publish(tmp_path, responses=responses("a", "Ready"))
    publish(tmp_path, TWO, responses=responses("b", "Active"))
    table = page_of(tmp_path).partition("<h3>Changed</h3>")[2].partition("</section>")[0]
    assert table.count("<code>cd-") == MOST_ROWS
    assert table.count("<b>status</b>") == table.count("<b>description</b>") == MOST_ROWS
    assert "… and 2 more;" in table


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, ""), (2 / 60, "<0.1"), (0.05, "0.1"), (0.5, "0.5"), (0.95, "1"), (493, "493"), (999.4, "999"),
     (999.5, "1.0k"), (4500, "4.5k"), (999_949, "999.9k"), (999_950, "1.0M"), (1_000_000, "1.0M")],
)  # fmt: skip
def test_a_number_in_the_heat_map_is_short_and_never_nothing_where_there_is_something(value: float, text: str) -> None:
    assert short_count(value) == text


@pytest.mark.parametrize("number", [0, 1])
def test_there_is_a_page_of_nothing_and_of_one(tmp_path: Path, number: int) -> None:
    publish(tmp_path, TWO, responses=RESPONSES[:number])
    page = page_of(tmp_path, "21:00-08:00")
    assert "This is the first snapshot" in page
    assert ("There is no campaign in this snapshot" in page) == (number == 0)


def test_a_damaged_snapshot_before_does_not_hide_this_one(dest: Path) -> None:
    path = dest / f"snapshot={ONE}" / "campaigns.parquet"
    path.write_bytes(b"PAR1 broken")
    page = page_of(dest)
    assert "cannot be read" in page
    assert f"{path}: " in page


def test_the_run_is_shown_against_its_limit_with_its_pauses(dest: Path) -> None:
    path = dest / f"snapshot={TWO}" / "campaigns.parquet"
    pauses = [
        Pause(manifests.iso(NOW), 41.0, "rate_limit"),
        Pause(manifests.iso(NOW), 7.0, "outage"),
    ]
    reseal(path.parent, pacing=manifests.Pacing(["60/1m"], pauses))
    later = pq.read_table(path)
    times = pa.array([NOW + 1000 * number for number in range(later.num_rows)], pa.timestamp("ms", "UTC"))
    pq.write_table(later.set_column(later.schema.get_field_index("fetched_at"), "fetched_at", times), path)
    page, facts = report_of(dest, TWO)
    assert "Answers a second" in page
    assert "the limit, 60/1m" in page
    assert re.search(r"41 s</td><td>the rate limit was hit.*7.0 s</td><td>the service was failing", page, re.DOTALL)
    assert sum(number for _, number in facts.progress.answers) == later.num_rows + 2  # and two failures
    assert limit_of(facts) == 60


@pytest.mark.parametrize(
    ("unit", "limits", "most"),
    [
        ("minute", ["60/40s"], 120),
        ("second", ["10/600ms"], 20),
        ("minute", ["60/1m"], 60),
        ("second", ["60/1m"], 60),
        ("minute", ["60/40s", "100/1h"], 100),
        ("second", [], None),
    ],
)
def test_the_limit_is_drawn_at_the_most_answers_that_a_step_can_have(
    dest: Path, unit: str, limits: list[str], most: int | None
) -> None:
    """60 answers of a window may come in its first second, and those of the next in its first: 0 s and 40 s."""
    facts = report_of(dest, TWO)[1]
    progress = msgspec.structs.replace(facts.progress, unit=unit, limits=limits)
    assert limit_of(msgspec.structs.replace(facts, progress=progress)) == most


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_texts_and_colours_have_the_contrast_that_wcag_asks_for(quiet_page: str, theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", quiet_page, re.DOTALL)
    color: dict[str, str] = dict(re.findall(r"--(\w+): (#\w{6})", blocks[theme]))
    texts = [(ink, paper) for ink in ("ink", "soft", "accent", "warn", "good") for paper in ("paper", "panel")]
    texts += [(f"t{level}", f"{shade}{level}") for level in range(1, 7) for shade in "hw"]
    for one, other in texts:
        assert contrast(color[one], color[other]) >= 4.5, (one, other)
    for number in range(8):
        assert contrast(color[f"s{number}"], color["paper"]) >= 3, number


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_is_defined(quiet_page: str) -> None:
    defined, used = (set(re.findall(form, quiet_page)) for form in (r"--(\w+): #", r"var\(--(\w+)\)"))
    assert {"ink", "paper", "s0"} <= used <= defined


def test_every_region_that_scrolls_can_be_reached_by_keyboard_and_has_a_name(quiet_page: str) -> None:
    scrolling = re.findall(r'<div class="scroll[^>]*>', quiet_page)
    assert scrolling
    assert all('tabindex="0"' in tag and "aria-label=" in tag for tag in scrolling)


def test_the_heat_map_is_a_table_of_seven_days_and_24_hours(quiet_page: str) -> None:
    tables = re.findall(r'<table class="week".*?</table>', quiet_page, re.DOTALL)
    assert len(tables) == 2
    for table in tables:
        assert table.count('<th scope="col">') == 24
        assert table.count('<th scope="row"') == 7
        assert len(re.findall(r"<td class=", table)) == 168
        assert "<caption" in table


def test_plain_attributes_beneath_the_styles_keep_colours_and_alignment(quiet_page: str) -> None:
    """A policy that forbids inline styles, or a mail program that drops them, leaves the attributes."""
    bare = re.sub(r"<style>.*?</style>", "", quiet_page, flags=re.DOTALL)
    assert 'bgcolor="#' in bare
    shapes = re.findall(r"<(?:rect|path|line)[^>]*>", bare)
    assert shapes
    assert all("fill=" in shape or "stroke=" in shape for shape in shapes), "black boxes"
    assert "</b><span>" not in bare, "tiles run together"
    for tint in set(re.findall(r'bgcolor="(#\w{6})"', bare)):
        assert contrast("#1c2430", tint) >= 4.5


def test_values_that_mean_something_to_html_or_svg_are_only_shown(tmp_path: Path) -> None:
    evil = '</text></svg><script>alert(1)</script>" onload="x'
    values = [r"$\bad{$x^", r"${\\foo}$", "_hidden", evil, "<b>&amp;", "x" * 1_000_000, "漢字", "\x1b[2J\n\u202e"]
    values += [f"value {number}" for number in range(len(RESPONSES) - len(values))]
    responses = [
        edited(one, {"timezone": value}, name=value, status=value) for one, value in zip(RESPONSES, values, strict=True)
    ]
    publish(tmp_path, TWO, responses=responses)
    page = page_of(tmp_path, "21:00-08:00")
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert "<script" not in page
    assert 'onload="x' not in page
    assert "\x1b" not in page
    assert "bad{" in page
    assert "${" in page
    assert "others" in page
    assert len(page) < 1_000_000


def test_statuses_that_are_null_empty_or_called_not_given_are_added_up(tmp_path: Path) -> None:
    statuses = [None, "", "not given", "Ready", "Ready", " "]
    publish(tmp_path, responses=[edited(one, status=status) for one, status in zip(RESPONSES, statuses, strict=False)])
    _, facts = report_of(tmp_path, ONE)
    assert sum(facts.statuses[ONE].values()) == len(statuses)
    assert facts.statuses[ONE]["not given"] == 3
    assert sum(number for _, number in facts.by_status) == len(statuses)


def test_windows_that_run_overnight_are_marked(tmp_path: Path) -> None:
    night = {"days": [{"day": "FR", "start": "10:00 PM", "end": "2:00 AM"}]}
    publish(tmp_path, responses=[edited(RESPONSES[0], night), RESPONSES[1]])
    page, _ = report_of(tmp_path, ONE)
    assert "1 campaign with windows that run overnight" in page
    assert "FR 22:00-02:00 (overnight)" in page


def test_the_week_of_the_utc_offsets_can_be_chosen(tmp_path: Path) -> None:
    publish(tmp_path, responses=RESPONSES[:5])
    march, facts = report_of(tmp_path, ONE, week=date(2026, 3, 29))
    assert "With the UTC offsets of the week from 23 March 2026" in march
    assert "With the UTC offsets of the week from 23 November 2026" in report_of(tmp_path, ONE)[0]
    assert facts.monday == date(2026, 3, 23)
