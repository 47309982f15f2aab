"""Answers of *get campaign*: classified, flattened, by the quick way and the careful one."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from exporter.api.classify import classify_campaign, decode_body
from exporter.api.endpoints import HttpResponse
from exporter.api.verdict import Verdict
from exporter.model import CampaignResponse
from exporter.snapshot_store.writer import csv_text
from exporter.tables.columns import CAMPAIGNS
from exporter.tables.flatten import Flat, flatten
from exporter.tables.typed_decoder import NotTyped, decode_typed
from exporter.text import has_control
from tests.fuzz.http_text import response_in
from tests.fuzz.promises import check_verdict
from tests.fuzz.target import Target
from tests.support.answers import SEED, body_of
from tests.support.leaves_in_rows import missing_leaves, parsed
from tests.support.second_reading import second_reading

ASKED = "cd-1"
ORIGIN = "https://platform.example"
URL = f"{ORIGIN}/campaign/api/v2/public/st-1/campaign/{ASKED}?accountId=a"
NOW = 1_780_000_000
LARGEST_COMPARED = 2**16
"""Characters of a body whose rows are compared in all ways: what is larger is not kept leaf by leaf."""


class Answer(NamedTuple):
    """What is made of one answer. It is flattened in any case: an older version may have kept it."""

    http: HttpResponse
    verdict: Verdict
    response: CampaignResponse
    flat: Flat


def read(data: bytes) -> Answer:
    """Classify and flatten."""
    http, fields = response_in(data)
    verdict = classify_campaign(http, ASKED, url=URL, now=NOW)
    text = verdict.text if verdict.kind == "good" else decode_body(http)
    response = CampaignResponse(ASKED, NOW * 1000, http.status, text, list_item=fields.get("list-item"))
    return Answer(http, verdict, response, flatten([response]))


def check(data: bytes, answer: Answer) -> None:
    """Verdict and row keep what they promise."""
    check_verdict(answer.verdict)
    _check_meaning(answer.http, answer.verdict)
    flat = answer.flat
    flat.campaigns.validate(full=True)
    flat.calling_windows.validate(full=True)
    (row,) = flat.campaigns.to_pylist()
    assert all(row[column.name] is not None for column in CAMPAIGNS if column.required)
    assert not any(has_control(issue) for issue in row["parse_issues"] or ())
    assert "\n" not in (row["extra"] or "")
    if len(answer.response.body) <= LARGEST_COMPARED:
        _check_leaves(answer, row)
        _check_ways(answer, row)
        _check_csv(flat, row)
        if re.fullmatch(r"[ -~\s]*", answer.response.body) and answer.response.list_item is None:
            _check_second_reading(answer.response.body, row)


def _check_meaning(http: HttpResponse, verdict: Verdict) -> None:
    if http.status >= 500 or http.status in (408, 425, 429):
        assert verdict.kind in ("retry", "rate_limited"), "a failure of the service, whatever its text says"
    if verdict.kind == "not_found":
        assert 200 <= http.status < 500, "absence needs proof"
    if verdict.kind == "redirect":
        assert verdict.text.startswith(f"{ORIGIN}/"), "credentials go to another origin"
    if http.status == 200:
        # Only a 200 is looked at in the quick way.
        careful = classify_campaign(msgspec.structs.replace(http, status=299), ASKED, url=URL, now=NOW)
        assert (careful.kind, careful.text) == (verdict.kind, verdict.text), "quick and careful differ"


def _check_leaves(answer: Answer, row: dict[str, Any]) -> None:
    try:
        document = parsed(answer.response.body)
    except (ValueError, RecursionError):
        return
    data = document.get("data") if isinstance(document, dict) else None
    if isinstance(data, dict) and not _has_endless(data):
        missing = missing_leaves(data, row, answer.flat.calling_windows.to_pylist())
        assert not missing, f"not in the row: {missing}"


def _has_endless(value: Any) -> bool:
    """Whether it holds `NaN` or `Infinity`, which Python's reader takes for JSON."""
    if isinstance(value, dict | list):
        return any(map(_has_endless, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) or (isinstance(value, Decimal) and not value.is_finite())


def _check_ways(answer: Answer, row: dict[str, Any]) -> None:
    """The careful way, and other answers beside it, give the same rows."""
    with patch("exporter.tables.flatten.decode_typed", side_effect=_refused):
        beside = flatten([_OTHER, answer.response, _OTHER])
    windows = [window for window in beside.calling_windows.to_pylist() if window["campaign_id"] == ASKED]
    assert windows == answer.flat.calling_windows.to_pylist()
    assert beside.campaigns.to_pylist()[1] == row, "by the careful way, or beside others, it is another row"


def _refused(body: str) -> Any:
    """The quick way, but for the others only."""
    if body != _OTHER.body:
        raise NotTyped
    return decode_typed(body)


def _check_second_reading(body: str, row: dict[str, Any]) -> None:
    """A second, plain reader finds the same values. It knows neither odd characters nor texts of absurd length."""
    if "\\u" in body or re.search(r'"(?:[^"\\]|\\.){60,}"|[0-9]{30}|e\d\d\d|Infinity|NaN', body, re.IGNORECASE):
        return
    try:
        document = json.loads(body)
    except ValueError:
        return
    data = document.get("data") if isinstance(document, dict) else None
    cells, _ = second_reading(data if isinstance(data, dict) else {})
    different = {name: (cell, row[name]) for name, cell in cells.items() if cell != row[name]}
    assert not different, different


def _check_csv(flat: Flat, row: dict[str, Any]) -> None:
    """What is written as CSV is one record, whose texts are those of the row."""
    text = csv_text(flat.campaigns, excel_safe=False).decode()
    (cells,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(cells) == len(row)
    for cell, (name, value) in zip(cells, row.items(), strict=True):
        if isinstance(value, str):
            assert cell == value, name
        elif isinstance(value, list):
            assert json.loads(cell) == value, name


_OTHER = CampaignResponse("cd-other", NOW * 1000, 200, body_of({**SEED, "_id": "cd-other", "priority": "3"}))

TARGET = Target(
    read,
    check,
    is_json=True,
    words=tuple(dict.fromkeys(key for c in CAMPAIGNS for path in c.answer_paths for key in path.split("."))),
)
