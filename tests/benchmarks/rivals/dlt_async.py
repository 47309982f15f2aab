# /// script
# dependencies = ["dlt[parquet]>=1.5", "aiohttp>=3.12"]
# ///
"""dlt with an asynchronous transformer, which it runs many at a time."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import dlt

URL, IDS, OUT = sys.argv[1:4]
sessions: list[aiohttp.ClientSession] = []


def session() -> aiohttp.ClientSession:
    """One for all requests, made in dlt's own event loop."""
    if not sessions:
        sessions.append(aiohttp.ClientSession(headers={"auth": "token", "iid": "st-1"}))
    return sessions[0]


@dlt.resource(selected=False)
def ids() -> Iterator[str]:
    with Path(IDS).open(newline="") as file:
        yield from (row["campaign_id"] for row in csv.DictReader(file))


@dlt.transformer(data_from=ids, name="campaigns")
async def campaigns(one: str) -> dict[str, object]:
    url = f"{URL}/campaign/api/v2/public/st-1/campaign/{one}"
    async with session().get(url, params={"accountId": "a"}) as response:
        response.raise_for_status()
        return (await response.json())["data"]


pipeline = dlt.pipeline(
    "campaigns", destination=dlt.destinations.filesystem(Path(OUT).as_uri()), dataset_name="out", pipelines_dir=OUT
)
pipeline.run(campaigns, loader_file_format="parquet")
