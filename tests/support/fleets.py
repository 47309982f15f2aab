"""A fleet of accounts, each with a service of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import CLIENT_ID, CLIENT_SECRET, STREAM_ID, Behaviour
from tests.support.forked_program import run
from tests.support.running import write_ids
from tests.support.serving import serving


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Holds the services of a fleet until the test has ended."""
    with ExitStack() as stack:
        yield stack


class Fleet:
    """Several accounts, each with a service of its own."""

    def __init__(self, tmp_path: Path, held: ExitStack, accounts: int, campaigns: int = 12, **serve: Any) -> None:
        self.tmp_path = tmp_path
        self.services = {}
        self.out = tmp_path / "exports"
        self.file = tmp_path / "fleet.toml"
        self.env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "HUSH": CLIENT_SECRET}
        text = [
            f'out = "{self.out}"',
            "[defaults]",
            'rate = "off"',
            f'stream_id = "{STREAM_ID}"',
            f'client_id = "{CLIENT_ID}"',
            'client_secret_env = "HUSH"',
        ]
        for number in range(accounts):
            account_id = f"66f0a1b2c3d4e5f6a7b8c9d{number:x}"
            service = Behaviour(sample_campaigns(campaigns, seed=number + 1), account_id=account_id)
            url = held.enter_context(serving(service, **serve))
            ids = write_ids(tmp_path / f"{number}.csv", service.campaigns)
            self.services[f"north-{number}"] = service
            text += ["[[account]]", f'name = "north-{number}"', f'host = "{url}"', f'account_id = "{account_id}"',
                     f'ids = "{ids}"']  # fmt: skip
        self.file.write_text("\n".join(text) + "\n", encoding="utf-8")

    def change(self, text: str, to: str) -> None:
        """Edit the file."""
        before = self.file.read_text(encoding="utf-8")
        assert text in before
        self.file.write_text(before.replace(text, to), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run("fleet", str(self.file), "--format", "json", *arguments, env=self.env)

    def folders(self) -> list[Path]:
        return sorted(self.out.glob("account=*/stream=*"))
