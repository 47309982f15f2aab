"""What an incremental night costs in requests, simulated: pages of the list call, and one request for each change.

Version 1.0.0 read pages of 50. A full run asks for every campaign.
"""

from __future__ import annotations

from collections.abc import Iterator

from exporter.fetch.paging import ListRow, Page, Paging

HEADER = ["campaigns", "changed", "largest page", "requests", "list calls", "version 1.0.0", "full run"]
CAMPAIGNS = (1_000, 10_000, 100_000)
CHANGED = (0.0, 0.01, 0.1)
CAPS = (50, 100, 1_000)


def list_calls(campaigns: int, cap: int) -> int:
    """How many calls read a list at rest, from a service that gives at most `cap` rows a page."""
    paging, calls = Paging(), 0
    while (ask := paging.next_ask()) is not None:
        calls += 1
        end = min(campaigns, ask.skip + min(ask.limit, cap))
        rows = [ListRow(str(number), number) for number in range(ask.skip, end)]
        paging.took(ask, Page(rows, total=campaigns, has_more=end < campaigns))
    return calls


def rows() -> Iterator[list[str]]:
    """The rows of the table."""
    for campaigns in CAMPAIGNS:
        for cap in CAPS:
            calls = list_calls(campaigns, cap)
            for share in CHANGED:
                changed = round(campaigns * share)
                before = -(-campaigns // 50) + changed
                yield [f"{campaigns:,}", f"{share:.0%}", f"{cap:,}", f"{calls + changed:,}", f"{calls:,}", f"{before:,}",
                       f"{campaigns:,}"]  # fmt: skip
