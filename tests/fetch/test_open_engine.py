"""`exporter.fetch.open_engine`: the options reach what they are about."""

from __future__ import annotations

import asyncio

import pytest

from exporter.events import ignore
from exporter.fetch.open_engine import open_engine
from exporter.options import FetchOptions
from exporter.settings_reader import read_settings
from exporter.units import Limit
from tests.support.serving import environment
from tests.support.virtual_time import VirtualClock, run_virtually


def test_a_rate_share_leaves_room_for_other_programs() -> None:
    async def main() -> list[float]:
        settings = read_settings(environment("https://kore.example", "/nowhere"))
        options = FetchOptions(rates=(Limit(5, 600.0),), rate_share=0.8)
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), []
        async with open_engine(settings, options, clock=VirtualClock(), emit=ignore) as engine:
            for _ in range(5):
                async with engine.limiter.acquire() as permit:
                    permit.sent()
                    permit.ok()
                sent.append(loop.time() - began)
        return sent

    assert run_virtually(main()) == pytest.approx([0.0, 0.0, 0.0, 0.0, 600.0])
