"""`jobs.rebuild`: whose answers are flattened again."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.snapshot_store.catalog import list_snapshots
from exporter.snapshot_store.open_destination import open_destination
from jobs.cli import run
from tests.support.snapshots import ONE, OTHER_ACCOUNT, RESPONSES, TWO, publish


@pytest.mark.parametrize(
    ("options", "base", "chosen", "other"),
    [((), TWO, "other/st-1", "acc/st-1"), (("--account", "acc"), ONE, "acc/st-1", "other/st-1")],
)
def test_of_several_accounts_one_is_chosen_and_named(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    base: str,
    chosen: str,
    other: str,
) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    publish(tmp_path, TWO, responses=RESPONSES[:1], api=OTHER_ACCOUNT)
    assert run(["rebuild", str(tmp_path), *options]) == 0
    assert f"account {chosen}; also in this destination: {other} (--account chooses)" in capfd.readouterr().err
    bases = [info.manifest.base_snapshot for info in list_snapshots(open_destination(str(tmp_path)))]
    assert [one for one in bases if one is not None] == [base]


def test_an_account_beside_a_snapshot_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path, ONE, responses=RESPONSES[:1])
    assert run(["rebuild", str(tmp_path), ONE, "--account", "acc"]) == 2
    assert "exclude each other" in capfd.readouterr().err
    assert run(["rebuild", str(tmp_path), "--account", "third"]) == 2
    assert "there is no snapshot of account third; accounts: acc/st-1" in capfd.readouterr().err
