"""`exporter.fetch.work_queue`: which ID is next."""

from __future__ import annotations

from exporter.fetch.work_queue import WorkQueue
from tests.support.virtual_time import VirtualClock


async def test_an_id_that_is_looked_at_stays_where_it_is() -> None:
    queue = WorkQueue(iter(["a", "b"]), VirtualClock())
    assert [queue.peek(), queue.peek()] == ["a", "a"]
    first = await queue.next()
    assert first is not None
    assert (first.campaign_id, queue.peek()) == ("a", "b")
    assert (await queue.next()) is not None
    assert queue.peek() is None
    queue.again(first, 5)
    assert queue.peek() == "a"


async def test_looking_at_the_next_id_each_time_costs_no_more_the_more_ids_there_were() -> None:
    """100,000 nested iterators took minutes."""
    queue = WorkQueue(map(str, range(100_000)), VirtualClock())
    for number in range(100_000):
        assert queue.peek() == str(number)
        assert await queue.next() is not None
