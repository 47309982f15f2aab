# /// script
# dependencies = ["airbyte-cdk>=7"]
# ///
"""Airbyte's CDK: a low-code source with one stream and a partition for each ID; its messages go into a file."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

URL, IDS, OUT = sys.argv[1:4]
SCHEMA: dict[str, Any] = {"type": "object", "additionalProperties": True, "properties": {}}
MANIFEST: dict[str, Any] = {
    "version": "7.0.0",
    "type": "DeclarativeSource",
    "check": {"type": "CheckStream", "stream_names": ["campaigns"]},
    "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    "streams": [
        {
            "type": "DeclarativeStream",
            "name": "campaigns",
            "primary_key": ["_id"],
            "schema_loader": {"type": "InlineSchemaLoader", "schema": SCHEMA},
            "retriever": {
                "type": "SimpleRetriever",
                "requester": {
                    "type": "HttpRequester",
                    "url_base": URL,
                    "path": "/campaign/api/v2/public/st-1/campaign/{{ stream_partition['campaign_id'] }}",
                    "http_method": "GET",
                    "request_headers": {"auth": "token", "iid": "st-1"},
                    "request_parameters": {"accountId": "a"},
                },
                "record_selector": {
                    "type": "RecordSelector",
                    "extractor": {"type": "DpathExtractor", "field_path": ["data"]},
                },
                "partition_router": {
                    "type": "ListPartitionRouter",
                    "values": "{{ config['ids'] }}",
                    "cursor_field": "campaign_id",
                },
            },
        }
    ],
}

out = Path(OUT)
with Path(IDS).open(newline="") as file:
    config = {"ids": [row["campaign_id"] for row in csv.DictReader(file)]}
stream = {"name": "campaigns", "json_schema": SCHEMA, "supported_sync_modes": ["full_refresh"]}
catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}]}
(out / "config.json").write_text(json.dumps(config))
(out / "catalog.json").write_text(json.dumps(catalog))
source = ConcurrentDeclarativeSource(
    catalog=ConfiguredAirbyteCatalogSerializer.load(catalog), config=config, state=[], source_config=MANIFEST
)
with (out / "campaigns.jsonl").open("w") as file:
    os.dup2(file.fileno(), 1)  # where its messages go
    launch(source, ["read", "--config", str(out / "config.json"), "--catalog", str(out / "catalog.json")])
