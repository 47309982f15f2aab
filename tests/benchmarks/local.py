"""Work that needs no service: flattening and writing, the journal, IDs, comparing.

Each in a process of its own, its peak memory measured: `local.py NAME FOLDER` prints seconds and MB.
"""

from __future__ import annotations

import asyncio
import csv
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from jobs.cli import lighten_pyarrow

if __name__ == "__main__" and "pandas" not in sys.argv[1]:
    lighten_pyarrow()  # as the program does, before pyarrow is imported

import pyarrow as pa
import pyarrow.parquet as pq

from exporter import __version__
from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.ids.ids_file import read_ids
from exporter.journal.journal import Journal
from exporter.model import CampaignResponse, Counts, Identity, Requests, Seconds
from exporter.options import Locations
from exporter.pipeline.rebuild_snapshot import rebuild_snapshot
from exporter.simulator.samples import sample_campaigns
from exporter.snapshot_store import manifest as manifests
from exporter.snapshot_store.diff import changes_between
from exporter.snapshot_store.open_destination import open_destination
from exporter.snapshot_store.writer import ROW_GROUP_ROWS, SnapshotWriter
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.columns import SCHEMA_VERSION
from tests.support import running
from tests.support.journals import writing

FIRST, SECOND = "20261123T020000Z", "20261124T020000Z"
IDENTITY = Identity("https://h", "st", "acc", "v2")


def responses(number: int) -> Iterator[CampaignResponse]:
    """Answers of all shapes; every one has a name and an ID of its own."""
    samples = [
        json.dumps({"status": "success", "message": "ok", "data": {**c.data, "_id": "@id", "name": "@name"}})
        for c in sample_campaigns(min(number, 2000), voice_share=0.3)
    ]
    for index in range(number):
        one = f"cd-{index:08x}"
        body = samples[index % len(samples)].replace("@id", one).replace("@name", f"Campaign {index}")
        yield CampaignResponse(one, 1_780_000_000_000 + index, 200, body)


def store(dest: Path, snapshot: str, answers: Iterable[CampaignResponse]) -> None:
    """A snapshot of which nothing but the answers is there: what `rebuild` needs."""
    dest.mkdir(parents=True, exist_ok=True)
    staging = open_destination(str(dest)).stage(snapshot)
    files = {}
    for table, rows in (("responses", answers), ("failures", ())):
        name, schema, number = f"{table}.parquet", schema_of(table), 0
        file = staging.create(name)
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for block in batched(rows, ROW_GROUP_ROWS):
                writer.write_batch(pa.RecordBatch.from_pylist([one._asdict() for one in block], schema))
                number += len(block)
        files[name] = file.finish(number)
    number = files["responses.parquet"].rows
    staging.publish(
        manifests.dump(
            manifests.Manifest(
                snapshot, "2026-11-23T02:00:00.000Z", "2026-11-23T02:00:00.000Z", __version__, SCHEMA_VERSION, "full", None,
                IDENTITY, manifests.Ids("benchmark", "", number, number, 0),
                Counts(number, 0, 0, 0, 0, 0), Requests(), Seconds(),
                files, [],
            )
        )
    )  # fmt: skip
    staging.make_durable()


def batched(items: Iterable[CampaignResponse], number: int) -> Iterator[list[CampaignResponse]]:
    """In blocks of `number`."""
    left = iter(items)
    while block := list(islice(left, number)):
        yield block


def rebuild(folder: Path, snapshot: str = FIRST) -> float:
    """From responses.parquet to all tables, published: `campaign-export rebuild`."""
    began = time.perf_counter()
    rebuild_snapshot(
        Locations(str(folder / "dest"), str(folder / "state")), snapshot, form="parquet", excel_safe=False,
        clock=SystemClock(), emit=ignore,
    )  # fmt: skip
    return time.perf_counter() - began


def pandas_normalize(folder: Path) -> float:
    """What a data engineer writes first: json_normalize, explode, to_parquet."""
    import pandas as pd

    with tempfile.TemporaryDirectory(dir=folder) as out:
        began = time.perf_counter()
        frame = pd.read_parquet(
            folder / f"dest/snapshot={FIRST}/responses.parquet", columns=["campaign_id", "fetched_at", "body"]
        )
        data = [json.loads(body)["data"] for body in frame["body"]]
        campaigns = pd.json_normalize(data)
        days = campaigns[["_id", "dialingStrategy.callingHours.days"]].explode("dialingStrategy.callingHours.days")
        windows = pd.json_normalize(days["dialingStrategy.callingHours.days"].tolist())
        windows["campaign_id"] = days["_id"].to_numpy()
        mixed = campaigns.columns[[kind.kind == "O" for kind in campaigns.dtypes]].drop(
            "dialingStrategy.callingHours.days"
        )
        lists = [name for name in mixed if any(isinstance(value, list) for value in campaigns[name])]
        campaigns[mixed.drop(lists)] = campaigns[mixed.drop(lists)].astype("string")
        campaigns.drop(columns=["dialingStrategy.callingHours.days"]).to_parquet(
            Path(out) / "c.parquet", compression="zstd"
        )
        windows.to_parquet(Path(out) / "w.parquet", compression="zstd")
        frame.to_parquet(Path(out) / "r.parquet", compression="zstd")
        return time.perf_counter() - began


