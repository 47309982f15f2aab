"""`exporter.export`, `read_snapshot` and `snapshots`: the engine for programs and notebooks."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest

import exporter
from exporter.errors import CredentialsRefused, IdsError, InputError, SettingsError, TimeIsUp
from exporter.events import Event, Published, Settled
from exporter.options import FetchOptions, SnapshotOptions
from exporter.settings_reader import read_settings
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.server import serve
from exporter.simulator.simulated_service import Behaviour
from exporter.snapshot_store.manifest import milliseconds
from exporter.stop import Stop
from exporter.units import Allowance, Limit
from tests.support import user_script
from tests.support.running import ROOT
from tests.support.serving import environment, serving

UNLIMITED = FetchOptions(rates=())


async def test_it_can_be_awaited_and_calls_back_for_each_event(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(12))
    events: list[Event] = []
    async with serve(service) as url:
        result = await exporter.export(
            service.campaigns,
            tmp_path / "out",
            settings=read_settings(environment(url, tmp_path)),
            fetch=UNLIMITED,
            options=SnapshotOptions(format="both"),
            on_event=events.append,
        )
    assert result.counts.ok == 12
    assert sum(isinstance(event, Settled) for event in events) == 12
    assert isinstance(events[-1], Published)
    assert exporter.read_snapshot(str(tmp_path / "out"))["campaign_id"].tolist() == list(service.campaigns)
    assert [info.snapshot_id for info in exporter.snapshots(str(tmp_path / "out"))] == [result.manifest.snapshot_id]


def test_the_examples_of_the_docstrings_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a service of three campaigns, as somebody would type them one after the other."""
    monkeypatch.chdir(tmp_path)
    with serving(Behaviour(sample_campaigns(3))) as url:
        for name, value in environment(url, tmp_path).items():
            monkeypatch.setenv(name, value)
        runner = doctest.DocTestRunner()
        for function in (exporter.export, exporter.snapshots, exporter.read_snapshot):
            text = (inspect.getdoc(function) or "").replace("# doctest: +SKIP", "")
            examples = doctest.DocTestParser().get_doctest(text, {}, function.__name__, None, None)
            assert examples.examples
            assert runner.run(examples).failed == 0


async def test_events_come_in_the_event_loop_that_awaits(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(3))
    loops: list[asyncio.AbstractEventLoop] = []
    async with serve(service) as url:
        await exporter.export(
            service.campaigns,
            tmp_path / "out",
            settings=read_settings(environment(url, tmp_path)),
            fetch=UNLIMITED,
            on_event=lambda event: loops.append(asyncio.get_running_loop()),
        )
    assert set(loops) == {asyncio.get_running_loop()}


async def test_a_cancelled_run_loses_nothing_and_the_same_call_resumes(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(40))
    ids = tmp_path / "ids.csv"
    ids.write_text("campaign_id\n" + "\n".join(service.campaigns))
    async with serve(service, latency=(0.01, 0.02)) as url:
        settings = read_settings(environment(url, tmp_path))
        options = FetchOptions(rates=(Limit(20, 60.0),), workers=4)
        events: list[Event] = []
        task = asyncio.create_task(
            exporter.export(ids, tmp_path / "out", settings=settings, fetch=options, on_event=events.append)
        )
        while sum(isinstance(event, Settled) for event in events) < 20:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result = await exporter.export(str(ids), tmp_path / "out", settings=settings, fetch=UNLIMITED)
    assert result.reused == 20
    assert max(service.asked_for().values()) == 1


async def test_it_can_be_asked_to_stop_from_another_thread(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(40))
    stop = Stop()

    def stop_at_the_first(event: Event) -> None:
        if isinstance(event, Settled):
            threading.Thread(target=stop.ask, args=(TimeIsUp("enough"),)).start()

    async with serve(service, latency=(0.05, 0.05)) as url:
        with pytest.raises(TimeIsUp, match="enough"):
            await exporter.export(
                service.campaigns,
                tmp_path / "out",
                settings=read_settings(environment(url, tmp_path)),
                fetch=FetchOptions(rates=(), workers=2),
                stop=stop,
                on_event=stop_at_the_first,
            )
    assert len(service.arrivals) < 40


async def test_what_goes_wrong_is_an_exception_of_the_tree(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(4), key="another secret than the one that is used, and long enough")
    async with serve(service) as url:
        with pytest.raises(CredentialsRefused):
            await exporter.export(
                None, tmp_path / "out", settings=read_settings(environment(url, tmp_path)), fetch=UNLIMITED
            )


async def test_the_manifest_has_the_limits_and_the_pauses_of_the_run(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(6))
    service.faults[list(service.campaigns)[2]] = ["429-date"]
    before = time.time()
    async with serve(service) as url:
        result = await exporter.export(
            service.campaigns,
            tmp_path / "out",
            settings=read_settings(environment(url, tmp_path)),
            fetch=FetchOptions(rates=(Limit(50, 60.0), Limit(900, 3600.0)), rate_share=0.8),
        )
    pacing = result.manifest.pacing
    assert not isinstance(pacing, msgspec.UnsetType)
    assert pacing.limits == ["40/1m", "720/1h"]
    assert [pause.why for pause in pacing.pauses] == ["rate_limit"]
    assert before - 1 <= milliseconds(pacing.pauses[0].at) / 1000 <= time.time()


