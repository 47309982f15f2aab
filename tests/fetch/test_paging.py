"""`exporter.fetch.paging`: whatever moves while a list is read, what was there all the time is found, once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.fetch.paging import (
    FIRST_SIZE,
    LARGEST_SIZE,
    Ask,
    ListRow,
    Page,
    PageSize,
    Paging,
    expected_requests,
    page_with_seam,
)
from tests.support.moving_list import TOTALS, USES, Campaign, Service, Uses, at_rest, nothing


def read(service: Service, page_size: int | None = None, *, most: int = 10_000, seconds: float = 0.1) -> Paging:
    paging = Paging(page_size)
    while (ask := paging.next_ask()) is not None:
        assert len(service.asked) < most, "the list is never read to its end"
        page = service.page(ask, seconds)
        if page is not None:
            paging.took(ask, page)
        else:
            assert paging.refused(ask, for_good=True)
    return paging


def rows(number: int) -> list[ListRow]:
    return [ListRow(str(index), index) for index in range(number)]


def give(paging: Paging, page: Page) -> Ask:
    """Answer what it asks for next; what that was."""
    ask = paging.next_ask()
    assert ask is not None
    paging.took(ask, page)
    return ask


def asked_after(page: Page) -> Ask | None:
    """What is asked for after the first page."""
    paging = Paging()
    give(paging, page)
    return paging.next_ask()


@pytest.mark.parametrize("uses", USES)
@pytest.mark.parametrize("total", TOTALS)
def test_a_list_at_rest_is_read_whole_whatever_the_service_makes_of_paging(uses: Uses, total: str) -> None:
    lists = [(0, None), (1, None), (25, 2), (25, 3), (99, None), (100, 20), (101, 100), (120, 20), (950, 50)]
    for (number, cap), has_more in product(lists, (None, True, False)):
        cap = None if uses == "neither" else cap  # whoever gives one page only cannot be read further
        service = at_rest(number, uses=uses, cap=cap, total=TOTALS[total], has_more=has_more)
        found = read(service, most=200).keys
        assert found == [campaign.key for campaign in service.campaigns], (number, cap, has_more)


@pytest.mark.parametrize("uses", ["skip", "both", "sum"])
@pytest.mark.parametrize("total", TOTALS)
def test_a_list_that_comes_in_pages_of_one_row_is_read_whole(uses: Uses, total: str) -> None:
    service = at_rest(25, uses=uses, cap=1, total=TOTALS[total])
    assert read(service, most=200).keys == [campaign.key for campaign in service.campaigns]


@given(
    st.integers(0, 60), st.sampled_from(USES), st.integers(2, 30) | st.none(), st.integers(2, 30) | st.none(),
    st.sampled_from(list(TOTALS)), st.booleans() | st.none(), st.floats(0, 0.6), st.integers(0, 10**9),
)  # fmt: skip
def test_what_was_there_all_the_time_is_found_once_however_the_list_moves(
    number: int, uses: Uses, cap: int | None, page_size: int | None, total: str, has_more: bool | None,
    chance: float, seed: int,
) -> None:  # fmt: skip
    """Campaigns are made, edited and deleted between any two requests; the service's clock is its own.

    Only a service that says twice that nothing follows is believed: its total is not too low then.
    """
    assume(has_more is not False or total not in ("too low", "zero"))
    random = Random(seed)
    service = at_rest(number, uses=uses, cap=None if uses == "neither" else cap, total=TOTALS[total], has_more=has_more)
    service.clock += random.choice((0, 10**9))
    always, ever = {c.key for c in service.campaigns}, {c.key for c in service.campaigns}
    changes = 0

    def move() -> None:
        nonlocal changes
        while changes < 200 and random.random() < chance:
            changes += 1
            kind = random.choice(("make", "edit", "delete", "delete"))
            if kind == "make":
                service.make()
            elif service.campaigns and kind == "edit":
                service.clock += 1
                random.choice(service.campaigns).changed = service.clock
            elif service.campaigns:
                service.campaigns.remove(random.choice(service.campaigns))
        always.intersection_update(c.key for c in service.campaigns)
        ever.update(c.key for c in service.campaigns)

    service.between = move
    keys = read(service, page_size, most=2000).keys
    assert len(keys) == len(set(keys))
    assert always <= set(keys) <= ever


@given(
    st.integers(0, 40),
    st.sampled_from(["skip", "page", "both"]),
    st.integers(5, 12),
    st.integers(0, 25),
    st.integers(0, 10**9),
)
def test_a_list_in_the_order_of_changes_is_read_until_two_readings_are_the_same(
    number: int, uses: Uses, cap: int, changes: int, seed: int
) -> None:
    """An edit moves a campaign that was not read yet to the front, and no seam shows it: only reading again does."""
    random = Random(seed)
    service = at_rest(number, uses=uses, cap=cap, sorts=False)
    always = {c.key for c in service.campaigns}
    left = changes

    def move() -> None:
        nonlocal left
        if left and service.campaigns and random.random() < 0.5:
            left -= 1
            campaign = random.choice(service.campaigns)
            if random.random() < 0.3:
                service.campaigns.remove(campaign)
            else:
                service.clock += 1
                campaign.changed = service.clock
        always.intersection_update(c.key for c in service.campaigns)

    service.between = move
    paging = read(service, most=2000)
    if paging.settled:
        assert always <= set(paging.keys)
    assert len(paging.keys) == len(set(paging.keys))
    if not left:
        assert paging.readings <= 6


@pytest.mark.parametrize(
    ("number", "cap", "most"), [(10_000, None, 25), (10_000, 1000, 25), (10_000, 100, 105), (10_000, 50, 206)]
)
def test_ten_thousand_campaigns_cost_few_requests(number: int, cap: int | None, most: int) -> None:
    service = at_rest(number, cap=cap)
    assert len(read(service).keys) == number
    assert len(service.asked) <= most


def test_pages_grow_while_the_service_gives_what_it_is_asked_for() -> None:
    service = at_rest(10_000)
    read(service)
    assert [ask.limit for ask in service.asked[:6]] == [100, 200, 400, 800, 1000, 1000]


def test_a_page_that_takes_long_is_followed_by_smaller_ones() -> None:
    service = at_rest(1000)
    read(service, seconds=6.0)
    assert {ask.limit for ask in service.asked} == {FIRST_SIZE}


def test_pages_do_not_grow_beyond_what_a_body_may_have() -> None:
    assert asked_after(Page(rows(100), has_more=True, bytes=9 * 2**20)) == Ask(99, 1, 100)


@pytest.mark.parametrize(("above", "limits"), [(300, {100, 200}), (100, {100}), (60, {50}), (20, {20}), (19, {10})])
def test_a_size_that_is_refused_is_not_asked_for_again(above: int, limits: set[int]) -> None:
    service = at_rest(950, refuses_above=above)
    assert len(read(service).keys) == 950
    asked = [ask.limit for ask in service.asked]
    refused = [limit for limit in asked if limit > above]
    assert len(refused) == len(set(refused))
    assert set(asked) - set(refused) == limits


def test_a_size_that_the_user_gave_is_kept_to_and_is_refused_for_good() -> None:
    service = at_rest(500)
    read(service, 30)
    assert {ask.limit for ask in service.asked} == {30}
    assert not Paging(30).refused(Ask(0, 1, 30), for_good=True)


def test_a_deletion_before_the_seam_is_noticed_and_costs_one_step_back() -> None:
    service = at_rest(300)

    def delete_first() -> None:
        if len(service.asked) == 1:
            del service.campaigns[0]

    service.between = delete_first
    keys = read(service, 100).keys
    assert set(keys) == {f"c{n}" for n in range(1, 301)}
    assert len(service.asked) <= 6


def test_a_page_that_is_empty_though_a_row_must_be_there_is_asked_for_again() -> None:
    service = at_rest(95)
    service.shown = lambda page: Page([], total=page.total) if len(service.asked) in (1, 4) else page
    assert len(read(service, 10).keys) == 95


@pytest.mark.parametrize(("empty", "settled"), [(1, True), (2, True), (3, True), (6, True), (999, False)])
@pytest.mark.parametrize("total", [None, 0, 40])
def test_a_list_that_was_there_and_is_empty_when_read_again_keeps_what_was_seen(
    empty: int, settled: bool, total: int | None
) -> None:
    service = at_rest(40, sorts=False, total=nothing)
    service.shown = lambda page: Page([], total=total) if 3 < len(service.asked) <= 3 + empty else page
    paging = read(service, 30, most=30)
    assert (len(paging.keys), paging.settled) == (40, settled)


@pytest.mark.parametrize("above", [100, 200, 500, 900])
@pytest.mark.parametrize("total", [None, 0, 1500])
@pytest.mark.parametrize("sorts", [True, False])
def test_a_size_that_nothing_is_given_for_is_not_asked_for_again(above: int, total: int | None, sorts: bool) -> None:
    service = at_rest(1500, sorts=sorts)
    service.shown = lambda page: Page([], total=total) if service.asked[-1].limit > above else page
    paging = read(service, most=60)
    assert (len(paging.keys), paging.settled) == (1500, True)
    assert sum(ask.limit > above for ask in service.asked) == 2


def test_a_size_that_is_refused_from_one_page_on_gives_way_to_one_that_was_answered() -> None:
    service = at_rest(3000)
    paging = Paging()
    while (ask := paging.next_ask()) is not None:
        page = service.page(ask, 0.1)
        if len(service.asked) >= 6 and ask.limit > 200:
            assert paging.refused(ask, for_good=True)
        else:
            assert page is not None
            paging.took(ask, page)
    assert len(paging.keys) == 3000
    assert [ask.limit for ask in service.asked[:10]] == [100, 200, 400, 800, 1000, 1000, 400, 200, 200, 200]


def test_a_list_of_which_only_small_pages_are_given_and_that_moves_is_not_taken_for_whole() -> None:
    service = at_rest(17, cap=2, sorts=False, total=nothing)
    moved: list[int] = []

    def make_one() -> None:
        if len(moved) < 2:
            moved.append(len(service.asked))
            service.make()

    service.between = make_one
    paging = read(service, 10)
    assert len(paging.keys) == 19 or not paging.settled


def read_in_pages(sizes: Callable[[int], int], number: int, *, hidden: range = range(0)) -> Paging:
    """Of a service that gives `sizes(row)` rows from a row on, leaves `hidden` out, and says whether more follow."""
    paging, asked = Paging(), 0
    while (ask := paging.next_ask()) is not None:
        asked += 1
        assert asked < 1000, "the list is never read to its end"
        end = min(ask.skip + min(ask.limit, sizes(ask.skip)), number)
        found = [ListRow(str(row), row) for row in range(ask.skip, end) if row not in hidden]
        paging.took(ask, Page(found, has_more=end < number))
    return paging


@pytest.mark.parametrize("large", [[40], [40, 41], [1, 129], range(50, 60)])
def test_a_page_of_the_seam_alone_is_no_end_while_more_is_said_to_follow(large: Collection[int]) -> None:
    """A service that cuts its pages by bytes has no room for a row beside a large one."""

    def size(start: int) -> int:
        end = min((row for row in large if row >= start), default=1000)
        return max(1, min(50, end - start))

    paging = read_in_pages(size, 130)
    assert set(paging.keys) == {str(row) for row in range(130)}
    assert (paging.settled, paging.more_said) == (True, False)


@pytest.mark.parametrize("seed", range(10))
def test_a_list_in_pages_of_any_size_is_read_whole_where_each_says_whether_more_follow(seed: int) -> None:
    random = Random(seed)
    paging = read_in_pages(lambda start: random.choice((1, 2, 7, 30, 1000)), 330)
    assert set(paging.keys) == {str(row) for row in range(330)}
    assert not paging.more_said


@pytest.mark.parametrize("hidden", [range(90, 250), range(100, 200), range(60, 130)])
def test_pages_whose_rows_are_left_out_after_paging_are_passed_over(hidden: range) -> None:
    paging = read_in_pages(lambda start: 1000, 330, hidden=hidden)
    assert set(paging.keys) == {str(row) for row in range(330) if row not in hidden}


def test_more_pages_than_three_whose_rows_are_left_out_are_told() -> None:
    assert read_in_pages(lambda start: 1000, 930, hidden=range(90, 900)).more_said


@pytest.mark.parametrize(("total", "believed"), [(None, False), (250, True), (100, False)])
def test_a_service_that_always_says_that_more_follow_costs_two_requests_and_is_not_believed_to_be_read_whole(
    total: int | None, believed: bool
) -> None:
    service = at_rest(250, cap=100, has_more=True, total=lambda _: total)
    paging = read(service)
    assert (len(paging.keys), len(service.asked)) == (250, 4 if believed else 6)
    assert (paging.settled, paging.more_said) == (True, not believed)


@pytest.mark.parametrize("rows", [["a"], ["a", "b"], ["a"] * 50, []])
@pytest.mark.parametrize("total", [10**18, None])
def test_a_service_that_gives_the_same_page_for_ever_is_given_up(rows: list[str], total: int | None) -> None:
    paging = Paging()
    asked = 0
    while (ask := paging.next_ask()) is not None:
        asked += 1
        assert asked < 20
        paging.took(ask, Page([ListRow(key, 1) for key in rows], total=total, has_more=True))
    assert paging.keys == list(dict.fromkeys(rows))
    assert paging.missing == ((total or 0) - len(set(rows)) if total else 0)


@pytest.mark.parametrize(
    ("rows", "size", "requests"), [(0, None, 1), (50, None, 1), (100, None, 2), (10_000, None, 13), (95, 10, 11)]
)
def test_what_a_list_at_rest_will_cost(rows: int, size: int | None, requests: int) -> None:
    assert expected_requests(rows, size) == requests


def test_a_failure_makes_a_page_smaller_only_where_a_smaller_one_was_answered() -> None:
    paging = Paging()
    assert not paging.refused(Ask(0, 1, 100), for_good=False)
    assert give(paging, Page(rows(100), has_more=True)) == Ask(0, 1, 100)
    ask = paging.next_ask()
    assert ask == Ask(99, 1, 200)
    assert paging.refused(ask, for_good=False)
    assert paging.next_ask() == Ask(99, 1, 100)


def test_a_list_that_names_each_campaign_twice_is_read_twice_and_not_more() -> None:
    """The total is then twice the number of campaigns, and no reading will agree with it."""
    service = at_rest(0)
    service.campaigns = [Campaign(f"c{number // 2}", number, number) for number in range(500)]
    paging = read(service, 50)
    assert paging.keys == [f"c{number}" for number in range(250)]
    assert (paging.readings, paging.settled, paging.missing) == (2, True, 250)


def test_a_list_in_the_order_of_changes_that_moves_twice_is_read_a_third_time() -> None:
    service = at_rest(40, sorts=False, cap=10)
    moved = 0

    def move() -> None:
        nonlocal moved
        if len(service.asked) in (2, 8):
            moved += 1
            service.campaigns[0].changed = 10**6 + moved

    service.between = move
    paging = read(service)
    assert set(paging.keys) == {f"c{number}" for number in range(1, 41)}
    assert paging.readings >= 3


MOVING: list[tuple[dict[str, Any], int | None, list[int]]] = [
    ({"uses": "skip", "cap": 20}, None, [27, 26, 28, 24, 23]),
    ({"uses": "skip", "cap": 20, "sorts": False}, None, [107, 93, 114, 53, 112]),
    ({"uses": "skip", "says_more": True, "cap": 35}, None, [16, 17, 21, 16, 17]),
    ({"uses": "skip", "has_more": True, "total": TOTALS["none"]}, 17, [33, 33, 32, 31, 28]),
    ({"uses": "page", "cap": 20}, None, [30, 29, 30, 27, 27]),
    ({"uses": "page", "cap": 20, "sorts": False}, None, [137, 133, 142, 139, 143]),
    ({"uses": "page", "says_more": True, "cap": 35}, None, [15, 17, 15, 16, 17]),
    ({"uses": "page", "has_more": True, "total": TOTALS["none"]}, 17, [30, 34, 36, 32, 31]),
    ({"uses": "neither", "cap": None}, None, [6, 52, 6, 6, 6]),
    ({"uses": "neither", "cap": None, "sorts": False}, None, [9, 19, 11, 13, 20]),
    ({"uses": "neither", "has_more": True, "total": TOTALS["none"]}, 17, [6, 48, 6, 6, 6]),
    ({"refuses_above": 60}, None, [13, 2, 13, 12, 15]),
    ({"refuses_above": 150, "sorts": False}, None, [29, 35, 33, 27, 28]),
    ({"total": TOTALS["too high"], "cap": 50}, None, [14, 14, 12, 11, 11]),
    ({"total": TOTALS["too low"], "uses": "page", "cap": 50}, 30, [18, 18, 23, 18, 18]),
]
"""A service's habits, the page size, and the calls that reading its list takes, for each of five histories."""


