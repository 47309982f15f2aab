"""Connections that the service drops cost neither slots nor campaigns; the real program over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.forked_program import run
from tests.support.hostile import campaign, http, listening
from tests.support.running import manifest_of, snapshot_folders, write_ids
from tests.support.serving import environment


class Dropping:
    """Closes each connection `idle` seconds after an answer, without a word."""

    def __init__(self, idle: float) -> None:
        self.idle = idle
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        longest = None
        try:
            while True:
                async with asyncio.timeout(longest):
                    head = await reader.readuntil(b"\r\n\r\n")
                longest = self.idle
                self.asked += 1
                campaign_id = head.split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2].decode()
                await asyncio.sleep(0.01)
                writer.write(http(campaign(campaign_id), "Content-Type: application/json"))
                await writer.drain()
                if not self.idle:
                    break
        except (asyncio.IncompleteReadError, TimeoutError):
            pass
        writer.close()


@pytest.mark.parametrize("idle", [0.0, 0.005, 0.1])
def test_connections_that_are_closed_without_a_word_cost_no_request_and_are_no_outage(
    tmp_path: Path, idle: float
) -> None:
    ids = write_ids(tmp_path / "ids.csv", [f"cd-{number}" for number in range(120)])
    service = Dropping(idle)
    with listening(service.serve) as port:
        done = run(
            "snapshot", str(ids), "--out", str(tmp_path / "o"), "--rate", "40/1s",
            env=environment(f"http://127.0.0.1:{port}", tmp_path),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    manifest = manifest_of(snapshot_folders(tmp_path / "o")[0])
    assert manifest["counts"]["ok"] == 120
    assert manifest["requests"]["total"] <= 120 + 19, "what was written as the connection closed may have arrived"
    assert manifest["seconds"]["paused"] == 0
