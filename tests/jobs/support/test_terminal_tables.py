"""Commands on a real terminal: tables that fit, colours where they are wanted, a bar that goes away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from exporter.model import CampaignResponse
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.running import run, snapshot_folders, write_ids
from tests.support.serving import environment, serving
from tests.support.snapshots import RESPONSES, TWO, publish
from tests.support.terminal import Session, on_terminal


def with_data(response: CampaignResponse, **changes: Any) -> CampaignResponse:
    body = json.loads(response.body)
    body["data"] |= changes
    return response._replace(body=json.dumps(body))


@pytest.fixture(scope="module")
def dest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snapshots: a window moved, a name that would ring the bell, a description without end."""
    folder = tmp_path_factory.mktemp("exports")
    hours = json.loads(RESPONSES[0].body)["data"]["dialingStrategy"]
    days = [{"day": "MO", "start": "9:00 AM", "end": "6:00 PM"}, {"day": "SU", "start": "9:00 AM", "end": "1:00 PM"}]
    old = {**hours, "callingHours": {"frequency": "WEEKLY", "timezone": "UTC", "days": days}}
    moved = [{**days[0], "end": "8:00 PM"}]
    new = {**hours, "callingHours": {"frequency": "WEEKLY", "timezone": "UTC", "days": moved}}
    name = "\x1b[31mred\x07 漢字 " + "name " * 30
    publish(folder, responses=[with_data(RESPONSES[0], dialingStrategy=old, name=name), *RESPONSES[1:5]])
    publish(
        folder,
        TWO,
        responses=[
            with_data(RESPONSES[0], dialingStrategy=new, name=name),
            *RESPONSES[1:3],
            with_data(RESPONSES[3], description="long " * 100),
            RESPONSES[7],
        ],
    )
    return folder


def fits(session: Session, width: int) -> bool:
    """Whether no line is longer than the terminal, but that of an ID, which is never cut."""
    return all(cell_len(line) <= width or re.fullmatch(r"[~+-] \S+", line) for line in session.lines)


@pytest.mark.parametrize("width", [40, 120])
def test_tables_fit_the_terminal_and_cut_with_a_sign(dest: Path, width: int) -> None:
    for command in (["snapshots", str(dest)], ["diff", str(dest)]):
        session = on_terminal(*command, env={}, width=width)
        assert session.code == 0
        assert fits(session, width), session.text
        assert "\x07" not in session.raw
        assert "\x1b[31mred" not in session.raw
    assert TWO in session.text
    assert "…" in session.text


@pytest.mark.parametrize("width", [30, 60])
def test_what_a_diff_comes_to_is_never_cut(dest: Path, width: int) -> None:
    text = on_terminal("diff", str(dest), env={}, width=width).text
    assert re.search(rf"→\s+{TWO}:\s+1\s+added,\s+1\s+removed,\s+2\s+changed\n", text), text


def test_a_moved_window_is_said_as_people_say_it(dest: Path) -> None:
    session = on_terminal("diff", str(dest), env={})
    assert re.search(r"^    calling hours   MO 09:00-18:00 → 09:00-20:00$", session.text, re.MULTILINE)
    assert re.search(r"^    calling hours   SU 09:00-13:00 → none$", session.text, re.MULTILINE)
    assert re.search(rf"^\+ {RESPONSES[7].campaign_id}  .+$", session.text, re.MULTILINE)


@pytest.mark.parametrize(
    ("variables", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_colours_are_shown_where_they_are_wanted(dest: Path, variables: dict[str, str], colored: bool) -> None:
    session = on_terminal("diff", str(dest), env=variables)
    assert ("\x1b[32m+ " in session.raw) == colored
    assert colored or not re.search(r"\x1b\[[0-9;]*3\dm", session.raw)
    assert "\x1b" not in run("diff", str(dest), env=variables).stdout


def test_a_pipe_gets_whole_lines(dest: Path) -> None:
    assert "long " * 99 in run("diff", str(dest), env={}).stdout


@pytest.fixture
def service() -> Iterator[tuple[Behaviour, str]]:
    behaviour = Behaviour(sample_campaigns(60))
    with serving(behaviour, latency=(0.01, 0.02)) as url:
        yield behaviour, url


def test_pull_shows_whole_ids_and_leaves_out_what_does_not_fit(service: tuple[Behaviour, str], tmp_path: Path) -> None:
    ids = list(service[0].campaigns)[:3]
    env = environment(service[1], tmp_path)
    for width, columns in ((80, 3), (120, 5), (160, 7)):
        session = on_terminal("pull", *ids, "--rate", "off", env=env, width=width)
        assert fits(session, width)
        assert all(one in session.text for one in ids)
        header = next(line for line in session.lines if "campaign_id" in line)
        assert len(header.split()) == columns
    narrow = on_terminal("pull", *ids, "--rate", "off", "--table", "calling_windows", env=env, width=40)
    assert fits(narrow, 40)
    assert "…" in narrow.text
    assert "False" not in narrow.text


def test_ctrl_c_ends_a_run_with_130_and_leaves_the_terminal_as_it_was(
    service: tuple[Behaviour, str], tmp_path: Path
) -> None:
    ids = write_ids(tmp_path / "ids.csv", service[0].campaigns)
    command = ("snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "20/1m")
    env = environment(service[1], tmp_path)
    session = on_terminal(*command, env=env, width=60, interrupt_when=lambda text: "20/60" in text)
    assert session.code == 130
    assert session.cursor_shown
    assert "the same command resumes" in session.text
    assert "Traceback" not in session.text
    assert fits_bar(session, 60)
    assert snapshot_folders(tmp_path / "out") == []
    assert len(service[0].arrivals) == 20
    again = on_terminal(*command[:-1], "off", env=env, width=120)
    assert again.code == 0
    assert "20 already there" in again.text
    assert again.cursor_shown


def fits_bar(session: Session, width: int) -> bool:
    """Whether every drawing of the bar took one line."""
    bars = [line for line in session.lines if "/60" in line and "/min" in line]
    return bool(bars) and all(cell_len(line) <= width for line in bars)


def test_ctrl_c_in_a_pull_leaves_what_came_and_no_mess(service: tuple[Behaviour, str], tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    ids = write_ids(tmp_path / "ids.csv", service[0].campaigns)
    session = on_terminal(
        "pull", str(ids), "-o", str(file), "--rate", "20/1m",
        env=environment(service[1], tmp_path), interrupt_when=lambda text: "20/60" in text,
    )  # fmt: skip
    assert session.code == 130
    assert session.cursor_shown
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "state") == ["ids.csv", "some.csv"]
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1 + 20


def test_a_dumb_terminal_gets_no_bar(service: tuple[Behaviour, str], tmp_path: Path) -> None:
    ids = write_ids(tmp_path / "ids.csv", service[0].campaigns)
    session = on_terminal(
        "snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off",
        env={**environment(service[1], tmp_path), "TERM": "dumb"},
    )  # fmt: skip
    assert session.code == 0
    assert "\x1b" not in session.raw
    assert "\r" not in session.raw.replace("\r\n", "")
