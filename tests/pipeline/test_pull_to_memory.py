"""`exporter.pipeline.pull_to_memory`: what came is not lost, however the fetch ends."""

from __future__ import annotations

from pathlib import Path

from exporter.clock import SystemClock
from exporter.errors import CredentialsRefused, Interrupted, TimeIsUp
from exporter.events import Emit, Event, Settled, ignore
from exporter.options import FetchOptions
from exporter.pipeline.pull_to_memory import Pulled, pull_campaigns
from exporter.stop import Stop
from exporter.units import Limit
from tests.support.site import Site, open_site

FIVE = Limit(5, 600.0)


async def pull(site: Site, stop: Stop | None = None, emit: Emit = ignore, **options: object) -> Pulled:
    fetch = FetchOptions(**{"rates": (FIVE,), "pace": "asap", "workers": 2, **options})  # type: ignore[arg-type]
    return await pull_campaigns(
        site.ids, settings=site.settings, fetch=fetch, clock=SystemClock(), emit=emit, stop=stop or Stop()
    )


async def test_after_a_stop_it_gives_what_came_and_names_what_is_missing(tmp_path: Path) -> None:
    stop = Stop()
    came: list[Event] = []

    def listener(event: Event) -> None:
        came.append(event)
        if sum(isinstance(event, Settled) for event in came) == 5:
            stop.ask(Interrupted("stopped by Ctrl-C", signal_number=2))

    async with open_site(tmp_path) as site:
        pulled = await pull(site, stop, listener)
    ids = list(site.service.campaigns)
    assert [response.campaign_id for response in pulled.responses] == ids[:5]
    assert pulled.missing == tuple(ids[5:])
    assert isinstance(pulled.error, Interrupted)
    assert pulled.table().num_rows == 5
    assert len(site.gets()) == 5, "a request was sent after the stop"


async def test_max_duration_and_refused_credentials_end_it_the_same_way(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        pulled = await pull(site, max_duration=2.0)
        assert len(pulled.responses) + len(pulled.missing) == 12
        assert len(pulled.responses) <= 5
        assert isinstance(pulled.error, TimeIsUp)
        site.service.always = "401"
        refused = await pull(site)
        assert (refused.responses, len(refused.missing)) == ((), 12)
        assert isinstance(refused.error, CredentialsRefused)


async def test_a_whole_pull_has_no_error_and_misses_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        pulled = await pull(site, rates=())
        assert (len(pulled.responses), pulled.missing, pulled.error) == (12, (), None)
