# /// script
# dependencies = ["singer-sdk>=0.40", "pyarrow>=17"]
# ///
"""Singer's SDK: a tap with a stream of IDs and its child stream, piped into a target that writes Parquet.

Run as tap and target, each a process, as Meltano does.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from singer_sdk import RESTStream, Stream, Tap, Target
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink


class Ids(Stream):
    name = "ids"
    schema = th.PropertiesList(th.Property("campaign_id", th.StringType)).to_dict()
    selected_by_default = False

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        with Path(self.config["ids"]).open(newline="") as file:
            yield from csv.DictReader(file)

    def get_child_context(self, record: Any, context: Any) -> dict[str, Any]:
        return {"campaign_id": record["campaign_id"]}


class Campaigns(RESTStream[Any]):
    name = "campaigns"
    path = "/campaign/api/v2/public/st-1/campaign/{campaign_id}"
    records_jsonpath = "$.data"
    primary_keys = ("_id",)
    parent_stream_type = Ids
    state_partitioning_keys: Any = ()  # no bookmark for each ID
    schema = th.PropertiesList(
        *(
            th.Property(name, th.StringType)
            for name in ("_id", "campaign_id", "name", "lname", "description", "status", "format")
        ),
        *(th.Property(name, th.StringType) for name in ("priority", "experienceFlow", "createdAt", "updatedAt")),
        *(th.Property(name, th.BooleanType) for name in ("isImported", "isFiltersEnabled")),
        th.Property("contactLists", th.ArrayType(th.StringType)),
        th.Property("dncLists", th.ObjectType(additional_properties=True)),
        th.Property("dialingStrategy", th.ObjectType(additional_properties=True)),
        th.Property("schedule", th.ObjectType(additional_properties=True)),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["url"])

    @property
    def http_headers(self) -> dict[str, str]:
        return {"auth": "token", "iid": "st-1"}

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"accountId": "a"}


class TapCampaigns(Tap):
    name = "tap-campaigns"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType), th.Property("ids", th.StringType)
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        return [Ids(tap=self), Campaigns(tap=self)]


class ParquetSink(BatchSink):
    max_size = 10_000

    def process_batch(self, context: Any) -> None:
        rows = [
            {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in record.items()}
            for record in context["records"]
        ]
        pq.write_table(pa.Table.from_pylist(rows), Path(self.config["out"]) / f"{self.stream_name}.parquet")


class TargetParquet(Target):
    name = "target-parquet"
    config_jsonschema = th.PropertiesList(th.Property("out", th.StringType)).to_dict()
    default_sink_class = ParquetSink


if __name__ == "__main__":
    role, *given = sys.argv[1:]
    if role in ("tap", "target"):
        (TapCampaigns if role == "tap" else TargetParquet).cli(given)
    url, ids, out = sys.argv[1:4]
    (Path(out) / "tap.json").write_text(json.dumps({"url": url, "ids": ids}))
    (Path(out) / "target.json").write_text(json.dumps({"out": out}))
    me = [sys.executable, __file__]
    tap = subprocess.Popen([*me, "tap", "--config", f"{out}/tap.json"], stdout=subprocess.PIPE)
    target = subprocess.Popen(
        [*me, "target", "--config", f"{out}/target.json"], stdin=tap.stdout, stdout=subprocess.DEVNULL
    )
    assert tap.stdout is not None
    tap.stdout.close()
    codes = tap.wait(), target.wait()
    sys.exit(next((code for code in codes if code), 0))