@pytest.mark.parametrize(("habits", "page_size", "calls"), MOVING)
def test_what_a_list_that_moves_costs(habits: dict[str, Any], page_size: int | None, calls: list[int]) -> None:
    """The very number: a rule about steps back, restarts, sizes or the end that changes, changes one of them."""
    assert [calls_for(habits, page_size, seed) for seed in range(len(calls))] == calls


def calls_for(habits: dict[str, Any], page_size: int | None, seed: int) -> int:
    """Calls to read a list of 300 that changes 40 times meanwhile, and that now and then is shown empty."""
    random = Random(seed)
    service = at_rest(300, **habits)
    left = 40

    def move() -> None:
        nonlocal left
        while left and random.random() < 0.7:
            left -= 1
            kind = random.random()
            if kind < 0.2:
                service.make()
            elif kind < 0.4:
                service.clock += 1
                service.campaigns[int(random.random() * len(service.campaigns))].changed = service.clock
            else:
                # Mostly what was read already: that is what moves the rest.
                del service.campaigns[int(random.random() ** 3 * len(service.campaigns))]

    service.between, service.shown = move, lambda page: Page([]) if random.random() < 0.05 else page
    read(service, page_size, most=2000)
    return len(service.asked)


def test_one_page_that_says_it_is_all_is_all_though_its_order_is_not_known() -> None:
    paging = Paging()
    give(paging, Page([ListRow("b", None), ListRow("a", None)], total=2, has_more=False))
    assert (paging.next_ask(), paging.keys, paging.settled) == (None, ["b", "a"], True)


