"""How a list is paged: pages of any rows, totals and flags, and a service whose list moves while it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from exporter.fetch.paging import Ask, ListRow, Page, Paging
from tests.fuzz.target import Target
from tests.support.moving_list import TOTALS, USES, Service, at_rest

ROWS = 48
MOST_ASKS = 3000
MOST_MOVES = 200
"""Requests before which the list moves: one that never rests is never read to its end."""


class Read(NamedTuple):
    """A reading that came to its end, and the keys that were there all the time, and at any time."""

    paging: Paging
    always: set[str]
    ever: set[str]


def read(data: bytes) -> Read:
    """The first byte is the page size, its highest bit chooses: a service with habits, or a script of pages."""
    size = data[0] % 64 if data else 0
    paging = Paging(size + 2 if size < 40 else None)
    return _of_a_service(paging, data[1:]) if data[:1] < b"\x80" else _of_a_script(paging, data[1:])


def _of_a_script(paging: Paging, code: bytes) -> Read:
    """Each page is five bytes: first row, how many, total, flags, seconds. Behind them comes a list at rest."""
    ever: set[str] = set()
    script = [code[at : at + 5] for at in range(0, len(code) - 4, 5)][::-1]

    def page(ask: Ask) -> Page | None:
        found = _page(script.pop(), ask) if script else _rest(ask)
        if found is not None:
            ever.update(row.key for row in found.rows)
        return found

    _read(paging, page)
    return Read(paging, set(), ever)


def _page(code: bytes, ask: Ask) -> Page | None:
    first, number, total, flags, seconds = code
    if flags & 32:
        return None
    start = ask.skip if flags & 16 else first
    rows = [
        ListRow(f"c{at % ROWS}" if at % ROWS else "\0no id", None if flags & 8 else (-at if flags & 4 else at))
        for at in range(start, start + min(number % 64, ask.limit if flags & 64 else 64))
    ]
    more = {0: None, 1: True, 2: False, 3: None}[flags & 3]
    return Page(rows, total if total < 200 else None, more, seconds / 20, 2 ** min(number, 30))


def _rest(ask: Ask) -> Page:
    rows = [ListRow(f"c{at}" if at else "\0no id", at) for at in range(ROWS)][ask.skip : ask.skip + ask.limit]
    return Page(rows, ROWS, ask.skip + ask.limit < ROWS)


def _of_a_service(paging: Paging, code: bytes) -> Read:
    """Six bytes of habits; then a byte for each request: what happens before it."""
    number, uses, cap, total, flags, clock, *events = [*code, *bytes(max(0, 6 - len(code)))]
    uses_of = USES[uses % len(USES)]
    names = list(TOTALS)
    total_of = names[total % len(names)]
    says = {0: None, 1: True, 2: None if total_of in ("too low", "zero") else False, 3: None}[flags & 3]
    service = at_rest(
        number % 64,
        uses=uses_of,
        cap=cap % 29 + 2 if cap < 128 and uses_of != "neither" else None,
        refuses_above=12 if cap >= 128 and flags & 8 else None,
        total=TOTALS[total_of],
        has_more=says,
        sorts=not flags & 4,
    )
    service.clock += clock * 10**7
    always, ever = ({campaign.key for campaign in service.campaigns} for _ in range(2))
    left = events[:MOST_MOVES][::-1]

    def page(ask: Ask) -> Page | None:
        event = left.pop() if left else 0
        _move(service, event)
        always.intersection_update(campaign.key for campaign in service.campaigns)
        ever.update(campaign.key for campaign in service.campaigns)
        found = service.page(ask)
        may_stumble = event & 64 and not (left and left[-1] & 64)
        if found is not None and may_stumble and ((total_of != "zero" and found.total) or paging.keys):
            return Page([], found.total, found.has_more)
        return found

    is_read = _read(paging, page)
    return Read(paging, always if is_read and paging.settled else set(), ever)


def _move(service: Service, event: int) -> None:
    """Up to three campaigns are made, edited or deleted."""
    for number in range(event & 3):
        kind = (event >> 2) + number
        if kind % 4 == 0:
            service.make()
        elif service.campaigns and kind % 4 == 1:
            service.clock += 1
            service.campaigns[event % len(service.campaigns)].changed = service.clock
        elif service.campaigns:
            del service.campaigns[(event >> 1) * 7 % len(service.campaigns)]


def _read(paging: Paging, page: Callable[[Ask], Page | None]) -> bool:
    """Whether the list was read to its end; not so where the service refuses every size."""
    for _ in range(MOST_ASKS):
        ask = paging.next_ask()
        if ask is None:
            return True
        assert ask.limit >= 1 and ask.skip >= 0 and ask.page >= 1
        found = page(ask)
        if found is not None:
            paging.took(ask, found)
        elif not paging.refused(ask, for_good=True):
            return False
    raise AssertionError("the list is never read to its end")


def check(data: bytes, found: Read) -> None:
    """What was there all the time is found, nothing twice, nothing that never was."""
    keys = found.paging.keys
    assert len(set(keys)) == len(keys)
    assert set(keys) <= found.ever, "a row that never was"
    assert found.always <= set(keys), "a row is missed"
    assert found.paging.missing >= 0
    assert found.paging.readings <= 6


TARGET = Target(read, check)
