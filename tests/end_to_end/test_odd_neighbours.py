"""Odd answers beside each other in one snapshot: each row is what it is alone, and no leaf of an answer is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.support.forked_program import ForkedProgram
from tests.support.hostile import hostile, ok
from tests.support.running import rows_of, snapshot_folders, write_ids
from tests.support.serving import environment


def on_days(*days: object) -> dict[str, Any]:
    return {"schedule": {"recurrenceObject": {"weeklyDetails": {"whichDays": list(days)}}}}


def hours(day: object) -> dict[str, Any]:
    return {"dialingStrategy": {"callingHours": {"days": [{"day": day, "start": "8:30 AM", "end": "7:15 PM"}]}}}


ANSWERS: dict[str, dict[str, Any]] = {
    "priority 5": {"priority": 5},
    "priority of many digits": {"priority": "000000000000000000005"},
    "priority true": {"priority": True},
    "priority 5.0": {"priority": 5.0},
    "dots in contact lists": {"contactLists": [{"name": "A", "a.b": 1, "a": {"b": 2}}, "B"]},
    "dots in a DNC list": {"dncLists": {"name": "Quiet", "x.y": {"z.": "kept"}, "": "kept too"}},
    "lists of another type": {"contactLists": 7, "dncLists": [[1]]},
    "a key of its own like that of the list": {"list:connection": "its own", "connection": "Desk"},
    "which days [true]": on_days(True),
    "which days [1]": on_days(1),
    "which days [1.0]": on_days(1.0),
    "which days [MO]": on_days("Mon"),
    "no day": hours(""),
    "day null": hours(None),
    "Monday": hours("MO"),
    "message null": {"message": {"message": None}},
    "message null, read carefully": {"message": {"message": None}, "unheard of": 1},
    "message empty": {"message": {"message": ""}},
    "message empty, read carefully": {"message": {"message": ""}, "unheard of": 1},
    "text where numbers are": {"createdAt": 7, "maxSkips": "three", "isImported": 1},
}

KEPT: dict[str, dict[str, Any]] = {
    "dots in contact lists": {"contactLists.0.a\\.b": 1, "contactLists.0.a.b": 2},
    "dots in a DNC list": {"dncLists.x\\.y.z\\.": "kept", "dncLists.": "kept too"},
    "a key of its own like that of the list": {"list\\:connection": "its own"},
}
"""What of an answer must be in `extra`."""


def test_a_row_is_the_same_alone_and_beside_odd_neighbours_and_no_leaf_is_lost(
    tmp_path: Path, forked: ForkedProgram
) -> None:
    with hostile({campaign_id: ok(campaign_id, **data) for campaign_id, data in ANSWERS.items()}) as (_, url):
        env = environment(url, tmp_path)
        ids = write_ids(tmp_path / "ids.csv", ANSWERS)
        done = forked.run("snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "off", env=env)
        assert done.returncode == 0, done.stderr
        (folder,) = snapshot_folders(tmp_path / "out")
        with_windows = [campaign_id for campaign_id, data in ANSWERS.items() if "dialingStrategy" in data]
        for table, wanted in (("campaigns", list(ANSWERS)), ("calling_windows", with_windows)):
            alone = []
            for campaign_id in wanted:
                pull = ("pull", campaign_id, "--table", table, "--rate", "off", "-o", str(tmp_path / "alone.parquet"))
                assert forked.run(*pull, env=env).returncode == 0
                alone += pq.read_table(tmp_path / "alone.parquet").to_pylist()
            assert rows_of(folder, table) == [{k: v for k, v in row.items() if k != "fetched_at"} for row in alone]

    rows = {row.pop("campaign_id"): row for row in rows_of(folder)}
    for name, row in rows.items():
        kept = json.loads(row["extra"] or "{}")
        assert kept.items() >= KEPT.get(name, {}).items(), name
        quick = rows.get(name.removesuffix(", read carefully"))
        if quick is not row:
            assert kept.pop("unheard of") == 1
            assert quick == {**row, "extra": json.dumps(kept) if kept else None}
