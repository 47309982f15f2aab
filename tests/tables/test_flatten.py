"""`exporter.tables.flatten`: from answers to rows."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from exporter.model import CampaignResponse
from exporter.tables.arrow_schemas import schema_of
from exporter.tables.flatten import flatten
from tests.support.answers import SEED, response_of


def row_of(data: Any, **more: Any) -> dict[str, Any]:
    return dict(flatten([response_of(data, **more)]).campaigns.to_pylist()[0])


def windows_of(data: Any) -> list[dict[str, Any]]:
    return list(flatten([response_of(data)]).calling_windows.to_pylist())


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SEED), **fields}


def test_the_seed_answer_fills_its_columns_and_nothing_else() -> None:
    row = row_of(SEED)
    assert {name: value for name, value in row.items() if value is not None} | {"fetched_at": None} == {
        "campaign_id": "cd-4b1f6c2e-90ad-5c37-8e12-6d0f3a7b9c55",
        "campaign_type": "sms",
        "name": "Ferry Helpdesk 7",
        "lname": "ferry helpdesk 7",
        "description": "Two-way help for ferry passengers",
        "status": "Ready",
        "priority": 5,
        "format": "advanced",
        "experience_flow": "cf-1d90b7aa-3c5e-5f18-a0c4-72be51d86e03",
        "contact_lists": ["Island Commuters"],
        "dnc_list_names": ["Quiet Riders"],
        "caller_id_phone_number": "+15550100417",
        "calling_hours_frequency": "WEEKLY",
        "calling_hours_timezone": "America/Halifax",
        "calling_hours_mo": "08:30-19:15",
        "calling_hours_sa": "10:00-14:00",
        "calling_hours_minutes_per_week": 645 + 240,
        "is_imported": False,
        "is_filters_enabled": False,
        "schedule_is_scheduling_enabled": False,
        "schedule_is_recurrence_enabled": False,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "fetched_at": None,
    }
    assert row["created_at"].isoformat() == "2026-02-11T10:04:31.512000+00:00"


def test_the_seed_answer_has_its_two_calling_windows() -> None:
    monday, saturday = windows_of(SEED)
    assert monday == {
        "campaign_id": SEED["_id"], "name": "Ferry Helpdesk 7", "status": "Ready",
        "day": "MO", "day_of_week": 1, "start_time": "08:30", "end_time": "19:15",
        "start_minute": 510, "end_minute": 1155, "crosses_midnight": False, "timezone": "America/Halifax",
        "raw_start": "8:30 AM", "raw_end": "7:15 PM",
    }  # fmt: skip
    assert (saturday["day"], saturday["day_of_week"]) == ("SA", 6)


@pytest.mark.parametrize(
    ("fields", "column", "expected"),
    [
        ({"priority": 4}, "priority", 4),
        ({"priority": None}, "priority", None),
        ({"direction": "simple", "format": None}, "format", "simple"),
        ({"dncLists": {"id": "cl-1", "name": "A"}}, "dnc_list_ids", ["cl-1"]),
        ({"dncLists": [{"id": "cl-1"}, {"id": "cl-2", "name": "B"}]}, "dnc_list_ids", ["cl-1", "cl-2"]),
        ({"contactLists": [{"id": "cl-9"}, {"id": "cl-8", "name": "N"}, "P"]}, "contact_lists", ["cl-9", "N", "P"]),
        ({"enableMachineDetect": False}, "enable_machine_detect", "false"),
        ({"enableMachineDetect": "detect"}, "enable_machine_detect", "detect"),
        ({"maxSkips": 3}, "max_skips", 3),
        ({"dialingStrategy": {"maxSkips": 4}}, "max_skips", 4),
        ({"dialingStrategy": {"callerId": {"phoneNumber": 15550100}}}, "caller_id_phone_number", "15550100"),
        ({"message": {"templateId": ""}}, "message_template_id", None),
        ({"message": {"message": "RGVhbCBlbmRzIH5%2BPiBvaw%3D%3D"}}, "message_text", "Deal ends ~~> ok"),
        ({"message": {"message": "RGVhbCBlbmRzIH5%2BPiBvaw%3D%3D"}}, "message_encoding", "percent_base64"),
        ({"message": {"message": "Hi, pier B opens."}}, "message_encoding", "plain"),
        ({"schedule": {"startDateTime": "2026-10-5 06:00:00"}}, "schedule_start_date_time", "2026-10-05T06:00:00"),
        ({"startDateTime": "2026-09-01T07:30:00.000Z"}, "schedule_start_date_time", "2026-09-01T07:30:00Z"),
        ({"schedule": {"recurrenceObject": {"recurType": "Daily"}}}, "schedule_recur_type", "Daily"),
        ({"schedule": {"recurType": "Daily"}}, "schedule_recur_type", "Daily"),
        ({"schedule": {"recurrenceObject": {"dailyDetails": {"onceEveryNdays": 3}}}}, "schedule_once_every_n_days", 3),
        ({"schedule": {"weeklyDetails": {"onceEveryNweeks": "2"}}}, "schedule_once_every_n_weeks", 2),
        (
            {"schedule": {"recurrenceObject": {"weeklyDetails": {"whichDays": ["Sun", "Mon", "Thu"]}}}},
            "schedule_which_days",
            ["MO", "TH", "SU"],
        ),
        ({"totalMessagesSent": 2**40}, "total_messages_sent", 2**40),
    ],
)  # fmt: skip
def test_a_value_is_read_in_every_form_it_comes_in(fields: dict[str, Any], column: str, expected: Any) -> None:
    row = row_of(changed(**fields))
    assert row[column] == expected
    assert row["parse_issues"] is None


@pytest.mark.parametrize(
    ("fields", "column", "path", "kept"),
    [
        ({"priority": "high"}, "priority", "priority", "high"),
        ({"priority": 300}, "priority", "priority", 300),
        ({"priority": "0x10"}, "priority", "priority", "0x10"),
        ({"name": 7}, "name", "name", 7),
        ({"createdAt": "yesterday"}, "created_at", "createdAt", "yesterday"),
        ({"isImported": "maybe"}, "is_imported", "isImported", "maybe"),
        ({"contactLists": [{"size": 3}]}, "contact_lists", "contactLists", [{"size": 3}]),
    ],
)
def test_what_cannot_be_read_is_null_reported_and_kept(
    fields: dict[str, Any], column: str, path: str, kept: Any
) -> None:
    row = row_of(changed(**fields))
    assert row[column] is None
    assert [issue.split(":")[0] for issue in row["parse_issues"]] == [path]
    assert json.loads(row["extra"]) == {path: kept}


def test_what_no_column_takes_is_in_extra_under_its_dotted_path() -> None:
    fields = {"pacing": {"ratio": 2, "a.b": True}, "filters": [{"column": "x"}, 5], "none": [], "zip": False}
    row = row_of(changed(**fields, schedule=""))
    assert json.loads(row["extra"]) == {
        "pacing.ratio": 2,
        "pacing.a\\.b": True,
        "filters.0.column": "x",
        "filters.1": 5,
        "zip": False,
        "schedule": "",
    }
    assert row["parse_issues"] is None


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"dialingStrategy": {"callerId": {"spam": 1}}}, {"dialingStrategy.callerId.spam": 1}),
        ({"schedule": {"recurrenceObject": {"a.b": {"c": [0]}}}}, {"schedule.recurrenceObject.a\\.b.c.0": 0}),
        ({"contactLists": [{"name": "A", "size": 3, "none": []}]}, {"contactLists.0.size": 3}),
        ({"dncLists": {"id": "d", "name": "A", "by": {"user": "x"}}}, {"dncLists.by.user": "x"}),
        ({"createdAt": "2026-02-11T10:04:31.512345Z"}, {"createdAt": "2026-02-11T10:04:31.512345Z"}),
    ],
)
def test_what_is_beside_the_values_of_columns_is_kept_under_its_whole_path(
    fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    # With and without a neighbour: a block is read in another way when one of its values is odd.
    for answers in ([fields], [{"contactLists": 7, "dncLists": 7, "createdAt": 7}, fields]):
        rows = flatten([response_of({"_id": SEED["_id"], **one}) for one in answers]).campaigns.to_pylist()
        assert json.loads(rows[-1]["extra"]) == kept


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"_id": "cd-other"}, {"_id": "cd-other"}),
        ({"_id": "cd-other", "unknown": 1}, {"_id": "cd-other", "unknown": 1}),
        ({"campId": "cd-other"}, {"campId": "cd-other"}),
        ({"_id": "cd-1", "id": "cd-2"}, {"id": "cd-2"}),
        ({"_id": "cd-1"}, None),
        ({"name": "without an ID"}, None),
        ({"id": ["cd-1"]}, {"id.0": "cd-1"}),
    ],
)
def test_the_id_is_the_one_asked_for_and_another_in_the_answer_is_kept(data: Any, kept: Any) -> None:
    row = row_of(data, campaign_id="cd-1")
    assert row["campaign_id"] == "cd-1"
    assert (row["extra"] and json.loads(row["extra"])) == kept


def test_a_number_that_is_the_id_asked_for_is_not_kept_twice() -> None:
    assert row_of({"_id": 17}, campaign_id="17")["extra"] is None


@pytest.mark.parametrize(("value", "asked"), [(1.5, "1.5"), (True, "True"), (17, "18")])
def test_another_value_than_text_or_a_whole_number_in_the_ids_place_is_kept(value: Any, asked: str) -> None:
    assert json.loads(row_of({"_id": value}, campaign_id=asked)["extra"]) == {"_id": value}


def test_an_id_that_is_an_object_is_an_issue_of_its_own_row() -> None:
    rows = flatten([response_of({"_id": "a"}), response_of({"_id": {"$oid": "b"}})]).campaigns.to_pylist()
    assert [row["parse_issues"] for row in rows] == [None, ['_id: not text: {"$oid":"b"}']]


def test_what_is_odd_about_calling_hours_is_an_issue_of_its_own_row() -> None:
    odd = {
        "_id": "b",
        "dialingStrategy": {"callingHours": {"days": [{"day": "MO", "start": "noon", "end": "5:00 PM"}]}},
    }
    for answers in ([odd], [{"_id": "a"}, odd], [{"_id": "a"}, {**odd, "unknown": 1}]):
        rows = flatten([response_of(answer) for answer in answers]).campaigns.to_pylist()
        assert rows[-1]["parse_issues"] == ['dialingStrategy.callingHours.days.0.start: not a time of day: "noon"']
        assert [row["parse_issues"] for row in rows[:-1]] == [None] * (len(rows) - 1)


def test_an_entry_with_something_that_no_column_takes_is_in_extra_leaf_by_leaf() -> None:
    entry = {"day": "TU", "start": None, "end": "5:00 PM", "at": {"0": [7]}}
    days = [{"day": "MO", "start": "9:00 AM", "end": "5:00 PM"}, entry]
    row = row_of({"dialingStrategy": {"callingHours": {"days": days}}})
    path = "dialingStrategy.callingHours.days.1"
    assert json.loads(row["extra"]) == {f"{path}.day": "TU", f"{path}.end": "5:00 PM", f"{path}.at.0.0": 7}


def test_days_that_came_as_an_object_are_in_extra_as_they_are() -> None:
    days = {"0": "busy", "1": {"a": [1]}}
    row = row_of({"dialingStrategy": {"callingHours": {"days": days}}})
    assert json.loads(row["extra"]) == {"dialingStrategy.callingHours.days": days}


def test_the_loser_of_two_places_is_kept_when_it_says_something_else() -> None:
    same = row_of(changed(direction="advanced"))
    other = row_of(changed(direction="simple"))
    assert (same["format"], same["extra"]) == ("advanced", None)
    assert (other["format"], json.loads(other["extra"])) == ("advanced", {"direction": "simple"})


@pytest.mark.parametrize(
    ("data", "list_type", "expected"),
    [
        ({"dialingMode": "Agentless", "format": "simple"}, None, "voice"),
        ({"dialingStrategy": {"maxRingTime": 5}}, None, "voice"),
        ({"direction": "simple"}, None, "sms"),
        ({"message": {"message": "x"}}, None, "sms"),
        ({"message": 7}, None, "sms"),
        ({"message": {}, "unknown": 1}, None, None),
        ({"message": "", "dialingMode": ""}, None, "voice"),
        ({"name": "x"}, None, None),
        ({"dialingMode": "Agentless"}, "sms", "sms"),
    ],
)
def test_the_type_is_the_one_asked_for_else_inferred(
    data: dict[str, Any], list_type: str | None, expected: str | None
) -> None:
    assert row_of(data, list_type=list_type)["campaign_type"] == expected


def test_a_row_is_the_same_whether_its_answer_was_carried_over_or_fetched() -> None:
    data = changed(totalMessagesSent=5, connection="own", name="own")
    item = json.dumps({"totalMessagesSent": 9, "connection": "listed", "campaignInstanceId": "cid-1", "name": "listed"})
    fetched, carried = (
        row_of(data, list_item=item, list_type="sms", carried_from=base) for base in (None, "20260101T000000Z")
    )
    assert carried.pop("carried_from") == "20260101T000000Z"
    assert fetched.pop("carried_from") is None
    assert carried == fetched
    names = ("total_messages_sent", "connection", "campaign_instance_id", "name")
    assert [carried[name] for name in names] == [5, "own", "cid-1", "own"]


def test_list_items_fill_the_columns_that_only_they_have() -> None:
    item = {"connection": "Desk", "totalMessagesSent": "x", "campaignInstanceId": "cid-1", "unknown": 1}
    row = row_of(changed(campaignInstanceId="cid-own"), list_item=json.dumps(item), list_type="sms")
    assert (row["connection"], row["campaign_instance_id"]) == ("Desk", "cid-own")
    assert row["total_messages_sent"] is None
    assert json.loads(row["extra"]) == {"list:totalMessagesSent": "x"}


@pytest.mark.parametrize("body", ["", "null", "7", "{" * 5000])
def test_a_body_that_is_no_campaign_is_still_a_row(body: str) -> None:
    flat = flatten([CampaignResponse("cd-1", 0, 200, body)])
    assert flat.campaigns.num_rows == 1
    assert flat.calling_windows.num_rows == 0


@pytest.mark.parametrize(
    ("body", "issue", "kept"),
    [
        ("nonsense", "body: not JSON", None),
        ('{"data":[1,{"a":[2]}]}', 'data: not an object: [1,{"a":[2]}]', {"data.0": 1, "data.1.a.0": 2}),
        ('{"data":"x"}', 'data: not an object: "x"', {"data": "x"}),
        ('{"data":{}}', None, None),
        ('{"data":[]}', None, None),
        ("[]", None, None),
    ],
)
def test_what_is_in_a_campaigns_place_is_reported_and_kept_in_its_own_row(body: str, issue: Any, kept: Any) -> None:
    rows = flatten([response_of(SEED), CampaignResponse("cd-1", 0, 200, body), response_of(SEED)]).campaigns.to_pylist()
    assert [row["parse_issues"] for row in rows] == [None, issue and [issue], None]
    assert [row["extra"] and json.loads(row["extra"]) for row in rows] == [None, kept, None]


@pytest.mark.parametrize("item", ["nonsense", "[1]", '"x"', "null"])
def test_a_list_item_that_is_no_object_is_reported(item: str) -> None:
    rows = flatten([response_of(SEED), response_of(SEED, list_item=item)]).campaigns.to_pylist()
    assert [row["parse_issues"] for row in rows] == [None, ["list item: not a JSON object"]]


def test_calling_hours_that_are_nested_without_end_are_no_week_and_do_not_touch_their_neighbours() -> None:
    deep = '{"data":{"dialingStrategy":{"callingHours":{"days":' + "[" * 3000 + "]" * 3000 + "}}}}"
    rows = flatten([CampaignResponse("cd-1", 0, 200, deep), response_of(SEED)]).campaigns.to_pylist()
    assert [row["calling_hours_minutes_per_week"] for row in rows] == [None, 885]
    assert rows[1]["parse_issues"] is None


@pytest.mark.parametrize("path", ["unknown", "dialingStrategy.callingHours.days"])
def test_a_number_of_more_digits_than_python_reads_is_kept_as_text_and_costs_no_other_column(path: str) -> None:
    digits = "9" * 5000
    data = "".join(f'{{"{key}":' for key in path.split(".")) + f"[{digits}]" + "}" * (path.count(".") + 1)
    (row,) = flatten([CampaignResponse("cd-1", 0, 200, '{"data":{"name":"n",' + data[1:] + "}")]).campaigns.to_pylist()
    assert row["name"] == "n"
    assert json.loads(row["extra"]) == {f"{path}.0": digits}


def test_a_week_too_long_to_be_remembered_is_read_all_the_same() -> None:
    days = [{"start": "10:00 AM", "end": "3:00 PM", "note": "x" * 2048}]
    row = row_of({"dialingStrategy": {"callingHours": {"frequency": "DAILY", "days": days}}})
    assert row["calling_hours_su"] == "10:00-15:00"


def test_both_tables_have_the_schema_that_the_columns_state() -> None:
    flat = flatten([response_of(SEED)])
    assert flat.campaigns.schema.equals(schema_of("campaigns"), check_metadata=True)
    assert flat.calling_windows.schema.equals(schema_of("calling_windows"), check_metadata=True)
    flat.campaigns.validate(full=True)
    flat.calling_windows.validate(full=True)


@pytest.mark.parametrize(
    "odd", ["000000000000000000005", "0x10", "0X1f", " 7", "+7", "1_0", "\uff17", "1e1", "", 7.0, True]
)
def test_a_number_is_read_alike_whatever_its_neighbours_are(odd: Any) -> None:
    alone = flatten([response_of(changed(priority=odd))]).campaigns.to_pylist()[0]
    beside = flatten([response_of(changed(priority=odd)), response_of(changed(priority=5.0, x=1))])
    for name in ("priority", "extra", "parse_issues"):
        assert alone[name] == beside.campaigns.to_pylist()[0][name]


def test_no_answers_give_no_rows() -> None:
    campaigns, windows = flatten([])
    assert (campaigns.num_rows, windows.num_rows) == (0, 0)
    assert (campaigns.schema, windows.schema) == (schema_of("campaigns"), schema_of("calling_windows"))


@pytest.mark.parametrize(
    ("fields", "path", "shown"),
    [
        ({"schedule": [{"isSchedulingEnabled": True}]}, "schedule", '[{"isSchedulingEnabled":true}]'),
        ({"schedule": '{"isSchedulingEnabled":true}'}, "schedule", '"{\\"isSchedulingEnabled\\":true}"'),
        ({"message": "Hello"}, "message", '"Hello"'),
        ({"dialingStrategy": 7}, "dialingStrategy", "7"),
        ({"dialingStrategy": {"callerId": "+15550100"}}, "dialingStrategy.callerId", '"+15550100"'),
        ({"contactLists": '["A"]'}, "contactLists", '"[\\"A\\"]"'),
        ({"dncLists": [{"title": "A"}]}, "dncLists", '[{"title":"A"}]'),
        ({"name": {"en": "A"}}, "name", '{"en":"A"}'),
        ({"priority": "x" * 99}, "priority", '"' + "x" * 59 + "…"),
        ({"createdAt": "\u200esoon"}, "createdAt", '"\\u200esoon"'),
    ],
)
def test_a_known_path_with_another_shape_is_an_issue_with_the_values_beginning(
    fields: dict[str, Any], path: str, shown: str
) -> None:
    row = row_of({"_id": SEED["_id"], **fields})
    (issue,) = dict.fromkeys(row["parse_issues"])
    assert issue.startswith(f"{path}: ")
    assert issue.endswith(f": {shown}")
    (value,) = fields.values()
    kept = value["callerId"] if path.endswith("callerId") else value
    assert json.loads(row["extra"]) == {path: kept}


@pytest.mark.parametrize(
    ("fields", "path", "known"),
    [
        ({"Priority": 5}, "Priority", "priority"),
        ({"CREATEDAT": "x"}, "CREATEDAT", "createdAt"),
        ({"created_at": "x"}, "created_at", "createdAt"),
        ({"dialing-mode": "x"}, "dialing-mode", "dialingMode"),
        ({"Message": {"message": "Hi"}}, "Message", "message"),
        ({"message": {"TemplateId": "x"}}, "message.TemplateId", "templateId"),
        ({"schedule": {"startdatetime": "x"}}, "schedule.startdatetime", "startDateTime"),
    ],
)
def test_a_key_in_other_case_is_an_issue(fields: dict[str, Any], path: str, known: str) -> None:
    row = row_of({"_id": SEED["_id"], **fields})
    (issue,) = row["parse_issues"]
    assert issue.startswith(f"{path}: not read, since the key is known as {known}: ")


def test_a_key_in_other_case_beside_the_right_one_is_no_issue() -> None:
    assert row_of(changed(Priority=4))["parse_issues"] is None


@pytest.mark.parametrize("empty", ["", " ", "\u200b"])
@pytest.mark.parametrize(
    ("key", "column"),
    [("priority", "priority"), ("isImported", "is_imported"), ("createdAt", "created_at"),
     ("startDateTime", "schedule_start_date_time"), ("totalMessagesSent", "total_messages_sent"),
     ("whichDays", "schedule_which_days"), ("dncLists", "dnc_list_names")],
)  # fmt: skip
def test_an_empty_text_in_place_of_a_number_a_flag_or_a_date_is_nothing_and_no_issue(
    key: str, column: str, empty: str
) -> None:
    row = row_of({"_id": SEED["_id"], key: empty})
    assert row[column] is None
    assert row["parse_issues"] is None
    assert json.loads(row["extra"]) == {key: empty}


@pytest.mark.parametrize("message", [{"message": None}, {}, {"message": {}, "templateId": None}, [], {"x": [None]}])
def test_a_message_without_any_value_does_not_make_a_campaign_sms(message: Any) -> None:
    for more in ({}, {"unknown": 1}):
        assert row_of({"_id": "a", "message": message, **more})["campaign_type"] is None
        assert row_of({"_id": "a", **more}, list_item=json.dumps({"message": message}))["campaign_type"] is None


def test_equal_but_different_values_at_two_places_are_both_kept() -> None:
    row = row_of({"_id": "a", "schedule": {"whichDays": [True]}, "whichDays": [1]})
    assert json.loads(row["extra"]) == {"schedule.whichDays": [True], "whichDays.0": 1}
    assert '"whichDays.0":1}' in row["extra"]


def test_an_own_key_that_looks_like_one_of_the_list_item_is_kept_apart() -> None:
    row = row_of({"_id": "a", "list:connection": "own", "list\\:connection": 1}, list_item='{"connection": 7}')
    assert json.loads(row["extra"]) == {
        "list:connection": 7, "list\\:connection": "own", "list\\\\:connection": 1,
    }  # fmt: skip


def test_keys_of_extra_are_sorted() -> None:
    row = row_of({"_id": "a", "z": 1, "a": [{"y": 1, "b": 2}], "M": 1, "ä": 1, "schedule": [{"z": 1, "a": 2}]})
    keys = list(json.loads(row["extra"]))
    assert keys == sorted(keys)
    assert '"schedule":[{"a":2,"z":1}]' in row["extra"]


@pytest.mark.parametrize(
    "digits", ["0.12345678901234567890", "12345678901234567.25", "1e-400", "2.50000000000000000000000000001"]
)
@pytest.mark.parametrize("path", ["unknown", "priority", "dialingStrategy.callingHours.days"])
def test_a_decimal_beyond_a_double_stays_as_written(path: str, digits: str) -> None:
    data = "".join(f'{{"{key}":' for key in path.split(".")) + f"[{digits}]" + "}" * (path.count(".") + 1)
    (row,) = flatten([CampaignResponse("cd-1", 0, 200, f'{{"data":{data}}}')]).campaigns.to_pylist()
    assert digits in row["extra"]


def test_a_byte_that_was_no_utf8_is_an_issue_with_its_path() -> None:
    body = b'{"data":{"_id":"a","name":"Caf\xe9","x":{"y":["\xff"]},"z":1}}'.decode("utf-8", "replace")
    (row,) = flatten([CampaignResponse("a", 0, 200, body)]).campaigns.to_pylist()
    assert row["name"] == "Caf\ufffd"
    assert row["parse_issues"] == [
        f"{path}: has U+FFFD in place of what could not be read" for path in ("name", "x.y.0")
    ]


def test_half_a_surrogate_pair_is_an_issue_like_a_byte_that_was_no_utf8() -> None:
    bodies = ['{"data":{"name":"n\\ud83d"}}', '{"data":{"name":"n\\ufffd"}}', '{"data":{"name":"n\\uFFFD"}}']
    for body in bodies:
        (row,) = flatten([CampaignResponse("a", 0, 200, body)]).campaigns.to_pylist()
        assert (row["name"], len(row["parse_issues"])) == ("n\ufffd", 1)


@pytest.mark.parametrize(
    ("zone", "meaning"),
    [
        ("asia/kolkata", "; read as Asia/Kolkata"),
        ("Asia/Kolkata ", "; read as Asia/Kolkata"),
        ("IST", ""),
        ("Mars/Olympus", ""),
    ],
)
def test_a_name_that_is_no_iana_time_zone_is_kept_with_an_issue_that_names_the_zone_it_means(
    zone: str, meaning: str
) -> None:
    row = row_of(changed(dialingStrategy={"callingHours": {"timezone": zone}}))
    assert (row["calling_hours_timezone"], row["extra"]) == (zone, None)
    assert row["parse_issues"] == [f'dialingStrategy.callingHours.timezone: no IANA time zone{meaning}: "{zone}"']


def test_a_flag_beside_the_days_makes_all_windows_not_sure() -> None:
    hours = {**SEED["dialingStrategy"]["callingHours"], "isEnabled": False, "_id": "x", "holidays": []}
    row = row_of(changed(dialingStrategy={"callingHours": hours}))
    assert row["parse_issues"] == ["dialingStrategy.callingHours: not sure, because of isEnabled: false"]


def test_a_message_in_doubt_is_an_issue() -> None:
    row = row_of({"_id": "a", "message": {"message": "SGVsbG8"}})
    assert (row["message_text"], row["message_encoding"], row["message_raw"]) == ("SGVsbG8", "plain", "SGVsbG8")
    assert row["parse_issues"] == ["message.message: may be Base64 of 'Hello'; too short to be sure"]


@pytest.mark.parametrize(
    "body",
    [
        *(
            f'{{"data":{{"name":"n","{path}":@}}}}'
            for path in ("unknown", "priority", "dncLists", "schedule", "message")
        ),
        '{"data":{"dialingStrategy":{"callingHours":{"days":{"a":@}}}}}',
        '{"data":@}',
        "@",
    ],
)
def test_nothing_raises_however_deep_a_value_is_nested(body: str) -> None:
    """Each depth counts: one is found that can just be read, and not written with a little more on the stack."""
    for depth in (*range(150, 850, 60), *range(850, 1010)):
        deep = body.replace("@", "[" * depth + "1" + "]" * depth)
        assert flatten([CampaignResponse("a", 0, 200, deep)]).campaigns.num_rows == 1
