"""Invented campaigns in every shape of the vendor's pages; the same seed gives the same campaigns."""

from __future__ import annotations

import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

from exporter.model import ApiVersion, CampaignType

_PLACES = ("Harbour", "Island", "Marina", "Ferry", "Clinic", "Station", "Library", "Garden", "Market", "Museum")
_THINGS = ("Helpdesk", "Reminder", "Survey", "Renewals", "Gate Change", "Visit Note", "Welcome", "Follow-up")
_ZONES = ("America/Halifax", "Europe/Lisbon", "Asia/Kolkata", "Pacific/Auckland", "Etc/UTC", "Europe/Kiev")
_STATUSES = ("Ready", "Active", "Paused", "Stopped", "Completed", "Scheduled", "Preparing")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EPOCH = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

V2_ONLY = ("dncLists", "isImported", "isFiltersEnabled")
NOT_LISTED = ("dialingStrategy", "lname", "enableMachineDetect", "isImported", "experienceFlow", "useSystemMappings")


class SampleCampaign:
    """One campaign: `data` as get-one shows it, `item` as the list call does."""

    def __init__(self, campaign_type: CampaignType, data: dict[str, Any], listed: dict[str, Any]) -> None:
        self.campaign_type = campaign_type
        self.data = data
        self.listed = listed

    @property
    def campaign_id(self) -> str:
        """Its ID."""
        return str(self.data["_id"])

    def answer(self, version: ApiVersion = "v2") -> dict[str, Any]:
        """What get-one shows; v1 knows less (pages get-sms-campaign-by-id, get-voice-campaign-by-id)."""
        if version == "v2":
            return self.data
        older = {key: value for key, value in self.data.items() if key not in V2_ONLY}
        strategy = older["dialingStrategy"]
        older["dialingStrategy"] = {key: value for key, value in strategy.items() if key != "useSystemMappings"}
        return {"enableMachineDetect": False, **older} if self.campaign_type == "sms" else older

    def item(self, version: ApiVersion = "v2") -> dict[str, Any]:
        """A summary; SMS items carry `id` and voice items `_id` (page get-all-campaigns-v2)."""
        hidden = NOT_LISTED if version == "v2" else (*NOT_LISTED, *V2_ONLY)
        summary = {key: value for key, value in self.data.items() if key not in hidden}
        if self.campaign_type == "sms":
            summary["id"] = summary.pop("_id")
            summary.pop("isFiltersEnabled", None)
        return {**summary, **self.listed}

    def touch(self, moment: datetime, **changes: Any) -> None:
        """Change it, as an edit would."""
        self.data.update(changes)
        self.data["updatedAt"] = stamp(moment)
        self.listed["campaignInstanceUpdatedAt"] = stamp(moment)


def sample_campaigns(number: int, *, seed: int = 1, voice_share: float = 0.0) -> list[SampleCampaign]:
    """Make `number` campaigns, oldest first."""
    random = Random(seed)  # noqa: S311 - samples, no secrets
    return [_voice(random, index) if random.random() < voice_share else _sms(random, index) for index in range(number)]


def new_campaign(random: Random, index: int, moment: datetime) -> SampleCampaign:
    """An SMS campaign that was made at `moment`."""
    campaign = _sms(random, index)
    campaign.data["createdAt"] = stamp(moment)
    campaign.touch(moment)
    return campaign


