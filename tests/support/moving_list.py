"""A list call with habits, whose list moves while it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from exporter.fetch.paging import Ask, ListRow, Page

Uses = Literal["skip", "page", "both", "sum", "neither", "skip rounded down", "page of one size"]


@dataclass
class Campaign:
    """One row of the service: `created` and `changed` by the service's clock."""

    key: str
    created: int
    changed: int


@dataclass
class Service:
    """A list call with habits; `between` is called before each page but the first, and may change the list.

    `shown`: what is given in place of a page.
    """

    campaigns: list[Campaign]
    uses: Uses = "skip"
    cap: int | None = None
    refuses_above: int | None = None
    total: Callable[[int], int | None] = lambda rows: rows
    has_more: bool | None = None
    says_more: bool = False
    sorts: bool = True
    between: Callable[[], None] = lambda: None
    shown: Callable[[Page], Page] = lambda page: page
    asked: list[Ask] = field(default_factory=list)
    clock: int = 0

    def make(self) -> None:
        """One more campaign."""
        self.clock += 1
        self.campaigns.append(Campaign(f"c{self.clock}-made", self.clock, self.clock))

    def page(self, ask: Ask, seconds: float = 0.1) -> Page | None:
        """What it gives for a request; None: it refuses the size."""
        if self.asked:
            self.between()
        self.asked.append(ask)
        if self.refuses_above is not None and ask.limit > self.refuses_above:
            return None
        rows = list(self.campaigns)
        if not self.sorts:
            rows.sort(key=lambda campaign: campaign.changed, reverse=True)
        limit = (self.cap or 50) if self.uses == "page of one size" else min(ask.limit, self.cap or ask.limit)
        by_page = (ask.page - 1) * limit
        start = {
            "skip": ask.skip, "page": by_page, "both": ask.skip or by_page, "sum": ask.skip + by_page, "neither": 0,
            "skip rounded down": ask.skip // limit * limit, "page of one size": by_page,
        }[self.uses]  # fmt: skip
        found = [ListRow(campaign.key, campaign.created) for campaign in rows[start : start + limit]]
        has_more = start + limit < len(rows) if self.says_more else self.has_more
        page = Page(found, total=self.total(len(rows)), has_more=has_more, seconds=seconds, bytes=500 * len(found))
        return self.shown(page)


def at_rest(number: int, **habits: object) -> Service:
    """A service of so many campaigns."""
    campaigns = [Campaign(f"c{index}", index, index) for index in range(1, number + 1)]
    return Service(campaigns, clock=number, **habits)  # type: ignore[arg-type]


def nothing(_: int) -> None:
    return None


USES: tuple[Uses, ...] = ("skip", "page", "both", "sum", "neither", "skip rounded down", "page of one size")
TOTALS: dict[str, Callable[[int], int | None]] = {
    "right": lambda rows: rows,
    "none": nothing,
    "zero": lambda _: 0,
    "too low": lambda rows: rows // 2,
    "too high": lambda rows: rows + 7,
    "huge": lambda _: 10**18,
}
