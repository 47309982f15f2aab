"""`exporter.journal.journal`: what is wanted, pending, counted and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import StorageFailed
from exporter.events import ignore
from exporter.journal.database import Outcome
from exporter.journal.journal import Journal
from exporter.journal.journal_file import journal_path
from exporter.journal.run_checkpoint import Checkpoint
from exporter.model import CampaignResponse, Identity, ListedCampaign
from tests.support.journals import IDENTITY, NOW, answer, failure, list_in, open_journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return open_journal(tmp_path)


def test_what_is_pending_is_what_is_wanted_and_not_there(journal: Journal) -> None:
    journal.want(iter(["c", "a", "b", "d"]))
    journal.add([(answer("a"), 1, NOW), (failure("d", "not_found"), 1, NOW)])
    assert list(journal.pending()) == ["c", "b"]
    assert (journal.wanted_count(), journal.pending_count()) == (4, 2)


def test_answers_come_out_in_the_order_of_the_wanted_ids_and_joined_with_the_list(journal: Journal) -> None:
    journal.want(["b", "a"])
    list_in(journal, [ListedCampaign("a", "sms", '{"id":"a"}')])
    journal.add([(answer("a"), 1, NOW), (answer("b"), 1, NOW), (answer("other"), 1, NOW)])
    (block,) = journal.responses()
    assert [(r.campaign_id, r.list_item, r.list_type) for r in block] == [("b", None, None), ("a", '{"id":"a"}', "sms")]


def test_blocks_are_bounded_by_rows_and_by_bytes(journal: Journal) -> None:
    ids = [f"c{n:03}" for n in range(100)]
    journal.want(ids)
    journal.add([(answer(one, "x" * 1000), 1, NOW) for one in ids])
    assert [len(block) for block in journal.responses(rows=30)] == [30, 30, 30, 10]
    assert max(len(block) for block in journal.responses(bytes_=5000)) == 5
    assert [r.campaign_id for block in journal.responses(rows=7) for r in block] == ids


def test_counts_are_of_the_wanted_ids_only_and_reconcile(journal: Journal) -> None:
    journal.want(["a", "b", "c", "d"])
    outcomes: list[Outcome] = [
        answer("a"), answer("b", carried_from="x"), failure("c", "invalid"), failure("d", "not_found"), answer("z")
    ]  # fmt: skip
    journal.add([(outcome, 1, NOW) for outcome in outcomes])
    counts = journal.counts()
    assert counts.unique == journal.wanted_count()
    assert (counts.ok, counts.carried_over, counts.invalid, counts.not_found, counts.failed) == (2, 1, 1, 1, 0)


def test_a_new_list_is_compared_with_the_one_beside_which_each_answer_was_fetched(journal: Journal) -> None:
    compared: list[tuple[str, str | None, str]] = []

    def unchanged(response: CampaignResponse, item: str) -> bool:
        compared.append((response.campaign_id, response.list_item, item))
        return response.list_item == item

    journal.want(["a", "b", "c", "d", "e"])
    list_in(journal, [ListedCampaign(one, "sms", "1") for one in "ab"])
    journal.add([(answer(one), 1, NOW) for one in "abcd"])
    journal.add([(failure("e"), 5, NOW)])
    journal.set_listed([ListedCampaign(*one) for one in (("b", "sms", "2"), ("a", "sms", "1"), ("c", "sms", "1"),
                                                         ("e", "sms", "1"))], unchanged=unchanged)  # fmt: skip
    assert sorted(compared) == [("a", "1", "1"), ("b", "1", "2"), ("c", None, "1")]
    assert [campaign.item for campaign in journal.listed()] == ["2", "1", "1", "1"]
    assert list(journal.pending()) == ["b", "c", "e"], "what the list shows is asked again where it failed or changed"


def test_failures_are_forgotten_at_a_new_start_but_not_those_known_not_to_exist(journal: Journal) -> None:
    journal.want(["a", "b", "c"])
    journal.add([(failure("a"), 5, NOW), (failure("b", "invalid"), 1, NOW), (failure("c", "not_found"), 1, NOW)])
    journal.forget_older(NOW - 1)
    assert list(journal.pending()) == ["a", "b"]
    journal.forget_older(NOW + 1)
    assert list(journal.pending()) == ["a", "b", "c"]


def test_a_later_answer_takes_the_place_of_a_failure(journal: Journal) -> None:
    journal.want(["a"])
    journal.add([(failure("a"), 5, NOW)])
    journal.add([(answer("a"), 1, NOW)])
    assert list(journal.failures()) == []


def test_journals_of_different_accounts_are_different_files(tmp_path: Path) -> None:
    names = {journal_path(tmp_path, Identity("https://h", s, a, "v2")).name for s in "12" for a in "34"}
    assert len(names) == 4


def test_the_file_is_for_its_user_only(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_looking_at_a_journal_counts_what_is_there_and_makes_nothing(tmp_path: Path, journal: Journal) -> None:
    journal.add([(answer("a"), 1, NOW), (answer("b"), 1, NOW - 10**9), (failure("c", "not_found"), 1, NOW)])
    looked = Journal.look(tmp_path, IDENTITY, emit=ignore)
    assert looked is not None
    assert looked.reusable_count(None, since=NOW - 1000) == 2
    assert looked.reusable_count(["a", "b", "d"], since=NOW - 1000) == 1
    journal.add([(failure("a", "not_found"), 1, NOW)])
    assert looked.reusable_count(None, since=NOW - 1000) == 2
    with pytest.raises(StorageFailed):
        looked.save(Checkpoint("20261123T020000Z", NOW))
    looked.close()
    assert Journal.look(tmp_path / "nowhere", IDENTITY, emit=ignore) is None
    assert not (tmp_path / "nowhere").exists()


def test_the_checkpoint_is_kept(journal: Journal) -> None:
    assert journal.checkpoint() is None
    checkpoint = Checkpoint("20261123T020000Z", NOW, warnings=("one",))
    journal.save(checkpoint)
    journal.save(checkpoint)
    assert journal.checkpoint() == checkpoint
    journal.clear()
    assert journal.checkpoint() is None


def test_what_is_reused_is_counted_for_more_ids_than_one_statement_takes(journal: Journal) -> None:
    ids = [f"c{number}" for number in range(25_000)]
    journal.add([(answer(campaign_id), 1, NOW) for campaign_id in ids[::5]])
    assert journal.reusable_count(iter(ids), since=NOW) == 5_000
    assert journal.reusable_count(iter(ids), since=NOW + 1) == 0


def test_what_was_carried_over_is_counted_only_where_it_is_used_again(journal: Journal) -> None:
    journal.add([(answer("a", carried_from="x"), 1, NOW), (answer("b"), 1, NOW)])
    for asked in (None, ["a", "b"]):
        assert journal.reusable_count(asked, since=NOW) == 2
        assert journal.reusable_count(asked, since=NOW, carried=False) == 1


def test_new_answers_are_those_that_were_fetched_since_and_are_wanted(journal: Journal) -> None:
    journal.want(["a", "b", "c"])
    journal.add([(answer("a"), 1, NOW - 1), (answer("b"), 1, NOW), (answer("c", carried_from="x"), 1, NOW)])
    journal.add([(answer("unwanted"), 1, NOW)])
    assert journal.new_answers(since=NOW) == 1
