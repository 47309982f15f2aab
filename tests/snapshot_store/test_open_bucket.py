"""`exporter.snapshot_store.open_bucket`: what a store's URL and the usual variables mean. No store is asked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import DestinationError
from exporter.snapshot_store.open_bucket import StoreUrl, open_store, without_secrets
from exporter.snapshot_store.open_destination import open_destination

KEY = "aHVzaCBodXNo"


def arguments(url: str, **environ: str) -> tuple[dict[str, Any], str]:
    """What pyarrow's file system was made with, and the path in it."""
    fs, path, _ = open_store(StoreUrl.parse(url), environ)
    made = fs.__reduce__()[1]
    found = next((dict(part) for part in made if isinstance(part, dict)), {})
    return found, path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("abfs://box@north.dfs.core.windows.net/a/b", "box/a/b"),
        ("abfss://box@north.dfs.core.windows.net/a/b/", "box/a/b"),
        ("abfs://north.dfs.core.windows.net/box/a/b", "box/a/b"),
        ("abfs://north@box/a/b", "box/a/b"),
        ("abfs://box/a/b", "box/a/b"),
        ("abfs://box@north.dfs.core.windows.net", "box"),
    ],
)
def test_every_way_to_write_an_azure_url_names_the_same_container(url: str, path: str) -> None:
    made, found = arguments(url, AZURE_STORAGE_ACCOUNT="north", AZURE_STORAGE_KEY=KEY)
    assert found == path
    assert (made["account_name"], made["account_key"]) == ("north", KEY)


def test_azure_credentials_come_from_the_variables_of_azures_own_tools() -> None:
    for token in ("sv=1&sig=x", "?sv=1&sig=x"):
        made, _ = arguments("abfs://box/a", AZURE_STORAGE_ACCOUNT="north", AZURE_STORAGE_SAS_TOKEN=token)
        assert (made["account_key"] or None, made["sas_token"]) == (None, "?sv=1&sig=x")
    made, _ = arguments(
        "abfs://box/a", AZURE_STORAGE_CONNECTION_STRING="AccountName=n;SharedAccessSignature=sv=1&sig=x"
    )
    assert made["sas_token"] == "?sv=1&sig=x"
    connection = f"AccountName=south;AccountKey={KEY}==;EndpointSuffix=core.chinacloudapi.cn"
    made, _ = arguments("abfs://box/a", AZURE_STORAGE_CONNECTION_STRING=connection)
    assert (made["account_name"], made["account_key"]) == ("south", f"{KEY}==")
    assert made["blob_storage_authority"] == ".blob.core.chinacloudapi.cn"


