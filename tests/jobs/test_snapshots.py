"""`jobs.snapshots`: what is published, damaged ones too."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from jobs.cli import run
from tests.support.another_user import another_user, needs_root
from tests.support.snapshots import ONE, OTHER_ACCOUNT, RESPONSES, THREE, TWO, publish

FUTURE = "20990101T000000Z"


def test_latest_prints_only_the_path_of_the_newest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for snapshot in (ONE, TWO, FUTURE):
        publish(tmp_path, snapshot, responses=RESPONSES[:1])
    assert run(["snapshots", str(tmp_path), "--latest"]) == 0
    captured = capfd.readouterr()
    assert captured.out == f"{tmp_path}/snapshot={TWO}\n"
    assert f"snapshot={FUTURE}: began under a wrong clock" in captured.err


def test_latest_of_an_account_can_be_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1], api=OTHER_ACCOUNT)
    assert run(["snapshots", str(tmp_path), "--latest"]) == 0
    captured = capfd.readouterr()
    assert captured.out.endswith(f"snapshot={TWO}\n")
    assert "account other/st-1; also in this destination: acc/st-1" in captured.err
    assert run(["snapshots", str(tmp_path), "--latest", "--account", "acc"]) == 0
    assert capfd.readouterr().out.endswith(f"snapshot={ONE}\n")


def test_no_snapshot_has_no_latest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshots", str(tmp_path), "--latest"]) == 2
    assert capfd.readouterr().out == ""


def test_damaged_snapshots_are_listed_with_their_problem(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for snapshot in (ONE, TWO, THREE):
        publish(tmp_path, snapshot, responses=RESPONSES[:1])
    (tmp_path / f"snapshot={ONE}" / "manifest.json").write_text("")
    (tmp_path / f"snapshot={TWO}" / "campaigns.parquet").write_bytes(b"")
    assert run(["snapshots", str(tmp_path), "--format", "json"]) == 0
    captured = capfd.readouterr()
    problems = {row["snapshot"]: row["problem"] for row in json.loads(captured.out)}
    assert "manifest.json: not a manifest" in problems[ONE]
    assert "campaigns.parquet: has 0 bytes" in problems[TWO]
    assert problems[THREE] is None
    assert captured.err.count("damaged: ") == 2
    assert run(["snapshots", str(tmp_path)]) == 0
    assert capfd.readouterr().out.count(" damaged ") == 2
    assert run(["snapshots", str(tmp_path), "--format", "csv"]) == 0
    assert len(list(csv.DictReader(io.StringIO(capfd.readouterr().out)))) == 3


@needs_root
def test_what_may_not_be_read_is_not_called_damaged(shared_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for snapshot in (ONE, TWO):
        publish(shared_folder, snapshot, responses=RESPONSES[:1])
    (shared_folder / f"snapshot={ONE}").chmod(0o700)
    with another_user():
        assert run(["snapshots", str(shared_folder)]) == 0
    captured = capfd.readouterr()
    assert " not readable " in captured.out
    assert f"not readable: {shared_folder}/snapshot={ONE}/manifest.json: Permission denied" in captured.err
    assert "damaged" not in captured.out + captured.err


def test_a_rebuild_of_an_old_snapshot_is_not_the_latest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1])
    publish(tmp_path, THREE, responses=RESPONSES[:1], mode="rebuild", base=ONE)
    assert run(["snapshots", str(tmp_path), "--latest"]) == 0
    assert capfd.readouterr().out.endswith(f"snapshot={TWO}\n")


@pytest.mark.parametrize("below", ["account=acc/stream=st-1", "account=acc"])
def test_a_fleets_folder_and_a_snapshots_own_folder_get_a_hint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], below: str
) -> None:
    publish(tmp_path / "account=acc" / "stream=st-1", responses=RESPONSES[:1])
    root = (tmp_path / below).parent
    assert run(["snapshots", str(root)]) == 2
    assert f"name that of one, such as {root}/" in capfd.readouterr().err
    assert run(["snapshots", f"{tmp_path}/account=acc/stream=st-1/snapshot={ONE}"]) == 2
    assert "is the folder of a snapshot: name the folder that it lies in" in capfd.readouterr().err
