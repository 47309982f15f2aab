"""`jobs.verify`: sound or damaged, and which snapshots are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cli import run
from tests.support.snapshots import ONE, OTHER_ACCOUNT, RESPONSES, TWO, publish


def test_a_later_snapshot_with_a_damaged_manifest_is_looked_at_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1])
    (tmp_path / f"snapshot={TWO}" / "manifest.json").write_text("")
    assert run(["verify", str(tmp_path)]) == 1
    out = capfd.readouterr().out
    assert f"snapshot={ONE}: sound" in out
    assert f"snapshot={TWO}: damaged\n  manifest.json: not a manifest" in out


def test_every_account_is_looked_at_with_all_and_one_with_account(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1], api=OTHER_ACCOUNT)
    assert run(["verify", str(tmp_path), "--all"]) == 0
    assert capfd.readouterr().out.count("sound") == 2
    assert run(["verify", str(tmp_path), "--account", "acc"]) == 0
    captured = capfd.readouterr()
    assert captured.out == f"{tmp_path}/snapshot={ONE}: sound\n"
    assert "account acc/st-1; also in this destination: other/st-1" in captured.err


def test_which_snapshot_can_be_said_in_one_way_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(tmp_path), ONE, "--all"]) == 2
    assert "exclude each other" in capfd.readouterr().err


@pytest.mark.parametrize("options", [(), ("--all",)])
def test_where_there_is_no_snapshot_nothing_is_sound(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    (tmp_path / "fleet" / "account=a").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    errors = {
        "nowhere": "there is no such folder",
        "empty": "there is no snapshot in it",
        "fleet": "is the folder of a fleet",
    }
    for dest, error in errors.items():
        assert run(["verify", str(tmp_path / dest), *options]) == 2
        captured = capfd.readouterr()
        assert error in captured.err
        assert captured.out == ""
