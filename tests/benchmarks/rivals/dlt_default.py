# /// script
# dependencies = ["dlt[parquet]>=1.5"]
# ///
"""dlt as its documentation begins: a resource of IDs, a transformer that asks with dlt's own client, Parquet files."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import dlt
from dlt.sources.helpers import requests

URL, IDS, OUT = sys.argv[1:4]


@dlt.resource(selected=False)
def ids() -> Iterator[str]:
    with Path(IDS).open(newline="") as file:
        yield from (row["campaign_id"] for row in csv.DictReader(file))


@dlt.transformer(data_from=ids, name="campaigns")
def campaigns(one: str) -> Iterator[dict[str, object]]:
    response = requests.get(
        f"{URL}/campaign/api/v2/public/st-1/campaign/{one}",
        params={"accountId": "a"},
        headers={"auth": "token", "iid": "st-1"},
    )
    response.raise_for_status()
    yield response.json()["data"]


pipeline = dlt.pipeline(
    "campaigns", destination=dlt.destinations.filesystem(Path(OUT).as_uri()), dataset_name="out", pipelines_dir=OUT
)
pipeline.run(campaigns, loader_file_format="parquet")
