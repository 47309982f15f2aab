"""Values and keys that an answer may hold where nobody expects them."""

from __future__ import annotations

from typing import Any

ODD: tuple[Any, ...] = (
    None, "", " ", "x", "5", " 7 ", "+3", "-1", "0x10", "007", 0, 5, -1, 128, 2**31, 2**63, 2**70, 5.0, 5.5, 1e30,
    True, False, "true", "FALSE", "no", "2026-02-11T10:04:31.512Z", "2026-2-1T1:04:31Z", "2026-10-5 06:00:00",
    "2026-02-11T10:04:31.512+05:30", "2026-02-11T10:04:31.5-0330", "2026-02-11", "2026-13-01T00:00:00Z",
    "2026-02-11T24:00:00Z", "1760000000", "Mon", "monday", "SU", "9:00 AM", "12:00 AM", "11:59:59.999 PM", "24:00",
    "00:00", "9 pm", "25:00", "13:00 AM", "18:30:15", "9:00 a.m.", "Welcome1", "SGVsbG8", "SGVsbG8%3D", "QQ=", "SGkB",
    "PHA%2BRGVhciAmbHQ7", "100%25 off", "DAILY", "\u0000", "\ud83d", [], {}, [[]], [None], ["a", "b"], ["a", 5],
    [{"name": "n", "id": "i"}], [{"id": "i"}, {"name": ""}], {"name": "n", "id": "i", "k": 1}, {"a": {"b": [1]}},
    ["Sun", "Mon", "Mon"], ["Sun", "x"], {"name": 5}, {"day": "MO", "start": "9:00 AM", "end": "5:00 PM"},
    [{"start": "10:00 AM", "end": "3:00 PM"}], [{"day": "MO", "start": "9:00 AM", "end": "9:00 AM"}],
    [{"day": "SU", "start": "10:00 PM", "end": "2:00 AM"}, {"day": "MO", "start": "1:00 AM", "end": "3:00 AM"}],
    [{"day": "TU", "start": "09:00:30", "end": "09:01:30"}, {"day": "TU", "start": "07:00", "end": "8:00", "x": 1}, 5],
)  # fmt: skip
KEYS = (
    "id", "direction", "connection", "queue_name", "maxSkips", "schedule", "startDateTime", "recurrenceObject",
    "recurType", "message", "totalMessagesSent", "campaignInstanceUpdatedAt", "dialingStrategy", "callingHours", "days",
    "day", "start", "end", "weeklyDetails", "dailyDetails", "unknown", "a.b",
)  # fmt: skip
