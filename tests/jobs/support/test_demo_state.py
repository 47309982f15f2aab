"""`jobs.support.demo_state`: the same service from one day to the next, and no file of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import DestinationError, InputError
from jobs.support.demo_state import CHANGED, STATE, DemoFolder


def published(folder: DemoFolder) -> None:
    folder.state.published += 1
    folder.save()


def test_each_day_goes_on_from_the_day_before(tmp_path: Path) -> None:
    first = DemoFolder(tmp_path, campaigns=20)
    before, changes = first.next_day()
    assert changes is None
    published(first)
    second = DemoFolder(tmp_path, campaigns=99)
    after, changes = second.next_day()
    assert changes is not None
    assert (len(changes.changed), len(changes.gone), len(changes.new)) == (CHANGED, 1, 1)
    assert set(after) == set(before) - set(changes.gone) | set(changes.new)
    published(second)
    again, _ = DemoFolder(tmp_path, campaigns=20).next_day()
    assert len(set(again) & set(after)) == 19


def test_a_day_that_was_not_published_is_the_same_again(tmp_path: Path) -> None:
    first = DemoFolder(tmp_path, campaigns=5)
    before, _ = first.next_day()
    first.save()
    again, changes = DemoFolder(tmp_path, campaigns=5).next_day()
    assert (set(again), changes) == (set(before), None)


def test_its_own_files_are_replaced_and_those_of_others_are_not(tmp_path: Path) -> None:
    DemoFolder(tmp_path, campaigns=5).write("ids.csv", b"campaign_id\n")
    DemoFolder(tmp_path, campaigns=5).write("ids.csv", b"campaign_id\ncd-1\n")
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(InputError, match=r"report\.html is not the demo's"):
        DemoFolder(tmp_path, campaigns=5)


@pytest.mark.parametrize(
    "state",
    [
        *(b"{", b"\xff", b'{"x":' + b"[" * 5000, b'{"files":{"\xff":"x"},"campaigns":1}'),
        *(b'{"campaigns":0}', b'{"campaigns":1000000000000}', b'{"campaigns":3,"published":-1}'),
        *(b'{"campaigns":3,"port":99999}', b'{"campaigns":3,"port":-5}'),
        b'{"campaigns":3,"published":1,"days":["2026-01-01T00:00:00"]}',
    ],
)
def test_a_damaged_state_is_an_error_that_says_what_to_do(tmp_path: Path, state: bytes) -> None:
    (tmp_path / STATE).write_bytes(state)
    with pytest.raises(DestinationError, match="damaged: remove it"):
        DemoFolder(tmp_path, campaigns=5)