def journal(folder: Path, number: int) -> float:
    """So many answers, each of them durable before it counts."""

    async def main() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            journal_ = Journal.open(Path(work), IDENTITY, emit=ignore)
            everything = list(responses(number))
            began = time.perf_counter()
            writer = writing(journal_)
            for one in everything:
                await writer.put(one, 1)
            await asyncio.to_thread(writer.finish)
            writer.check()
            return time.perf_counter() - began

    return asyncio.run(main())


def write_ids(folder: Path, number: int) -> None:
    """`ids.csv` for `ids` and `ids_bare`."""
    running.write_ids(folder / "ids.csv", (f"cd-{index:08x}-90ad-5c37-8e12-6d0f3a7b9c55" for index in range(number)))


def ids(folder: Path) -> float:
    began = time.perf_counter()
    found = read_ids(str(folder / "ids.csv"))
    seconds = time.perf_counter() - began
    assert len(found.ids) > 1
    return seconds


def ids_bare(folder: Path) -> float:
    began = time.perf_counter()
    with (folder / "ids.csv").open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - began


def changed(number: int) -> Iterator[CampaignResponse]:
    """The same answers; one in a hundred has another priority."""
    random = Random(1)
    for response in responses(number):
        if random.random() < 0.01:
            response = response._replace(body=response.body.replace('"priority": "', '"priority": "1'))
        yield response


def two_snapshots(folder: Path, number: int) -> None:
    """For `diff`: two published snapshots of so many campaigns, the last ones there."""
    for snapshot, answers in ((FIRST, responses(number)), (SECOND, changed(number))):
        store(folder / "two" / "dest", snapshot, answers)
    for snapshot in (FIRST, SECOND):
        rebuild(folder / "two", snapshot)


def diff(folder: Path) -> float:
    """`campaign-export diff` of the last two, without the printing."""
    began = time.perf_counter()
    destination = open_destination(str(folder / "two" / "dest"))
    changes = changes_between(destination, *destination.snapshot_ids()[-2:])
    spent = time.perf_counter() - began
    assert changes.changed.num_rows > 0
    return spent


def diff_pandas(folder: Path) -> float:
    """A merge, which tells not yet which cells differ."""
    import pandas as pd

    began = time.perf_counter()
    places = sorted((folder / "two" / "dest").glob("snapshot=*"))[-2:]
    old, new = (pd.read_parquet(place / "campaigns.parquet") for place in places)
    old.merge(new, on="campaign_id", how="outer", indicator=True, suffixes=("_old", "_new"))
    return time.perf_counter() - began


def growth(folder: Path) -> float:
    """A journal of so many answers becomes a snapshot; the journal was filled before."""
    journal_ = Journal.open(folder / "work", IDENTITY, emit=ignore)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        staging = open_destination(out).stage(FIRST)
        began = time.perf_counter()
        with SnapshotWriter(staging, form="parquet") as writer:
            for block in journal_.responses():
                writer.add(block)
            writer.close()
        return time.perf_counter() - began


def fill(folder: Path, number: int) -> None:
    """Fill the journal for `growth`."""
    (folder / "work").mkdir(parents=True, exist_ok=True)
    journal_ = Journal.open(folder / "work", IDENTITY, emit=ignore)
    journal_.want(f"cd-{index:08x}" for index in range(number))
    for block in batched(responses(number), 20_000):
        journal_.add([(response, 1, 0) for response in block])
    journal_.close()


def store_answers(folder: Path, number: int) -> None:
    """A snapshot for `rebuild` and `pandas_normalize`."""
    store(folder / "dest", FIRST, responses(number))


def peak_megabytes() -> float:
    """Of this process since it began."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` would hold the parent's, too
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


PREPARE: dict[str, Callable[[Path, int], None]] = {
    one.__name__: one for one in (store_answers, write_ids, two_snapshots, fill)
}
MEASURED: dict[str, Callable[..., float]] = {
    one.__name__: one for one in (rebuild, pandas_normalize, journal, ids, ids_bare, diff, diff_pandas, growth)
}

if __name__ == "__main__":
    name, folder, *numbers = sys.argv[1:]
    if name in PREPARE:
        PREPARE[name](Path(folder), int(numbers[0]))
        print(0, 0)
    else:
        print(MEASURED[name](Path(folder), *map(int, numbers)), peak_megabytes())
