"""Snapshots on a real S3 server: moto's, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.fs as pafs
import pytest

from exporter.simulator.behaviour import Behaviour
from exporter.simulator.samples import sample_campaigns
from exporter.storage.destination import NameTaken
from exporter.storage.locate import open_destination
from exporter.storage.object_store import _without_secrets
from tests.crash.test_kill import DRIVER
from tests.support.running import ROOT, full, run, write_ids
from tests.support.serving import environment, serving

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


class Store:
    """A bucket, and a service to export from."""

    def __init__(self, tmp_path: Path, endpoint: str, service: Behaviour, url: str) -> None:
        self.bucket = f"bucket-{tmp_path.name.lower().replace('_', '-')[-40:]}"
        self.url = f"s3://{self.bucket}/campaigns"
        self.service = service
        self.env = {**environment(url, tmp_path), **CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}
        self.ids = write_ids(tmp_path / "ids.csv", service.campaigns)
        self.fs = pafs.S3FileSystem(
            endpoint_override=endpoint.removeprefix("http://"), scheme="http", region="us-east-1",
            access_key="test", secret_key="test", allow_bucket_creation=True,
        )  # fmt: skip
        self.fs.create_dir(self.bucket)

    def command(self, *more: str) -> list[str]:
        return ["snapshot", str(self.ids), "--out", self.url, "--rate", "off", *more]

    def files(self) -> list[str]:
        selector = pafs.FileSelector(f"{self.bucket}/campaigns", recursive=True, allow_not_found=True)
        return sorted(entry.path for entry in self.fs.get_file_info(selector) if entry.type == pafs.FileType.File)


@pytest.fixture
def store(tmp_path: Path, s3: str) -> Iterator[Store]:
    service = Behaviour(sample_campaigns(20))
    with serving(service) as url:
        yield Store(tmp_path, s3, service, url)


def test_everything_works_on_a_store_as_it_does_on_a_disk(store: Store) -> None:
    for _ in range(2):
        done = run(*store.command("--format", "both"), env=store.env)
        assert done.returncode == 0, done.stderr
    names = {path.rsplit("/", 1)[1] for path in store.files()}
    assert names == {"campaigns.parquet", "campaigns.csv", "calling_windows.parquet", "calling_windows.csv",
                     "failures.parquet", "failures.csv", "responses.parquet", "manifest.json"}  # fmt: skip
    for arguments in (
        ["verify", store.url, "--all"], ["diff", store.url, "--exit-code"], ["snapshots", store.url],
        ["rebuild", store.url], ["verify", store.url],
    ):  # fmt: skip
        done = run(*arguments, env=store.env)
        assert done.returncode == 0, done.stderr + done.stdout
    changed = next(iter(store.service.campaigns.values()))
    incremental = [*store.command("--incremental", "--keep", "1", "--type", "sms")]
    assert run(*incremental, env=store.env).returncode == 0
    asked = len(store.service.arrivals)
    from datetime import UTC, datetime

    changed.touch(datetime.now(UTC), status="Paused")
    assert run(*incremental, env=store.env).returncode == 0
    assert len(store.service.arrivals) - asked == 1 + 1
    assert len([path for path in store.files() if path.endswith("manifest.json")]) == 1


@pytest.mark.parametrize("step", ["write.responses.parquet", "publish.before_manifest", "publish.before_reveal"])
def test_killed_in_mid_upload_nothing_reads_as_a_snapshot_and_the_next_run_cleans_up(store: Store, step: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DRIVER, step, "1", "9", *store.command()], env=full(store.env), cwd=ROOT,
        capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    assert not [path for path in store.files() if path.endswith("manifest.json")]
    asked = len(store.service.arrivals)
    done = run(*store.command(), env=store.env)
    assert done.returncode == 0, done.stderr
    assert len(store.service.arrivals) == asked
    assert len(store.files()) == 5


def test_a_bucket_that_is_not_there_is_told(store: Store) -> None:
    done = run("snapshot", str(store.ids), "--out", "s3://no-such-bucket/x", env=store.env)
    assert done.returncode == 2
    assert "--out s3://no-such-bucket/x cannot be written" in done.stderr
    assert store.service.arrivals == []


def test_two_writers_never_share_a_folder(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    destination = open_destination(store.url, environ={**store.env})
    first = destination.stage("20261123T020000Z")
    with pytest.raises(NameTaken):
        destination.stage("20261123T020000Z")
    first.discard()
    assert store.files() == []


def test_no_secret_of_a_url_is_shown() -> None:
    assert _without_secrets("s3://AKIA:hush@bucket/x?region=eu&secret_key=hush") == "s3://bucket/x?region=eu"
    assert _without_secrets("abfs://container@account.dfs.core.windows.net/x?account_key=hush") == (
        "abfs://container@account.dfs.core.windows.net/x"
    )


class FailingStore(BaseHTTPRequestHandler):
    """A store that answers every fourth request with 500, and hands the others on."""

    upstream = ""
    seen = 0
    failed = 0
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        """What was sent, in one piece or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def handle_any(self) -> None:
        kind = type(self)
        body = self.body()
        kind.seen += 1
        if kind.seen % 4 == 0:
            kind.failed += 1
            status, answer, headers = 500, b"<Error><Code>InternalError</Code></Error>", {}
        else:
            connection = HTTPConnection(kind.upstream)
            hop = ("transfer-encoding", "content-length", "connection", "expect")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
            connection.request(self.command, self.path, body, headers)
            response = connection.getresponse()
            status, answer, headers = response.status, response.read(), dict(response.headers)
            connection.close()
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        length = headers.get("Content-Length", len(answer)) if self.command == "HEAD" else len(answer)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_store_that_fails_now_and_then_is_asked_again(store: Store) -> None:
    FailingStore.upstream = store.env["AWS_ENDPOINT_URL"].removeprefix("http://")
    server = ThreadingHTTPServer(("127.0.0.1", 0), FailingStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        env = {**store.env, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        done = run(*store.command(), env=env)
        assert done.returncode == 0, done.stderr
        assert FailingStore.failed >= 3
        assert run("verify", store.url, env=store.env).returncode == 0
    finally:
        server.shutdown()
        server.server_close()
