"""The folder of `demo`: what its simulated service must remember from one day to the next, and which files are ours."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from exporter.errors import DestinationError, InputError
from exporter.files import replace_file
from exporter.json_text import MSGSPEC_REFUSES
from exporter.simulator.changes import SimulatedChanges, change_campaigns
from exporter.simulator.samples import SampleCampaign, sample_campaigns

STATE = ".demo.json"
CHANGED = 8
"""Campaigns that change from one day to the next."""
VOICE_SHARE = 0.25


class DemoState(msgspec.Struct):
    """What the next demo in the folder goes on with.

    `port` and `campaigns` make the same service again, `days` are the moments of its changes since the first day,
    `published` is the number of snapshots, `files` the SHA-256 of what the demo wrote beside them.
    """

    campaigns: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    days: list[Annotated[datetime, msgspec.Meta(tz=True)]] = []
    published: Annotated[int, msgspec.Meta(ge=0)] = 0
    files: dict[str, str] = {}


_decode = msgspec.json.Decoder(DemoState).decode


class DemoFolder:
    """A folder that a demo works in, and its state."""

    def __init__(self, folder: Path, *, campaigns: int) -> None:
        """Take up the demo of `folder`, or begin one there. Raises `InputError` rather than touch files of others."""
        self.folder = folder
        path = folder / STATE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.state = _decode(path.read_bytes()) if path.exists() else DemoState(campaigns)
            self._refuse_files_of_others(begins=not path.exists())
        except OSError as error:
            raise DestinationError(f"--out {folder} cannot be used: {error.strerror}.") from None
        except MSGSPEC_REFUSES:
            raise DestinationError(f"{path} is damaged: remove it, or name another folder with --out.") from None

    def next_day(self) -> tuple[dict[str, SampleCampaign], SimulatedChanges | None]:
        """The campaigns of this day, and what has changed since the day before; None on the first one."""
        state = self.state
        if len(state.days) < state.published:
            state.days.append(datetime.now(UTC))
        campaigns = {
            campaign.campaign_id: campaign for campaign in sample_campaigns(state.campaigns, voice_share=VOICE_SHARE)
        }
        changes = None
        for number, moment in enumerate(state.days, 1):
            changes = change_campaigns(campaigns, CHANGED, moment=moment, seed=number)
        return campaigns, changes

    def write(self, name: str, data: bytes) -> Path:
        """Write one of the demo's own files. Raises `ExportError`."""
        replace_file(self.folder / name, data)
        self.state.files[name] = hashlib.sha256(data).hexdigest()
        self.save()
        return self.folder / name

    def save(self) -> None:
        """Keep the state. Raises `ExportError`."""
        replace_file(self.folder / STATE, msgspec.json.encode(self.state))

    def _refuse_files_of_others(self, *, begins: bool) -> None:
        others = [name for name in ("ids.csv", "report.html") if self._is_of_others(name)]
        if begins:
            others += sorted(path.name for path in self.folder.glob("snapshot=*"))[:1]
        if others:
            raise InputError(f"{self.folder / others[0]} is not the demo's: name another folder with --out.")

    def _is_of_others(self, name: str) -> bool:
        try:
            data = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return hashlib.sha256(data).hexdigest() != self.state.files.get(name)
