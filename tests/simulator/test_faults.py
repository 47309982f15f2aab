"""`exporter.simulator.faults`: what is injected looks like what services of others did."""

from __future__ import annotations

import json

import pytest

from exporter.simulator.faults import FAULTS, faulty_reply, needs_good_reply
from exporter.simulator.replies import Reply, json_reply

GOOD = json_reply(200, {"status": "success", "data": {"_id": "cd-1", "name": "Ferry"}})


def faulty(fault: str) -> Reply:
    return faulty_reply(fault, GOOD, path="/campaign/api/v2/public/st/campaign/cd-1", query="accountId=a")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_marks_its_reply(fault: str) -> None:
    assert faulty(fault).fault == fault
    assert needs_good_reply(fault) or faulty(fault).body != GOOD.body


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault[:3].isdigit()])
def test_a_fault_named_after_a_status_has_that_status(fault: str) -> None:
    assert faulty(fault).status == int(fault[:3])


def test_a_5xx_with_not_found_in_its_text_is_a_failure_of_the_service() -> None:
    document = json.loads(faulty("503-not-found").body)
    assert document == {"status": 503, "message": "Unable to find instance for campaign-service"}


@pytest.mark.parametrize("fault", ["404-html", "404-text", "404-empty"])
def test_a_404_of_a_gateway_is_no_json(fault: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        json.loads(faulty(fault).body)


def test_a_relative_redirect_keeps_the_query() -> None:
    assert faulty("redirect-relative").headers["Location"] == "cd-1/?accountId=a"
    again = faulty_reply("redirect-relative", GOOD, path="/campaign/cd-1/", query="accountId=a")
    assert again.status == 200, "it leads to a slash behind the name, and no further"
    assert faulty("redirect").headers["Location"] == "?accountId=a&moved=1"


def test_long_and_many_headers_go_beyond_the_usual_limits() -> None:
    assert max(map(len, faulty("long-header").headers.values())) > 8190
    assert len(faulty("many-headers").headers) > 128


def test_one_byte_of_a_name_is_no_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        faulty("bad-utf8").body.decode()
