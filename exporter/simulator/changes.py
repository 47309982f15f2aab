"""What a day brings to the simulated campaigns: some change, one goes, one comes."""

from __future__ import annotations

from datetime import datetime
from random import Random

import msgspec

from exporter.simulator.samples import SampleCampaign, new_campaign

_STATUSES = ("Active", "Paused", "Stopped", "Completed")


class SimulatedChanges(msgspec.Struct, frozen=True):
    """The IDs of the campaigns that changed, went and came, and of all that there are now."""

    changed: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    campaigns: tuple[str, ...]


def change_campaigns(
    campaigns: dict[str, SampleCampaign], number: int, *, moment: datetime, seed: int
) -> SimulatedChanges:
    """Change `number` of `campaigns` (fewer where there are fewer), remove one and add one, all at `moment`."""
    random = Random(f"changes {seed}")  # noqa: S311 - samples, no secrets
    ids = list(campaigns)
    random.shuffle(ids)
    gone, changed = tuple(ids[:1]), tuple(sorted(ids[1 : 1 + number]))
    for campaign_id in gone:
        del campaigns[campaign_id]
    for campaign_id in changed:
        _edit(campaigns[campaign_id], random, moment)
    new = new_campaign(random, len(campaigns), moment)
    campaigns[new.campaign_id] = new
    return SimulatedChanges(changed, gone, (new.campaign_id,), tuple(campaigns))


def _edit(campaign: SampleCampaign, random: Random, moment: datetime) -> None:
    data = campaign.data
    edits = [
        {"status": random.choice([status for status in _STATUSES if status != data.get("status")])},
        {"priority": str(int(data.get("priority", "5")) % 5 + 1)},
        {"description": f"{data['name']}, reworded on {moment:%d %B}"},
    ]
    campaign.touch(moment, **random.choice(edits))