@pytest.mark.parametrize(("total", "has_more"), [(1, None), (None, True)])
def test_an_empty_first_page_that_says_there_is_more_is_asked_for_again(
    total: int | None, has_more: bool | None
) -> None:
    paging = Paging()
    for _ in range(3):
        give(paging, Page([], total=total, has_more=has_more))
    assert paging.keys == []


def test_what_any_reading_found_is_there_where_no_two_readings_are_the_same() -> None:
    paging = Paging()
    while (ask := paging.next_ask()) is not None:
        paging.took(ask, Page([ListRow(f"r{paging.readings}", None)] if ask.skip == 0 else [], total=9))
    assert not paging.settled
    assert set(paging.keys) == {f"r{reading}" for reading in range(1, 7)}


def test_all_rows_at_once_are_not_asked_for_in_smaller_pages() -> None:
    paging = Paging()
    while (ask := paging.next_ask()) is not None and ask.limit <= 1000:
        paging.took(ask, Page(rows(100), has_more=True))
    assert ask is not None
    assert not paging.refused(ask, for_good=True)


@pytest.mark.parametrize(
    ("number", "says", "expected"),
    [
        (50, {"total": 200}, Ask(49, 1, 50)),
        (50, {"has_more": True}, Ask(49, 1, 50)),
        (50, {"total": 51, "has_more": False}, Ask(49, 1, 50)),
        (50, {}, Ask(49, 1, 100)),
        (50, {"total": 50}, Ask(49, 1, 100)),
        (50, {"has_more": False}, Ask(49, 1, 100)),
        (1, {"has_more": True}, Ask(1, 1, 2)),
        (1, {}, Ask(1, 1, 100)),
    ],
)
def test_a_short_page_shows_the_services_cap_only_where_more_rows_follow(
    number: int, says: dict[str, Any], expected: Ask
) -> None:
    """A page of one row has no row for the seam: the next one begins behind it."""
    assert asked_after(Page(rows(number), **says)) == expected


