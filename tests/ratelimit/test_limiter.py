"""`exporter.ratelimit.limiter`: circuit breaker, pauses after a 429, slots; hours of quota in virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest

from exporter.errors import ServiceDown
from exporter.events import Event, PaceLowered, PaceRaised, Paused, Probing, Resumed
from exporter.ratelimit.estimate import seconds_for
from exporter.ratelimit.limiter import Limiter
from exporter.ratelimit.slot_backends import LedgerSlots, Slots
from exporter.ratelimit.usage_meter import UsageMeter
from exporter.units import Limit
from tests.support.strict_server import StrictServer, most_in_a_window
from tests.support.virtual_time import InlineThread, VirtualClock, run_virtually

MINUTE = Limit(60, 60.0)
Kind = TypeVar("Kind")


class Rig:
    """A limiter before a strict server, and workers that send through it."""

    def __init__(
        self,
        limits: tuple[Limit, ...] = (MINUTE,),
        true: Limit = MINUTE,
        *,
        latency: tuple[float, float] = (0.01, 0.09),
        retry_after: bool = False,
        ledger: Path | None = None,
        **limiter: object,
    ) -> None:
        self.clock = VirtualClock()
        self.events: list[Event] = []
        self.server = StrictServer(true, self.clock, Random(7), latency, retry_after)
        self.slots = Slots(self.clock)
        if ledger is not None:
            self.slots = LedgerSlots(ledger, clock=self.clock, emit=self.events.append, thread=InlineThread())
        self.meter = UsageMeter(self.clock)
        self.limiter = Limiter(
            limits,
            slots=self.slots,
            clock=self.clock,
            emit=self.events.append,
            meter=self.meter,
            **limiter,  # type: ignore[arg-type]
        )

    async def send(self, item: str) -> bool:
        async with self.limiter.acquire(may_probe=True) as permit:
            permit.sent()
            status, wait = await self.server.ask()
            if status == 200:
                permit.ok()
            elif status == 429:
                permit.rate_limited(wait, "HTTP 429")
            else:
                permit.failing(item, f"HTTP {status}", answered=True)
            return status == 200

    async def send_all(self, number: int, workers: int = 16) -> float:
        """Send until `number` requests were granted; seconds it took."""
        began = self.clock.monotonic()
        todo = iter(range(number))

        async def work() -> None:
            for item in todo:
                while not await self.send(str(item)):
                    pass

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        return self.clock.monotonic() - began

    def events_of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize("latency", [(0.01, 0.09), (0.02, 0.38), (0.0, 2.0)])
def test_a_strict_server_never_refuses_and_nearly_all_of_the_limit_is_used(
    latency: tuple[float, float],
) -> None:
    async def main() -> None:
        rig = Rig(latency=latency)
        seconds = await rig.send_all(60 * 60)
        assert rig.server.refused == 0
        assert rig.meter.usage().requests.most_in_a_window == 60
        # 60 windows hold 3,600 requests; the first begins at once, so 59 are waited for.
        assert 59 * 60 <= seconds <= 59 * (60 + latency[1]) + 3

    run_virtually(main())


@pytest.mark.parametrize("latency", [(0.01, 0.09), (0.0, 2.0)])
def test_long_work_is_spread_evenly_and_still_uses_nearly_all_of_the_limit(latency: tuple[float, float]) -> None:
    async def main() -> None:
        rig = Rig(latency=latency)
        rig.limiter.expect(3600)
        seconds = await rig.send_all(3600)
        assert rig.server.refused == 0
        assert most_in_a_window(rig.server.arrivals, 5.0) <= 8, "no burst"
        assert seconds <= 60 * (60 + latency[1]) * 1.01
        assert seconds == pytest.approx(seconds_for(3600, (MINUTE,), latency=sum(latency) / 2), rel=0.02)

    run_virtually(main())


def test_several_limits_hold_at_once() -> None:
    async def main() -> None:
        rig = Rig((MINUTE, Limit(100, 3600.0)))
        await rig.send_all(250)
        assert most_in_a_window(rig.server.arrivals, 60.0) <= 60
        assert most_in_a_window(rig.server.arrivals, 3600.0) <= 100

    run_virtually(main())


def test_an_even_pace_spreads_the_requests() -> None:
    async def main() -> None:
        rig = Rig(pace="even", latency=(0.05, 0.05))
        seconds = await rig.send_all(61)
        assert 59 <= seconds <= 61
        assert most_in_a_window(rig.server.arrivals, 1.0) <= 2

    run_virtually(main())


def test_a_429_pauses_every_worker_for_as_long_as_retry_after_says() -> None:
    async def main() -> None:
        rig = Rig((Limit(60, 60.0),), Limit(20, 60.0), retry_after=True)
        await rig.send_all(21)
        paused = rig.events_of(Paused)[0]
        assert rig.events_of(Resumed)
        assert 59 < paused.seconds < 60
        assert paused.why == "rate_limit"
        assert abs(paused.until - rig.clock.wall_offset - rig.server.arrivals[0] - 60) < 0.2
        assert rig.server.refused <= 16

    run_virtually(main())


def test_429s_of_requests_that_were_under_way_together_are_one_pause() -> None:
    async def main() -> None:
        rig = Rig(latency=(0.01, 0.09))

        async def refused(number: int) -> None:
            async with rig.limiter.acquire() as permit:
                permit.sent()
                await rig.clock.sleep(0.1 + number / 100)
                permit.rate_limited(3600.0, "HTTP 429")

        await asyncio.gather(*(refused(number) for number in range(16)))
        assert len(rig.events_of(Paused)) == 1
        assert rig.meter.usage().requests.rate_limited == 16

    run_virtually(main())


def test_after_a_429_without_retry_after_the_pause_doubles_from_a_second_and_one_probe_goes_first() -> None:
    async def main() -> None:
        rig = Rig((Limit(60, 60.0),), Limit(5, 60.0), latency=(0.01, 0.01))
        await rig.send_all(6)
        pauses = [round(event.seconds) for event in rig.events_of(Paused)]
        assert pauses == [1, 2, 4, 8, 16, 32]
        assert len(rig.events_of(Probing)) == len(pauses)
        after_the_wall = [at for at in rig.server.arrivals if at > rig.server.arrivals[0] + 0.5]
        assert len(after_the_wall) <= len(pauses) + 16

    run_virtually(main())


def test_a_service_whose_429_says_retry_after_0_is_asked_less_and_less() -> None:
    async def main() -> list[float]:
        rig = Rig()

        async def refuse() -> None:
            async with rig.limiter.acquire() as permit:
                permit.sent()
                permit.rate_limited(0.0, "HTTP 429")

        for _ in range(5):
            await refuse()
        return [event.seconds for event in rig.events_of(Paused)]

    assert run_virtually(main()) == [0.0, 2.0, 4.0, 8.0, 16.0]


def test_429s_again_and_again_lower_the_pace_with_an_event() -> None:
    async def main() -> None:
        rig = Rig((Limit(60, 3.0),), Limit(30, 3.0))
        await rig.send_all(600)
        assert rig.events_of(PaceLowered)[0].to_slots == 30
        assert rig.server.refused < 0.03 * (600 + rig.server.refused)

    run_virtually(main())


def test_a_lowered_pace_is_carefully_raised_after_a_long_quiet_time() -> None:
    async def main() -> None:
        rig = Rig((Limit(60, 3.0),), Limit(30, 3.0))
        await rig.send_all(300)
        rig.server.limit = Limit(60, 3.0)
        await rig.send_all(2400)
        assert rig.events_of(PaceRaised)
        assert most_in_a_window(rig.server.arrivals[-300:], 3.0) > 40

    run_virtually(main())


def test_a_429_that_another_program_caused_does_not_lower_the_pace() -> None:
    async def main() -> None:
        rig = Rig(retry_after=True)
        for _ in range(58):  # another program's
            await rig.server.ask()
        await rig.send_all(240)
        assert not rig.events_of(PaceLowered)

    run_virtually(main())


def test_in_an_outage_one_request_probes_at_growing_intervals_and_nothing_is_lost() -> None:
    async def main() -> None:
        rig = Rig((), patience=900.0)
        start = rig.clock.monotonic()
        rig.server.down = [(start + 1.0, start + 300.0)]
        await rig.send_all(20)
        assert rig.limiter.outage_began is None
        await asyncio.sleep(2)
        before = len(rig.server.arrivals)
        await rig.send_all(50)
        in_outage = [at for at in rig.server.arrivals[before:] if at < start + 300]
        assert len(in_outage) <= 16 + 2 + 10  # under way, not yet known to fail, probes
        pauses = rig.events_of(Paused)
        assert [round(event.seconds) for event in pauses[:4]] == [1, 2, 4, 8]
        assert {event.why for event in pauses} == {"outage"}

    run_virtually(main())


def test_an_outage_longer_than_the_patience_ends_the_run() -> None:
    async def main() -> None:
        rig = Rig(patience=120.0)
        start = rig.clock.monotonic()
        rig.server.down = [(0.0, 1e9)]
        with pytest.raises(ExceptionGroup) as caught:
            await rig.send_all(20)
        assert caught.group_contains(ServiceDown)
        assert 120 <= rig.clock.monotonic() - start < 121

    run_virtually(main())


def test_two_failing_ids_are_no_outage() -> None:
    async def main() -> None:
        rig = Rig(())
        rig.server.down = [(0.0, 1e9)]
        for _ in range(5):
            await rig.send("a")
            await rig.send("b")
        assert rig.limiter.outage_began is None

    run_virtually(main())


def test_two_runs_one_after_the_other_share_the_ledger(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "ledger.sqlite"
        first = Rig(ledger=path)
        await first.send_all(45)
        await first.slots.close()
        second = Rig(ledger=path)
        second.server = first.server
        await second.send_all(45)
        assert first.server.refused == 0
        assert most_in_a_window(first.server.arrivals, 60.0) <= 60

    run_virtually(main())


def test_a_pull_beside_a_long_night_does_not_wait_for_the_night_to_end(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "ledger.sqlite"
        night, pull = Rig(ledger=path), Rig(ledger=path)
        pull.server = night.server
        async with asyncio.TaskGroup() as group:
            long = group.create_task(night.send_all(60 * 5))
            await asyncio.sleep(90)
            seconds = await pull.send_all(20)
            assert not long.done()
        assert seconds <= 61
        assert night.server.refused == 0

    run_virtually(main())


def test_a_request_that_is_given_up_holds_its_slot_until_a_later_one_was_answered_and_one_window_more() -> None:
    async def main() -> None:
        rig = Rig((Limit(2, 60.0),))

        async def never() -> None:
            async with rig.limiter.acquire() as permit:
                permit.sent()
                await asyncio.sleep(1e6)

        tasks = [asyncio.create_task(never()) for _ in range(2)]
        await asyncio.sleep(5)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(100)
        began = rig.clock.monotonic()
        await rig.send("a")  # the probe: beyond the limit, and alone
        answered = rig.clock.monotonic()
        assert answered - began < 1
        assert [event.why for event in rig.events_of(Probing)] == ["outage"]
        assert rig.meter.usage().requests.most_in_a_window == 3
        await asyncio.gather(rig.send("b"), rig.send("c"))
        assert rig.clock.monotonic() - answered >= 60

    run_virtually(main())


def test_a_permit_that_sent_nothing_costs_no_slot_and_is_no_request() -> None:
    async def main() -> None:
        rig = Rig((Limit(1, 60.0),))
        for _ in range(3):
            async with rig.limiter.acquire():
                pass
        assert rig.clock.monotonic() == 1000.0
        assert rig.meter.usage().requests.total == 0

    run_virtually(main())
