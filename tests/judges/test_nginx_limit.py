"""An independent judge: nginx's `limit_req`, a limiter of another kind (leaky bucket), in front of the simulator."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from tests.support.forked_program import run
from tests.support.judges import find, needs, started
from tests.support.running import manifest_of, rows_of, snapshot_folders, write_ids
from tests.support.serving import environment, serving
from tests.support.stores import free_port

NGINX = find("nginx")
CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log notice;
events {{ worker_connections 64; }}
http {{
  log_format status $status; access_log {folder}/access.log status;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  limit_req_zone $binary_remote_addr zone=one:1m rate=10r/s;
  server {{ listen 127.0.0.1:{port}; location / {{
    limit_req zone=one {burst}; limit_req_status 429; proxy_pass http://{upstream}; }} }}
}}
"""
pytestmark = needs("nginx (Debian's nginx-light)", NGINX)


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Behaviour, str]]:
    service = Behaviour(sample_campaigns(30))
    assert NGINX is not None
    with serving(service) as url:
        port = free_port()
        text = CONFIG.format(folder=tmp_path, port=port, upstream=urlsplit(url).netloc, burst=request.param)
        (tmp_path / "nginx.conf").write_text(text)
        (tmp_path / "error.log").touch()
        command = [NGINX, "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
        with started(command, tmp_path / "out.log", "start worker process", said_in=tmp_path / "error.log"):
            yield service, f"http://127.0.0.1:{port}"


def statuses(tmp_path: Path, wanted: int) -> Counter[str]:
    """What nginx answered, once all is written."""
    for _ in range(100):
        found = Counter((tmp_path / "access.log").read_text().split())
        if found.total() >= wanted:
            break
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("front", ["burst=6 nodelay"], indirect=True)
def test_an_even_pace_at_its_rate_is_never_refused(front: tuple[Behaviour, str], tmp_path: Path) -> None:
    """The burst is for a machine that stands still for half a second; ten at once would be too many for it."""
    service, url = front
    ids = write_ids(tmp_path / "ids.csv", service.campaigns)
    done = run(
        "snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "10/1s", "--pace", "even",
        env=environment(url, tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert len(rows_of(folder)) == 30
    assert manifest_of(folder)["requests"]["rate_limited"] == 0
    assert statuses(tmp_path, 30) == {"200": 30}


@pytest.mark.parametrize("front", ["burst=4 nodelay"], indirect=True)
def test_as_soon_as_allowed_is_refused_by_it_and_every_campaign_comes_all_the_same(
    front: tuple[Behaviour, str], tmp_path: Path
) -> None:
    """Ten at once are within `--rate 10/1s`, and more than this bucket holds."""
    service, url = front
    ids = write_ids(tmp_path / "ids.csv", service.campaigns)
    done = run("snapshot", str(ids), "--out", str(tmp_path / "out"), "--rate", "10/1s", env=environment(url, tmp_path))
    assert done.returncode == 0, done.stderr
    (folder,) = snapshot_folders(tmp_path / "out")
    assert len(rows_of(folder)) == 30
    requests = manifest_of(folder)["requests"]
    assert requests["rate_limited"] > 0
    assert statuses(tmp_path, requests["total"]) == {"200": 30, "429": requests["rate_limited"]}