@pytest.mark.parametrize(
    ("seconds", "bytes_", "sizes"),
    [
        (5.0, 0, [100, 200, 400, 800, 1000, 1000]),
        (5.1, 0, [100, 100, 100]),
        (0.0, 8 * 2**20, [100, 200, 400]),
        (0.0, 8 * 2**20 + 1, [100, 100]),
        (0.0, 6 * 2**20, [100, 200]),
    ],
)
def test_a_page_grows_up_to_the_bounds_of_time_and_bytes_themselves(
    seconds: float, bytes_: int, sizes: list[int]
) -> None:
    size = PageSize(None)
    for expected in sizes:
        assert size.now == expected
        size.learn(size.now, Page(rows(size.now), seconds=seconds, bytes=bytes_), follows=True)


@pytest.mark.parametrize(("grown", "after"), [(400, 200), (200, 100), (100, 100)])
def test_after_a_page_that_took_long_pages_have_half_as_many_rows_and_stay_so(grown: int, after: int) -> None:
    size = PageSize(None)
    while size.now < grown:
        size.learn(size.now, Page(rows(size.now)), follows=True)
    for seconds in (6.0, 0.1, 0.1):
        size.learn(size.now, Page(rows(size.now), seconds=seconds), follows=True)
        assert (size.now, type(size.now)) == (after, int)


