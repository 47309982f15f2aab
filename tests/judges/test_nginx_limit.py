"""An independent judge: nginx's `limit_req`, a limiter of another kind (leaky bucket), in front of the simulator."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.simulator.behaviour import Behaviour
from exporter.simulator.samples import sample_campaigns
from tests.support.running import manifest_of, rows_of, run, snapshot_folders, write_ids
from tests.support.serving import environment, serving

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  limit_req_zone $server_name zone=one:1m rate=600r/m;
  server {{ listen 127.0.0.1:{port}; location / {{
    limit_req zone=one burst={burst} nodelay; limit_req_status 429; proxy_pass http://{upstream}; }} }}
}}
"""

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian's nginx-light)")


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Behaviour, str]]:
    service = Behaviour(sample_campaigns(40))
    assert NGINX is not None
    with serving(service) as url, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        upstream = urlsplit(url).netloc
        text = CONFIG.format(folder=tmp_path, port=port, upstream=upstream, burst=request.param)
        (tmp_path / "nginx.conf").write_text(text)
        server = subprocess.Popen(
            [NGINX, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield service, f"http://127.0.0.1:{port}"
        server.terminate()
        server.wait(10)


@pytest.mark.parametrize("front", [1], indirect=True)
def test_an_even_pace_at_its_rate_is_never_refused(front: tuple[Behaviour, str], tmp_path: Path) -> None:
    """A request every 100 ms is what the bucket leaks; one of burst is for the jitter of the way."""
    service, url = front
    ids = write_ids(tmp_path / "ids.csv", service.campaigns)
    done = run(
        "snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "10/1s", "--pace", "even",
        env=environment(url, tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert manifest_of(folder)["requests"]["rate_limited"] == 0
    assert len(rows_of(folder)) == 40


@pytest.mark.parametrize("front", [9], indirect=True)
def test_as_soon_as_allowed_every_campaign_comes_all_the_same(front: tuple[Behaviour, str], tmp_path: Path) -> None:
    service, url = front
    ids = write_ids(tmp_path / "ids.csv", service.campaigns)
    done = run("snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "10/1s", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(rows_of(snapshot_folders(tmp_path / "out")[0])) == 40
