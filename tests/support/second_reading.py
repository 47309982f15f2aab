"""A second reading of an answer, slow and plain, in other words than the program's: what its row must hold.

Written from the description of the columns alone. It knows values, not `extra` and `parse_issues`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NAMES = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
STRATEGY = "dialingStrategy"
HOURS = "dialingStrategy.callingHours"
SCHEDULES = ("schedule.recurrenceObject.", "schedule.", "recurrenceObject.", "")

Read = Callable[[Any], Any]
"""From a value of the answer to the cell; `None` for what cannot be read."""


def is_nothing(value: Any) -> bool:
    return value is None or value in ([], {})


def is_empty(value: Any) -> bool:
    return is_nothing(value) or (isinstance(value, str) and not value.strip())


def at(data: Any, path: str) -> Any:
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return None if is_nothing(data) else data


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def whole(bits: int) -> Read:
    def read(value: Any) -> int | None:
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
            value = int(value)
        if isinstance(value, float) and value == int(value):
            value = int(value)
        fits = type(value) is int and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)
        return value if fits else None

    return read


def flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(str(value).strip().lower()) if isinstance(value, str | bool) else None


def text_or_flag(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else text(value)


def text_or_number(value: Any) -> str | None:
    return str(value) if type(value) is int else text(value)


def _wall(value: str) -> tuple[datetime | None, re.Match[str] | None]:
    form = r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
    found = re.fullmatch(form, value.strip())
    try:
        return (datetime(*(int(part or 0) for part in found.groups()[:6]), tzinfo=UTC) if found else None), found  # type: ignore[misc, arg-type]
    except ValueError:
        return None, None


def instant(value: Any) -> datetime | None:
    wall, found = _wall(value) if isinstance(value, str) else (None, None)
    if wall is None or found is None or not found[8]:
        return None
    wall += timedelta(milliseconds=int((found[7] or ".")[1:].ljust(3, "0")[:3]))
    if found[8] != "Z":
        zone = found[8].replace(":", "")
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        wall = wall - offset if zone[0] == "+" else wall + offset
    return wall


def date_time(value: Any) -> str | None:
    wall, found = _wall(value) if isinstance(value, str) else (None, None)
    if wall is None or found is None:
        return None
    if not found[4]:
        return wall.date().isoformat()
    zone = found[8] or ""
    return f"{wall.replace(tzinfo=None).isoformat()}{(found[7] or '').rstrip('0').rstrip('.')}{zone[:3]}" + (
        ":" + zone[-2:] if len(zone) > 1 else ""
    )


def names(value: Any) -> list[str] | None:
    parts = [part for part in (value if isinstance(value, list) else [value]) if not is_nothing(part)]
    found = [(part.get("name") or part.get("id")) if isinstance(part, dict) else part for part in parts]
    return found if found and all(isinstance(one, str) for one in found) else None  # type: ignore[return-value]


def dnc(key: str) -> Read:
    def read(value: Any) -> list[str | None] | None:
        found = []
        for part in value if isinstance(value, list) else [value]:
            pair = part if isinstance(part, dict) else {"name": part}
            if all(is_empty(pair.get(name)) for name in ("id", "name")):
                if any(not is_nothing(rest) for name, rest in pair.items() if name not in ("id", "name")):
                    return None
                continue
            found.append(None if is_empty(pair.get(key)) else pair[key])
        return found if any(found) and all(isinstance(one, str | None) for one in found) else None

    return read


def weekday(value: Any) -> int | None:
    word = value.strip().rstrip(".").upper() if isinstance(value, str) else ""
    return next((i for i, name in enumerate(NAMES) if len(word) > 1 and name.startswith(word)), None)


def which_days(value: Any) -> list[str] | None:
    parts = [part for part in (value if isinstance(value, list) else [value]) if not is_empty(part)]
    found = [weekday(part) for part in parts]
    return [DAYS[day] for day in range(7) if day in found] if found and None not in found else None


def message(raw: Any) -> tuple[str | None, str | None]:
    """As the page says, but only where it is beyond doubt: padded, percent-encoded or longer than a word."""
    if not isinstance(raw, str):
        return None, None
    letters = unquote(raw.strip(), errors="replace").replace("\n", "").replace("\r", "")
    padded = letters + "=" * (-len(letters) % 4)
    sure = "%" in raw or letters.endswith("=") or len(letters) >= 16
    try:
        decoded = b64decode(padded, validate=True)
        readable = decoded.decode()
    except ValueError:
        return raw, "plain"
    odd = re.search(r"^\s|[\0-\x08\v\f\x0e-\x1f\x7f-\x9f]", readable) or len(letters.rstrip("=")) % 4 == 1
    if not sure or not decoded or b64encode(decoded).decode() != padded or odd or len(letters) - 2 > len(padded):
        return raw, "plain"
    return readable, "percent_base64" if "%" in raw else "base64"


def second(value: Any) -> float | None:
    """Seconds after midnight, a fraction kept."""
    form = r"(\d\d?)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?\s*(?:([ap])\.?\s*m\.?)?"
    found = re.fullmatch(form, value.strip(), re.IGNORECASE) if isinstance(value, str) else None
    if found is None or not (found[2] or found[4]):
        return None
    hour, minute, rest, half = int(found[1]), int(found[2] or 0), float(found[3] or 0), (found[4] or "").lower()
    if minute > 59 or rest >= 60 or (half == "a" and hour > 12):
        return None
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    seconds = hour * 3600 + minute * 60 + rest
    return seconds if seconds <= 86400 else None


def clock(seconds: float) -> str:
    rest = int(seconds) % 60
    return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}" + (f":{rest:02}" if rest else "")


def _seconds(spans: list[tuple[int, int]]) -> int:
    """Seconds of the week in which at least one span is open."""
    borders = sorted({0, 7 * 86400, *(border for span in spans for border in span if 0 < border < 7 * 86400)})
    pieces = pairwise(borders)
    return sum(end - begin for begin, end in pieces if any(start <= begin and end <= stop for start, stop in spans))


def week(hours: Any) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The columns of the calling hours, and (day, start, end, end_minute) of each window."""
    texts: list[set[tuple[float, float, str]]] = [set() for _ in DAYS]
    spans: list[tuple[int, int]] = []
    windows: list[tuple[Any, ...]] = []
    days = at(hours, "days")
    daily = str(at(hours, "frequency")).strip().upper() == "DAILY"
    for entry in days if isinstance(days, list) else [days]:
        if is_nothing(entry):
            continue
        part = entry if isinstance(entry, dict) else {}
        start, end = second(part.get("start")), second(part.get("end"))
        start = None if start == 86400 else start
        if end == 0 or (end is not None and end > 86399.5 and (start is None or end > start)):
            end = 86400  # but the last moment of a day at both ends is the same time at both ends
        missing = is_empty(part.get("day"))
        for day in range(7) if daily and missing and part else [weekday(part.get("day"))]:
            shown = (None if start is None else clock(start), None if end is None else clock(end))
            if start is None or end is None or day is None:
                windows.append((None if day is None else DAYS[day], *shown, None))
                continue
            stop = end if end > start else end + 86400
            if (start, stop, "-".join(map(str, shown))) in texts[day]:
                continue
            windows.append((DAYS[day], *shown, max(int(stop) // 60, int(start) // 60 + 1)))
            texts[day].add((start, stop, "-".join(map(str, shown))))
            begin, last = day * 86400 + int(start), day * 86400 + int(stop)
            spans += [(begin - earlier, last - earlier) for earlier in (0, 7 * 86400)]
    columns: dict[str, Any] = {
        f"calling_hours_{day.lower()}": ";".join(shown for *_, shown in sorted(found)) or None
        for day, found in zip(DAYS, texts, strict=True)
    }
    columns["calling_hours_minutes_per_week"] = max(_seconds(spans) // 60, 1) if spans else None
    return columns, windows


def _scheduled(*keys: str) -> tuple[str, ...]:
    return tuple(prefix + key for key in keys for prefix in SCHEDULES)


FIELDS: dict[str, tuple[Read, tuple[str, ...]]] = {
    "name": (text, ("name",)), "lname": (text, ("lname",)), "description": (text, ("description",)),
    "status": (text, ("status",)), "priority": (whole(8), ("priority",)), "format": (text, ("format", "direction")),
    "dialing_mode": (text, ("dialingMode",)), "experience_flow": (text, ("experienceFlow",)),
    "connection": (text, ("connection",)), "queue_name": (text, ("queue_name",)),
    "contact_lists": (names, ("contactLists",)),
    "dnc_list_ids": (dnc("id"), ("dncLists",)), "dnc_list_names": (dnc("name"), ("dncLists",)),
    "caller_id_phone_number": (text_or_number, (f"{STRATEGY}.callerId.phoneNumber",)),
    "calling_hours_frequency": (text, (f"{HOURS}.frequency",)),
    "calling_hours_timezone": (text, (f"{HOURS}.timezone",)),
    "dialing_order": (text, (f"{STRATEGY}.dialingOrder",)),
    "max_attempts_per_record": (whole(32), (f"{STRATEGY}.maxAttemptsPerRecord",)),
    "default_retry_period": (whole(32), (f"{STRATEGY}.defaultRetryPeriod",)),
    "max_ring_time": (whole(32), (f"{STRATEGY}.maxRingTime",)),
    "use_system_mappings": (flag, (f"{STRATEGY}.useSystemMappings",)),
    "max_skips": (whole(32), ("maxSkips", f"{STRATEGY}.maxSkips")),
    "enable_machine_detect": (text_or_flag, ("enableMachineDetect",)),
    "is_imported": (flag, ("isImported",)), "is_filters_enabled": (flag, ("isFiltersEnabled",)),
    "schedule_is_scheduling_enabled": (flag, ("schedule.isSchedulingEnabled",)),
    "schedule_is_recurrence_enabled": (flag, ("schedule.isRecurrenceEnabled",)),
    "schedule_start_date_time": (date_time, ("schedule.startDateTime", "startDateTime")),
    "schedule_end_date_time": (date_time, ("schedule.endDateTime", "endDateTime")),
    "schedule_timezone": (text, ("schedule.timezone",)),
    "schedule_recur_type": (text, _scheduled("recurType")),
    "schedule_once_every_n_days": (whole(32), _scheduled("dailyDetails.onceEveryNdays", "onceEveryNdays")),
    "schedule_once_every_n_weeks": (
        whole(32), _scheduled("weeklyDetails.onceEveryNweeks", "dailyDetails.onceEveryNweeks", "onceEveryNweeks")
    ),
    "schedule_which_days": (
        which_days, _scheduled("weeklyDetails.whichDays", "dailyDetails.whichDays", "whichDays")
    ),
    "message_raw": (text, ("message.message",)),
    "message_template_id": (lambda value: text(value) or None, ("message.templateId",)),
    "message_template_name": (text, ("message.template_name",)),
    "campaign_instance_id": (text, ("campaignInstanceId",)),
    "campaign_instance_updated_at": (instant, ("campaignInstanceUpdatedAt",)),
    "campaign_execution_type": (text, ("campaignExecutionType",)),
    "total_messages_sent": (whole(64), ("totalMessagesSent",)),
    "total_calls_completed": (whole(64), ("totalCallsCompleted",)),
    "created_at": (instant, ("createdAt",)), "updated_at": (instant, ("updatedAt",)),
}  # fmt: skip
LISTED = {
    "connection": "connection", "campaign_instance_id": "campaignInstanceId",
    "campaign_instance_updated_at": "campaignInstanceUpdatedAt", "campaign_execution_type": "campaignExecutionType",
    "total_messages_sent": "totalMessagesSent",
}  # fmt: skip


def _type(data: Any, item: Any) -> str | None:
    voice = ("dialingMode", "connection", *(f"{STRATEGY}.{key}" for key in
             ("dialingOrder", "maxAttemptsPerRecord", "maxRingTime")))  # fmt: skip
    if any(at(data, path) is not None for path in voice) or at(item, "connection") or at(item, "dialingMode"):
        return "voice"
    keys = ("format", "direction", "message")
    return "sms" if any(at(data, key) is not None for key in keys) or any(at(item, key) for key in keys) else None


def second_reading(data: Any, item: Any = None) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """The cells of the campaign's row, and (day, start, end, end_minute) of each of its windows."""
    row: dict[str, Any] = {"campaign_type": _type(data, item)}
    for column, (read, paths) in FIELDS.items():
        values = [at(data, path) for path in paths]
        if column in LISTED:
            values.append(at(item, LISTED[column]))
        value = next((value for value in values if value is not None), None)
        row[column] = None if value is None else read(value)
    row["message_text"], row["message_encoding"] = message(at(data, "message.message"))
    columns, windows = week(at(data, HOURS))
    return row | columns, windows