def test_a_small_page_that_takes_long_stays_as_small() -> None:
    size = PageSize(None)
    assert size.refused(100, for_good=True)
    size.learn(50, Page(rows(50), seconds=6.0), follows=True)
    assert size.now == 50


def test_no_page_is_asked_for_that_has_no_room_for_the_seam() -> None:
    one, none = PageSize(None), PageSize(None)
    one.learn(100, Page(rows(1)), follows=True)
    none.take_largest()
    assert (one.now, none.now) == (2, 2)


@given(st.integers(0, 10**6), st.integers(2, 60) | st.integers(61, LARGEST_SIZE))
def test_a_page_with_the_seam_holds_as_much_of_what_follows_as_any_of_at_least_half_the_size(
    start: int, size: int
) -> None:
    def follows(limit: int) -> int:
        return limit - start % limit

    first, page, limit = page_with_seam(start, size)
    assert first == (page - 1) * limit
    half = max(2, size // 2)
    assert half <= limit <= size
    assert follows(limit) == max(follows(other) for other in range(half, size + 1))
    assert first == (start + 1 if follows(limit) == 1 else start - start % limit)
    assert first <= start or size < 20, "it holds the seam, but in small pages that cannot"


def asked_while_no_seam_fits(page_size: int, first_pages: list[str]) -> list[int]:
    """Rows that `skip` asks for, of a service whose later pages hold only what was never seen before."""
    paging, asked = Paging(page_size), []
    while (ask := paging.next_ask()) is not None and ask.page == 1:
        asked.append(ask.skip)
        first = first_pages[min(asked.count(0), len(first_pages)) - 1]
        keys = list(first) if ask.skip == 0 else [f"{len(asked):04d}"]
        paging.took(ask, Page([ListRow(key, None) for key in keys], total=99))
    return asked


def test_four_times_back_to_the_beginning_without_a_new_row_and_page_numbers_are_tried() -> None:
    assert asked_while_no_seam_fits(4, ["abcd"]) == [0, 3, 2] * 4
    assert asked_while_no_seam_fits(8, ["abcdefgh"]) == [0, 7, 5, 1] * 4


def test_a_new_row_at_the_beginning_begins_the_count_again() -> None:
    assert asked_while_no_seam_fits(4, ["abcd", "abcd", "abce", "abce"]) == [0, 3, 2, 0, 3, 2] + [0, 3, 2] * 4


def test_empty_pages_are_believed_after_three_in_a_row_wherever_the_first_of_them_was() -> None:
    paging, asked = Paging(2), []
    for keys in ("ab", "", "", "", "ab", "", "", "", ""):
        asked.append(give(paging, Page([ListRow(key, None) for key in keys], total=5)).skip)
        if paging.readings > 1:
            break
    assert asked == [0, 1, 0, 0, 0, 1, 0, 0, 0]


def test_empty_pages_in_place_of_all_rows_at_once_are_believed_after_three() -> None:
    paging = Paging(2)
    while (ask := paging.next_ask()) is not None and ask.limit <= 2:
        paging.took(ask, Page(rows(2), total=5))  # whatever is asked for
    readings = paging.readings
    for _ in range(3):
        assert paging.readings == readings
        assert ask is not None and ask.limit > 2
        paging.took(ask, Page([], total=5))
        ask = paging.next_ask()
    assert paging.readings == readings + 1
    assert paging.settled is False


@pytest.mark.parametrize("tied", [10, 30, 120])
@pytest.mark.parametrize("total", ["none", "zero", "right"])
def test_rows_of_one_moment_that_come_in_another_order_each_time_are_read_until_nothing_is_missing(
    tied: int, total: str
) -> None:
    service = at_rest(120, cap=20, total=TOTALS[total])
    for number, campaign in enumerate(service.campaigns):
        campaign.created = number // tied
    random = Random(1)

    def shuffle() -> None:
        service.campaigns.sort(key=lambda campaign: (campaign.created, random.random()))

    service.between = shuffle
    paging = read(service, most=300)
    assert len(paging.keys) == 120 or not paging.settled
    assert len(paging.keys) == 120 or total != "right"


def test_rows_that_were_made_in_the_same_moment_have_an_order_all_the_same() -> None:
    paging = Paging(3)
    for _ in range(2):
        ask = paging.next_ask()
        assert ask is not None
        paging.took(ask, Page([ListRow(str(number), 7) for number in range(5)][ask.skip : ask.skip + 3], total=5))
    assert (paging.next_ask(), paging.readings, paging.settled) == (Ask(4, 1, 3), 1, True)
    paging.took(Ask(4, 1, 3), Page([ListRow("4", 7)], total=5))
    assert (paging.next_ask(), paging.readings) == (None, 1)


def asked_at_once(seen: int, total: int | None) -> tuple[Paging, Ask]:
    """Of a service that gives its first rows whatever is asked for: then all are asked for in one page."""
    paging = Paging(seen)
    while (ask := paging.next_ask()) is not None and ask.limit <= seen:
        paging.took(ask, Page(rows(seen), total=total))
    assert ask is not None
    return paging, ask


@pytest.mark.parametrize(
    ("seen", "total", "limit"),
    [(2, None, 1001), (2, 5000, 5001), (300, None, 1201), (300, 900, 1201), (2, 2_000_000, 1_000_000)],
)
def test_all_rows_at_once_are_asked_for_with_room_for_more_than_is_known(
    seen: int, total: int | None, limit: int
) -> None:
    assert asked_at_once(seen, total)[1] == Ask(0, 1, limit)


@pytest.mark.parametrize(
    ("number", "says", "settled"),
    [
        (5, {"total": 5}, True),
        (5, {"total": 6}, False),
        (5, {"has_more": True}, False),
        (5, {"has_more": False}, True),
        (2, {}, True),
        (1, {}, False),
        (1, {"total": 1}, False),
    ],
)
def test_all_rows_at_once_are_all_only_where_nothing_says_otherwise(
    number: int, says: dict[str, Any], settled: bool
) -> None:
    paging, ask = asked_at_once(2, None)
    paging.took(ask, Page(rows(number), **says))
    assert (paging.next_ask(), paging.settled) == (None, settled)


def test_a_page_of_all_rows_that_is_full_is_asked_for_again_with_more_room() -> None:
    paging, ask = asked_at_once(2, None)
    paging.took(ask, Page(rows(ask.limit)))
    assert paging.next_ask() == Ask(0, 1, 4 * 1001 + 1)