def test_importing_every_part_of_the_library_imports_no_pandas() -> None:
    code = """
import importlib, pkgutil, sys, exporter
for module in pkgutil.walk_packages(exporter.__path__, "exporter."):
    importlib.import_module(module.name)
sys.exit("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_dir_offers_the_public_names_and_nothing_else() -> None:
    assert dir(exporter) == ["export", "read_history", "read_snapshot", "settings_from_env", "snapshots"]
    assert all(callable(getattr(exporter, name)) for name in dir(exporter))
    with pytest.raises(AttributeError):
        exporter.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_settings_come_from_the_environment_and_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("KORE_"):
            monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match="KORE_STREAM_ID"):
        exporter.settings_from_env()
    for name, value in environment("https://kore.example", "/").items():
        if name.startswith("KORE_"):
            monkeypatch.setenv(name, value)
    assert exporter.settings_from_env().host == "https://kore.example"


def test_a_users_script_runs_and_is_type_checked_with_the_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """mypy checks it strictly, as a part of the tests; the marker file tells it to do so for installed packages too."""
    assert (Path(exporter.__file__).parent / "py.typed").is_file()
    service = Behaviour(sample_campaigns(2))
    with serving(service) as url:
        for name, value in environment(url, tmp_path).items():
            monkeypatch.setenv(name, value)
        assert asyncio.run(user_script.main(list(service.campaigns), tmp_path / "out")) == 0
    assert "2 campaigns, 2 versions" in capsys.readouterr().out


async def test_ids_may_be_a_column_of_pandas_or_arrow(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(3))
    ids = list(service.campaigns)
    async with serve(service) as url:
        settings = read_settings(environment(url, tmp_path))
        for number, column in enumerate((pd.Series(ids), pa.array(ids), pd.Index(ids), tuple(ids))):
            result = await exporter.export(column, tmp_path / str(number), settings=settings, fetch=UNLIMITED)
            assert result.counts.ok == 3


class OwnPath:
    """A path of another library."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


async def test_a_path_of_another_library_is_a_path(tmp_path: Path) -> None:
    service = Behaviour(sample_campaigns(2))
    (tmp_path / "ids.csv").write_text("\n".join(["campaign_id", *service.campaigns]))
    out = OwnPath(tmp_path / "out")
    async with serve(service) as url:
        settings = read_settings(environment(url, tmp_path))
        await exporter.export(OwnPath(tmp_path / "ids.csv"), out, settings=settings, fetch=UNLIMITED)
    assert exporter.snapshots(out)[-1].manifest.counts.ok == 2


@pytest.mark.parametrize("dest", [None, b"out", 5, OwnPath])
async def test_a_destination_of_another_kind_is_refused_by_all_and_nothing_is_written(
    dest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings(environment("https://kore.example", tmp_path / "settings"))
    with pytest.raises(TypeError, match="dest is of type"):
        await exporter.export(["cd-1"], dest, settings=settings, fetch=UNLIMITED)
    for read in (exporter.snapshots, exporter.read_snapshot, exporter.read_history):
        with pytest.raises(TypeError, match="dest is of type"):
            read(dest)
    assert not [path for path in tmp_path.iterdir() if path.name != "settings"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"fetch": FetchOptions(workers=0)}, "FetchOptions: workers: Expected `int` >= 1."),
        ({"fetch": FetchOptions(rates=("60/1m",))}, "FetchOptions: rates[0]: Expected `object`, got `str`."),  # type: ignore[arg-type]
        ({"fetch": FetchOptions(rates=(Limit(0, 60.0),))}, "FetchOptions: rates[0].slots: Expected `int` >= 1."),
        ({"fetch": 5}, "FetchOptions: Expected `object`, got `int`."),
        ({"options": SnapshotOptions(keep=0)}, "SnapshotOptions: keep: Expected `int` >= 1."),
        ({"options": SnapshotOptions(keep_days=math.inf)}, "SnapshotOptions: keep_days: Expected `float` <= 36600.0."),
        (
            {"options": SnapshotOptions(max_failures=Allowance(None, 5.0))},
            "SnapshotOptions: max_failures.share: Expected `float` <= 1.0.",
        ),
        ({"options": SnapshotOptions(format="xlsx")}, "SnapshotOptions: format: Invalid enum value 'xlsx'."),  # type: ignore[arg-type]
    ],
)
async def test_options_of_the_wrong_kind_or_out_of_range_are_named_before_any_work(
    options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    settings = read_settings(environment("https://kore.example", tmp_path))
    with pytest.raises(InputError) as caught:
        await exporter.export(["cd-1"], tmp_path / "out", settings=settings, **{"fetch": UNLIMITED, **options})
    assert str(caught.value) == problem
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [math.inf, math.nan, -1.0, 1e10, 1e300])
@pytest.mark.parametrize(
    "name", ["timeout", "patience", "max_duration", "grace", "full_every", "resume_within", "keep_days"]
)
async def test_no_duration_is_without_an_end(name: str, number: float, tmp_path: Path) -> None:
    of_fetch = name in FetchOptions.__struct_fields__
    options: FetchOptions | SnapshotOptions = UNLIMITED if of_fetch else SnapshotOptions()
    options = msgspec.structs.replace(options, **{name: number})
    which: dict[str, Any] = {"fetch": UNLIMITED, "fetch" if of_fetch else "options": options}
    settings = read_settings(environment("https://kore.example", tmp_path))
    with pytest.raises(InputError, match=f"Options: {name}: Expected `float`"):
        await exporter.export(["cd-1"], tmp_path / "out", settings=settings, **which)
    assert not (tmp_path / "out").exists()


async def test_ids_of_another_kind_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    settings = read_settings(environment("https://kore.example", tmp_path))
    frame: Any = pd.DataFrame({"id": ["cd-1"]})
    with pytest.raises(IdsError):
        await exporter.export(frame, tmp_path / "out", settings=settings, fetch=UNLIMITED)
    assert not (tmp_path / "out").exists()
