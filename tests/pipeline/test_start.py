"""`exporter.pipeline.start`: what becomes of the run before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.journal.run_checkpoint import Checkpoint, Incomplete
from exporter.model import Counts, Identity, Requests, Seconds, SnapshotMode
from exporter.options import SnapshotOptions
from exporter.pipeline.start import NOTHING, Finish, Fresh, Resume, Situation, decide, reuse_since
from exporter.snapshot_store.catalog import DamagedSnapshot, SnapshotInfo
from exporter.snapshot_store.manifest import Ids, Manifest, iso
from exporter.snapshot_store.names import snapshot_id

NOW = 1_780_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR


def ms(seconds: float) -> int:
    return int(seconds * 1000)


def checkpoint(hours_ago: float, **fields: Any) -> Checkpoint:
    """A run that began then, interrupted."""
    began = NOW - hours_ago * HOUR
    return msgspec.structs.replace(Checkpoint(snapshot_id(began), ms(began), "same"), **fields)


def published(hours_ago: float) -> Checkpoint:
    """A run that was published then, with failed campaigns."""
    before = checkpoint(hours_ago)
    return msgspec.structs.replace(before, incomplete=Incomplete(before.snapshot_id, before.started_at))


def retry(hours_ago: float) -> Checkpoint:
    """An attempt at completing what was published then, interrupted an hour after it began."""
    return msgspec.structs.replace(published(hours_ago), snapshot_id=snapshot_id(NOW - HOUR), started_at=ms(NOW - HOUR))


def snapshot(days_ago: float, mode: SnapshotMode = "full") -> SnapshotInfo:
    began = NOW - days_ago * DAY
    manifest = Manifest(
        snapshot_id(began), iso(ms(began)), iso(ms(began)), "1", 1, mode, None, Identity("h", "s", "a", "v2"),
        Ids("ids.csv", "", 1, 1, 0), Counts(ok=1), Requests(), Seconds(), {}, [],
    )  # fmt: skip
    return SnapshotInfo(manifest.snapshot_id, "somewhere", manifest)


def situation(reusable: int = 1, **fields: Any) -> Situation:
    return Situation(**{"request": "same", "reusable": reusable, **fields})


OPTIONS = SnapshotOptions()
INCREMENTAL = SnapshotOptions(incremental=True)


def test_without_a_checkpoint_a_run_is_fresh_and_named_after_its_beginning() -> None:
    decision = decide(None, situation(0), OPTIONS, NOW)
    assert isinstance(decision, Fresh)
    assert decision.checkpoint.snapshot_id == snapshot_id(NOW)
    assert decision.checkpoint.request == "same"


def test_no_two_runs_get_the_same_id() -> None:
    taken = frozenset({snapshot_id(NOW), snapshot_id(NOW + 1)})
    decision = decide(None, situation(0, folders=taken), OPTIONS, NOW)
    assert isinstance(decision, Fresh)
    assert decision.checkpoint.snapshot_id == snapshot_id(NOW + 2)


def test_an_interrupted_run_is_resumed_under_its_own_id() -> None:
    before = checkpoint(2, warnings=("one",))
    decision = decide(before, situation(), OPTIONS, NOW)
    assert isinstance(decision, Resume)
    assert (decision.checkpoint.snapshot_id, decision.checkpoint.warnings) == (before.snapshot_id, ("one",))


def test_an_attempt_that_reuses_nothing_has_an_id_of_its_own() -> None:
    decision = decide(checkpoint(40 * 24), situation(reusable=0), OPTIONS, NOW)
    assert isinstance(decision, Fresh)
    assert decision.checkpoint.snapshot_id == snapshot_id(NOW)


def test_an_attempt_that_reuses_only_the_list_is_resumed() -> None:
    before = checkpoint(2, listed_at=ms(NOW - HOUR))
    assert isinstance(decide(before, situation(reusable=0), OPTIONS, NOW), Resume)


def test_a_list_pass_that_is_too_old_is_made_again_and_young_answers_are_kept() -> None:
    before = checkpoint(28, listed_at=ms(NOW - 28 * HOUR))
    decision = decide(before, situation(), OPTIONS, NOW)
    assert isinstance(decision, Resume)
    assert not decision.keep_list
    assert decision.checkpoint.listed_at is None
    assert decision.reuse_since == ms(NOW - DAY)


def test_fresh_starts_over_and_with_incremental_it_is_a_full_run() -> None:
    options = msgspec.structs.replace(INCREMENTAL, fresh=True)
    decision = decide(checkpoint(2), situation(own=(snapshot(1),)), options, NOW)
    assert isinstance(decision, Fresh)
    assert decision.reuse_since == NOTHING
    assert decision.bases.candidates == ()


def test_a_run_that_was_killed_after_publishing_is_only_finished() -> None:
    before = checkpoint(0.1)
    manifest = snapshot(0.1 / 24).manifest
    assert decide(before, situation(manifest=manifest), OPTIONS, NOW) == Finish(before, manifest, is_this_run=True)


@pytest.mark.parametrize("change", ["another command", "fresh", "half a day later"])
def test_what_was_killed_after_publishing_is_closed_and_another_run_begins(change: str) -> None:
    now = NOW + 13 * HOUR if change == "half a day later" else NOW
    options = msgspec.structs.replace(OPTIONS, fresh=change == "fresh")
    request = "another" if change == "another command" else "same"
    manifest = snapshot(0.1 / 24).manifest
    decision = decide(checkpoint(0.1), situation(manifest=manifest, request=request), options, now)
    assert isinstance(decision, Finish)
    assert not decision.is_this_run


def test_the_failed_campaigns_of_a_published_run_are_tried_again_under_a_new_id() -> None:
    before = published(1)
    decision = decide(before, situation(incomplete_is_there=True), OPTIONS, NOW)
    assert isinstance(decision, Resume)
    assert decision.checkpoint.snapshot_id == snapshot_id(NOW)
    assert decision.checkpoint.incomplete == before.incomplete
    assert not decision.keep_list


@pytest.mark.parametrize(("request_", "there"), [("another", True), ("same", False)])
def test_another_command_or_a_snapshot_that_is_gone_replaces_nothing(request_: str, there: bool) -> None:
    decision = decide(published(1), situation(request=request_, incomplete_is_there=there), OPTIONS, NOW)
    assert isinstance(decision, Fresh)
    assert decision.checkpoint.incomplete is None


@pytest.mark.parametrize(
    ("before", "since"),
    [
        (checkpoint(13), ms(NOW - DAY)),
        (checkpoint(30), ms(NOW - DAY)),
        (published(11), ms(NOW - DAY)),
        (published(13), NOTHING),
        (retry(11), ms(NOW - DAY)),
        (retry(13), ms(NOW - 13 * HOUR)),
        (retry(30), ms(NOW - DAY)),
        (None, ms(NOW - DAY)),
    ],
)
def test_after_publishing_answers_are_used_again_for_half_a_day_only(before: Checkpoint | None, since: int) -> None:
    assert reuse_since(before, OPTIONS, NOW) == since


def test_nothing_of_a_run_under_a_clock_that_was_ahead_is_used_again() -> None:
    before = checkpoint(-24 * 365, listed_at=ms(NOW + 365 * DAY))
    assert reuse_since(before, OPTIONS, NOW) == NOTHING
    decision = decide(before, situation(0), OPTIONS, NOW)
    assert isinstance(decision, Fresh)
    assert decision.checkpoint.snapshot_id == snapshot_id(NOW)
    finished = decide(before, situation(manifest=snapshot(-365).manifest), OPTIONS, NOW)
    assert isinstance(finished, Finish)
    assert not finished.is_this_run


def test_a_published_run_without_one_good_answer_is_tried_again_too() -> None:
    decision = decide(published(1), situation(reusable=0, incomplete_is_there=True), OPTIONS, NOW)
    assert isinstance(decision, Resume)
    assert decision.checkpoint.incomplete == published(1).incomplete


def test_a_newer_snapshot_whose_manifest_cannot_be_read_is_named() -> None:
    own, rotten = (snapshot(2),), DamagedSnapshot(snapshot_id(NOW - DAY), "exports/snapshot=x", "not JSON.")
    older = DamagedSnapshot(snapshot_id(NOW - 3 * DAY), "exports/snapshot=y", "not JSON.")
    decision = decide(None, situation(0, own=own, damaged=(older, rotten)), INCREMENTAL, NOW)
    assert isinstance(decision, Fresh)
    assert decision.bases.candidates == own
    assert decision.bases.notes == ("exports/snapshot=x is damaged (not JSON), so it is not a base",)


def test_an_interrupted_retry_still_replaces_the_incomplete_snapshot() -> None:
    before = retry(3)
    decision = decide(before, situation(incomplete_is_there=True), OPTIONS, NOW)
    assert isinstance(decision, Resume)
    assert decision.checkpoint.incomplete == before.incomplete
    assert decision.checkpoint.snapshot_id == before.snapshot_id


def test_a_retry_that_is_resumed_too_late_keeps_what_it_fetched_and_replaces_nothing() -> None:
    before = msgspec.structs.replace(retry(13), listed_at=ms(NOW - HOUR / 2))
    incomplete = snapshot(13 / 24)
    decision = decide(before, situation(own=(incomplete,), incomplete_is_there=True), INCREMENTAL, NOW)
    assert isinstance(decision, Resume)
    assert (decision.checkpoint.snapshot_id, decision.checkpoint.incomplete) == (before.snapshot_id, None)
    assert (decision.reuse_since, decision.keep_list) == (ms(NOW - 13 * HOUR), True)
    assert decision.bases.candidates == (incomplete,)


def test_an_incremental_run_carries_over_from_the_newest_snapshot_and_others_are_in_reserve() -> None:
    own = (snapshot(3), snapshot(2, "incremental"), snapshot(1, "incremental"))
    decision = decide(None, situation(0, own=own), INCREMENTAL, NOW)
    assert isinstance(decision, Fresh)
    assert decision.bases.candidates == own[::-1]


def test_a_resumed_incremental_run_keeps_its_base() -> None:
    own = (snapshot(3), snapshot(2), snapshot(1))
    before = checkpoint(2, mode="incremental", base=own[1].snapshot_id)
    decision = decide(before, situation(own=own), INCREMENTAL, NOW)
    assert isinstance(decision, Resume)
    assert decision.bases.candidates == (own[1], own[2], own[0])


def test_the_incomplete_snapshot_that_is_replaced_is_no_base() -> None:
    before = published(1)
    incomplete = snapshot(1 / 24)
    assert before.incomplete is not None
    assert incomplete.snapshot_id == before.incomplete.snapshot_id
    own = (snapshot(1), incomplete)
    decision = decide(before, situation(own=own, incomplete_is_there=True), INCREMENTAL, NOW)
    assert isinstance(decision, Resume)
    assert decision.bases.candidates == own[:1]


def test_the_night_after_an_incomplete_one_that_one_is_the_base() -> None:
    own = (snapshot(2), snapshot(1))
    before = msgspec.structs.replace(published(24), mode="incremental", base=own[0].snapshot_id)
    decision = decide(before, situation(0, own=own, incomplete_is_there=True), INCREMENTAL, NOW)
    assert isinstance(decision, Fresh)
    assert decision.bases.candidates == (own[1], own[0])
    assert decision.checkpoint.incomplete is None


def test_without_a_base_or_with_an_old_full_run_it_is_a_full_run_and_says_so() -> None:
    first = decide(None, situation(0), INCREMENTAL, NOW)
    assert isinstance(first, Fresh)
    assert "no snapshot of this account" in first.bases.notes[0]
    options = msgspec.structs.replace(INCREMENTAL, full_every=7 * DAY)
    own = (snapshot(8), snapshot(1, "incremental"))
    due = decide(None, situation(0, own=own), options, NOW)
    assert isinstance(due, Fresh)
    assert (due.bases.candidates, "8 d" in due.bases.notes[0]) == ((), True)
    own = (snapshot(6), own[1])
    not_due = decide(None, situation(0, own=own), options, NOW)
    assert isinstance(not_due, Fresh)
    assert (not_due.bases.candidates, not_due.bases.notes) == (own[::-1], ())


checkpoints = st.none() | st.builds(
    checkpoint,
    st.floats(0, 100),
    incomplete=st.none() | st.builds(Incomplete, st.just("20260101T000000Z"), st.integers(ms(NOW - 3 * DAY), ms(NOW))),
    listed_at=st.none() | st.integers(ms(NOW - 3 * DAY), ms(NOW)),
    request=st.sampled_from(["same", "another"]),
)


@given(checkpoints, st.integers(0, 2), st.booleans(), st.booleans(), st.booleans())
def test_an_id_is_kept_only_by_what_reuses_something_and_is_never_one_that_is_taken(
    before: Checkpoint | None, reusable: int, taken: bool, fresh: bool, there: bool
) -> None:
    folders = frozenset({before.snapshot_id} if before is not None and taken else ())
    known = situation(reusable, folders=folders, incomplete_is_there=there)
    decision = decide(before, known, msgspec.structs.replace(OPTIONS, fresh=fresh), NOW)
    assert not isinstance(decision, Finish)
    assert decision.checkpoint.snapshot_id not in folders
    if before is not None and decision.checkpoint.snapshot_id == before.snapshot_id != snapshot_id(NOW):
        assert isinstance(decision, Resume)
        assert reusable or decision.keep_list
    if decision.checkpoint.incomplete is not None:
        assert there
        assert decision.checkpoint.request == "same"