def test_the_endpoint_is_in_the_url_or_in_a_variable_and_the_url_wins() -> None:
    made, path = arguments(
        "s3://box/a/?endpoint_override=here:1&scheme=http&region=eu-1", AWS_ENDPOINT_URL="http://x:2"
    )
    assert (made["endpoint_override"], made["scheme"], made["region"], path) == ("here:1", "http", "eu-1", "box/a")
    made, _ = arguments("s3://box", AWS_ENDPOINT_URL_S3="http://x:2", AWS_REGION="eu-2")
    assert (made["endpoint_override"], made["scheme"], made["region"]) == ("x:2", "http", "eu-2")
    made, path = arguments("gs://box/a", STORAGE_EMULATOR_HOST="http://x:3")
    assert (made["endpoint_override"], made["scheme"], made["anonymous"], path) == ("x:3", "http", True, "box/a")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("s3://box/a?regoin=x", "unknown options in the URL: regoin; known: endpoint_override, scheme, region"),
        ("gs://box/a?secret=x", "unknown options in the URL: secret"),
        ("abfs://box/a", "names no storage account"),
        ("ftp://box/a", "write s3://, gs:// or abfs://"),
        ("s3://", "names no bucket"),
        ("abfs:///a", "names no storage account"),
        ("gs:///a", "names no bucket"),
    ],
)
def test_a_url_that_cannot_be_is_reported(url: str, told: str) -> None:
    with pytest.raises(DestinationError, match=told.replace("?", r"\?")):
        open_destination(url, environ={"AWS_REGION": "eu-1"})


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("abfs://box@north.dfs.core.windows.net:x/a", {}),
        ("abfs://box@north:x.dfs.core.windows.net/a", {}),
        ("abfs://box@north.dfs.core.windows.net:/a", {}),
        ("abfs://box@north.dfs.core.windows.net:99999/a", {}),
        ("abfs://box@north/a?endpoint_override=http://here:x", {}),
        ("abfs://box@north/a?endpoint_override=here:99999", {}),
        ("abfs://box@north/a?endpoint_override=a%20b", {}),
        ("abfs://box/a", {"AZURE_STORAGE_ACCOUNT": "no rth"}),
        ("abfs://box/a", {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=n;BlobEndpoint=http://127.0.0.1:x/n"}),
        ("abfs://box/a", {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=n;EndpointSuffix=core.net:x"}),
        ("s3://box:80/a", {}),
        ("s3://box/a", {"AWS_ENDPOINT_URL": "http://here:x"}),
        ("s3://box/a", {"AWS_ENDPOINT_URL": "ftp://here"}),
        ("s3://box/a", {"AWS_REGION": "eu west"}),
        ("gs://box/a", {"STORAGE_EMULATOR_HOST": "here:0"}),
    ],
)
def test_a_host_or_port_that_cannot_be_is_refused_before_a_library_ends_the_process(
    url: str, environ: dict[str, str]
) -> None:
    with pytest.raises(DestinationError, match=r"is not (the name|a server|a region|an EndpointSuffix)"):
        open_destination(url, environ={"AZURE_STORAGE_KEY": KEY, **environ})


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("abfs://box/a", "AZURE_STORAGE_CONNECTION_STRING", f"AccountName=n;AccountKey={KEY}"),
        ("abfs://box/a", "AZURE_STORAGE_ACCOUNT", "north"),
        ("abfs://box@north/a", "AZURE_STORAGE_KEY", KEY),
        ("abfss://box@north/a", "AZURE_STORAGE_SAS_TOKEN", f"sv=1&sig={KEY}"),
        ("s3://box/a", "AWS_SECRET_ACCESS_KEY", KEY),
        ("s3://box/a", "AWS_ENDPOINT_URL", "http://here:1"),
        ("gs://box/a", "GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
        ("gcs://box/a", "STORAGE_EMULATOR_HOST", "here:1"),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_variable_in_quotes_is_told_by_name(url: str, name: str, value: str, quote: str) -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination(url, environ={name: f"{quote}{value}{quote}"})
    assert f"{name} is wrapped in quotes: remove them (`docker --env-file` keeps them)." in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://box/a#b", "a # would cut the prefix short"),
        ("s3://box/a//b", "an empty part"),
        ("s3://box//a/b", "an empty part"),
        ("s3://box/../b", "an empty part, a . or a .."),
        ("s3://box/a/./b", "an empty part, a . or a .."),
        ("s3://box/a\x01", "without control characters"),
    ],
)
def test_a_prefix_that_would_be_another_than_is_written_is_refused(url: str, reason: str) -> None:
    with pytest.raises(DestinationError, match=reason):
        open_destination(url, environ={"AWS_REGION": "eu-1"})


def work_dir(url: str, **environ: str) -> str:
    """The name of the default one."""
    environ = {"AWS_REGION": "eu-1", "AZURE_STORAGE_KEY": KEY, **environ}
    return open_destination(url, environ=environ).default_work_dir(Path("/state")).name


def test_one_prefix_has_one_work_folder_however_it_is_written() -> None:
    urls = ("s3://box/a", "s3://box/a/", "s3://box/a//", "S3://box/a", "s3://box/a?region=eu-2", " s3://box/a")
    assert len({work_dir(url) for url in urls}) == 1
    assert work_dir("gcs://anonymous@box/a") == work_dir("gs://anonymous@box/a")
    azure = (
        "abfs://box@north.dfs.core.windows.net/a",
        "abfss://box@north.blob.core.windows.net/a",
        "abfs://north@box/a",
    )
    assert len({work_dir(url) for url in azure} | {work_dir("abfs://box/a", AZURE_STORAGE_ACCOUNT="north")}) == 1


def test_each_server_has_its_own_work_folder() -> None:
    folders = [
        work_dir("s3://box/a"),
        work_dir("s3://box/a?endpoint_override=here:1"),
        work_dir("s3://box/a", AWS_ENDPOINT_URL="http://here:2"),
        work_dir("s3://box/a", AWS_ENDPOINT_URL="http://here:3"),
        work_dir("gs://box/a", STORAGE_EMULATOR_HOST="here:1"),
        work_dir("gs://anonymous@box/a"),
        work_dir("abfs://box@north.dfs.core.windows.net/a"),
        work_dir("abfs://box@south.dfs.core.windows.net/a"),
        work_dir("abfs://box@north.dfs.core.chinacloudapi.cn/a"),
        work_dir("abfs://box/a", AZURE_STORAGE_CONNECTION_STRING="AccountName=north;BlobEndpoint=http://here:1/north"),
    ]
    assert len(set(folders)) == len(folders)


def test_a_run_that_a_former_version_began_is_looked_for_where_it_is() -> None:
    for url in ("s3://box/a", "s3://box/a?endpoint_override=here:1", "gs://anonymous@box/a"):
        name = url.replace("anonymous@", "")
        assert work_dir(url) == hashlib.sha256(name.encode()).hexdigest()[:16]


def test_no_secret_of_a_url_is_shown() -> None:
    assert without_secrets("s3://AKIA:hush@bucket/x?region=eu&secret_key=hush") == "s3://bucket/x?region=eu"
    assert without_secrets("abfs://box@north.dfs.core.windows.net/x?account_key=hush&sig=hush") == (
        "abfs://box@north.dfs.core.windows.net/x"
    )
    assert without_secrets("gs://box?credentials=hush&pwd=hush&scheme=http") == "gs://box?scheme=http"
    assert without_secrets("a#b/c@d?e") == "a#b/c@d?e"
    assert without_secrets("file:///a#b/c@d") == "file:///a#b/c@d"
    assert without_secrets("abfs://box:hush@north.dfs.core.windows.net/x") == "abfs://box@north.dfs.core.windows.net/x"


@pytest.mark.parametrize("url", ["s3://AKIA:SE/CREThush@bucket/x", "s3://[u:hush@b", "ftp://u:hush@x"])
def test_a_secret_in_a_url_that_is_wrong_is_not_shown(url: str) -> None:
    with pytest.raises(DestinationError) as caught:
        open_destination(url)
    assert "hush" not in str(caught.value)
