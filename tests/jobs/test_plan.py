"""`jobs.plan`: what a snapshot would cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cli import run


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KORE_STREAM_ID", "KORE_ACCOUNT_ID", "KORE_JWT"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KORE_HOST", "kore.example")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split("  ", 1) for line in lines)


def test_it_prints_ids_repeats_requests_and_time_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("id\n" + "".join(f"{number}\n" for number in range(121)) + "0\n")
    assert run(["plan", str(ids), "--out", "exports"]) == 0
    lines = {name.strip(): text.strip() for name, text in told(capsys).items()}
    assert lines["campaigns wanted"] == "121 (1 repeat)"
    assert (lines["already fetched"], lines["requests to send"]) == ("0", "121")
    assert lines["time"] == "at least 2 min"
    assert lines["ends"].endswith("UTC, if it began now")
    assert list(tmp_path.iterdir()) == [ids]


def test_both_types_are_two_list_calls_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--out", "exports"]) == 0
    assert "about 1 request\n" in capsys.readouterr().out
    assert run(["plan", "--out", "exports", "--type", "all"]) == 0
    assert "about 2 requests\n" in capsys.readouterr().out
