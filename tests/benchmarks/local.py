"""Work that needs no service: flattening and writing, the journal, IDs, starting, comparing.

Each in a process of its own, its peak memory measured: `local.py NAME FOLDER` prints seconds and MB.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from exporter.clock import SystemClock
from exporter.events import ignore
from exporter.ids import read_ids
from exporter.model import Identity, Response
from exporter.simulator.samples import sample_campaigns
from exporter.storage.changes import compare
from exporter.storage.journal import Journal, JournalWriter
from exporter.storage.locate import open_destination
from exporter.storage.writer import SnapshotWriter, response_rows

IDENTITY = Identity("https://h", "st", "acc", "v2")
BLOCK = 512


def responses(number: int) -> Iterator[Response]:
    """Answers of all shapes; every one has a name and an ID of its own."""
    samples = [
        json.dumps({"status": "success", "message": "ok", "data": {**c.data, "_id": "@id", "name": "@name"}})
        for c in sample_campaigns(2000, voice_share=0.3)
    ]
    for index in range(number):
        one = f"cd-{index:08x}"
        body = samples[index % len(samples)].replace("@id", one).replace("@name", f"Campaign {index}")
        yield Response(one, 1_780_000_000_000 + index, 200, body)


def prepare(folder: Path, number: int) -> None:
    """`responses.parquet` and `ids.csv` for the others to read."""
    schema = response_rows([]).schema
    with pq.ParquetWriter(folder / "responses.parquet", schema, compression="zstd") as writer:
        block: list[Response] = []
        for response in responses(number):
            block.append(response)
            if len(block) == BLOCK:
                writer.write_batch(response_rows(block))
                block = []
        writer.write_batch(response_rows(block))


def flatten_and_write(folder: Path) -> float:
    """From responses.parquet to all tables, as `rebuild` does."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        staging = open_destination(out).stage("20261123T020000Z")
        began = time.perf_counter()
        with SnapshotWriter(staging, form="parquet") as writer:
            for batch in pq.ParquetFile(folder / "responses.parquet").iter_batches(BLOCK):
                columns = [
                    batch.column(name).cast(pa.int64()).to_pylist()
                    if name == "fetched_at"
                    else batch.column(name).to_pylist()
                    for name in Response._fields
                ]
                writer.add([Response(*row) for row in zip(*columns, strict=True)])
            writer.close()
        return time.perf_counter() - began


def pandas_normalize(folder: Path) -> float:
    """What a data engineer writes first: json_normalize, explode, to_parquet."""
    import pandas as pd

    with tempfile.TemporaryDirectory(dir=folder) as out:
        began = time.perf_counter()
        frame = pd.read_parquet(folder / "responses.parquet", columns=["campaign_id", "fetched_at", "body"])
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


def journal(folder: Path) -> float:
    """Answers a second, durably."""

    async def main() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            journal_ = Journal.open(Path(work), IDENTITY, clock=SystemClock(), emit=ignore)
            everything = list(responses(40_000))
            began = time.perf_counter()
            writer = JournalWriter(journal_, clock=SystemClock(), settled=lambda *_: None)
            for one in everything:
                await writer.put(one, 1)
            await writer.close()
            return time.perf_counter() - began

    return asyncio.run(main())


def write_ids(folder: Path, number: int) -> Path:
    path = folder / "ids.csv"
    if not path.exists():
        with path.open("w", encoding="utf-8") as file:
            file.write("campaign_id\n")
            file.writelines(f"cd-{index:08x}-90ad-5c37-8e12-6d0f3a7b9c55\n" for index in range(number))
    return path


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


def diff_tables(folder: Path, number: int) -> None:
    """Two campaigns tables, 1% different."""
    from exporter.tables.flatten import flatten

    random = Random(1)
    for name in ("old", "new"):
        batches = []
        block: list[Response] = []
        for response in responses(number):
            if name == "new" and random.random() < 0.01:
                response = response._replace(body=response.body.replace('"priority": "', '"priority": "1'))
            block.append(response)
            if len(block) == BLOCK:
                batches.append(flatten(block).campaigns)
                block = []
        batches.append(flatten(block).campaigns)
        pq.write_table(pa.Table.from_batches(batches), folder / f"{name}.parquet")


def diff(folder: Path) -> float:
    began = time.perf_counter()
    compare(pq.read_table(folder / "old.parquet"), pq.read_table(folder / "new.parquet"))
    return time.perf_counter() - began


def diff_pandas(folder: Path) -> float:
    import pandas as pd

    began = time.perf_counter()
    old, new = pd.read_parquet(folder / "old.parquet"), pd.read_parquet(folder / "new.parquet")
    old.merge(new, on="campaign_id", how="outer", indicator=True, suffixes=("_old", "_new"))
    return time.perf_counter() - began


def growth(folder: Path) -> float:
    """A journal of so many answers becomes a snapshot; the journal was filled before."""
    journal_ = Journal.open(folder / "work", IDENTITY, clock=SystemClock(), emit=ignore)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        staging = open_destination(out).stage("20261123T020000Z")
        began = time.perf_counter()
        with SnapshotWriter(staging, form="parquet") as writer:
            for block in journal_.responses():
                writer.add(block)
            writer.close()
        return time.perf_counter() - began


def fill(folder: Path, number: int) -> None:
    """Fill the journal for `growth`."""
    (folder / "work").mkdir(exist_ok=True)
    journal_ = Journal.open(folder / "work", IDENTITY, clock=SystemClock(), emit=ignore)
    journal_.want(f"cd-{index:08x}" for index in range(number))
    block = []
    for response in responses(number):
        block.append((response, 1, 0))
        if len(block) == 20_000:
            journal_.add(block)
            block = []
    journal_.add(block)
    journal_.close()


def peak_megabytes() -> float:
    """Of this process since it began; `ru_maxrss` would hold the parent's, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


MEASURED: dict[str, Callable[[Path], float]] = {
    one.__name__: one
    for one in (flatten_and_write, pandas_normalize, journal, ids, ids_bare, diff, diff_pandas, growth)
}

if __name__ == "__main__":
    seconds = MEASURED[sys.argv[1]](Path(sys.argv[2]))
    print(seconds, peak_megabytes())