def stamp(moment: datetime) -> str:
    """As the service writes moments: `2026-02-11T10:04:31.512Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(random: Random, index: int, campaign_id: str) -> dict[str, Any]:
    name = f"{random.choice(_PLACES)} {random.choice(_THINGS)} {index + 1}"
    created = _EPOCH + timedelta(minutes=37 * index, milliseconds=random.randrange(1000))
    changed = created + timedelta(milliseconds=random.choice((-135, 0, 86_400_000, 500_000_000)))
    data = {
        "_id": campaign_id,
        "name": name,
        "lname": name.lower(),
        "status": random.choice(_STATUSES),
        "priority": str(random.randint(1, 5)),
        "dialingStrategy": {
            "callerId": {"phoneNumber": f"+1555010{random.randrange(10_000):04}"},
            "callingHours": _calling_hours(random),
        },
        "createdAt": stamp(created),
        "updatedAt": stamp(changed),
        "schedule": _schedule(random),
        "contactLists": random.sample(("Island Commuters", "Day Trippers", "Season Pass", "Clinic West"), k=2),
    }
    if random.random() < 0.8:
        data["description"] = f"{name} for people who asked for it"
    return data


def _calling_hours(random: Random) -> dict[str, Any]:
    zone = random.choice(_ZONES)
    kind = random.random()
    if kind < 0.1:
        days = [
            {"day": "FR", "start": "8:00 AM", "end": "11:30 AM"},
            {"day": "FR", "start": "1:15 PM", "end": "6:00 PM"},
            {"day": "SA", "start": "12:00 AM", "end": "11:59:59.999 PM"},
            {"day": "SU", "start": "4:00 PM", "end": "12:00 AM"},
            {"day": "MO", "start": "10:00 PM", "end": "2:00 AM"},
        ]
    elif kind < 0.15:
        return {"frequency": "DAILY", "timezone": zone, "days": [{"start": "10:00 AM", "end": "3:00 PM"}]}
    else:
        opens, closes = random.randint(7, 10), random.randint(4, 8)
        days = [
            {"start": f"{opens}:{random.choice(('00', '30'))} AM", "end": f"{closes}:00 PM", "day": day}
            for day in _DAYS[: random.choice((5, 5, 6))]
        ]
    return {"frequency": "WEEKLY", "timezone": zone, "days": days}


def _schedule(random: Random) -> dict[str, Any]:
    kind = random.random()
    if kind < 0.85:
        return {"isSchedulingEnabled": False, "isRecurrenceEnabled": False}
    if kind < 0.93:
        recurrence: dict[str, Any] = {"recurType": "Daily", "dailyDetails": {"onceEveryNdays": random.randint(1, 5)}}
    else:
        days = random.sample(("Mon", "Tue", "Thu", "Sun"), k=2)
        recurrence = {"recurType": "Weekly", "weeklyDetails": {"onceEveryNweeks": 2, "whichDays": days}}
    return {
        "isSchedulingEnabled": True,
        "isRecurrenceEnabled": True,
        "startDateTime": "2026-10-5 06:00:00",
        "endDateTime": "2027-01-31 23:00:00",
        "recurrenceObject": recurrence,
    }


def _sms(random: Random, index: int) -> SampleCampaign:
    data = _common(random, index, f"cd-{uuid.UUID(int=random.getrandbits(128), version=4)}")
    data["isImported"] = random.random() < 0.1
    data["isFiltersEnabled"] = False
    if random.random() < 0.4:
        data["format"] = "advanced"
        data["experienceFlow"] = f"cf-{uuid.UUID(int=random.getrandbits(128), version=4)}"
    else:
        data["format"] = "simple"
        data["message"] = _message(random, index)
    if random.random() < 0.3:
        data["dncLists"] = {"name": "Quiet Riders"}
    listed: dict[str, Any] = {"campaignInstanceUpdatedAt": data["updatedAt"]}
    if random.random() < 0.5:
        listed |= {
            "campaignInstanceId": f"cid-{uuid.UUID(int=random.getrandbits(128), version=4)}",
            "campaignExecutionType": "NORMAL",
            "totalMessagesSent": random.randrange(5000),
        }
    return SampleCampaign("sms", data, listed)


def _message(random: Random, index: int) -> dict[str, Any]:
    text = f"<p>Dear &lt;First Name&gt;, pier {index % 9} opens at <strong>4 pm</strong> ?</p>"
    encoded = b64encode(text.encode()).decode()
    kind = random.random()
    if kind < 0.3:
        return {"message": f"Hi, pier {index % 9} opens at noon."}
    if kind < 0.6:
        return {"templateId": "cmt-9a64d0c3", "template_name": "Visit_EN", "message": encoded}
    return {"templateId": "", "message": quote(encoded, safe="")}


def _voice(random: Random, index: int) -> SampleCampaign:
    # The first group of a voice ID has seven digits.
    raw = str(uuid.UUID(int=random.getrandbits(128), version=4))
    data = _common(random, index, f"cd-{raw[1:]}")
    mode = random.choice(("Agentless", "Progressive", "Preview"))
    data["dialingMode"] = mode
    data["dialingStrategy"] |= {
        "dialingOrder": random.choice(("FIFO", "LIFO")),
        "maxAttemptsPerRecord": random.randint(1, 5),
        "defaultRetryPeriod": 45,
        "maxRingTime": 25,
        "useSystemMappings": False,
    }
    listed: dict[str, Any] = {"campaignInstanceUpdatedAt": data["updatedAt"], "connection": "Marina Desk"}
    if mode == "Agentless":
        data["experienceFlow"] = f"cf-{raw}"
    else:
        data["enableMachineDetect"] = random.choice((False, "no"))
    if mode == "Preview":
        data["maxSkips"] = 3
    data["dncLists"] = {"id": f"cl-{raw[:7]}", "name": "No Calls North"}
    return SampleCampaign("voice", data, listed)
