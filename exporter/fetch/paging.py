"""Reading a list page by page while it moves: what to ask next, given the pages so far. Pure: no I/O, no clock.

Page get-all-campaigns-v2 does not say which of `skip` and `page` wins, how large `limit` may be, what the order is,
or whether the totals are right. What is done about it:

- *Seam.* Each page begins at the last row of the page before. Where its first row is one that was seen, all rows
  before it were seen, too, however many were made or deleted meanwhile: rows keep their order. Where it is another
  one, rows have moved up, and reading goes back until a row is known.
- *Ways.* `skip` alone is sent first; where the first row of the list comes again, `page` decides, and page number and
  size are chosen so that the pages overlap. Where pages of one size only are given, they have no seam: `skip` counts in
  whole pages, or `page` decides, and the list is read until two readings are the same. Where nothing moves the page,
  all rows are asked for in one.
- *Size.* Pages grow from 100 while the service gives what it is asked for; what it gives less is its cap; a size that
  it refuses, gives nothing for, or takes long for, is not asked for again.
- *End.* A page that brings nothing new, or a short one that reaches the total and says that no more follow. Where a
  page without a new row says that more follow, the rows behind it are asked for, a few times; a row that fills a page
  alone leaves no room for the seam.
- *Order.* Rows keep their order where they come sorted by creation, as was asked. Where they do not (sorted by last
  change, an edit moves a row to the front; made in the same moment, at the border of two pages), or where the total
  says that some are missing, the whole is read again until two readings are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

FIRST_SIZE, LARGEST_SIZE = 100, 1000
"""Rows of the first page, and of the largest, where the size is chosen here."""

SMALLER_SIZES = (50, 20, 10)
"""Tried one after the other where even the first size is refused."""

LONGEST_PAGE = 5.0
"""Seconds that a page may take before larger ones are no longer asked for."""

LARGEST_PAGE = 16 * 2**20
"""Bytes that a page is expected to have at most."""

MOST_AT_ONCE = 1_000_000
"""Rows that are asked for in one page, whatever total the service names."""

MOST_EMPTY = 3
"""Empty pages in a row after which they are believed."""

MOST_RESTARTS = 3
"""Steps back to the beginning without a new row after which this way of paging is not understood here."""

MOST_FRUITLESS = 20
"""Pages in a row without a new row, in addition to those that it takes to read again what was read."""

MOST_FURTHER = 3
"""Pages in a row without a new row after which the service is not believed that more follow."""

MOST_READINGS = 6
"""Readings of a list, of which no two in a row are the same, after which what they found together is taken."""

Way = Literal["skip", "page", "skip whole pages", "count pages", "at once"]
WITHOUT_SEAM: tuple[Way, ...] = ("skip whole pages", "count pages")


class Ask(NamedTuple):
    """What one list call asks for."""

    skip: int
    page: int
    limit: int


class ListRow(NamedTuple):
    """A row of the list: its campaign ID (a hash of the item, where it has none), and when it was created."""

    key: str
    created: int | None


class Page(msgspec.Struct, frozen=True):
    """A page as it came, with what it says of the whole (None: nothing), how long it took and how long it is."""

    rows: Sequence[ListRow]
    total: int | None = None
    has_more: bool | None = None
    seconds: float = 0.0
    bytes: int = 0


class Paging:
    """The state of reading one list: `next_ask`, then `took` or `refused`, until `next_ask` gives None."""

    def __init__(self, page_size: int | None = None) -> None:
        self._size = PageSize(page_size)
        self._ways: list[Way] = ["skip", "page", *WITHOUT_SEAM, "at once"]
        self._total: int | None = None
        self._earlier: dict[str, None] = {}
        self._last_reading: list[str] | None = None
        self.readings = 0
        self.settled = True
        self.more_said = False
        """Whether the page at the end said that more follow."""
        self._begin()

    def _begin(self) -> None:
        self._seen: dict[str, None] = {}
        self._ordered, self._tied = True, False
        self._start = 0
        self._pages = 0
        self._empty = 0
        self._steps_back = self._restarts = self._fruitless = self._further = 0
        self._exact = self._has_seam = True
        self._is_behind = False
        self._head = self._last = ""
        self._ended = False
        self.readings += 1

    @property
    def keys(self) -> list[str]:
        """The keys of all rows, in the list's order; those that only an earlier reading saw come last."""
        return list(self._seen | self._earlier) if not self.settled else list(self._seen)

    @property
    def _by_whole_pages(self) -> bool:
        """Whether this way of paging has no seam, so that only a second reading proves the first."""
        return self._ways[0] in WITHOUT_SEAM

    @property
    def missing(self) -> int:
        """How many rows fewer were found than the last total says; 0 where there is none."""
        return max(0, (self._total or 0) - len(self.keys))

    def next_ask(self) -> Ask | None:
        """What to ask for next; None: the list is read."""
        if self._ended:
            return None
        if self._ways[0] == "at once":
            known = max(self._total or 0, 4 * len(self._seen), LARGEST_SIZE)
            return Ask(0, 1, min(known + 1, MOST_AT_ONCE))
        if self._ways[0] == "page":
            first, page, limit = page_with_seam(self._start, self._size.now)
            self._has_seam, self._start = first <= self._start, first
            return Ask(0, page, limit)
        if self._by_whole_pages:
            number = self._start // self._size.now
            self._has_seam, self._start = False, number * self._size.now
            return (
                Ask(0, number + 1, self._size.now)
                if self._ways[0] == "count pages"
                else Ask(self._start, 1, self._size.now)
            )
        self._has_seam = not self._is_behind
        return Ask(self._start, 1, self._size.now)

    def took(self, ask: Ask, page: Page) -> None:
        """Take the page that `ask` brought."""
        self._total = page.total if page.total is not None else self._total
        self._pages += 1
        rows = page.rows
        if not rows:
            self._took_nothing(ask, page)
        elif self._ways[0] == "at once":
            self._add(rows)
            self._ended = len(rows) < ask.limit or ask.limit >= MOST_AT_ONCE
            # A row that was seen before and is not in it: it is a page, and not all rows.
            known = max(page.total or 0, len(self._seen | self._earlier))
            self.settled = len(rows) >= known and page.has_more is not True
        elif self._start == 0:
            self._head = rows[0].key
            self._took_rows(ask, page)
        elif rows[0].key == self._head:
            self._try_another_way()
        elif rows[0].key in self._seen or not self._has_seam:
            self._ordered = self._ordered and self._has_seam
            self._took_rows(ask, page)
        else:
            self._step_back()

    def refused(self, ask: Ask, *, for_good: bool) -> bool:
        """Whether a smaller page can be asked for than the one that brought no list.

        `for_good`: the service said no; else it may only have failed, and only a size that it has answered is tried.
        """
        return self._ways[0] != "at once" and self._size.refused(ask.limit, for_good=for_good)

    def _took_rows(self, ask: Ask, page: Page) -> None:
        self._empty = 0
        rows, seen = page.rows, self._seen
        if self._start > 0 and self._has_seam and rows[0].key != self._last:
            self._exact = False
        self._last = rows[-1].key
        self._tied = self._tied or _are_tied(rows[-2:]) or (self._start > 0 and _are_tied(rows[:2]))
        new = self._add(rows)
        self._fruitless = 0 if new else self._fruitless + 1
        self._steps_back = 0
        self._restarts = 0 if new else self._restarts
        self._further = 0 if new else self._further + 1
        # A page of one row has none for the seam: the next one begins behind it.
        self._is_behind = len(rows) == 1 and self._ways[0] == "skip"
        self._size.learn(ask.limit, page, follows=self._says_more(page))
        reached = len(rows) < ask.limit and page.total == len(seen) and page.has_more is False
        # A page without a new row is the last only where it is shorter than others were: rows may have moved up.
        if reached or (
            not new
            and (self._by_whole_pages or len(rows) == 1 or len(rows) < min(ask.limit, self._size.given))
            and not self._goes_further(page)
        ):
            self._end(page)
        elif self._fruitless > MOST_FRUITLESS + 2 * len(seen) // len(rows):
            self._try_another_way()
        else:
            self._start += len(rows) if self._by_whole_pages else max(len(rows) - 1, 1)

    def _took_nothing(self, ask: Ask, page: Page) -> None:
        """An empty page: even the row at the seam is gone, the service stumbled, or it gives no page of this size."""
        if self._steps_back and self._size.is_untried(ask.limit) and self.refused(ask, for_good=False):
            return
        if self._is_behind:
            self._took_nothing_behind(ask, page)
            return
        if self._start > 0 and self._ways[0] in ("skip", "page"):
            self._step_back()
            return
        self._empty += 1
        reached = self._start > 0 and self._by_whole_pages and page.total == len(self._seen)
        if reached or self._empty >= MOST_EMPTY or not (page.total or page.has_more or self._seen or self._earlier):
            self._end(page)

    def _took_nothing_behind(self, ask: Ask, page: Page) -> None:
        """Nothing is behind a row that came alone: is it still the last one, or, where that is known, what follows?"""
        if not self._further:
            self._start -= 1
            self._is_behind = False
            return
        self._further += 1
        self._ordered = self._ordered and self._says_more(page)
        if self._goes_further(page):
            self._start += ask.limit
        else:
            self._end(page)

    def _says_more(self, page: Page) -> bool:
        """Whether a page says that more rows follow it."""
        return page.has_more is True or (page.total or 0) > len(self._seen)

    def _goes_further(self, page: Page) -> bool:
        """Whether to ask for what a page without a new row says to follow it; a total that is reached is believed."""
        believed = self._says_more(page) and page.total != len(self._seen)
        return believed and self._ways[0] == "skip" and self._further < MOST_FURTHER

    def _step_back(self) -> None:
        """Back by a quarter of a page, then by twice as much each time."""
        self._exact = self._is_behind = False
        self._start = max(0, self._start - max(1, self._size.given // 4) * 2**self._steps_back)
        self._steps_back += 1
        first = page_with_seam(self._start, self._size.now)[0] if self._ways[0] == "page" else self._start
        self._restarts += first == 0
        if self._restarts > MOST_RESTARTS:
            self._try_another_way()

    def _try_another_way(self) -> None:
        """This way of paging is not understood here: the next one goes on from what is there."""
        self._ways.pop(0)
        self._size.take_largest()
        self._steps_back = self._restarts = self._fruitless = self._further = 0
        self._exact = self._is_behind = False
        self._start = len(self._seen) if self._by_whole_pages else max(0, len(self._seen) - 1)

    def _add(self, rows: Sequence[ListRow]) -> bool:
        """Add the rows that are new; whether there are any."""
        before = len(self._seen)
        self._seen.update(dict.fromkeys(row.key for row in rows))
        self._ordered = self._ordered and _is_ascending(rows)
        return len(self._seen) > before

    def _end(self, page: Page) -> None:
        """The end of a reading: of the last one, where the rows have an order that keeps, or did not move."""
        reading = list(self._seen)
        self.more_said = page.has_more is True and page.total != len(reading)
        ordered = self._ordered and not self._by_whole_pages
        complete = ordered and len(reading) >= (self._total or 0) and bool(self._total or not self._tied)
        same = reading == self._last_reading and self._exact
        # What was seen is not dropped for empty pages: it is asked for, and what is gone says so itself.
        believed = bool(reading) or not self._earlier
        if believed and (complete or self._pages == 1 or same):
            self._ended = self.settled = True
        else:
            self.settled = False
            self._earlier |= self._seen
            self._last_reading = reading if self._exact else None
            if self.readings >= MOST_READINGS:
                self._ended = True
            else:
                self._begin()


class PageSize:
    """How many rows a page is asked for. `fixed`: a number that the user gave, which only a cap makes smaller."""

    def __init__(self, fixed: int | None) -> None:
        self.now = max(2, fixed) if fixed else FIRST_SIZE  # of one row, none would be left for the seam
        self._most = self.now if fixed else LARGEST_SIZE
        self._is_fixed = fixed is not None
        self._answered: set[int] = set()
        self._largest = 0

    @property
    def given(self) -> int:
        """How many rows a page is known to have."""
        return min(self.now, self._largest)

    def learn(self, limit: int, page: Page, *, follows: bool) -> None:
        """Take what came for `limit`. `follows`: whether the page says that more rows follow it."""
        rows = len(page.rows)
        self._answered.add(limit)
        self._largest = max(self._largest, rows)
        if rows > limit:
            self.now = self._most = rows  # it does not read the limit
        elif rows < limit:
            if follows:
                self.now = self._most = max(2, self._largest)  # the service's cap
        elif self._is_fixed:
            return
        elif page.seconds > LONGEST_PAGE:
            self.now = self._most = max(FIRST_SIZE, self.now // 2) if self.now > FIRST_SIZE else self.now
        elif page.bytes * 2 <= LARGEST_PAGE:
            self.now = min(self.now * 2, self._most)

    def is_untried(self, limit: int) -> bool:
        """Whether only smaller pages came so far."""
        return limit > max(self._answered, default=limit)

    def take_largest(self) -> None:
        """Ask for no more than came so far: a page number counts in pages of the size that the service gives."""
        self.now = self._most = max(2, self.given)

    def refused(self, limit: int, *, for_good: bool) -> bool:
        """Whether there is a smaller size to ask for; it is then the current one."""
        sizes = {*self._answered, *SMALLER_SIZES} if for_good else self._answered
        smaller = [size for size in sizes if size <= limit // 2]
        if self._is_fixed or not smaller:
            return False
        self.now = self._most = max(smaller)
        return True


def page_with_seam(start: int, size: int) -> tuple[int, int, int]:
    """(first row, page number, limit) of the page that holds row `start` and most of what follows it.

    A page's first row is a multiple of its limit, which is at most `size`. Where each such page ends at row `start`,
    it is the page behind it.
    """
    limits = range(size, max(2, size // 2) - 1, -1)
    limit = max(limits, key=lambda limit: limit - start % limit)
    if start % limit == limit - 1:
        start += 1
    return start - start % limit, start // limit + 1, limit


def expected_requests(rows: int, page_size: int | None) -> int:
    """How many list calls a list of `rows` costs, where the service gives what is asked and the list is at rest."""
    paging = Paging(page_size)
    requests = 0
    while (ask := paging.next_ask()) is not None:
        requests += 1
        end = min(rows, ask.skip + ask.limit)
        there = [ListRow(str(number), number) for number in range(ask.skip, end)]
        paging.took(ask, Page(there, total=rows, has_more=end < rows))
    return requests


def _are_tied(rows: Sequence[ListRow]) -> bool:
    """Whether two rows were made in the same moment, so that each answer may have them in another order."""
    return len(rows) == 2 and rows[0].created == rows[1].created


def _is_ascending(rows: Sequence[ListRow]) -> bool:
    """Whether the rows are known to be in the order in which they were made, which never changes."""
    created = [row.created for row in rows]
    return all(a is not None and b is not None and a <= b for a, b in pairwise(created))
